/**
 * Text as a terminal shows it: how many cells it takes, cutting and padding to an exact width, and making anything that
 * came over the wire harmless. Everything drawn passes through here, so that no line is ever wider than planned.
 */
import { stringWidth } from '../string-width.js';

const ascii = /^[\x20-\x7e]*$/;
/** Controls, line breaks and the marks that turn the direction of writing: none may reach the terminal. */
const harmful = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

export const ellipsis = '…';

/** One line without control characters: a message must not be able to move the cursor or colour the screen. */
export function clean(text: string): string {
  return ascii.test(text) ? text : text.replace(harmful, ' ');
}

/** Cells that `text` takes; wide characters take two. */
export function cells(text: string): number {
  if (ascii.test(text)) return text.length;
  const known = widths.get(text);
  if (known !== undefined) return known;
  const width = stringWidth(text);
  if (widths.size >= widthsMax) widths.clear();
  widths.set(text, width);
  return width;
}

/** The same few texts with glyphs and rules are drawn again and again, and measuring them is most of drawing. */
const widths = new Map<string, number>();
const widthsMax = 4_096;

/** At most `width` cells; what was cut is shown by an ellipsis. */
export function cut(text: string, width: number): string {
  if (width <= 0) return '';
  const safe = clean(text);
  if (cells(safe) <= width) return safe;
  if (ascii.test(safe)) return safe.slice(0, width - 1) + ellipsis;
  let kept = '';
  let used = 0;
  for (const { segment } of segmentsOf(safe)) {
    const taken = cells(segment);
    if (used + taken > width - 1) break;
    kept += segment;
    used += taken;
  }
  return kept + ellipsis;
}

/** At most `width` cells; what was cut stood in the middle, because names that begin alike often end otherwise. */
export function cutMiddle(text: string, width: number): string {
  const safe = clean(text);
  if (cells(safe) <= width || width < 3) return cut(safe, width);
  const letters = graphemes(safe);
  const head = Math.floor((width - 1) / 2);
  const tail = width - 1 - head;
  return `${taken(letters, head)}${ellipsis}${taken(letters.toReversed(), tail, true)}`;
}

/** As many of the letters as fit. */
function taken(letters: readonly string[], width: number, turned = false): string {
  const kept: string[] = [];
  let used = 0;
  for (const letter of letters) {
    used += cells(letter);
    if (used > width) break;
    kept.push(letter);
  }
  return (turned ? kept.reverse() : kept).join('');
}

/** Exactly `width` cells. */
export function fitted(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const shown = cut(text, width);
  const space = ' '.repeat(Math.max(0, width - cells(shown)));
  return align === 'left' ? shown + space : space + shown;
}

/** Lines of at most `width` cells, broken between words where there is a place to. */
export function wrap(text: string, width: number): readonly string[] {
  if (width <= 0) return [];
  const lines: string[] = [];
  let line = '';
  for (const word of clean(text).split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (cells(joined) <= width) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    const pieces = breakWord(word, width);
    lines.push(...pieces.slice(0, -1));
    line = pieces.at(-1) ?? '';
  }
  if (line !== '' || lines.length === 0) lines.push(line);
  return lines;
}

function breakWord(word: string, width: number): readonly string[] {
  if (cells(word) <= width) return [word];
  const pieces: string[] = [];
  let piece = '';
  for (const { segment } of segmentsOf(word)) {
    if (cells(piece) + cells(segment) > width && piece !== '') {
      pieces.push(piece);
      piece = '';
    }
    if (cells(segment) <= width) piece += segment;
  }
  return [...pieces, piece];
}

/** Made when it is first needed: that takes a hundredth of a second. */
let segmenter: Intl.Segmenter | undefined;

function segmentsOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return segmenter.segment(text);
}

/** What a person would call characters. */
export function graphemes(text: string): readonly string[] {
  if (ascii.test(text)) return [...text];
  return Array.from(segmentsOf(text), (part) => part.segment);
}
