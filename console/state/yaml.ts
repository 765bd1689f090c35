/** Values as YAML, coloured: keys apart from what they hold. */
import { stringify } from 'yaml';
import type { Tone } from '../theme.js';
import { clean, cut } from './text.js';

interface Piece {
  readonly text: string;
  readonly tone?: Tone;
}

const keyed = /^(\s*(?:- )*)([^\s:#][^:]*:)(\s.*|)$/u;

export function yamlLines(value: unknown, width: number): readonly (readonly Piece[])[] {
  return textLines(stringify(value, { lineWidth: Math.max(20, width - 2) }), width);
}

/** A text that is YAML already. */
export function textLines(text: string, width: number): readonly (readonly Piece[])[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const shown = cut(clean(line), width - 1);
      const parts = keyed.exec(shown);
      return parts === null
        ? [{ text: ` ${shown}` }]
        : [{ text: ` ${parts[1] ?? ''}` }, { text: parts[2] ?? '', tone: 'accent' as const }, { text: parts[3] ?? '' }];
    });
}
