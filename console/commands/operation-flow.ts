/**
 * From the wish to the verified result: the plan with its checks, the confirmation, the start, the progress. The operation
 * itself runs on the controllers; what is here may be killed at any moment and changes nothing by that.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRetryable, QuorateError } from '../../messaging/errors.js';
import { identifierSchema } from '../../messaging/identifiers.js';
import {
  type Finding,
  type Impact,
  isKnown,
  type OperationPlan,
  type OperationView,
  type ParametersView,
  type StepRecord,
  type WorkflowParameters,
} from '../../messaging/schemas/operations.js';
import { setting } from '../config/common.js';
import { type Asked, onOff, type SettingTable, type SettingValues } from '../config/setting.js';
import { confirm } from '../output/confirm.js';
import type { Output, Style } from '../output/output.js';
import { capital, plural } from '../state/format.js';
import { ofName } from '../state/of-name.js';
import { operationTitle } from '../state/workflow-names.js';
import { argument, type CommandContext, type ExitCode } from './command.js';
import { type ClientSettings, type Session, withSession } from './session.js';
import { inScriptOf, refuseUnconfirmed } from './understood.js';

export const operationSettings = {
  dryRun: setting({
    flag: 'dry-run',
    group: 'Options',
    describe: 'Run the checks, show what would change, and change nothing',
    schema: onOff,
  }),
  yes: setting({ flag: 'yes', alias: 'y', group: 'Options', describe: 'Do not ask for confirmation', schema: onOff }),
  detach: setting({
    flag: 'detach',
    group: 'Options',
    describe: 'Do not wait for the end; print the id of the operation',
    schema: onOff,
  }),
} as const satisfies SettingTable;

type OperationSettings = ClientSettings &
  SettingValues<typeof operationSettings> & { readonly understood?: string | undefined };

export const operationArgument = (completes: Extract<Asked, `${string}operation`>) =>
  argument({
    placeholder: 'ID',
    required: true,
    completes,
    describe: 'Id of the operation',
    schema: identifierSchema,
  });

export const operationJsonShape =
  'the operation: { id, parameters, state, findings, before, after, steps, verifications, error, ... }; with --dry-run the plan: { parameters, findings, before, after, steps, mayRun, confirmation }';

/** What a restore would change is counted before it is planned or begun: of a million entities in some ten seconds. */
const countingMaxMs = 300_000;
/** Controllers answer within a round trip; who has not answered by then is not there. */
const collectMs = 500;
/** Published messages may be lost: what was not heard for this long is asked for. */
const askAgainMs = 1000;

export async function runOperation(
  context: CommandContext,
  given: OperationSettings,
  /** What it is to do; or what finds that out first. */
  wanted: WorkflowParameters | ((client: Session['client']) => Promise<WorkflowParameters>),
): Promise<ExitCode> {
  const { out, signal } = context;
  return withSession(context, given, async (session) => {
    const parameters = typeof wanted === 'function' ? await wanted(session.client) : wanted;
    refuseUnconfirmed(given, parameters);
    const timeoutMs = parameters.workflow === 'restore' ? Math.max(given.timeoutMs, countingMaxMs) : given.timeoutMs;
    const asked = session.client.request('operation.plan', parameters, { timeoutMs, signal });
    const plan = await out.during('Running the checks', asked);
    if (given.dryRun) {
      if (out.json) out.printJson(plan);
      else
        out.print(
          [
            ...planLines(out, plan),
            plan.mayRun ? 'Nothing was changed (--dry-run).' : 'It may not run; nothing was changed.',
          ].join('\n'),
        );
      return plan.mayRun ? 0 : 1;
    }
    out.note(planLines(out, plan).join('\n'));
    if (!plan.mayRun) throw refusal(plan);
    refuseUnconfirmed(given, parameters, plan.confirmation);
    const word = plan.confirmation;
    const inScript = inScriptOf(parameters, word);
    await confirm(out, { word, purpose: goalOf(parameters), yes: given.yes, inScript, signal });
    const started = await out.during(
      'Starting',
      session.client.request('operation.start', parameters, { requestId: randomUUID(), timeoutMs, signal }),
    );
    return given.detach ? detached(out, started) : followOperation(context, session, started);
  });
}

export function detached(out: Output, operation: OperationView): ExitCode {
  if (out.json) out.printJson(operation);
  else out.print(operation.id);
  out.note(`It runs on the controllers: quorate operations watch ${operation.id}`);
  return 0;
}

/**
 * Shows each step as it begins and ends, until the operation has. Exit code 0 only where its verifications saw the effect, or,
 * where that was the goal, where it is cancelled.
 */
