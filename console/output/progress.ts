/** How far a long piece of work is, on stderr: a line that is drawn again on a terminal, a line now and then elsewhere. */
import { formatCount } from '../state/format.js';
import type { Output } from './output.js';

const firstAfterMs = 500;
const onTerminalEveryMs = 100;
const elsewhereEveryMs = 5_000;

export class ProgressLine {
  readonly #out: Output;
  readonly #what: string;
  #lastAt = performance.now() + firstAfterMs;
  #isDrawn = false;

  constructor(out: Output, what: string) {
    this.#out = out;
    this.#what = what;
  }

  readonly show = (done: number, total: number): void => {
    if (this.#out.json || this.#out.quiet || total === 0) return;
    const { stderr } = this.#out.io;
    const isTerminal = stderr.isTTY === true;
    const now = performance.now();
    if (now < this.#lastAt) return;
    this.#lastAt = now + (isTerminal ? onTerminalEveryMs : elsewhereEveryMs);
    const percent = total === 0 ? '' : `  ${Math.floor((done / total) * 100)}%`;
    const line = `${this.#what}: ${formatCount(done)} of ${formatCount(total)}${percent}`;
    stderr.write(isTerminal ? `\r${line}\u001b[K` : `${line}\n`);
    this.#isDrawn = isTerminal;
  };

  end(): void {
    if (this.#isDrawn) this.#out.io.stderr.write('\r\u001b[K');
    this.#isDrawn = false;
  }
}
