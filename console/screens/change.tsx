/** A change of one entity: what it would change, field by field, and what the leader said to it. */
import { Box } from 'ink';
import { inputSpans } from '../components/frame.js';
import { headingSpans } from '../components/heading.js';
import { Line, type Spans } from '../components/line.js';
import { confirmationOf } from '../state/change.js';
import { entityYaml, type FieldChange, fieldChanges } from '../state/entity-document.js';
import { formatAge, plural } from '../state/format.js';
import { bodyRows } from '../state/layout.js';
import { barredBy } from '../state/offers.js';
import type { ChangeOverlay, State } from '../state/state.js';
import { textLines } from '../state/yaml.js';
import { glyphs } from '../theme.js';
import { errorLines } from './details.js';
import { sentenceLines, TextScreen } from './text.js';

export function Change({ state, dialog }: { readonly state: State; readonly dialog: ChangeOverlay }) {
  const width = state.size.columns;
  const prompt = promptSpans(state, dialog);
  const height = bodyRows(state) - (prompt === null ? 0 : 2);
  return (
    <Box flexDirection="column">
      <TextScreen state={state} lines={changeLines(state, dialog)} top={dialog.top} height={height} />
      {prompt === null ? null : (
        <>
          <Line spans={[{ text: '─'.repeat(width), tone: 'rule' }]} width={width} />
          <Line spans={prompt} width={width} />
        </>
      )}
    </Box>
  );
}

const purposes = { create: 'create it', update: 'write it', delete: 'delete it for good' } as const;

function promptSpans(state: State, dialog: ChangeOverlay): Spans | null {
  if (dialog.phase.step !== 'shown') return null;
  const barred = barredBy(state);
  if (barred !== null) return [{ text: ` ${glyphs.warn} Nothing can be changed now: ${barred}`, tone: 'warn' }];
  return [
    { text: ' Type ' },
    { text: confirmationOf(dialog), tone: 'key' },
    { text: ` to ${purposes[dialog.aim]}, then enter: ` },
    ...inputSpans(dialog.input),
  ];
}

const titles = { create: 'Create', update: 'Change', delete: 'Delete' } as const;

function changeLines(state: State, dialog: ChangeOverlay): readonly Spans[] {
  const width = state.size.columns;
  const { phase, base } = dialog;
  const what = `${titles[dialog.aim]} ${dialog.entityKind} ${confirmationOf(dialog)}`.trimEnd();
  const title = (info: Spans): Spans => headingSpans({ title: what, info, width });
  switch (phase.step) {
    case 'editing':
      return [title([{ text: 'in your editor', tone: 'info' }])];
    case 'invalid':
      return [
        title([{ text: 'this cannot be written', tone: 'bad' }]),
        ...errorLines(phase.error, width),
        keyLine('e', 'back to the editor; what you wrote is still there'),
      ];
    case 'reading':
      return [title([{ text: 'reading what it is now', tone: 'info' }]), ...fieldLinesOf(dialog, width)];
    case 'shown':
      return [
        title([
          {
            text: base === null ? 'nothing was written yet' : `version ${base.version}; nothing was written yet`,
            tone: 'dim',
          },
        ]),
        ...fieldLinesOf(dialog, width),
      ];
    case 'writing':
      return [
        title([{ text: `the leader writes it, ${formatAge(state.now - phase.since)}`, tone: 'info' }]),
        ...fieldLinesOf(dialog, width),
      ];
    case 'refused':
      return [
        title([
          {
            text: phase.requestId === null ? 'was not written' : 'no answer: it may or may not have been written',
            tone: 'bad',
          },
        ]),
        ...errorLines(phase.error, width),
        keyLine(
          'r',
          phase.requestId !== null
            ? 'asks again with the same request id: it is written at most once'
            : base === null
              ? 'back to the editor; what you wrote is still there'
              : 'reads it as it is now, and puts your change on top of that',
        ),
      ];
  }
}

function keyLine(key: string, what: string): Spans {
  return [
    { text: `   ${key}`, tone: 'key' },
    { text: ` ${what}`, tone: 'dim' },
  ];
}

function fieldLinesOf({ aim, base, document }: ChangeOverlay, width: number): readonly Spans[] {
  if (aim === 'delete') {
    return [
      ...sentenceLines(glyphs.warn, 'All of this goes. It cannot be taken back.', width, 'warn'),
      [],
      ...(base === null ? [] : textLines(entityYaml(base), width)),
    ];
  }
  if (document === null) return [];
  const changes = fieldChanges(base, document);
  return [
    [
      { text: ` ${plural(changes.length, 'field')}`, tone: 'strong' },
      { text: base === null ? '' : ' would change', tone: 'dim' },
    ],
    ...changes.flatMap((change) => changeOfField(change, width)),
  ];
}

/** Before and after stand below each other, each with its sign: they read without colour. */
function changeOfField({ field, before, after }: FieldChange, width: number): readonly Spans[] {
  const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  return [
    [],
    [{ text: `   ${field}`, tone: 'accent' }],
    ...(before === undefined ? [] : sentenceLines('  -', shown(before), width, 'bad')),
    ...(after === undefined ? [] : sentenceLines('  +', shown(after), width, 'ok')),
  ];
}
