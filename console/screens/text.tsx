/** Screens that are a text: their lines are made by functions of the state, and scroll as one. */
import { Box } from 'ink';
import { Line, type Spans } from '../components/line.js';
import { Lines } from '../components/lines.js';
import { keysIn } from '../keys.js';
import { formatCount } from '../state/format.js';
import { contextsOf } from '../state/input.js';
import { bodyRows } from '../state/layout.js';
import type { State } from '../state/state.js';
import { fitted, wrap } from '../state/text.js';
import type { Tone } from '../theme.js';

interface TextScreenProps {
  readonly state: State;
  readonly lines: readonly Spans[];
  readonly top?: number;
  readonly height?: number;
}

/** A text that is longer than the screen says which of its lines are in sight. */
export function TextScreen({ state, lines, top = state.view.scroll, height = bodyRows(state) }: TextScreenProps) {
  const { columns } = state.size;
  const scrolls = lines.length > height;
  const room = height - (scrolls ? 1 : 0);
  const from = Math.max(0, Math.min(top, lines.length - room));
  const where: Spans = [
    {
      text: ` lines ${formatCount(from + 1)} to ${formatCount(Math.min(lines.length, from + room))} of ${formatCount(lines.length)}  `,
      tone: 'dim',
    },
    {
      text: keysIn(
        state.keymap,
        contextsOf(state),
        from + room < lines.length ? ['down', 'page-down'] : ['up', 'page-up'],
      ),
      tone: 'key',
    },
    { text: ' scroll', tone: 'dim' },
  ];
  return (
    <Box flexDirection="column">
      <Lines lines={lines} width={columns} height={room} top={from} />
      {scrolls ? <Line spans={where} width={columns} /> : null}
    </Box>
  );
}

export interface Field {
  readonly name: string;
  readonly value: string;
  readonly tone?: Tone | undefined;
}

/** Names in one column, values in the next; a long value goes on below itself. */
export function fieldLines(fields: readonly Field[], width: number): readonly Spans[] {
  const nameWidth = 20;
  return fields.flatMap(({ name, value, tone }) =>
    wrap(value, Math.max(10, width - nameWidth - 4)).map(
      (line, index): Spans => [
        { text: `  ${fitted(index === 0 ? name : '', nameWidth)} `, tone: 'dim' },
        { text: line, tone },
      ],
    ),
  );
}

/** A sentence that may take several rows, its first with a mark. */
export function sentenceLines(
  mark: string,
  text: string,
  width: number,
  tone: Tone,
  markTone: Tone = tone,
): readonly Spans[] {
  return wrap(text, Math.max(10, width - 4)).map(
    (line, index): Spans => [
      { text: index === 0 ? ` ${mark} ` : '   ', tone: markTone },
      { text: line, tone },
    ],
  );
}

/** What to do, below what is wrong. */
export function remedyLines(remedy: string, width: number): readonly Spans[] {
  return remedy === '' ? [] : sentenceLines(' ', `→ ${remedy}`, width, 'dim');
}
