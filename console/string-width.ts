/**
 * The package `string-width` for texts that are plainly one cell a character, which nearly all are. The package itself takes
 * a thirtieth of a second to load, a tenth of the console's start, and is loaded with the first text that needs it.
 */
import { createRequire } from 'node:module';

/**
 * Letters, punctuation, arrows, rules, blocks and shapes of one cell, none of which joins with its neighbours. Not all such
 * characters: those that the console draws, and those of most languages of Europe.
 */
export const oneCellEach =
  /^[\x20-\x7e\u00a0-\u00ac\u00ae-\u02ff\u0391-\u03a1\u03a3-\u03ff\u0400-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u2052\u2190-\u21ff\u2200-\u22ff\u2500-\u25fc\u2713-\u2718]*$/;

/** Colours and weights, which Ink puts into its texts. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: this is what a style is.
const styles = /\u001b\[[\d;]*m/gu;

let whole: ((text: string) => number) | undefined;

/** Cells of a text; escape sequences take none. */
export function stringWidth(text: string): number {
  const shown = text.includes('\u001b') ? text.replace(styles, '') : text;
  if (oneCellEach.test(shown)) return shown.length;
  whole ??= loadWhole();
  return whole(text);
}

function loadWhole(): (text: string) => number {
  const { default: width }: typeof import('string-width') = createRequire(import.meta.url)('string-width');
  return width;
}

// biome-ignore lint/style/noDefaultExport: Ink is given this in the place of the package, see light-ink.ts.
export { stringWidth as default };
