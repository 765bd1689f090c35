/**
 * A workflow from its checks to its verified result. The same lines show an operation of the past: its record is what the
 * controllers keep, not what this console remembers.
 */
import { Box } from 'ink';
import type { Finding, Impact, OperationPlan, OperationView, StepRecord } from '../../messaging/index.js';
import { inputSpans } from '../components/frame.js';
import { headingSpans } from '../components/heading.js';
import { Line, type Span, type Spans } from '../components/line.js';
import { capital, formatAge, formatCount, formatDuration, formatTime, plural } from '../state/format.js';
import { bodyRows } from '../state/layout.js';
import { operationSilentMs } from '../state/limits.js';
import { ofName } from '../state/of-name.js';
import { operationState } from '../state/record-columns.js';
import type { PreparingOverlay, ResumeHow, State, WorkflowOverlay } from '../state/state.js';
import { fitted } from '../state/text.js';
import { cancelWord } from '../state/workflow.js';
import { operationTitle } from '../state/workflow-names.js';
import { glyphs, type Level, type Tone } from '../theme.js';
import { errorLines } from './details.js';
import { remedyLines, sentenceLines, TextScreen } from './text.js';

export function Workflow({ state, dialog }: { readonly state: State; readonly dialog: WorkflowOverlay }) {
  const width = state.size.columns;
  const prompt = promptSpans(state, dialog);
  const height = bodyRows(state) - (prompt === null ? 0 : 2);
  return (
    <Box flexDirection="column">
      <TextScreen state={state} lines={dialogLines(state, dialog)} top={dialog.top} height={height} />
      {prompt === null ? null : (
        <>
          <Line spans={[{ text: '─'.repeat(width), tone: 'rule' }]} width={width} />
          <Line spans={prompt} width={width} />
        </>
      )}
    </Box>
  );
}

/** What comes before the checks of a restore: the file has to be with the leader. */
export function Preparing({ state, dialog }: { readonly state: State; readonly dialog: PreparingOverlay }) {
  const width = state.size.columns;
  const waited = formatAge(state.now - dialog.since);
  const title = headingSpans({
    title: `Restore ${dialog.name}`,
    info:
      dialog.error === null
        ? [{ text: `${dialog.progress}, ${waited}; nothing was changed yet`, tone: 'info' }]
        : [{ text: 'it could not be made ready; nothing was changed', tone: 'bad' }],
    width,
  });
  const again: Spans = [
    { text: '   r', tone: 'key' },
    { text: ' tries again', tone: 'dim' },
  ];
  const lines = [title, ...errorLines(dialog.error, width), ...(dialog.error === null ? [] : [again])];
  return <TextScreen state={state} lines={lines} top={0} />;
}

/** The line at the bottom that asks for what is needed next. */
function promptSpans(state: State, dialog: WorkflowOverlay): Spans | null {
  const { phase } = dialog;
  if (phase.step !== 'planned' && phase.step !== 'asking') return null;
  if (phase.step === 'planned' && !phase.plan.mayRun) {
    return [
      { text: ` ${glyphs.bad} A check failed: `, tone: 'bad' },
      { text: 'this cannot be started. Mend it, then check again: ' },
      { text: 'r', tone: 'key' },
    ];
  }
  if (state.locked)
    return [{ text: ` ${glyphs.warn} The console is locked: `, tone: 'warn' }, { text: 'close, then :unlock' }];
  return [
    { text: ' Type ' },
    { text: phase.step === 'planned' ? phase.plan.confirmation : cancelWord, tone: 'key' },
    { text: ' to confirm, then enter: ' },
    ...inputSpans(dialog.input),
  ];
}

