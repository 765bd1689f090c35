/** What lies over a screen: its help, the palette, a menu. */
import { Box } from 'ink';
import { inputSpans } from '../components/frame.js';
import { headingSpans } from '../components/heading.js';
import { Line, type Spans } from '../components/line.js';
import { contextTitles, type KeyContext, type Keymap, keyLabel } from '../keys.js';
import { type Command, findCommand } from '../state/commands.js';
import { contextsOf } from '../state/input.js';
import { bodyRows } from '../state/layout.js';
import { topOf } from '../state/lists.js';
import { mendsMax } from '../state/mends.js';
import { screenTitles } from '../state/navigation.js';
import { paletteCommands } from '../state/overlay-input.js';
import { type Overlay, placeOf, type State, withView } from '../state/state.js';
import { cells, fitted, wrap } from '../state/text.js';
import { glyphs } from '../theme.js';
import { sentenceLines, TextScreen } from './text.js';

export function Help({
  state,
  overlay,
}: {
  readonly state: State;
  readonly overlay: Extract<Overlay, { kind: 'help' }>;
}) {
  const { columns } = state.size;
  const beneath = withView(state, { overlay: null });
  const { screen } = placeOf(state);
  const title = headingSpans({
    title: `Help: ${screenTitles[screen]}`,
    info: [{ text: 'what works here', tone: 'dim' }],
    width: columns,
  });
  const intro = sentenceLines(
    ' ',
    'No key changes the cluster. What does is started by its words (:join n4, :remove n3, :transfer n2) or from the menu of a controller (enter); it shows its checks and asks for a name to be typed.',
    columns,
    'dim',
  );
  const half = Math.floor(columns / 2);
  const across = half >= helpWidthMin;
  const width = across ? half : columns;
  const sections = contextsOf(beneath).map((context) => contextLines(state.keymap, context, width));
  const lines = across ? beside(sections, width) : sections.flat();
  return <TextScreen state={state} lines={[title, ...intro, [], ...lines]} top={overlay.top} />;
}

const helpWidthMin = 58;
const keysWidth = 14;

function contextLines({ bindings }: Keymap, context: KeyContext, width: number): readonly Spans[] {
  return [
    [{ text: ` ${contextTitles[context]}`, tone: 'strong' }],
    ...bindings
      .filter((binding) => binding.context === context)
      .filter(({ action }) => !action.startsWith('choose-') || action === 'choose-1')
      .flatMap((binding) =>
        wrap(binding.help, width - keysWidth - 5).map((text, index): Spans => {
          const keys = index === 0 ? binding.keys.map(keyLabel).join(' ') : '';
          return [{ text: `   ${fitted(keys, keysWidth)} `, tone: 'key' }, { text }];
        }),
      ),
    [],
  ];
}

/** Sections beside each other, each of them whole, so that both columns are about as long. */
function beside(sections: readonly (readonly Spans[])[], width: number): readonly Spans[] {
  const columnsFor = (split: number) => [sections.slice(0, split).flat(), sections.slice(split).flat()] as const;
  const heightOf = (split: number): number => Math.max(...columnsFor(split).map((lines) => lines.length));
  const splits = sections.map((_, index) => index + 1);
  const best = splits.reduce((least, split) => (heightOf(split) < heightOf(least) ? split : least), 1);
  const [left, right] = columnsFor(best);
  return Array.from({ length: heightOf(best) }, (_, index): Spans => {
    const spans = left[index] ?? [];
    const taken = spans.reduce((sum, span) => sum + cells(span.text), 0);
    return [...spans, { text: ' '.repeat(Math.max(1, width - taken)) }, ...(right[index] ?? [])];
  });
}

export function Palette({
  state,
  overlay,
}: {
  readonly state: State;
  readonly overlay: Extract<Overlay, { kind: 'palette' }>;
}) {
  const { columns } = state.size;
  const found = paletteCommands(state, overlay.input.text);
  const height = bodyRows(state) - 3;
  const index = Math.min(overlay.index, Math.max(0, found.length - 1));
  const top = topOf(0, index, found.length, height);
  return (
    <Box flexDirection="column" aria-role="listbox">
      <Line spans={[{ text: ' :', tone: 'key' }, ...inputSpans(overlay.input)]} width={columns} />
      <Line spans={[{ text: '─'.repeat(columns), tone: 'rule' }]} width={columns} />
      {found.length === 0 ? (
        <Line spans={[{ text: '  Nothing that can be done here is called so.', tone: 'dim' }]} width={columns} />
      ) : null}
      {found.slice(top, top + height).map((command, offset) => (
        <Line
          key={command.id}
          spans={commandSpans(command, top + offset === index, paletteTitleWidth(columns))}
          width={columns}
          selected={top + offset === index}
        />
      ))}
    </Box>
  );
}

export function Menu({
  state,
  overlay,
}: {
  readonly state: State;
  readonly overlay: Extract<Overlay, { kind: 'menu' }>;
}) {
  const { columns } = state.size;
  const titles = overlay.commands.map((id) => cells(findCommand(state, id)?.title ?? ''));
  const titleWidth = Math.min(columns - wordsWidthMin, Math.max(paletteTitleWidth(columns - 2), ...titles));
  return (
    <Box flexDirection="column" aria-role="menu">
      <Line
        spans={headingSpans({
          title: overlay.title,
          info: [{ text: 'what can be done', tone: 'dim' }],
          width: columns,
        })}
        width={columns}
      />
      {overlay.commands.map((id, index) => {
        const command = findCommand(state, id);
        const spans: Spans =
          command === null
            ? [{ text: `  ${id}: no longer possible`, tone: 'dim' }]
            : [
                { text: index < mendsMax ? ` ${index + 1}` : '  ', tone: 'key' },
                ...commandSpans(command, index === overlay.index, titleWidth),
              ];
        return <Line key={id} spans={spans} width={columns} selected={index === overlay.index} />;
      })}
    </Box>
  );
}

/** Of a menu, that is left for what may be typed. */
const wordsWidthMin = 22;

/** The same whatever is found, so that nothing moves while one types. */
function paletteTitleWidth(columns: number): number {
  return Math.min(56, Math.floor(columns * 0.6));
}

/** Its title, and at the right what may be typed for it, or why it cannot be done now. */
function commandSpans(command: Command, selected: boolean, titleWidth: number): Spans {
  const { blocked } = command;
  return [
    { text: selected ? '▸ ' : '  ', tone: 'accent' },
    { text: fitted(command.title, titleWidth), tone: blocked === null ? 'plain' : 'dim' },
    blocked === null ? { text: `  ${command.id}`, tone: 'dim' } : { text: `  ${glyphs.warn} ${blocked}`, tone: 'warn' },
  ];
}
