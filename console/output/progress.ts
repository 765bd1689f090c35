/** How far a long piece of work is and how fast, on stderr: a line drawn again on a terminal, a line now and then elsewhere. */
import { formatCount } from '../state/format.js';
import type { Output } from './output.js';

const firstAfterMs = 500;
const onTerminalEveryMs = 100;
const elsewhereEveryMs = 5_000;

export class ProgressLine {
  readonly #out: Output;
  readonly #what: string;
  readonly #startedAt = performance.now();
  #lastAt = this.#startedAt + firstAfterMs;
  #isDrawn = false;
  #done = 0;

  constructor(out: Output, what: string) {
    this.#out = out;
    this.#what = what;
  }

  readonly show = (done: number, total: number): void => {
    this.#done = done;
    if (this.#out.json || this.#out.quiet || total === 0) return;
    const { stderr } = this.#out.io;
    const isTerminal = stderr.isTTY === true;
    const now = performance.now();
    if (now < this.#lastAt) return;
    this.#lastAt = now + (isTerminal ? onTerminalEveryMs : elsewhereEveryMs);
    const percent = total === 0 ? '' : `  ${Math.floor((done / total) * 100)}%`;
    const line = `${this.#what}: ${formatCount(done)} of ${formatCount(total)}${percent}, ${formatCount(this.perSecond())} a second`;
    stderr.write(isTerminal ? `\r${line}\u001b[K` : `${line}\n`);
    this.#isDrawn = isTerminal;
  };

  /** How long it has taken so far, in milliseconds. */
  tookMs(): number {
    return performance.now() - this.#startedAt;
  }

  perSecond(): number {
    return Math.round((this.#done / Math.max(1, this.tookMs())) * 1000);
  }

  end(): void {
    if (this.#isDrawn) this.#out.io.stderr.write('\r\u001b[K');
    this.#isDrawn = false;
  }
}