function dialogLines(state: State, dialog: WorkflowOverlay): readonly Spans[] {
  const width = state.size.columns;
  const { phase } = dialog;
  const what = `${aimWords[dialog.aim.type]}${operationTitle(dialog.parameters)}`;
  const title = (info: Spans): Spans => headingSpans({ title: capital(what), info, width });
  switch (phase.step) {
    case 'planning':
      return [title([{ text: `the leader runs the checks, ${formatAge(state.now - phase.since)}`, tone: 'info' }])];
    case 'asking':
      return dialog.aim.type === 'cancel' ? cancelLines(state, title, dialog.aim.operation) : [];
    case 'starting':
      return [
        title([{ text: `asking for it, ${formatAge(state.now - phase.since)}`, tone: 'info' }]),
        ...(phase.plan === null ? [] : planLines(phase.plan, width)),
      ];
    case 'planned': {
      const age = state.now - phase.at;
      return [
        title([
          { text: `checked ${formatAge(age)} ago; nothing was changed yet`, tone: age > 30_000 ? 'warn' : 'dim' },
        ]),
        ...(phase.how === null ? [] : [...sentenceLines(glyphs.info, howWords[phase.how], width, 'info'), []]),
        ...planLines(phase.plan, width),
      ];
    }
    case 'refused':
      return [
        title([
          {
            text: phase.during === 'plan' ? 'the checks could not be run' : refusedInfo(phase.retry !== null),
            tone: 'bad',
          },
        ]),
        ...errorLines(phase.error, width),
        ...againLines(phase),
      ];
    case 'watching':
      return watchingLines(state, phase.operation, phase.error === null ? [] : errorLines(phase.error, width));
  }
}

const aimWords = { start: '', resume: 'go on: ', cancel: 'cancel: ' } as const;

const howWords: Readonly<Record<ResumeHow, string>> = {
  anew: 'It begins again with all its checks: what it had done was taken back.',
  forward: 'It goes on from where it failed: what it did cannot be taken back.',
  back: 'It goes on taking back what it had done.',
  none: 'It is under way.',
};

function cancelLines(state: State, title: (info: Spans) => Spans, id: string): readonly Spans[] {
  const width = state.size.columns;
  const what = 'What was done is taken back. From the step on that cannot be taken back, the leader refuses.';
  return [
    title([{ text: 'it goes on until this is confirmed', tone: 'dim' }]),
    ...sentenceLines(glyphs.info, what, width, 'info'),
    [],
    // Its own title is above already.
    ...recordLines(state, id, [], () => []).slice(1),
  ];
}

function refusedInfo(uncertain: boolean): string {
  return uncertain ? 'no answer: it may or may not have been taken up' : 'was refused';
}

function againLines(phase: Extract<WorkflowOverlay['phase'], { step: 'refused' }>): readonly Spans[] {
  const what =
    phase.during === 'plan'
      ? 'runs the checks again'
      : phase.retry === null
        ? 'begins again with the checks'
        : 'asks again with the same request id: it is started at most once';
  return [
    [
      { text: '   r', tone: 'key' },
      { text: ` ${what}`, tone: 'dim' },
    ],
  ];
}

function watchingLines(state: State, id: string, problem: readonly Spans[]): readonly Spans[] {
  return recordLines(state, id, problem, nextLines);
}

/** @param next what the operator may still do about the operation. */
function recordLines(
  state: State,
  id: string,
  problem: readonly Spans[],
  next: (operation: OperationView) => readonly Spans[],
): readonly Spans[] {
  const held = state.operations.byId.get(id);
  if (held === undefined) return [...problem, [{ text: ' Reading the record of the operation ...', tone: 'dim' }]];
  const silent = state.now - held.heardAt;
  const stale: Spans[] =
    held.operation.finishedAt === null && silent > operationSilentMs
      ? [
          [
            {
              text: ` ${glyphs.warn} Nothing was heard of it for ${formatDuration(silent)}; its record is asked for.`,
              tone: 'warn',
            },
          ],
        ]
      : [];
  return [...operationLines(state, held.operation, next(held.operation)), ...stale, ...problem];
}

export function OperationScreen({ state, id }: { readonly state: State; readonly id: string }) {
  return <TextScreen state={state} lines={watchingLines(state, id, [])} />;
}

function planLines(plan: OperationPlan, width: number): readonly Spans[] {
  const passed = plan.findings.filter((finding) => finding.outcome === 'ok');
  return [
    verdictLine(plan.findings),
    ...findingLines(
      plan.findings.filter((finding) => finding.outcome !== 'ok'),
      width,
    ),
    [],
    ...impactLines(plan.before, plan.after),
    [],
    [{ text: ' What will be done', tone: 'strong' }],
    ...plan.steps.map((step, index): Spans => [{ text: `   ${index + 1}. `, tone: 'dim' }, { text: step.title }]),
    // Last: nobody has to read it before deciding, and in a small terminal it would hide what has to be read.
    ...(passed.length === 0 ? [] : [[], [{ text: ' Checks that passed', tone: 'strong' as const }]]),
    ...findingLines(passed, width),
  ];
}

const worstFirst: readonly Level[] = ['bad', 'warn', 'info', 'ok'];

