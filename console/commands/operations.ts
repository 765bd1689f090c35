/** `quorate operations`: the workflows that were started, and how far they are. */
import type { ApiClient } from '../../messaging/api-client.js';
import { QuorateError } from '../../messaging/errors.js';
import type { OperationView } from '../../messaging/schemas/operations.js';
import { clientSettings, setting } from '../config/common.js';
import { integer } from '../config/setting.js';
import type { Output, Style } from '../output/output.js';
import { type Column, renderTable } from '../output/table.js';
import { watch } from '../output/watch.js';
import { formatDuration, formatTime } from '../state/format.js';
import { ofName } from '../state/of-name.js';
import { type Command, defineCommand } from './command.js';
import { watchSetting } from './member-table.js';
import {
  findingLines,
  followOperation,
  impactLines,
  isFinished,
  operationArgument,
  stepLine,
  titleOf,
} from './operation-flow.js';
import { withSession } from './session.js';

export const operationsCommand = defineCommand({
  path: ['operations'],
  summary: 'List operations, newest first; show, watch, cancel or resume one',
  settings: {
    limit: setting({
      flag: 'limit',
      placeholder: 'N',
      group: 'Options',
      describe: 'At most so many',
      defaultText: '20',
      schema: integer(1, 100).default(20),
    }),
    watch: watchSetting,
    ...clientSettings,
  },
  examples: [
    { comment: 'What was done lately, and by whom', line: 'quorate operations' },
    { comment: 'Keep looking', line: 'quorate operations --watch' },
    {
      comment: 'Whatever runs now',
      line: 'quorate operations --json | jq \'.operations[] | select(.state == "running")\'',
    },
  ],
  jsonShape: '{ operations: [operation] }; with --watch one such object a line',
  async run(context, given) {
    return withSession(context, given, async ({ client }) => {
      const { out, signal } = context;
      const show = async (): Promise<{ json: unknown; lines: readonly string[] }> =>
        listed(out, (await client.request('operation.list', { limit: given.limit })).operations);
      if (given.watch) {
        await watch(out, { signal, show });
        return;
      }
      const { json, lines } = await out.during('Asking the leader', show());
      if (out.json) out.printJson(json);
      else out.print(lines.join('\n'));
    });
  },
});

/** The same by its own word. */
export const operationsListCommand: Command = {
  ...operationsCommand,
  path: ['operations', 'list'],
  summary: 'List operations, newest first',
};

function listed(out: Output, operations: readonly OperationView[]): { json: unknown; lines: readonly string[] } {
  const lines =
    operations.length === 0
      ? ['No operation was started yet.']
      : renderTable(operations, columns(out), out.columns, (title) => out.style('dim', title));
  return { json: { operations }, lines };
}

export const operationShowCommand = defineCommand({
  path: ['operations', 'show'],
  summary: 'Show one operation: its checks, steps and outcome',
  args: { id: operationArgument('operation') },
  settings: clientSettings,
  examples: [{ comment: 'Why did it fail?', line: 'quorate operations show op-1f3a' }],
  jsonShape: 'the operation',
  async run(context, given) {
    return withSession(context, given, async ({ client }) => {
      const { out } = context;
      const operation = await out.during('Asking the leader', getOperation(client, given.id));
      if (out.json) out.printJson(operation);
      else out.print(operationLines(out, operation).join('\n'));
    });
  },
});

export const operationWatchCommand = defineCommand({
  path: ['operations', 'watch'],
  summary: 'Follow one operation to its end',
  description:
    'Exit code 0 where it reached its goal, 1 where it did not. Ctrl-C stops the watching, not the operation.',
  args: { id: operationArgument('running-operation') },
  settings: clientSettings,
  examples: [{ comment: 'Wait for one that was started with --detach', line: 'quorate operations watch op-1f3a' }],
  jsonShape: 'the operation, when it has ended',
  async run(context, given) {
    return withSession(context, given, async (session) => {
      const operation = await context.out.during('Asking the leader', getOperation(session.client, given.id));
      context.out.note(context.out.style('bold', titleOf(operation.parameters)));
      return followOperation(context, session, operation);
    });
  },
});

async function getOperation(client: ApiClient, id: string): Promise<OperationView> {
  try {
    return await client.request('operation.get', { id });
  } catch (error) {
    if (!(error instanceof QuorateError) || error.code !== 'not-found') throw error;
    throw new QuorateError('not-found', error.message, { remedy: 'List them: `quorate operations`.', cause: error });
  }
}

const stateStyles: Readonly<Record<string, Style>> = {
  running: 'accent',
  'rolling-back': 'warn',
  done: 'good',
  failed: 'bad',
  cancelled: 'dim',
};

function columns(out: Output): readonly Column<OperationView>[] {
  return [
    { title: 'ID', value: (row) => row.id },
    { title: 'OPERATION', value: (row) => titleOf(row.parameters), widthMin: 12 },
    {
      title: 'STATE',
      value: (row) => row.state,
      paint: (row, text) => out.style(ofName(stateStyles, row.state) ?? 'accent', text),
    },
    { title: 'STARTED', value: (row) => formatTime(row.startedAt), dropOrder: 2 },
    { title: 'TOOK', value: tookOf, align: 'right', dropOrder: 3 },
    { title: 'BY', value: (row) => row.requestedBy, widthMin: 6, dropOrder: 1 },
    { title: 'ERROR', value: (row) => row.error?.message ?? '', widthMin: 10, dropOrder: 4 },
  ];
}

function tookOf(operation: OperationView): string {
  return isFinished(operation) && operation.finishedAt !== null
    ? formatDuration(operation.finishedAt - operation.startedAt)
    : '-';
}

/** Who asked for what, from where, and when. */
function trailOf(operation: OperationView): readonly string[] {
  const { id, requestedBy, origin = null, startedAt, runner, cancellation, resumptions = [] } = operation;
  const from = (place: string | null) => (place === null ? '' : ` from ${place}`);
  return [
    `${id}, asked for by ${requestedBy}${from(origin)} at ${formatTime(startedAt)}, run by ${runner}`,
    ...resumptions.map(
      ({ by, origin: place, at, how, after }) =>
        `resumed (${how}) by ${by}${from(place)} at ${formatTime(at)}, after: ${after?.message ?? 'it was cancelled'}`,
    ),
    ...(cancellation === undefined
      ? []
      : [`cancelled by ${cancellation.by}${from(cancellation.origin)} at ${formatTime(cancellation.at)}`]),
  ];
}

function operationLines(out: Output, operation: OperationView): readonly string[] {
  const { error } = operation;
  return [
    `${out.style('bold', titleOf(operation.parameters))}  ${out.style(ofName(stateStyles, operation.state) ?? 'accent', operation.state)}`,
    ...trailOf(operation).map((line) => out.style('dim', line)),
    '',
    'Checks',
    ...findingLines(out, operation.findings),
    '',
    'Effect',
    ...impactLines(operation.before, operation.after),
    '',
    'Steps',
    ...operation.steps.map((step) => stepLine(out, step)),
    ...(operation.verifications.length === 0
      ? []
      : ['', 'Verified', ...operation.verifications.map((step) => stepLine(out, step))]),
    ...(error === null
      ? []
      : [
          '',
          `${out.style('bad', 'error:')} ${error.message} ${out.style('dim', `(${error.code})`)}`,
          `  ${error.remedy}`,
        ]),
  ];
}
