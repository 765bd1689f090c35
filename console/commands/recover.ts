/** `quorate recover`: go on with one survivor after the quorum was lost for good. */
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { ApiClient } from '../../messaging/api-client.js';
import { QuorateError, toQuorateError } from '../../messaging/errors.js';
import { identifierSchema, nodeIdSchema } from '../../messaging/identifiers.js';
import { formatPosition } from '../../messaging/position.js';
import { isMoreUpToDate, type RecoveryView, type Survivor, viewOfRecovery } from '../../messaging/recovery.js';
import { clientSettings, dataDirectorySetting, setting } from '../config/common.js';
import { anyText, list, onOff, text } from '../config/setting.js';
import { confirm } from '../output/confirm.js';
import { listed } from '../state/format.js';
import { argument, type CommandContext, defineCommand } from './command.js';
import { afterwards, mayBeLost, showSurvivors } from './recover-report.js';
import { inUse, noSuchDirectory } from './reset.js';
import { originOf, withSession } from './session.js';

type RecoverableDirectory = ReturnType<typeof import('../../node/cluster/recover-directory.js')['examineForRecovery']>;
type RecordOf = NonNullable<
  Parameters<typeof import('../../node/cluster/recover-directory.js')['recoverDirectory']>[1]['record']
>;

/** Controllers answer within a round trip; here nobody must be overlooked. */
const collectMs = 1_500;
/** A million entities take about half a minute. */
const recoveryMaxMs = 300_000;
const leadMaxMs = 30_000;
const pollMs = 100;

const optionSettings = {
  leaveBehind: setting({
    flag: 'leave-behind',
    placeholder: 'ID,...',
    group: 'Options',
    completes: 'controller',
    repeatable: true,
    describe: 'Go on without what these reachable members hold beyond the chosen one',
    schema: list(text(nodeIdSchema)).optional(),
  }),
  dryRun: setting({
    flag: 'dry-run',
    group: 'Options',
    describe: 'Show what the survivors hold, and change nothing',
    schema: onOff,
  }),
  yes: setting({
    flag: 'yes',
    alias: 'y',
    group: 'Options',
    describe: 'Do not ask for confirmation; needs --i-understand',
    schema: onOff,
  }),
  understood: setting({
    flag: 'i-understand',
    placeholder: 'NODE',
    group: 'Options',
    describe: 'Id of the controller to go on with, in the place of typing it',
    schema: anyText.optional(),
  }),
} as const;

export const recoverCommand = defineCommand({
  path: ['recover'],
  summary: 'Go on with one survivor after the quorum was lost for good',
  description:
    'Only for when the missing voters never come back: where they can be started again, start them. Shows what each reachable member holds, recommends the one with the newest log, says what may be lost, and asks for its id to be typed. That controller then begins a new timeline as the only voter, on all that its log holds, also what was never known to be committed; a snapshot of the state before stays in its backups. All others are removed, and are told so if they come back; they are reset and joined under new ids. Refused where a leader or a quorum is heard. With --data-dir it works on the directory of a controller that does not run. Exit code 1 where nothing was recovered, but for --dry-run where it could be.',
  args: {
    node: argument({
      placeholder: 'NODE',
      completes: 'controller',
      describe: 'Id of the controller to go on with; without it, the one that is recommended',
      schema: nodeIdSchema.optional(),
    }),
  },
  settings: {
    ...optionSettings,
    dataDirectory: setting({
      ...dataDirectorySetting,
      env: undefined,
      key: undefined,
      required: false,
      describe: 'Work on this data directory, of a controller that does not run',
      schema: anyText.optional(),
    }),
    id: setting({
      flag: 'id',
      placeholder: 'ID',
      group: 'Options',
      describe: 'With --data-dir: id of the controller, where the directory has lost it',
      defaultText: 'whose directory it is',
      schema: text(nodeIdSchema).optional(),
    }),
    owner: setting({
      flag: 'owner-cluster',
      placeholder: 'NAME',
      group: 'Options',
      describe: 'With --data-dir: name of its cluster, where the directory has lost it',
      defaultText: 'whose directory it is',
      schema: text(identifierSchema).optional(),
    }),
    ...clientSettings,
  },
  examples: [
    { comment: 'What do the survivors hold, and which is the one to use?', line: 'quorate recover --dry-run' },
    { comment: 'Go on with the one that is recommended, after a typed confirmation', line: 'quorate recover' },
    { comment: 'In a script', line: 'quorate recover ctrl3 --yes --i-understand ctrl3' },
    {
      comment: 'On the directory of a controller that does not run',
      line: 'quorate recover --data-dir /var/lib/quorate',
    },
  ],
  jsonShape:
    '{ node, recovered, survivors: [{ node, membership, lastTerm, lastIndex, commit, applied, timeline, logWhole }], missing: [id], mayBeLost: [sentence], position, lastIndex, uncommittedKept, removed: [id], backup }; with --dry-run recovered is false and the last five are null',
  run: (context, given) =>
    given.dataDirectory === undefined
      ? withSession(context, given, ({ client }) => online(context, given, client))
      : offline(context, given, resolve(given.dataDirectory)),
});

