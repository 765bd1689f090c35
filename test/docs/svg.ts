/**
 * A screen as an SVG that looks the same everywhere: every run of text is stretched to its cells, so that a viewer's own
 * monospaced font will do, and lines and bars are drawn, because the fonts differ most in those.
 */
import { parseScreen, type Run } from './screen.js';

const cell = { width: 8.4, height: 18, baseline: 13, fontSize: 14 } as const;
const padding = 16;
const titleBarHeight = 36;
const colors = {
  foreground: '#d8dee9',
  background: '#14171f',
  title: '#1e222d',
  border: '#2c3140',
  dim: '#8a93a6',
} as const;
const fonts =
  "ui-monospace, 'SF Mono', SFMono-Regular, Menlo, Consolas, 'Liberation Mono', 'DejaVu Sans Mono', monospace";

export interface PictureOptions {
  readonly columns: number;
  readonly rows: number;
  readonly title: string;
  /** What is to be seen, for those who do not see it. */
  readonly description: string;
}

export function renderSvg(captured: string, { columns, rows, title, description }: PictureOptions): string {
  const width = Math.ceil(columns * cell.width + 2 * padding);
  const height = Math.ceil(rows * cell.height + 2 * padding + titleBarHeight);
  const lines = parseScreen(captured, colors).slice(0, rows);
  const body = lines.flatMap((runs, row) =>
    runs.flatMap((run) => renderRun(run, padding, titleBarHeight + padding + row * cell.height)),
  );
  const buttons = ['#ff5f57', '#febc2e', '#28c840'].map(
    (color, index) => `<circle cx="${20 + index * 20}" cy="${titleBarHeight / 2}" r="6" fill="${color}"/>`,
  );
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${text(description)}">`,
    `<title>${text(description)}</title>`,
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10" fill="${colors.background}" stroke="${colors.border}"/>`,
    `<path d="M0.5 ${titleBarHeight} V10.5 a10 10 0 0 1 10 -10 H${width - 10.5} a10 10 0 0 1 10 10 V${titleBarHeight} Z" fill="${colors.title}" stroke="${colors.border}"/>`,
    ...buttons,
    `<g font-family="${fonts}" font-size="${cell.fontSize}">`,
    `<text x="${width / 2}" y="${titleBarHeight / 2 + 5}" text-anchor="middle" fill="${colors.dim}">${text(title)}</text>`,
    ...body,
    '</g>',
    '</svg>',
  ].join('\n')}\n`;
}

function renderRun(run: Run, left: number, top: number): string[] {
  const { look } = run;
  const x = left + run.column * cell.width;
  const drawn: string[] = [];
  if (look.background !== undefined) {
    // A hair higher than its line, so that no seam shows between two lines.
    drawn.push(
      `<rect x="${n(x)}" y="${n(top)}" width="${n(run.width * cell.width)}" height="${cell.height + 0.3}" fill="${look.background}"/>`,
    );
  }
  return [...drawn, ...piecesOf(run).flatMap((piece) => renderPiece(piece, left, top))];
}

/** Words apart from lines and bars, and what is not ASCII by itself: only then does each stand in its own cells. */
function piecesOf(run: Run): readonly Run[] {
  const pieces: Run[] = [];
  let { column } = run;
  for (const part of run.text.match(/[\x21-\x7e]+(?: [\x21-\x7e]+)*| +|[^\x20-\x7e]/gu) ?? []) {
    const isAscii = part.charCodeAt(0) < 0x7f;
    const share = isAscii ? part.length : run.width - asciiLength(run.text) === 0 ? 0 : cellsOf(run, part);
    if (part.trim() !== '') pieces.push({ ...run, text: part, column, width: share });
    column += share;
  }
  return pieces;
}

const asciiLength = (value: string): number => value.match(/[\x20-\x7e]/g)?.length ?? 0;

/** Characters beside ASCII share what is left of the run's cells: 1 each, or 2 in scripts that are wide. */
function cellsOf(run: Run, part: string): number {
  const others = [...run.text].length - asciiLength(run.text);
  const isWide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u.test(
    part,
  );
  return others === run.width - asciiLength(run.text) ? 1 : isWide ? 2 : 1;
}

function renderPiece(piece: Run, left: number, top: number): string[] {
  const { look } = piece;
  const x = left + piece.column * cell.width;
  const fill = look.color ?? colors.foreground;
  const shape = shapeOf(piece.text, x, top);
  if (shape !== undefined) return [`<path d="${shape}" fill="${fill}"/>`];
  const looks = [
    look.bold ? ' font-weight="700"' : '',
    look.italic ? ' font-style="italic"' : '',
    look.underline ? ' text-decoration="underline"' : '',
    look.dim ? ' opacity="0.6"' : '',
  ].join('');
  const length = ` textLength="${n(piece.width * cell.width)}" lengthAdjust="spacingAndGlyphs"`;
  return [
    `<text x="${n(x)}" y="${n(top + cell.baseline)}" fill="${fill}"${looks}${piece.text.length > 1 ? length : ''}>${text(piece.text)}</text>`,
  ];
}

const eighths = '▁▂▃▄▅▆▇█';
const leftBars = '▏▎▍▌▋▊▉';

/** The characters whose looks depend most on the font, as an outline in their cell. */
function shapeOf(character: string, x: number, top: number): string | undefined {
  const box = (from: number, down: number, width: number, height: number): string =>
    `M${n(x + from)} ${n(top + down)}h${n(width)}v${n(height)}h${n(-width)}z`;
  const centre = { x: cell.width / 2, y: cell.height / 2 };
  const bar = eighths.indexOf(character) + 1;
  if (bar > 0) return box(0, cell.height * (1 - bar / 8), cell.width - 0.6, (cell.height * bar) / 8);
  const leftBar = leftBars.indexOf(character) + 1;
  if (leftBar > 0) return box(0, 0, (cell.width * leftBar) / 8, cell.height);
  const around = (radius: number): string =>
    `M${n(x + centre.x - radius)} ${n(top + centre.y)}a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0z`;
  switch (character) {
    case '─':
      return box(0, centre.y - 0.5, cell.width + 0.1, 1);
    case '│':
      return box(centre.x - 0.5, 0, 1, cell.height + 0.1);
    case '●':
      return around(3.4);
    case '▲':
      return `M${n(x + centre.x)} ${n(top + centre.y - 4)}l4 7.6h-8z`;
    case '▸':
      return `M${n(x + 2.2)} ${n(top + centre.y - 3.6)}l5 3.6l-5 3.6z`;
    default:
      return undefined;
  }
}

/** Two decimals are finer than any screen. */
function n(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function text(value: string): string {
  return value.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}
