/** `quorate upgrade`: one member after the other, each stopped and started by whoever installs, each verified. */
import { nodeIdSchema } from '../../messaging/identifiers.js';
import { supportedVersions } from '../../messaging/protocol.js';
import { softwareVersion } from '../../messaging/version.js';
import { clientSettings } from '../config/common.js';
import { inOrder } from '../state/format.js';
import { type ClusterView, readCluster } from './cluster-view.js';
import { argument, defineCommand, usageError } from './command.js';
import { operationJsonShape, operationSettings, runOperation } from './operation-flow.js';
import { withSession } from './session.js';

export const upgradeCommand = defineCommand({
  path: ['upgrade'],
  summary: 'See the members through a rolling upgrade, one at a time',
  description:
    'For each member: leadership goes elsewhere, then you stop it, install the new version and start it with the same command; the operation waits for it, and goes on when it has caught up and is well. Nothing here stops a process. Without an ID: all members that do not run the version of this program, the leader last. It may be interrupted and run again.',
  args: {
    node: argument({
      placeholder: 'ID',
      completes: 'member',
      describe: 'Id of the member; without it, all that are older than this program',
      schema: nodeIdSchema.optional(),
    }),
  },
  settings: { ...operationSettings, ...clientSettings },
  examples: [
    { comment: 'What would it mean for ctrl2?', line: 'quorate upgrade ctrl2 --dry-run' },
    { comment: 'All that are older than this program, the leader last', line: 'quorate upgrade' },
  ],
  jsonShape: `${operationJsonShape}; without an ID, one such object for each member`,
  async run(context, given) {
    const { out, signal } = context;
    if (given.node !== undefined)
      return runOperation(context, given, { workflow: 'upgrade', node: given.node, from: null });
    if (given.detach) throw usageError('--detach needs an ID', 'Name the member; one is upgraded at a time.');
    const older = await withSession(context, given, async ({ client }) =>
      olderMembers(await out.during('Asking the controllers', readCluster(client, given.cluster))),
    );
    if (older.length === 0) {
      out.note(`All members that are heard run version ${softwareVersion}.`);
      return 0;
    }
    out.note(`To version ${softwareVersion}, in this order: ${older.join(', ')}\n`);
    for (const node of older) {
      const code = await runOperation(context, given, { workflow: 'upgrade', node, from: null });
      if (code !== 0 || signal.aborted) return code;
    }
    if (!given.dryRun) out.note(`${inOrder(older)}: upgraded.`);
    return 0;
  },
});

/** Those that do not run this version, in the order of their ids, the leader last. */
export function olderMembers({ rows }: ClusterView): readonly string[] {
  const older = rows.filter(({ membership, record }) => {
    if (membership === 'none' || record === null) return false;
    const { version, protocol } = record.status;
    return version !== softwareVersion || protocol.max < supportedVersions.max;
  });
  return [...older.filter(({ leads }) => !leads), ...older.filter(({ leads }) => leads)].map(({ id }) => id);
}
