/**
 * What colours mean, and the glyph and word that say the same without them. Names of tones are meanings, not colours:
 * a theme gives each its looks, in the colours that the terminal has.
 */
import { nearestIndexed } from './indexed-colors.js';

export type Level = 'ok' | 'info' | 'warn' | 'bad';

export type Tone =
  | 'plain'
  | 'strong'
  | 'dim'
  | 'heading'
  | 'rule'
  | 'ok'
  | 'info'
  | 'warn'
  | 'bad'
  | 'accent'
  | 'key'
  | 'selected'
  | 'selected-dim'
  | 'input'
  | 'badge-ok'
  | 'badge-info'
  | 'badge-warn'
  | 'badge-bad'
  | 'chart';

export interface Looks {
  readonly color?: string;
  readonly backgroundColor?: string;
  readonly bold?: boolean;
  readonly dimColor?: boolean;
  readonly inverse?: boolean;
  readonly underline?: boolean;
}

export type Theme = Readonly<Record<Tone, Looks>>;
export const themeNames = ['dark', 'light', 'colour-blind', 'none'] as const;
export type ThemeName = (typeof themeNames)[number];

/** How many colours a terminal shows: all, those of xterm's table of 256, or its own sixteen, or none. */
export const colorDepths = ['all', '256', '16', 'none'] as const;
export type ColorDepth = (typeof colorDepths)[number];

/**
 * For the ground that the terminal says it has: some tell in COLORFGBG which of the sixteen colours it is, as `0;15`, of which 7
 * and 15 are light. Where it says nothing, most are dark.
 */
export function themeOfTerminal(colorFgBg: string | undefined): ThemeName {
  return /;(?:7|15)$/u.test(colorFgBg ?? '') ? 'light' : 'dark';
}

interface Palette {
  readonly ok: string;
  readonly info: string;
  readonly warn: string;
  readonly bad: string;
  readonly accent: string;
  readonly dim: string;
  readonly rule: string;
  readonly onBadge: string;
  /** Null: the row that is chosen is turned round, because no background of the sixteen fits all that may stand on it. */
  readonly selection: string | null;
  readonly chart: string;
}

function themeOf(palette: Palette): Theme {
  return {
    plain: {},
    strong: { bold: true },
    dim: { color: palette.dim },
    heading: { color: palette.accent, bold: true },
    rule: { color: palette.rule },
    ok: { color: palette.ok },
    info: { color: palette.info },
    warn: { color: palette.warn },
    bad: { color: palette.bad, bold: true },
    accent: { color: palette.accent },
    key: { color: palette.accent, bold: true },
    selected:
      palette.selection === null ? { inverse: true, bold: true } : { backgroundColor: palette.selection, bold: true },
    'selected-dim': palette.selection === null ? { inverse: true } : { backgroundColor: palette.selection },
    input: { bold: true },
    'badge-ok': { color: palette.onBadge, backgroundColor: palette.ok, bold: true },
    'badge-info': { color: palette.onBadge, backgroundColor: palette.info, bold: true },
    'badge-warn': { color: palette.onBadge, backgroundColor: palette.warn, bold: true },
    'badge-bad': { color: palette.onBadge, backgroundColor: palette.bad, bold: true },
    chart: { color: palette.chart },
  };
}

type Coloured = Exclude<ThemeName, 'none'>;

const palettes: Readonly<Record<Coloured, Palette>> = {
  dark: {
    ok: '#5fd787',
    info: '#5fafff',
    warn: '#ffd75f',
    bad: '#ff6b6b',
    accent: '#87d7ff',
    dim: '#8a8a8a',
    rule: '#4e4e4e',
    onBadge: '#121212',
    selection: '#2f3b54',
    chart: '#5fafd7',
  },
  light: {
    ok: '#00702f',
    info: '#005fb8',
    warn: '#8a5a00',
    bad: '#b3001b',
    accent: '#00549e',
    dim: '#6b6b6b',
    rule: '#b8b8b8',
    onBadge: '#ffffff',
    selection: '#d6e4f5',
    chart: '#0f6fae',
  },
  /** Okabe and Ito's colours: told apart with every common kind of colour blindness. */
  'colour-blind': {
    ok: '#56b4e9',
    info: '#cccccc',
    warn: '#f0e442',
    bad: '#e69f00',
    accent: '#56b4e9',
    dim: '#8a8a8a',
    rule: '#4e4e4e',
    onBadge: '#121212',
    selection: '#2f3b54',
    chart: '#56b4e9',
  },
};

/** The terminal's own colours: what they are is its owner's choice, so only those are taken that are legible in all. */
const palettesOf16: Readonly<Record<Coloured, Palette>> = {
  dark: {
    ok: 'green',
    info: 'blueBright',
    warn: 'yellow',
    bad: 'redBright',
    accent: 'cyan',
    dim: 'gray',
    rule: 'gray',
    onBadge: 'black',
    selection: null,
    chart: 'cyan',
  },
  light: {
    ok: 'green',
    info: 'blue',
    warn: 'magenta',
    bad: 'red',
    accent: 'blue',
    dim: 'gray',
    rule: 'gray',
    onBadge: 'white',
    selection: null,
    chart: 'blue',
  },
  'colour-blind': {
    ok: 'cyan',
    info: 'white',
    warn: 'yellowBright',
    bad: 'redBright',
    accent: 'cyan',
    dim: 'gray',
    rule: 'gray',
    onBadge: 'black',
    selection: null,
    chart: 'cyan',
  },
};

/** No colour at all: weight, inversion and words carry what colours would. */
const withoutColor: Theme = {
  plain: {},
  strong: { bold: true },
  dim: { dimColor: true },
  heading: { bold: true },
  rule: { dimColor: true },
  ok: {},
  info: {},
  warn: { bold: true },
  bad: { bold: true },
  accent: {},
  key: { bold: true },
  selected: { inverse: true },
  'selected-dim': { inverse: true },
  input: { bold: true },
  'badge-ok': { inverse: true },
  'badge-info': { inverse: true },
  'badge-warn': { inverse: true, bold: true },
  'badge-bad': { inverse: true, bold: true },
  chart: {},
};

function paletteFor(name: Coloured, depth: Exclude<ColorDepth, 'none'>): Palette {
  if (depth === '16') return palettesOf16[name];
  const palette = palettes[name];
  if (depth === 'all') return palette;
  const { selection, ...rest } = palette;
  const indexed = (color: string): string => `ansi256(${nearestIndexed(color)})`;
  const named = Object.fromEntries(Object.entries(rest).map(([tone, color]) => [tone, indexed(color)]));
  return { ...palette, ...named, selection: selection === null ? null : indexed(selection) };
}

const made = new Map<string, Theme>();

/** The same value for the same theme and depth. */
export function themeFor(name: ThemeName, depth: ColorDepth): Theme {
  if (name === 'none' || depth === 'none') return withoutColor;
  const key = `${name} ${depth}`;
  const theme = made.get(key) ?? themeOf(paletteFor(name, depth));
  made.set(key, theme);
  return theme;
}

/** Each level has a glyph of its own form, so that it reads without colour. */
export const glyphs: Readonly<Record<Level, string>> = { ok: '●', info: '○', warn: '▲', bad: '✖' };

/** As lists write them. */
export const levelWords: Readonly<Record<Level, string>> = { ok: 'ok', info: 'info', warn: 'warn', bad: 'error' };

export function badgeTone(level: Level): Tone {
  switch (level) {
    case 'ok':
      return 'badge-ok';
    case 'info':
      return 'badge-info';
    case 'warn':
      return 'badge-warn';
    case 'bad':
      return 'badge-bad';
  }
}