export async function followOperation(
  context: CommandContext,
  { client }: Session,
  first: OperationView,
  goal: 'done' | 'cancelled' = 'done',
): Promise<ExitCode> {
  const { out, signal } = context;
  const printer = new StepPrinter(out);
  let latest = first;
  let heardAt = performance.now();
  const hear = (operation: OperationView): void => {
    if (operation.id !== first.id || operation.updatedAt < latest.updatedAt) return;
    latest = operation;
    heardAt = performance.now();
    printer.show(operation);
  };
  hear(first);
  const stop = client.watchOperations(hear);
  try {
    while (!isFinished(latest) && !signal.aborted) {
      await sleep(50, undefined, { signal }).catch(() => undefined);
      if (signal.aborted || isFinished(latest) || performance.now() - heardAt < askAgainMs) continue;
      heardAt = performance.now();
      try {
        hear(await client.request('operation.get', { id: first.id }));
      } catch (error) {
        if (!isRetryable(error)) throw error;
        out.note(`No answer from the leader; the operation goes on without this terminal (${first.id}).`);
      }
    }
  } finally {
    stop();
    printer.end();
  }
  if (signal.aborted && !isFinished(latest)) {
    out.note(`The operation goes on: quorate operations watch ${first.id}`);
    return 130;
  }
  return await finish(out, client, latest, goal);
}

async function finish(
  out: Output,
  client: Session['client'],
  operation: OperationView,
  goal: 'done' | 'cancelled',
): Promise<ExitCode> {
  if (out.json) out.printJson(operation);
  if (operation.state === goal) {
    const said = goal === 'done' ? doneSentence(operation.parameters) : 'Cancelled: what it had done is taken back';
    if (!out.json) out.print(`${out.style('good', '✔')} ${said} (operation ${operation.id})`);
    if (goal === 'done') for (const line of await afterwards(client, operation)) out.note(line);
    return 0;
  }
  if (operation.error !== null) throw QuorateError.fromWire(operation.error);
  throw new QuorateError('operation-failed', `the operation ${operation.id} ended as ${operation.state}`, {
    remedy: `See its steps: quorate operations show ${operation.id}.`,
  });
}

export function isFinished(operation: OperationView): boolean {
  return operation.state === 'done' || operation.state === 'failed' || operation.state === 'cancelled';
}

/** Progress on stderr: one line for each step when it begins to run and when it has ended. */
class StepPrinter {
  readonly #out: Output;
  readonly #shown = new Map<string, string>();
  #open = false;

  constructor(out: Output) {
    this.#out = out;
  }

