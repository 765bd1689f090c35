/** `quorate snapshot`: the model as one file. */
import { resolve } from 'node:path';
import type { ApiClient } from '../../messaging/api-client.js';
import { QuorateError, toQuorateError } from '../../messaging/errors.js';
import { nodeIdSchema } from '../../messaging/identifiers.js';
import { formatPosition } from '../../messaging/position.js';
import type { SnapshotView } from '../../messaging/schemas/api.js';
import { clientSettings, setting } from '../config/common.js';
import { anyText, text } from '../config/setting.js';
import type { Output } from '../output/output.js';
import { type Column, renderTable } from '../output/table.js';
import { formatBytes } from '../state/format.js';
import { readCluster } from './cluster-view.js';
import { argument, defineCommand, defineGroup } from './command.js';
import { withSession } from './session.js';

/** A million entities take half a minute to write, and as long to read. */
const wholeFileMaxMs = 300_000;

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
      completes: 'controller',
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
        client.request('snapshot.create', { name: given.name }, { node, timeoutMs: wholeFileMaxMs }),
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

export const snapshotListCommand = defineCommand({
  path: ['snapshot', 'list'],
  summary: 'List the snapshots that lie on the controllers',
  description:
    'Those in the folder for backups of each controller that answers, and where its schedule writes; newest first. A folder that several controllers share is listed once. What lies elsewhere is told by `quorate snapshot inspect FILE`. Exit code 1 where a file cannot be read, or a controller did not answer.',
  settings: {
    node: setting({
      flag: 'node',
      placeholder: 'ID',
      group: 'Options',
      completes: 'controller',
      describe: 'Only those on this controller',
      defaultText: 'all that are heard',
      schema: text(nodeIdSchema).optional(),
    }),
    ...clientSettings,
  },
  examples: [
    { comment: 'What backups are there?', line: 'quorate snapshot list' },
    {
      comment: 'The newest one, in a script',
      line: 'quorate snapshot list --json | jq -r \'.snapshots[0] | .node + " " + .path\'',
    },
  ],
  jsonShape:
    '{ snapshots: [{ node, name, path, position, createdAt, createdBy, sizeBytes, origin, problem }], silent: [{ node, reason }] }; origin: manual, scheduled or automatic',
  async run(context, given) {
    return withSession(context, given, async ({ client }) => {
      const { out } = context;
      const asked =
        given.node !== undefined
          ? [given.node]
          : (await readCluster(client, given.cluster)).rows.filter((row) => row.record !== null).map((row) => row.id);
      if (asked.length === 0) throw new QuorateError('no-responders');
      const { snapshots, silent } = await out.during('Asking the controllers', listAll(client, asked));
      if (out.json) out.printJson({ snapshots, silent });
      else {
        if (snapshots.length === 0) out.note('There are none.');
        else
          out.print(
            renderTable(snapshots, listColumns(out), out.columns, (title) => out.style('dim', title)).join('\n'),
          );
        for (const { name, node, problem } of snapshots)
          if (problem !== null) out.warn(`${name} on ${node}: ${problem}`);
        for (const { node, reason } of silent) out.warn(`${node} was not asked: ${reason}`);
      }
      return silent.length > 0 || snapshots.some(({ problem }) => problem !== null) ? 1 : 0;
    });
  },
});

type ListedSnapshot = SnapshotView & { readonly node: string };

async function listAll(
  client: ApiClient,
  nodes: readonly string[],
): Promise<{
  readonly snapshots: readonly ListedSnapshot[];
  readonly silent: readonly { readonly node: string; readonly reason: string }[];
}> {
  const answers = await Promise.allSettled(
    nodes.map(async (node) => ({ node, ...(await client.request('snapshot.list', {}, { node })) })),
  );
  const all = answers.flatMap((answer) =>
    answer.status === 'rejected' ? [] : answer.value.snapshots.map((each) => ({ node: answer.value.node, ...each })),
  );
  // In a folder that is shared each sees what all have written.
  const snapshots = all.filter(
    (each) =>
      each.createdBy === null ||
      each.createdBy === each.node ||
      !all.some((other) => other.name === each.name && other.node === each.createdBy),
  );
  const silent = answers.flatMap((answer, place) =>
    answer.status === 'fulfilled' ? [] : [{ node: nodes[place] ?? '', reason: toQuorateError(answer.reason).message }],
  );
  return { snapshots: [...snapshots].sort((one, other) => (other.createdAt ?? 0) - (one.createdAt ?? 0)), silent };
}

function listColumns(out: Output): readonly Column<ListedSnapshot>[] {
  return [
    { title: 'NODE', value: (each) => each.node, paint: (_, shown) => out.style('bold', shown) },
    { title: 'NAME', value: (each) => each.name, widthMin: 20 },
    { title: 'POSITION', value: (each) => formatPosition(each.position) },
    {
      title: 'TIME',
      value: (each) => (each.createdAt === null ? '-' : `${new Date(each.createdAt).toISOString().slice(0, 19)}Z`),
      dropOrder: 2,
    },
    { title: 'SIZE', value: (each) => formatBytes(each.sizeBytes), align: 'right', dropOrder: 1 },
    {
      title: 'ORIGIN',
      value: (each) => (each.problem === null ? (each.origin ?? '-') : 'unreadable'),
      paint: (each, shown) => (each.problem === null ? shown : out.style('bad', shown)),
    },
  ];
}

