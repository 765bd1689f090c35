/**
 * Where a command's words go: results to stdout, progress and notes to stderr; colours only where a terminal shows them;
 * with --json nothing but JSON on stdout.
 */
import { styleText } from 'node:util';
import { type QuorateError, toQuorateError } from '../../messaging/errors.js';
import { clean, wrap } from '../state/text.js';

export interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface Io {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly env: NodeJS.ProcessEnv;
}

export type Style = 'good' | 'warn' | 'bad' | 'dim' | 'bold' | 'accent';

const formats = { good: 'green', warn: 'yellow', bad: 'red', dim: 'dim', bold: 'bold', accent: 'cyan' } as const;

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly noColor: boolean;
}

/** Only what takes longer than this is worth a word. */
const progressAfterMs = 1000;
const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly #io: Io;
  readonly #noColor: boolean;

  constructor(io: Io, options: OutputOptions) {
    this.#io = io;
    this.json = options.json;
    this.quiet = options.quiet;
    this.#noColor = options.noColor;
  }

  /** Columns of the terminal; null where stdout is none: then nothing is cut. */
  get columns(): number | null {
    return this.#io.stdout.isTTY === true ? (this.#io.stdout.columns ?? 80) : null;
  }

  get isTerminal(): boolean {
    return this.#io.stdout.isTTY === true;
  }

  /** Whether somebody is there who can answer a question. */
  get canAsk(): boolean {
    return this.#io.stdin.isTTY && this.#io.stderr.isTTY === true && !this.json;
  }

  get io(): Io {
    return this.#io;
  }

  style(style: Style, text: string, stream: Stream = this.#io.stdout): string {
    if (this.#noColor || stream.isTTY !== true || this.#io.env['TERM'] === 'dumb') return text;
    return styleText(formats[style], text, { validateStream: false });
  }

  print(text: string): void {
    this.#io.stdout.write(`${text}\n`);
  }

  /** Lines in the place of what was there; each line is cleared to its end, so that nothing flickers. */
  redraw(lines: readonly string[]): void {
    const shown = lines.slice(0, Math.max(1, (this.#io.stdout.rows ?? 24) - 1));
    this.#io.stdout.write(`\u001b[H${shown.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`);
  }

  /** One document, laid out for people too. */
  printJson(value: unknown): void {
    this.#io.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** One of many documents: a line each. */
  printJsonLine(value: unknown): void {
    this.#io.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** Something to know beside the result; not with --quiet or --json. */
  note(text: string): void {
    if (!this.quiet && !this.json) this.#io.stderr.write(`${text}\n`);
  }

  warn(text: string): void {
    if (this.json) return;
    this.#io.stderr.write(`${this.style('warn', 'warning:', this.#io.stderr)} ${text}\n`);
  }

  /** An error as text, or with --json as an object; always on stderr. */
  error(thrown: unknown): void {
    const error = toQuorateError(thrown);
    const { stderr } = this.#io;
    if (this.json) {
      stderr.write(`${JSON.stringify({ error: error.toWire() })}\n`);
      return;
    }
    const width = stderr.isTTY === true ? (stderr.columns ?? 80) : 1000;
    const code = this.style('dim', `(${error.code})`, stderr);
    stderr.write(`${this.style('bad', 'error:', stderr)} ${clean(error.message)} ${code}\n`);
    if (error.remedy !== '')
      stderr.write(
        `${error.remedy
          .split('\n')
          .flatMap((part) => wrap(part, width - 2))
          .map((line) => `  ${line}\n`)
          .join('')}`,
      );
    if (error.code === 'internal' && this.#io.env['QUORATE_DEBUG'] !== undefined) stderr.write(`${debugText(error)}\n`);
  }

  /** Waits for `work`; says what it waits for where that takes longer than a second. */
  async during<T>(what: string, work: Promise<T>): Promise<T> {
    if (this.quiet || this.json) return work;
    const { stderr } = this.#io;
    const began = performance.now();
    const draw = (): void => {
      const seconds = Math.round((performance.now() - began) / 1000);
      const turn = spinner[Math.floor(performance.now() / 100) % spinner.length] ?? '';
      stderr.write(
        `\r${this.style('accent', turn, stderr)} ${what} ${this.style('dim', `${seconds} s`, stderr)}\u001b[K`,
      );
    };
    let ticking: NodeJS.Timeout | undefined;
    const start = setTimeout(() => {
      if (stderr.isTTY !== true) stderr.write(`${what} ...\n`);
      else ticking = setInterval(draw, 100);
    }, progressAfterMs);
    try {
      return await work;
    } finally {
      clearTimeout(start);
      if (ticking !== undefined) {
        clearInterval(ticking);
        stderr.write('\r\u001b[K');
      }
    }
  }
}

function debugText(error: QuorateError): string {
  return error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : (error.stack ?? error.message);
}