function verdictLine(findings: readonly Finding[]): Spans {
  const failed = findings.filter((finding) => finding.outcome === 'fail').length;
  const warned = findings.filter((finding) => finding.outcome === 'warn').length;
  const odd = findings.filter((finding) => outcomeLevel(finding.outcome) === 'info').length;
  const verdict: Span =
    failed > 0
      ? { text: `${failed} failed`, tone: 'bad' }
      : warned > 0
        ? { text: `passed, ${plural(warned, 'warning')}`, tone: 'warn' }
        : odd > 0
          ? { text: `passed, ${odd} not understood by this version`, tone: 'info' }
          : { text: `all ${formatCount(findings.length)} passed`, tone: 'ok' };
  return [{ text: ' Checks  ', tone: 'strong' }, verdict];
}

/** What failed comes first: it is what has to be read. */
function findingLines(findings: readonly Finding[], width: number): readonly Spans[] {
  const sorted = [...findings].sort(
    (a, b) => worstFirst.indexOf(outcomeLevel(a.outcome)) - worstFirst.indexOf(outcomeLevel(b.outcome)),
  );
  return sorted.flatMap((finding) => {
    const tone = outcomeLevel(finding.outcome);
    const [first, ...rest] = sentenceLines(' ', finding.sentence, width - 8, finding.outcome === 'ok' ? 'plain' : tone);
    const mark: Span = { text: `   ${glyphs[tone]} ${finding.outcome.padEnd(4)} `, tone };
    return [
      [mark, ...(first ?? []).slice(1)],
      ...rest.map((line): Spans => [{ text: '       ' }, ...line]),
      ...remedyLines(finding.remedy, width - 8).map((line): Spans => [{ text: '       ' }, ...line]),
    ];
  });
}

/** What a newer controller answers and this version does not know is neither good nor bad. */
function outcomeLevel(outcome: Finding['outcome']): Level {
  switch (outcome) {
    case 'ok':
      return 'ok';
    case 'warn':
      return 'warn';
    case 'fail':
      return 'bad';
    default:
      return 'info';
  }
}

/** What the cluster is and would be, side by side; what gets worse is marked. */
export function impactLines(before: Impact, after: Impact): readonly Spans[] {
  const rows: readonly {
    readonly name: string;
    readonly from: number;
    readonly to: number;
    readonly more: 'better' | 'either';
  }[] = [
    { name: 'Voters', from: before.voters, to: after.voters, more: 'either' },
    { name: 'of them healthy', from: before.healthyVoters, to: after.healthyVoters, more: 'either' },
    { name: 'Needed for a quorum', from: before.quorum, to: after.quorum, more: 'either' },
    { name: 'Failures survived', from: before.failuresSurvived, to: after.failuresSurvived, more: 'better' },
  ];
  return [
    [
      { text: ` ${fitted('The cluster', 22)}`, tone: 'strong' },
      { text: `${fitted('now', 4, 'right')}   after`, tone: 'dim' },
    ],
    ...rows.map((row): Spans => {
      const worse = row.more === 'better' && row.to < row.from;
      const better = row.more === 'better' && row.to > row.from;
      const tone: Tone = worse ? 'warn' : better ? 'ok' : row.to === row.from ? 'dim' : 'plain';
      return [
        { text: `   ${fitted(row.name, 20)}`, tone: 'dim' },
        { text: fitted(String(row.from), 4, 'right') },
        { text: ' → ', tone: 'dim' },
        { text: row.to < 0 ? 'no quorum' : String(row.to), tone },
        { text: worse ? `  ${glyphs.warn} fewer` : better ? '  more' : '', tone },
      ];
    }),
  ];
}

function operationLines(state: State, operation: OperationView, next: readonly Spans[]): readonly Spans[] {
  const width = state.size.columns;
  const { text, tone } = operationState(operation);
  const took = formatDuration((operation.finishedAt ?? state.now) - operation.startedAt);
  const title = headingSpans({
    title: capital(operationTitle(operation.parameters)),
    info: [
      { text, tone },
      { text: `  ${took}`, tone: 'dim' },
    ],
    width,
  });
  return [
    title,
    ...historyLines(operation, width),
    [],
    // Above what takes many rows: how it ended is to be seen in a small terminal too.
    ...resultLines(operation, width),
    ...errorLines(operation.error, width),
    ...next,
    ...stepLines('Steps', operation.steps, state, width),
    ...stepLines('Verified', operation.verifications, state, width),
    ...impactLines(operation.before, operation.after),
    [],
    verdictLine(operation.findings),
    ...findingLines(operation.findings, width),
  ];
}

