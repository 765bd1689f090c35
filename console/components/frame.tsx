/** What stands on every screen: where you are, how the cluster is, what works here. */
import { Box, useIsScreenReaderEnabled } from 'ink';
import type { ReactNode } from 'react';
import { type Binding, keyLabel } from '../keys.js';
import { formatClock, formatCount } from '../state/format.js';
import { judgeHealth } from '../state/health.js';
import { contextsOf } from '../state/input.js';
import { insecurityOf } from '../state/insecurity.js';
import { bodyRows, flashIndent, flashLines } from '../state/layout.js';
import { cursorOf, shownRows } from '../state/lists.js';
import { mendCommands } from '../state/mends.js';
import { listOf, screenTitles } from '../state/navigation.js';
import { paletteCommands } from '../state/overlay-input.js';
import { type Place, placeOf, type State } from '../state/state.js';
import { graphemes } from '../state/text.js';
import type { TextInput } from '../state/text-input.js';
import { operationTitle } from '../state/workflow-names.js';
import { badgeTone, glyphs } from '../theme.js';
import { justify, Line, type Span, type Spans, widthOf } from './line.js';
import { Lines } from './lines.js';

export function Frame({ state, children }: { readonly state: State; readonly children: ReactNode }) {
  const { columns, rows } = state.size;
  return (
    <Box flexDirection="column" width={columns} height={rows} overflow="hidden">
      <Line spans={headerSpans(state, useIsScreenReaderEnabled())} width={columns} />
      <HealthLine state={state} />
      <InsecureLine state={state} />
      <Box flexDirection="column" height={bodyRows(state)} overflow="hidden">
        {children}
      </Box>
      <Flash state={state} />
      <Line
        spans={state.view.prompt === null ? footerSpans(state) : promptSpans(state.view.prompt.input)}
        width={columns}
      />
    </Box>
  );
}

/** A clock that is read out each second drowns everything else. */
function headerSpans(state: State, spoken: boolean): Spans {
  const crumbs = state.view.places.flatMap((place, index): Span[] => [
    { text: ' › ', tone: 'dim' },
    { text: crumbOf(state, place), tone: index === state.view.places.length - 1 ? 'strong' : 'dim' },
  ]);
  const right: Span[] = [
    { text: state.operator, tone: 'dim' },
    { text: state.locked ? '  locked' : '', tone: 'warn' },
    { text: spoken ? '' : `  ${formatClock(state.now)} `, tone: 'dim' },
  ];
  return justify(
    [{ text: ' Quorate ', tone: 'heading' }, { text: state.cluster, tone: 'strong' }, ...crumbs],
    right,
    state.size.columns,
  );
}

function crumbOf(state: State, place: Place): string {
  switch (place.screen) {
    case 'member':
      return place.node;
    case 'router':
      return place.router;
    case 'entity':
      return `${place.kind} ${place.id}`;
    case 'operation':
      return operationCrumb(state, place.id);
    default:
      return screenTitles[place.screen];
  }
}

/** What it does says more than its id. */
function operationCrumb({ operations }: State, id: string): string {
  const operation = operations.byId.get(id)?.operation;
  return operation === undefined ? `Operation ${id}` : operationTitle(operation.parameters);
}

function HealthLine({ state }: { readonly state: State }) {
  const { level, sentence } = judgeHealth(state);
  const [word, ...rest] = sentence.split(':');
  const badge = rest.length === 0 ? sentence : `${word}:`;
  return (
    <Line
      spans={[
        { text: ' ' },
        { text: ` ${glyphs[level]} ${badge}`, tone: badgeTone(level) },
        { text: `${rest.join(':')} `, tone: badgeTone(level) },
      ]}
      width={state.size.columns}
    />
  );
}

/** In the place of the empty line, so that nothing moves: loud, on every screen, and there is no key that takes it away. */
function InsecureLine({ state }: { readonly state: State }) {
  const sentence = insecurityOf(state);
  const { columns } = state.size;
  const text = ` ${glyphs.bad} ${sentence} `;
  return <Line spans={sentence === null ? [] : [{ text: text.padEnd(columns), tone: 'badge-bad' }]} width={columns} />;
}