interface Given {
  readonly node: string | undefined;
  readonly leaveBehind: readonly string[] | undefined;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly understood: string | undefined;
}

const nothingDone = { position: null, lastIndex: null, uncommittedKept: null, removed: null, backup: null };

async function online(context: CommandContext, given: Given, client: ApiClient): Promise<0> {
  const { out } = context;
  const statuses = await out.during('Asking the controllers', client.collectStatus(collectMs));
  const view = viewOfRecovery(statuses);
  const chosen = choose(view, given.node);
  const behind = view.survivors.filter((each) => isMoreUpToDate(each, chosen));
  const losses = mayBeLost(view, chosen);
  showSurvivors(out, given, view, chosen, losses);
  if (view.obstacle !== null) throw new QuorateError(view.obstacle.code, view.obstacle.message);
  const leaveBehind = given.leaveBehind ?? [];
  const unnamed = behind.filter(({ node }) => !leaveBehind.includes(node));
  if (unnamed.length > 0) {
    const names = unnamed.map(({ node }) => node);
    throw new QuorateError(
      'better-survivor',
      `${listed(names)} ${names.length === 1 ? 'holds' : 'hold'} more than ${chosen.node}`,
      {
        remedy: `Recover on ${view.recommended ?? names[0]}; to go on without what they hold: --leave-behind ${names.join(',')}.`,
      },
    );
  }
  const told = { node: chosen.node, survivors: view.survivors, missing: view.missing, mayBeLost: losses };
  if (given.dryRun) {
    if (out.json) out.printJson({ ...told, recovered: false, ...nothingDone });
    else out.note(`Nothing was changed. To go on with ${chosen.node}: quorate recover ${chosen.node}`);
    return 0;
  }
  await confirmNode(context, given, chosen.node);
  const requestId = randomUUID();
  const result = await out.during(
    `${chosen.node} goes on alone`,
    client.request(
      'recovery.begin',
      { leaveBehind: [...leaveBehind] },
      { node: chosen.node, requestId, timeoutMs: recoveryMaxMs },
    ),
  );
  await out.during(`Waiting until ${chosen.node} leads`, untilItLeads(client, chosen.node, requestId));
  if (out.json) out.printJson({ ...told, recovered: true, ...result });
  else
    out.print(
      `${out.style('good', '✔')} ${chosen.node} leads alone, at ${formatPosition(result.position)}\n${afterwards(out, chosen.node, result)}`,
    );
  return 0;
}

function choose(view: RecoveryView, wanted: string | undefined): Survivor {
  if (view.survivors.length === 0) {
    throw new QuorateError('no-responders', 'no member of the cluster is heard', {
      remedy:
        'Start a controller that survived and try again, or recover its directory where it lies: `quorate recover --data-dir DIR`.',
    });
  }
  const node = wanted ?? view.recommended;
  const found = view.survivors.find((each) => each.node === node);
  if (node === null) {
    throw new QuorateError('not-a-member', 'no voter is among the controllers that are heard', {
      remedy:
        'A learner cannot go on alone: begin a new cluster on a snapshot of it: `quorate snapshot create`, then `quorate restore --from FILE --id ID --data-dir DIR`.',
    });
  }
  if (found === undefined) {
    throw new QuorateError('not-found', `${node} is not among the members that are heard`, {
      remedy: `Choose one of ${listed(view.survivors.map((each) => each.node))}.`,
    });
  }
  return found;
}

async function untilItLeads(client: ApiClient, node: string, id: string): Promise<void> {
  const deadline = performance.now() + leadMaxMs;
  for (;;) {
    const status = await client.request('status.get', {}, { node }).catch(() => null);
    const leadsAlone = status?.raft?.role === 'leader' && status.raft.configuration.voters.length === 1;
    if (leadsAlone && (await isVerified(client, id))) return;
    if (performance.now() > deadline) {
      throw new QuorateError('operation-failed', `${node} was recovered, but does not lead yet`, {
        remedy: `See its log, and \`quorate status\`.`,
      });
    }
    await new Promise((wake) => setTimeout(wake, pollMs));
  }
}

/** Whether the operation that it is recorded as has ended, so that another may begin. A survivor of an older version records none. */
async function isVerified(client: ApiClient, id: string): Promise<boolean> {
  try {
    return (await client.request('operation.get', { id })).finishedAt !== null;
  } catch (error) {
    return toQuorateError(error).code === 'not-found';
  }
}