export const snapshotVerifyCommand = defineCommand({
  path: ['snapshot', 'verify'],
  summary: 'Read a snapshot whole, and check it against its checksums',
  description:
    'Every page of the file, its contents, and what it says of itself. Of a file here, or with --node of one that lies on a controller, by the name that `quorate snapshot list` shows. Exit code 1 where it is not whole and undamaged.',
  args: {
    file: argument({
      placeholder: 'FILE',
      required: true,
      completes: 'snapshot',
      describe: 'The snapshot; with --node its name on that controller',
      schema: anyText,
    }),
  },
  settings: {
    node: setting({
      flag: 'node',
      placeholder: 'ID',
      group: 'Options',
      completes: 'controller',
      describe: 'The controller on which it lies',
      defaultText: 'none: a file here',
      schema: text(nodeIdSchema).optional(),
    }),
    ...clientSettings,
  },
  examples: [
    { comment: 'Is this backup good?', line: 'quorate snapshot verify /backup/quorate.snapshot' },
    { comment: 'One on a controller', line: 'quorate snapshot verify before-upgrade.db --node ctrl2' },
  ],
  jsonShape: '{ node, path, sizeBytes, sha256, position, createdAt, createdBy, origin }; node is null for a file here',
  async run(context, given) {
    const { out } = context;
    const tell = (found: Verified): void => {
      if (out.json) return out.printJson(found);
      const where = found.node === null ? '' : ` on ${found.node}`;
      out.print(
        `${out.style('good', '✔')} ${found.path}${where} is whole and undamaged  ${out.style('dim', `${formatBytes(found.sizeBytes)}, position ${formatPosition(found.position)}`)}`,
      );
      out.print(`  ${out.style('dim', `sha256 ${found.sha256}`)}`);
    };
    const { node } = given;
    if (node !== undefined) {
      return withSession(context, given, async ({ client }) => {
        const work = client.request('snapshot.verify', { name: given.file }, { node, timeoutMs: wholeFileMaxMs });
        const { path, sizeBytes, sha256, position, createdAt, createdBy, origin } = await out.during(
          `${node} reads it`,
          work,
        );
        tell({ node, path, sizeBytes, sha256, position, createdAt, createdBy, origin });
      });
    }
    const { inspectSnapshot } = await import('../../node/storage/inspect.js');
    const { path, sizeBytes, sha256, manifest } = inspectSnapshot(resolve(given.file));
    const { createdAt, createdBy, origin, meta } = manifest;
    tell({ node: null, path, sizeBytes, sha256, position: meta.position, createdAt, createdBy, origin });
  },
});

interface Verified
  extends Pick<SnapshotView, 'path' | 'sizeBytes' | 'position' | 'createdAt' | 'createdBy' | 'origin'> {
  readonly node: string | null;
  readonly sha256: string;
}

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
    const { position, term, configuration, logTimeline } = manifest.meta;
    const counts = Object.entries(manifest.countByKind).map(([kind, number]) => `${number} ${kind}`);
    const pairs = [
      ['file', `${path} (${formatBytes(found.sizeBytes)}): whole and undamaged`],
      ['cluster', manifest.clusterName],
      [
        'written',
        `${new Date(manifest.createdAt).toISOString()} by ${manifest.createdBy}, version ${manifest.softwareVersion}`,
      ],
      ['why', originWords[manifest.origin]],
      ['versions', `format ${manifest.formatVersion}, schema ${manifest.schemaVersion}`],
      ['cluster id', manifest.meta.clusterId],
      [
        'position',
        `${formatPosition(position)}: index ${position.index}, term ${term}, timeline ${position.timeline.id} of epoch ${position.timeline.epoch}`,
      ],
      ...(logTimeline.id === position.timeline.id
        ? []
        : [['log', `began with the timeline ${logTimeline.id} of epoch ${logTimeline.epoch}`]]),
      ['voters', configuration.voters.join(', ') || 'none'],
      ...(configuration.learners.length === 0 ? [] : [['learners', configuration.learners.join(', ')]]),
      ...(configuration.removed.length === 0 ? [] : [['removed', configuration.removed.join(', ')]]),
      ['entities', counts.length === 0 ? 'none' : counts.join(', ')],
      ['contents', `sha256 ${manifest.contentSha256}`],
    ];
    out.print(pairs.map(([title = '', value]) => `${out.style('dim', title.padEnd(10))} ${value}`).join('\n'));
  },
});

const originWords = {
  manual: 'it was asked for',
  scheduled: 'by the schedule',
  automatic: 'before something that replaced the model',
  transfer: 'for another member',
} as const;
