/** A terminal's screen, as `tmux capture-pane -e` prints it, taken apart into runs of one look. */
import stringWidth from 'string-width';

export interface Look {
  /** `#rrggbb`; undefined: the terminal's own. */
  readonly color: string | undefined;
  readonly background: string | undefined;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly italic: boolean;
  readonly underline: boolean;
}

export interface Run {
  readonly text: string;
  /** Cells from the left edge, and how many it takes. */
  readonly column: number;
  readonly width: number;
  readonly look: Look;
}

const plain: Look = {
  color: undefined,
  background: undefined,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
};

const escapeCharacter = String.fromCharCode(27);
const sequence = new RegExp(`${escapeCharacter}\\[([0-9;:]*)m`);
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** The lines of a screen. A look goes on over the end of a line, as a terminal has it. */
export function parseScreen(captured: string, colors: { readonly foreground: string; readonly background: string }) {
  let look = plain;
  let inverse = false;
  return captured.split('\n').map((line) => {
    const runs: Run[] = [];
    let column = 0;
    // Odd places hold the parameters of an escape sequence.
    for (const [place, part] of line.split(sequence).entries()) {
      if (place % 2 === 1) {
        ({ look, inverse } = changed(look, inverse, part));
        continue;
      }
      const shown = inverse ? turned(look, colors) : look;
      for (const { segment } of segmenter.segment(part)) {
        const width = stringWidth(segment);
        const last = runs.at(-1);
        if (last?.look === shown)
          runs[runs.length - 1] = { ...last, text: last.text + segment, width: last.width + width };
        else runs.push({ text: segment, column, width, look: shown });
        column += width;
      }
    }
    return runs;
  });
}

function turned(look: Look, { foreground, background }: { foreground: string; background: string }): Look {
  return { ...look, color: look.background ?? background, background: look.color ?? foreground };
}

function changed(look: Look, inverse: boolean, parameters: string): { look: Look; inverse: boolean } {
  const codes = parameters.split(/[;:]/).map(Number);
  let next = look;
  let turns = inverse;
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0;
    if (code === 38 || code === 48) {
      const [color, taken] = extendedColor(codes.slice(at + 1));
      next = code === 38 ? { ...next, color } : { ...next, background: color };
      at += taken;
    } else if (code === 7 || code === 27) turns = code === 7;
    else if (code === 0) [next, turns] = [plain, false];
    else next = { ...next, ...simple(code) };
  }
  return { look: next, inverse: turns };
}

function simple(code: number): Partial<Look> {
  switch (code) {
    case 1:
      return { bold: true };
    case 2:
      return { dim: true };
    case 3:
      return { italic: true };
    case 4:
      return { underline: true };
    case 22:
      return { bold: false, dim: false };
    case 23:
      return { italic: false };
    case 24:
      return { underline: false };
    case 39:
      return { color: undefined };
    case 49:
      return { background: undefined };
  }
  if (code >= 30 && code <= 37) return { color: indexed(code - 30) };
  if (code >= 90 && code <= 97) return { color: indexed(code - 82) };
  if (code >= 40 && code <= 47) return { background: indexed(code - 40) };
  if (code >= 100 && code <= 107) return { background: indexed(code - 92) };
  return {};
}

/** The colour, and how many numbers it took. */
function extendedColor([kind, ...rest]: readonly number[]): [string | undefined, number] {
  if (kind === 5) return [indexed(rest[0] ?? 0), 2];
  if (kind === 2) return [hexadecimal(rest.slice(0, 3)), 4];
  return [undefined, 1];
}

const basic =
  '#000000 #cd3131 #0dbc79 #e5e510 #2472c8 #bc3fbc #11a8cd #e5e5e5 #666666 #f14c4c #23d18b #f5f543 #3b8eea #d670d6 #29b8db #ffffff'.split(
    ' ',
  );

/** xterm's palette of 256: 16 colours, a cube of 6 x 6 x 6, 24 greys. */
function indexed(index: number): string | undefined {
  if (index < 16) return basic[index];
  if (index >= 232) return hexadecimal(Array.from({ length: 3 }, () => 8 + (index - 232) * 10));
  const level = (part: number): number => (part === 0 ? 0 : 55 + part * 40);
  const cube = index - 16;
  return hexadecimal([level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)]);
}

function hexadecimal(parts: readonly number[]): string {
  return `#${parts.map((part) => Math.min(255, part).toString(16).padStart(2, '0')).join('')}`;
}