function Flash({ state }: { readonly state: State }) {
  const { flash } = state.view;
  if (flash === null) return null;
  const { sentence, remedy } = flashLines(state);
  const indent = ' '.repeat(flashIndent);
  const lines: readonly Spans[] = [
    ...sentence.map(
      (text, row): Spans => [{ text: `${row === 0 ? ` ${glyphs[flash.level]} ` : indent}${text}`, tone: flash.level }],
    ),
    ...remedy.map((text): Spans => [{ text: `${indent}${text}`, tone: 'dim' }]),
  ];
  return <Lines lines={lines} width={state.size.columns} height={lines.length} />;
}

/** A line that is typed into, with its cursor shown as an inverted cell. */
export function inputSpans(input: TextInput): Spans {
  const parts = graphemes(input.text);
  const before = parts.slice(0, input.cursor).join('');
  const after = parts.slice(input.cursor).join('');
  return [
    { text: before, tone: 'input' },
    { text: '▏', tone: 'accent' },
    { text: after, tone: 'input' },
  ];
}

function promptSpans(input: TextInput): Spans {
  return [
    { text: ' /', tone: 'key' },
    ...inputSpans(input),
    { text: '   enter keeps, esc undoes, !word leaves out', tone: 'dim' },
  ];
}

/** As many of the keys that work here now as there is room for, the most helpful before the others; `?` has them all. */
function footerSpans(state: State): Spans {
  const { columns } = state.size;
  const right = placeShown(state);
  const where = contextsOf(state);
  const entries = state.keymap.bindings
    .filter((binding) => binding.footer !== undefined && where.includes(binding.context) && worksNow(state, binding))
    .sort((a, b) => where.indexOf(a.context) - where.indexOf(b.context))
    .filter((binding, index, all) => all.findIndex((each) => each.action === binding.action) === index)
    .sort((a, b) => footerRank(a) - footerRank(b));
  let left = columns - 1 - widthOf(right);
  const chosen = new Set<Binding>();
  for (const entry of [...entries].sort((a, b) => Number(isVital(b)) - Number(isVital(a)))) {
    const width = widthOf(footerEntry(entry));
    if (width > left) continue;
    left -= width;
    chosen.add(entry);
  }
  const shown = entries.filter((entry) => chosen.has(entry)).flatMap(footerEntry);
  return justify(shown, right, columns);
}

function footerEntry({ keys, footer = '' }: Binding): Spans {
  return [
    { text: ` ${keyLabel(keys[0] ?? '')}`, tone: 'key' },
    { text: ` ${footer} `, tone: 'dim' },
  ];
}

/** Without these nobody finds anything, or the way back and out. */
function isVital({ action }: Binding): boolean {
  return ['help', 'palette', 'mend', 'enter', 'back', 'quit'].includes(action);
}

function worksNow(state: State, { action }: Binding): boolean {
  if (state.view.overlay !== null) return true;
  if (action === 'mend') return mendCommands(state).length > 0;
  if (action !== 'back') return true;
  const list = listOf(state);
  const narrowed = list !== null && (state.view.lists[list].filter !== '' || state.view.lists[list].marks.length > 0);
  return narrowed || state.view.places.length > 1 || placeOf(state).screen !== 'overview';
}

function footerRank({ action }: Binding): number {
  const first = ['help', 'palette', 'mend'];
  const last = ['back', 'quit'];
  return first.includes(action) ? -1 : last.includes(action) ? 1 : 0;
}

function placeShown(state: State): Spans {
  const { overlay } = state.view;
  if (overlay?.kind === 'palette') {
    const found = paletteCommands(state, overlay.input.text).length;
    return placeSpans(Math.min(overlay.index, found - 1), found);
  }
  const list = listOf(state);
  if (overlay !== null || list === null || placeOf(state).screen === 'overview') return [];
  return placeSpans(cursorOf(state, list), shownRows(state, list).rows.length);
}

function placeSpans(index: number, count: number): Spans {
  return count === 0 ? [] : [{ text: `${formatCount(index + 1)} of ${formatCount(count)} `, tone: 'dim' }];
}