/** Who asked for it, from where and when, and what was asked of it since. */
function historyLines(operation: OperationView, width: number): readonly Spans[] {
  const { requestedBy, origin, startedAt, runner, id, cancellation, resumptions = [] } = operation;
  const asked = `asked for ${byWhom(requestedBy, origin, startedAt)}, run by ${runner}, id ${id}`;
  return [
    ...sentenceLines(' ', asked, width, 'dim'),
    ...resumptions.flatMap(({ by, origin: from, at, how, after }) => [
      ...(after === null ? [] : sentenceLines(glyphs.bad, `failed: ${after.message}`, width, 'dim')),
      ...sentenceLines(
        glyphs.info,
        `let go on ${byWhom(by, from, at)}: ${ofName(resumedWords, how) ?? how}`,
        width,
        'dim',
      ),
    ]),
    ...(cancellation === undefined
      ? []
      : sentenceLines(
          glyphs.warn,
          `cancelled ${byWhom(cancellation.by, cancellation.origin, cancellation.at)}: what was done is taken back`,
          width,
          'warn',
        )),
  ];
}

const resumedWords: Readonly<Record<string, string>> = {
  anew: 'from the beginning',
  forward: 'from where it had failed',
  back: 'on with taking back what was done',
};

function byWhom(name: string, origin: string | null | undefined, at: number): string {
  return `by ${name}${origin == null ? '' : ` from ${origin}`} at ${formatTime(at)}`;
}

function stepLines(title: string, steps: readonly StepRecord[], state: State, width: number): readonly Spans[] {
  if (steps.length === 0) return [];
  return [
    [{ text: ` ${title}`, tone: 'strong' }],
    ...steps.flatMap((step): readonly Spans[] => {
      const { glyph, tone } = stepLook(step.state);
      const timed = step.finishedAt !== null || step.state === 'running';
      const took =
        step.startedAt === null || !timed ? '' : formatDuration((step.finishedAt ?? state.now) - step.startedAt);
      const lines = sentenceLines(
        ' ',
        step.detail === '' ? step.title : `${step.title}: ${step.detail}`,
        width - 22,
        tone === 'dim' ? 'dim' : 'plain',
      );
      return lines.map(
        (line, index): Spans => [
          { text: index === 0 ? `   ${glyph} ${step.state.padEnd(7)} ` : ' '.repeat(13), tone },
          { text: index === 0 ? fitted(took, 7, 'right') : ' '.repeat(7), tone: 'dim' },
          ...line.slice(0, 1).map((span) => ({ ...span, text: '  ' })),
          ...line.slice(1),
        ],
      );
    }),
    [],
  ];
}

function stepLook(state: StepRecord['state']): { readonly glyph: string; readonly tone: Tone } {
  switch (state) {
    case 'pending':
      return { glyph: '·', tone: 'dim' };
    case 'running':
      return { glyph: '▸', tone: 'info' };
    case 'done':
      return { glyph: glyphs.ok, tone: 'ok' };
    case 'failed':
      return { glyph: glyphs.bad, tone: 'bad' };
    case 'skipped':
      return { glyph: glyphs.info, tone: 'dim' };
    default:
      return { glyph: glyphs.info, tone: 'info' };
  }
}

/** What the operator may still do about it. */
function nextLines({ state, cancellation }: OperationView): readonly Spans[] {
  const key: Span = { text: '   a', tone: 'key' };
  if (state === 'failed') return [[key, { text: ' lets it go on', tone: 'dim' }], []];
  return state === 'running' && cancellation === undefined ? [[key, { text: ' cancels it', tone: 'dim' }], []] : [];
}

/** Success is said only where every verification has seen the effect. */
function resultLines(operation: OperationView, width: number): readonly Spans[] {
  if (operation.state !== 'done') return [];
  const seen = operation.verifications.filter((each) => each.state === 'done').length;
  const all = seen === operation.verifications.length;
  const sentence =
    all && seen > 0
      ? `Done and verified: ${plural(seen, 'verification')} saw the effect.`
      : `Done; ${seen} of ${plural(operation.verifications.length, 'verification')} saw the effect.`;
  return [...sentenceLines(glyphs[all ? 'ok' : 'warn'], sentence, width, all ? 'ok' : 'warn'), []];
}