  show(operation: OperationView): void {
    if (this.#out.json || this.#out.quiet) return;
    for (const [kind, records] of [
      ['step', operation.steps],
      ['check', operation.verifications],
    ] as const) {
      for (const record of records) this.#showStep(`${kind}.${record.step}`, record);
    }
  }

  /** Leaves the cursor on a line of its own. */
  end(): void {
    if (this.#open) this.#out.io.stderr.write('\n');
    this.#open = false;
  }

  #showStep(key: string, record: StepRecord): void {
    const { stderr } = this.#out.io;
    const isTerminal = stderr.isTTY === true;
    const word = record.state === 'running' ? `${record.state} ${record.detail}` : record.state;
    if (record.state === 'pending' || this.#shown.get(key) === word) return;
    // A pipe gets one line when a step has ended; a terminal sees it run in the same place.
    if (record.state === 'running' && !isTerminal) return;
    this.#shown.set(key, word);
    stderr.write(
      `${isTerminal ? '\r' : ''}${stepLine(this.#out, record)}${isTerminal ? '\u001b[K' : ''}${record.state === 'running' ? '' : '\n'}`,
    );
    this.#open = record.state === 'running';
  }
}

/** Of what a newer controller says and this version does not know. */
const newerMark = { mark: '○', style: 'accent' } as const;

const stepMarks: Readonly<Record<string, { readonly mark: string; readonly style: Style }>> = {
  pending: { mark: '·', style: 'dim' },
  running: { mark: '▸', style: 'accent' },
  done: { mark: '✔', style: 'good' },
  failed: { mark: '✖', style: 'bad' },
  skipped: { mark: '-', style: 'dim' },
};

export function stepLine(out: Output, record: StepRecord): string {
  const { mark, style } = ofName(stepMarks, record.state) ?? newerMark;
  const took =
    record.startedAt !== null && record.finishedAt !== null
      ? `${((record.finishedAt - record.startedAt) / 1000).toFixed(1)} s`
      : '';
  const more = [record.detail, took].filter((part) => part !== '').join(', ');
  return `  ${out.style(style, mark)} ${record.title}${more === '' ? '' : out.style('dim', `  ${more}`)}`;
}

const findingMarks: Readonly<Record<string, { readonly mark: string; readonly style: Style }>> = {
  ok: { mark: '✔', style: 'good' },
  warn: { mark: '▲', style: 'warn' },
  fail: { mark: '✖', style: 'bad' },
};

/** Findings that say the same (because one thing that is missing fails many checks) share a line. */
export function findingLines(out: Output, findings: readonly Finding[]): readonly string[] {
  const groups = Map.groupBy(findings, ({ outcome, sentence, remedy }) => JSON.stringify([outcome, sentence, remedy]));
  return [...groups.values()].flatMap(([first, ...same]) => {
    if (first === undefined) return [];
    const { mark, style } = ofName(findingMarks, first.outcome) ?? newerMark;
    const more = same.length === 0 ? '' : out.style('dim', `  (${same.length + 1} checks)`);
    const remedy = first.outcome === 'ok' || first.remedy === '' ? [] : [`    ${out.style('dim', first.remedy)}`];
    return [`  ${out.style(style, mark)} ${first.sentence}${more}`, ...remedy];
  });
}

export function planLines(out: Output, plan: OperationPlan): readonly string[] {
  return [
    out.style('bold', titleOf(plan.parameters)),
    '',
    'Checks',
    ...findingLines(out, plan.findings),
    '',
    'Effect',
    ...impactLines(plan.before, plan.after),
    '',
    'Steps',
    ...plan.steps.map((step, index) => `  ${index + 1}. ${step.title}`),
    '',
  ];
}

export function impactLines(before: Impact, after: Impact): readonly string[] {
  const change = (title: string, pick: (impact: Impact) => number): string => {
    const [was, is] = [pick(before), pick(after)];
    return `  ${title.padEnd(18)} ${was === is ? was : `${was} → ${is}`}`;
  };
  return [
    change('voters', (impact) => impact.voters),
    change('healthy voters', (impact) => impact.healthyVoters),
    change('quorum', (impact) => impact.quorum),
    change('failures survived', (impact) => impact.failuresSurvived),
  ];
}

export function titleOf(parameters: ParametersView): string {
  if (!isKnown(parameters)) return capital(operationTitle(parameters));
  switch (parameters.workflow) {
    case 'recover':
      return `Go on with ${parameters.node} alone`;
    case 'new-cluster':
      return `Begin a new cluster on ${parameters.name}`;
    case 'join':
      return `Join ${parameters.node} as ${parameters.role}`;
    case 'remove':
      return `Remove ${parameters.node}`;
    case 'replace':
      return `Replace ${parameters.node} with ${parameters.with}`;
    case 'promote':
      return `Make ${parameters.node} a voter`;
    case 'demote':
      return `Make ${parameters.node} a learner`;
    case 'upgrade':
      return `Upgrade ${parameters.node}`;
    case 'transfer':
      return parameters.to === null ? 'Transfer leadership' : `Transfer leadership to ${parameters.to}`;
    case 'restore':
      return `Restore ${parameters.name}`;
    case 'migrate':
      return `Make ${parameters.node ?? 'the standalone controller'} the first member of a cluster`;
    case 'rollback':
      return `Make ${parameters.node ?? 'the leader'} standalone again, and remove the other members`;
  }
}

export function goalOf(parameters: ParametersView): string {
  const title = titleOf(parameters);
  return title.charAt(0).toLowerCase() + title.slice(1);
}

function doneSentence(parameters: ParametersView): string {
  if (!isKnown(parameters)) return `${capital(operationTitle(parameters))}: done`;
  switch (parameters.workflow) {
    case 'recover':
      return `${parameters.node} leads alone`;
    case 'new-cluster':
      return `The cluster goes on with the model of ${parameters.name}`;
    case 'join':
      return `${parameters.node} is a ${parameters.role}`;
    case 'remove':
      return `${parameters.node} is removed`;
    case 'replace':
      return `${parameters.with} has taken the place of ${parameters.node}`;
    case 'promote':
      return `${parameters.node} is a voter`;
    case 'demote':
      return `${parameters.node} is a learner`;
    case 'upgrade':
      return `${parameters.node} runs the new version`;
    case 'transfer':
      return parameters.to === null ? 'Leadership was transferred' : `${parameters.to} leads`;
    case 'restore':
      return `${parameters.name} is restored`;
    case 'migrate':
      return `${parameters.node} is the first member of a cluster; join the others with \`quorate members join ID\``;
    case 'rollback':
      return `${parameters.node} serves alone`;
  }
}

/** What brings back what was, where there is such a thing; and what comes next. */
async function afterwards(
  client: Session['client'],
  { id, parameters, steps }: OperationView,
): Promise<readonly string[]> {
  switch (parameters.workflow) {
    case 'restore': {
      const [, node] = / on (\S+)$/.exec(steps.find(({ step }) => step === 'back-up')?.detail ?? '') ?? [];
      return node === undefined
        ? []
        : [`To take it back: quorate restore before-restore-${id}.snapshot --node ${node}`];
    }
    case 'migrate': {
      const blank = (await client.collectStatus(collectMs)).filter(({ state }) => state === 'blank');
      const ids = blank.map(({ node }) => node).toSorted();
      return ids.map((node) => `${node} waits to be joined: quorate members join ${node}`);
    }
    default:
      return [];
  }
}

export function refusal(plan: OperationPlan): QuorateError {
  const failed = plan.findings.filter((finding) => finding.outcome === 'fail');
  const [first] = failed;
  const more = failed.length > 1 ? ` (and ${plural(failed.length - 1, 'more check')})` : '';
  return new QuorateError('check-failed', `${first?.sentence ?? 'a check failed'}${more}; nothing was changed`, {
    remedy: first?.remedy,
    details: { findings: plan.findings },
  });
}
