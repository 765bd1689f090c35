/** `quorate members`: who is in the cluster, and the workflows that change it. */

import { nodeIdSchema } from '../../messaging/identifiers.js';
import type { ApiResult } from '../../messaging/schemas/api.js';
import { clientSettings, setting } from '../config/common.js';
import { type Asked, choice } from '../config/setting.js';
import type { Output } from '../output/output.js';
import { watch } from '../output/watch.js';
import { listed } from '../state/format.js';
import { type ClusterView, followCluster, readCluster } from './cluster-view.js';
import { argument, defineCommand } from './command.js';
import { memberLines, roleOf, watchSetting } from './member-table.js';
import { operationJsonShape, operationSettings, runOperation } from './operation-flow.js';
import { type Session, withSession } from './session.js';
import { understoodSettings } from './understood.js';

type Committed = ApiResult<'members.list'>;

export const membersCommand = defineCommand({
  path: ['members'],
  summary: 'List the members of the cluster; join, remove, replace, promote, demote, transfer',
  description:
    'Lists the committed configuration, as the leader answers it, and the blank controllers that may join. Without a leader it lists what the controllers say of themselves, and says so.',
  settings: { ...clientSettings, watch: watchSetting },
  examples: [
    { comment: 'Who is in the cluster, and who leads', line: 'quorate members' },
    { comment: 'Make a controller that has announced itself a voter', line: 'quorate members join ctrl4' },
    { comment: 'See what removing one would mean', line: 'quorate members remove ctrl2 --dry-run' },
    {
      comment: 'The ids of the voters',
      line: 'quorate members --json | jq -r \'.members[] | select(.role == "voter").id\'',
    },
  ],
  jsonShape:
    '{ leader, position, members: [{ id, name, role, version, addedAt, online, ... }], blank: [id], removed: [id] }; leader and position are null where no leader answers',
  async run(context, given) {
    return withSession(context, given, async (session) => {
      const { out, signal } = context;
      if (given.watch) {
        const follower = await followCluster(session.client, session.connection, given.cluster);
        await watch(out, { signal, show: async () => show(out, follower.view(), await committed(session, 500)) });
        follower.stop();
        return 0;
      }
      const [view, known] = await out.during(
        'Asking the controllers',
        Promise.all([readCluster(session.client, given.cluster), committed(session, given.timeoutMs)]),
      );
      if (known instanceof Error && view.rows.length === 0) throw known;
      const { json, lines } = show(out, view, known);
      if (out.json) out.printJson(json);
      else out.print(lines.join('\n'));
      return known instanceof Error ? 1 : 0;
    });
  },
});

/** The leader's answer, or why there is none: a list is shown even then. */
async function committed(session: Session, timeoutMs: number): Promise<Committed | Error> {
  return session.client
    .request('members.list', {}, { timeoutMs })
    .catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
}

function show(out: Output, view: ClusterView, known: Committed | Error): { json: unknown; lines: readonly string[] } {
  const members = view.rows.filter((row) => row.membership !== 'none');
  const outside = view.rows.filter((row) => row.membership === 'none');
  const blank = outside.filter((row) => row.record?.status.state === 'blank' && !row.silent).map((row) => row.id);
  const answered = known instanceof Error ? null : known;
  const json = {
    leader: answered?.leader ?? null,
    position: answered?.position ?? null,
    members: members.map((row) => ({
      id: row.id,
      name: row.name,
      role: row.membership,
      leads: row.leads,
      online: !row.silent,
      version: row.record?.status.version ?? null,
      term: row.raft?.term ?? null,
      commit: row.raft?.commit ?? null,
      applied: row.raft?.applied ?? null,
      lag: row.leads ? 0 : (row.progress?.lag ?? null),
      addedAt: answered?.members.find((each) => each.id === row.id)?.addedAt ?? null,
    })),
    blank,
    removed: answered?.removed ?? [],
  };
  const lines = [...memberLines(out, view, members)];
  if (blank.length > 0)
    lines.push('', `Blank, may join: ${listed(blank)}  ${out.style('dim', `quorate members join ${blank[0]}`)}`);
  const others = outside.filter((row) => !blank.includes(row.id));
  if (others.length > 0) lines.push('', `Not members: ${others.map((row) => `${row.id} (${roleOf(row)})`).join(', ')}`);
  if (known instanceof Error)
    lines.push(
      '',
      `${out.style('warn', '▲')} No leader answers (${known.message}); this is what the controllers say of themselves.`,
    );
  return { json, lines };
}

const idOf = (completes: Asked) =>
  argument({
    placeholder: 'ID',
    required: true,
    completes,
    describe: 'Id of the controller',
    schema: nodeIdSchema,
  });

