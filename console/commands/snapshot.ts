/** `quorate snapshot`: the model as one file. */
import { resolve } from 'node:path';
import { QuorateError } from '../../messaging/errors.js';
import { nodeIdSchema } from '../../messaging/identifiers.js';
import { formatPosition } from '../../messaging/position.js';
import { clientSettings, setting } from '../config/common.js';
import { anyText, text } from '../config/setting.js';
import { formatBytes } from '../state/format.js';
import { readCluster } from './cluster-view.js';
import { argument, defineCommand, defineGroup } from './command.js';
import { withSession } from './session.js';

export const snapshotGroup = defineGroup({
  path: ['snapshot'],
  summary: 'Write the model to one file, and look into such a file',
  examples: [{ comment: 'A snapshot, on the leader', line: 'quorate snapshot create' }],
});

export const snapshotCreateCommand = defineCommand({
  path: ['snapshot', 'create'],
  summary: 'Write a snapshot to a file on a controller',
  description:
    'The file is written by the controller, on its own disk, while it goes on serving. It holds the model, where in the history it stands, and checksums of both.',
  settings: {
    node: setting({
      flag: 'node',
      placeholder: 'ID',
      group: 'Options',
      describe: 'The controller that writes it',
      defaultText: 'the leader',
      schema: text(nodeIdSchema).optional(),
    }),
    name: setting({
      flag: 'name',
      placeholder: 'FILE',
      group: 'Options',
      describe: "Name of the file, in the controller's folder for backups",
      defaultText: 'made from the time',
      schema: anyText.optional(),
    }),
    ...clientSettings,
  },
  examples: [
    { comment: 'On the leader', line: 'quorate snapshot create' },
    {
      comment: 'On a follower, so that the leader is left in peace',
      line: 'quorate snapshot create --node ctrl2 --name before-upgrade.db',
    },
  ],
  jsonShape: '{ node, path, sizeBytes, sha256, position }',
  async run(context, given) {
    return withSession(context, given, async ({ client }) => {
      const { out } = context;
      const node = given.node ?? (await readCluster(client, given.cluster)).rows.find((row) => row.leads)?.id;
      if (node === undefined)
        throw new QuorateError('no-leader', 'no controller leads now', {
          remedy: 'Name the controller that is to write it: --node ID.',
        });
      const made = await out.during(
        `${node} writes a snapshot`,
        client.request('snapshot.create', { name: given.name }, { node }),
      );
      if (out.json) out.printJson({ node, ...made });
      else {
        out.print(
          `${made.path}  ${out.style('dim', `on ${node}, ${formatBytes(made.sizeBytes)}, position ${formatPosition(made.position)}`)}`,
        );
        out.print(`sha256 ${made.sha256}`);
      }
    });
  },
});

export const snapshotInspectCommand = defineCommand({
  path: ['snapshot', 'inspect'],
  summary: 'Verify a snapshot file and say what is in it',
  description:
    'Reads the whole file and checks its structure and contents against what it says of itself. Exit code 1 where it is not whole and undamaged. Needs no cluster.',
  args: {
    file: argument({
      placeholder: 'FILE',
      required: true,
      completes: 'file',
      describe: 'The snapshot',
      schema: anyText,
    }),
  },
  settings: {},
  examples: [{ comment: 'Is this backup good?', line: 'quorate snapshot inspect /backup/quorate.db' }],
  jsonShape: '{ path, sizeBytes, sha256, manifest }',
  async run({ out }, given) {
    const path = resolve(given.file);
    const { inspectSnapshot } = await import('../../node/storage/inspect.js');
    const found = inspectSnapshot(path);
    if (out.json) {
      out.printJson(found);
      return;
    }
    const { manifest } = found;
    const { position, term, configuration } = manifest.meta;
    const counts = Object.entries(manifest.countByKind).map(([kind, number]) => `${number} ${kind}`);
    const pairs = [
      ['file', `${path} (${formatBytes(found.sizeBytes)}): whole and undamaged`],
      ['cluster', manifest.clusterName],
      [
        'written',
        `${new Date(manifest.createdAt).toISOString()} by ${manifest.createdBy}, version ${manifest.softwareVersion}`,
      ],
      ['position', `${formatPosition(position)}, term ${term}, timeline ${position.timeline.id}`],
      ['voters', configuration.voters.join(', ')],
      ...(configuration.learners.length === 0 ? [] : [['learners', configuration.learners.join(', ')]]),
      ['entities', counts.length === 0 ? 'none' : counts.join(', ')],
      ['contents', `sha256 ${manifest.contentSha256}`],
    ];
    out.print(pairs.map(([title = '', value]) => `${out.style('dim', title.padEnd(10))} ${value}`).join('\n'));
  },
});
