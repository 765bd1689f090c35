/**
 * What colours mean, and the glyph and word that say the same without them. Names of tones are meanings, not colours:
 * a theme gives each its looks. Ink brings hexadecimal colours down to what the terminal can show.
 */
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

interface Palette {
  readonly ok: string;
  readonly info: string;
  readonly warn: string;
  readonly bad: string;
  readonly accent: string;
  readonly dim: string;
  readonly rule: string;
  readonly onBadge: string;
  readonly selection: string;
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
    selected: { backgroundColor: palette.selection, bold: true },
    'selected-dim': { backgroundColor: palette.selection },
    input: { bold: true },
    'badge-ok': { color: palette.onBadge, backgroundColor: palette.ok, bold: true },
    'badge-info': { color: palette.onBadge, backgroundColor: palette.info, bold: true },
    'badge-warn': { color: palette.onBadge, backgroundColor: palette.warn, bold: true },
    'badge-bad': { color: palette.onBadge, backgroundColor: palette.bad, bold: true },
    chart: { color: palette.chart },
  };
}

export const themes: Readonly<Record<ThemeName, Theme>> = {
  dark: themeOf({
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
  }),
  light: themeOf({
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
  }),
  /** Okabe and Ito's colours: told apart with every common kind of colour blindness. */
  'colour-blind': themeOf({
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
  }),
  /** No colour at all: weight, inversion and words carry what colours would. */
  none: {
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
  },
};

/** Each level has a glyph of its own form, so that it reads without colour. */
export const glyphs: Readonly<Record<Level, string>> = { ok: '●', info: '○', warn: '▲', bad: '✖' };

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