async function confirmNode(context: CommandContext, given: Given, word: string): Promise<void> {
  const inScript = `--yes --i-understand ${word}`;
  if (given.understood !== undefined && given.understood !== word) {
    throw new QuorateError(
      'not-confirmed',
      `it would go on with ${word}, not with ${given.understood}; nothing was changed`,
      {
        remedy: `To go on with ${word}, give ${inScript}.`,
      },
    );
  }
  if (given.yes && given.understood === undefined)
    throw new QuorateError('not-confirmed', '--yes alone does not recover a cluster', { remedy: `Give ${inScript}.` });
  if (!given.yes && !context.out.canAsk) {
    throw new QuorateError('not-confirmed', 'nobody is there to confirm it: this is not a terminal', {
      remedy: `Run it in a terminal, or give ${inScript} when you are sure; --dry-run shows what the survivors hold.`,
    });
  }
  await confirm(context.out, {
    word,
    purpose: `go on with ${word} alone and give all others up`,
    yes: given.yes,
    signal: context.signal,
  });
}

// -------------------------------------------------------------------------------------------------------- a directory

async function offline(
  context: CommandContext,
  given: Given & { readonly id: string | undefined; readonly owner: string | undefined; readonly as: string },
  directory: string,
): Promise<0> {
  const { out } = context;
  const [storage, { examineForRecovery, recoverDirectory }, { recoveryRecord }] = await Promise.all([
    import('../../node/storage/index.js'),
    import('../../node/cluster/recover-directory.js'),
    import('../../node/server/recovery-record.js'),
  ]);
  const startedAt = Date.now();
  const first = storage.inspectDirectory(directory);
  if (!first.exists) throw noSuchDirectory(directory);
  if (first.locked) throw inUse(directory);
  const owner = { node: given.id ?? given.node, cluster: given.owner };
  const held = examineForRecovery(first, owner);
  const { node, lastIndex } = held;
  // What it had promised beyond the model lay in the log.
  const { identity, debt, droppable } = first.raft;
  const isLogWhole = identity !== null && debt === null && droppable.length === 0;
  const { view, survivor } = aloneWith(held, isLogWhole);
  const losses = [
    ...(isLogWhole
      ? mayBeLost(view, survivor)
      : [
          `The log of ${node} is gone, or not whole: writes that were acknowledged behind index ${lastIndex} are lost. How many there are, nobody can know.`,
        ]),
    'Nobody was asked: make sure that no controller of this cluster leads, and that no other survivor has a later last term, or the same and a larger last index.',
  ];
  showSurvivors(out, given, view, survivor, losses);
  const told = { node, survivors: view.survivors, missing: view.missing, mayBeLost: losses };
  if (given.dryRun) {
    if (out.json) out.printJson({ ...told, recovered: false, ...nothingDone });
    else out.note('Nothing was changed.');
    return 0;
  }
  await confirmNode(context, given, node);
  // What was confirmed is looked at again under the lock, before anything is changed.
  const lock = storage.lockDirectory(directory);
  const by = { id: randomUUID(), requestedBy: given.as, origin: originOf() };
  const record: RecordOf = (begun) =>
    recoveryRecord({
      ...{ begun, by, nodeId: node, view, leaveBehind: [], promised: null, startedAt },
      now: Date.now(),
    });
  const recovered = await out.during('Recovering', recoverDirectory(lock, { ...owner, now: Date.now, record }));
  const { meta, uncommittedKept, backup } = recovered;
  const { position, configuration } = meta;
  const result = { position, lastIndex: recovered.lastIndex, uncommittedKept, removed: configuration.removed, backup };
  if (out.json) out.printJson({ ...told, recovered: true, ...result });
  else
    out.print(
      `${out.style('good', '✔')} ${directory} begins at ${formatPosition(position)}, with ${node} as the only voter: start it\n${afterwards(out, node, result)}`,
    );
  return 0;
}

/** What a directory says, in the form in which reachable survivors are judged. */
function aloneWith(
  held: RecoverableDirectory,
  logWhole: boolean,
): { readonly view: RecoveryView; readonly survivor: Survivor } {
  const { node, voters, lastTerm, lastIndex, commit, position } = held;
  const survivor: Survivor = {
    node,
    membership: voters.includes(node) ? 'voter' : 'none',
    lastTerm,
    lastIndex,
    commit,
    applied: position.index,
    timeline: position.timeline,
    leader: null,
    logWhole,
  };
  const missing = voters.filter((id) => id !== node);
  return { survivor, view: { survivors: [survivor], missing, recommended: node, obstacle: null } };
}