export const joinCommand = defineCommand({
  path: ['members', 'join'],
  summary: 'Make a blank controller a member',
  description:
    'The controller must run and be blank: it has announced itself and `quorate members` lists it. It becomes a learner, catches up, and is made a voter when it has. The checks and the effect are shown first.',
  args: { node: idOf('blank') },
  settings: {
    ...operationSettings,
    role: setting({
      flag: 'role',
      placeholder: 'ROLE',
      group: 'Options',
      choices: ['voter', 'learner'],
      describe: 'What it becomes: voter or learner',
      defaultText: 'voter',
      schema: choice(['voter', 'learner']).default('voter'),
    }),
    ...clientSettings,
  },
  examples: [
    { comment: 'Join ctrl4 as a voter', line: 'quorate members join ctrl4' },
    { comment: 'Only the checks', line: 'quorate members join ctrl4 --dry-run' },
    { comment: 'In a script', line: 'quorate members join ctrl4 --yes --json' },
  ],
  jsonShape: operationJsonShape,
  run: (context, given) => runOperation(context, given, { workflow: 'join', node: given.node, role: given.role }),
});

export const removeCommand = defineCommand({
  path: ['members', 'remove'],
  summary: 'Remove a member for good',
  description:
    'Leadership is transferred first where the member leads. Its id is never used again: to bring the machine back, reset its data directory and join it under a new id.',
  args: { node: idOf('member') },
  settings: { ...operationSettings, ...understoodSettings, ...clientSettings },
  examples: [
    { comment: 'What would it mean?', line: 'quorate members remove ctrl2 --dry-run' },
    { comment: 'Remove it, after a typed confirmation', line: 'quorate members remove ctrl2' },
    { comment: 'In a script', line: 'quorate members remove ctrl2 --yes --i-understand ctrl2' },
  ],
  jsonShape: operationJsonShape,
  run: (context, given) => runOperation(context, given, { workflow: 'remove', node: given.node }),
});

export const replaceCommand = defineCommand({
  path: ['members', 'replace'],
  summary: 'Replace a member by a blank controller',
  description:
    'Works also where the member is dead or damaged. The new controller must run and be blank; it becomes a learner and catches up, and then both change in one step, so that at no moment fewer voters decide than before. The id that goes is never used again.',
  args: {
    node: argument({
      placeholder: 'OLD',
      required: true,
      completes: 'member',
      describe: 'Id of the member that goes',
      schema: nodeIdSchema,
    }),
    with: argument({
      placeholder: 'NEW',
      required: true,
      completes: 'blank',
      describe: 'Id of the blank controller that comes',
      schema: nodeIdSchema,
    }),
  },
  settings: { ...operationSettings, ...understoodSettings, ...clientSettings },
  examples: [
    { comment: 'What would it mean?', line: 'quorate members replace ctrl2 ctrl4 --dry-run' },
    { comment: 'Replace it, after a typed confirmation', line: 'quorate members replace ctrl2 ctrl4' },
    { comment: 'In a script', line: 'quorate members replace ctrl2 ctrl4 --yes --i-understand ctrl2' },
  ],
  jsonShape: operationJsonShape,
  run: (context, given) =>
    runOperation(context, given, { workflow: 'replace', node: given.node, with: given.with, role: 'voter' }),
});

export const promoteCommand = defineCommand({
  path: ['members', 'promote'],
  summary: 'Make a learner a voter',
  args: { node: idOf('learner') },
  settings: { ...operationSettings, ...clientSettings },
  examples: [{ comment: 'When it has caught up and stays so', line: 'quorate members promote ctrl4' }],
  jsonShape: operationJsonShape,
  run: (context, given) => runOperation(context, given, { workflow: 'promote', node: given.node }),
});

export const demoteCommand = defineCommand({
  path: ['members', 'demote'],
  summary: 'Make a voter a learner',
  description: 'It goes on receiving everything, and decides nothing any more. A leader hands leadership over first.',
  args: { node: idOf('voter') },
  settings: { ...operationSettings, ...clientSettings },
  examples: [{ comment: 'What would it mean?', line: 'quorate members demote ctrl4 --dry-run' }],
  jsonShape: operationJsonShape,
  run: (context, given) => runOperation(context, given, { workflow: 'demote', node: given.node }),
});

export const transferCommand = defineCommand({
  path: ['members', 'transfer'],
  summary: 'Transfer leadership to another voter',
  args: {
    to: argument({
      placeholder: 'ID',
      completes: 'voter',
      describe: 'Id of the voter that is to lead; without it, the one that has caught up furthest',
      schema: nodeIdSchema.optional(),
    }),
  },
  settings: { ...operationSettings, ...clientSettings },
  examples: [
    { comment: 'To ctrl2', line: 'quorate members transfer ctrl2' },
    { comment: 'Away from whoever leads now, in a script', line: 'quorate members transfer --yes' },
  ],
  jsonShape: operationJsonShape,
  run: (context, given) => runOperation(context, given, { workflow: 'transfer', to: given.to ?? null }),
});
