/** `quorate restore`: the model of a file takes the place of the present one. The file is brought to the leader first. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../messaging/api-client.js';
import { QuorateError } from '../../messaging/errors.js';
import { nodeIdSchema } from '../../messaging/identifiers.js';
import { uploadChunkBytesMax } from '../../messaging/schemas/api.js';
import type { WorkflowParameters } from '../../messaging/schemas/operations.js';
import { clientSettings, defaultCluster, setting } from '../config/common.js';
import { anyText, text } from '../config/setting.js';
import { argument, type CommandContext, defineCommand, usageError } from './command.js';
import { operationJsonShape, operationSettings, runOperation } from './operation-flow.js';
import { restoreFrom, restoreFromJsonShape, restoreFromSettings } from './restore-from.js';

type RestoreParameters = Extract<WorkflowParameters, { readonly workflow: 'restore' }>;

/** Between two questions how far the leader is with fetching or verifying the file. */
const askAgainMs = 200;
/** The leader has the file from nobody, or takes nothing more of it, for this long. */
const stallMaxMs = 60_000;

export const restoreCommand = defineCommand({
  path: ['restore'],
  summary: 'Put the model of a snapshot in the place of the present one, or begin a new cluster on it',
  description:
    'Sends the file to the leader, which verifies it; shows the checks and what would be lost; and asks for the name of the cluster to be typed. Then the leader brings the file to every member, pauses writes, backs up what is there, and switches all members by one entry of the log. Clients that write meanwhile are told to try again. Members, configuration and operations stay; a new timeline begins, and routers take the whole model. With --node the file is one in the folder for backups of that controller. With --from, where the cluster is gone: reads the file whole, makes the blank directory of one controller that of the only voter of a new cluster on it, and says how to start it; the others join. Refused where a cluster of that name is heard, or the directory holds anything.',
  args: {
    file: argument({
      placeholder: 'FILE',
      completes: 'snapshot',
      describe: 'The snapshot that is restored into the running cluster, as `quorate snapshot create` wrote it',
      schema: anyText.optional(),
    }),
  },
  settings: {
    node: setting({
      flag: 'node',
      placeholder: 'ID',
      group: 'Options',
      completes: 'controller',
      describe: 'FILE is the name of one in the folder for backups of this controller',
      defaultText: 'FILE is here',
      schema: text(nodeIdSchema).optional(),
    }),
    ...operationSettings,
    understood: setting({
      flag: 'i-understand',
      placeholder: 'CLUSTER',
      group: 'Options',
      describe: 'Name of the cluster whose model is replaced, in the place of typing it; needed with --yes',
      schema: anyText.optional(),
    }),
    ...clientSettings,
    ...restoreFromSettings,
  },
  examples: [
    { comment: 'What would be lost?', line: 'quorate restore /backup/before-upgrade.snapshot --dry-run' },
    { comment: 'Restore it, after a typed confirmation', line: 'quorate restore /backup/before-upgrade.snapshot' },
    {
      comment: 'A file that a controller wrote, in a script',
      line: 'quorate restore before-upgrade.snapshot --node ctrl2 --yes --i-understand production',
    },
    {
      comment: 'The cluster is gone: begin a new one on a file, in a blank directory',
      line: 'quorate restore --from /backup/good.snapshot --id ctrl1 --data-dir /var/lib/quorate',
    },
  ],
  jsonShape: `${operationJsonShape}; with --from: ${restoreFromJsonShape}`,
  async run(context, given) {
    const { file, from, node } = given;
    if (from !== undefined) {
      refuseTwoSources(from, file, node);
      return restoreFrom(context, given, from);
    }
    if (file === undefined)
      throw usageError(
        'FILE is missing: which snapshot is to be restored?',
        'Give FILE to restore it into the running cluster; to begin a new cluster on it, --from FILE.',
      );
    const running = { ...given, cluster: given.cluster ?? defaultCluster };
    refuseUnconfirmed(running);
    const local = node === undefined ? await readLocal(file) : null;
    return runOperation(context, running, (client) =>
      local === null
        ? takeFrom(context, client, node ?? '', file)
        : bringToLeader(context, client, local, resolve(file)),
    );
  },
});

function refuseTwoSources(from: string, file: string | undefined, node: string | undefined): void {
  if (file === undefined && node === undefined) return;
  const other = file === undefined ? `--node ${node}` : file;
  throw usageError(
    `more than one source is given: --from ${from}, and ${other}`,
    'A model has one source. FILE, or FILE and --node, is restored into the running cluster; --from FILE begins a new one.',
  );
}

/** Before anything is sent: what is replaced is named twice, or typed. */
function refuseUnconfirmed(given: {
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly understood: string | undefined;
  readonly cluster: string;
}): void {
  const inScript = `--yes --i-understand ${given.cluster}`;
  if (given.understood !== undefined && given.understood !== given.cluster) {
    throw new QuorateError(
      'not-confirmed',
      `the cluster is ${given.cluster}, not ${given.understood}; nothing was changed`,
      {
        remedy: `To restore the model of ${given.cluster}, give ${inScript}.`,
      },
    );
  }
  if (given.yes && !given.dryRun && given.understood === undefined)
    throw new QuorateError('not-confirmed', '--yes alone does not replace a model', { remedy: `Give ${inScript}.` });
}

async function readLocal(file: string): Promise<RestoreParameters> {
  const path = resolve(file);
  const found = await stat(path).catch(() => null);
  if (found?.isFile() !== true)
    throw new QuorateError('snapshot-invalid', `there is no file ${path}`, {
      remedy: 'Name a snapshot on this machine, or one of a controller with --node ID.',
    });
  if (found.size === 0) throw new QuorateError('snapshot-invalid', `${path} is empty`);
  const hash = createHash('sha256');
  for await (const bytes of createReadStream(path)) hash.update(bytes);
  return { workflow: 'restore', sha256: hash.digest('hex'), sizeBytes: found.size, name: basename(path) };
}

/** Resumes where the leader is; a new leader says how far it is, and gets the rest or all of it. */
async function bringToLeader(
  { out, signal }: CommandContext,
  client: ApiClient,
  parameters: RestoreParameters,
  path: string,
): Promise<RestoreParameters> {
  const { sha256, sizeBytes } = parameters;
  const bring = async (): Promise<void> => {
    const file = await open(path, 'r');
    try {
      let answer = await client.request('restore.stage', { sha256, sizeBytes });
      while (answer.state === 'missing' || answer.state === 'receiving') {
        signal.throwIfAborted();
        const offset = answer.receivedBytes;
        const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(uploadChunkBytesMax), position: offset });
        if (bytesRead === 0) throw new QuorateError('snapshot-invalid', `${path} changed while it was read`);
        const chunk = { offset, data: buffer.subarray(0, bytesRead).toString('base64') };
        answer = await client.request('restore.stage', { sha256, sizeBytes, chunk }, { signal });
        // Somebody else brings the same file: it comes without us.
        if (answer.receivedBytes === offset) await sleep(askAgainMs);
      }
    } finally {
      await file.close();
    }
  };
  await out.during(`Sending ${parameters.name} to the leader`, bring());
  await untilReady({ out, signal }, client, parameters);
  return parameters;
}

async function takeFrom(
  context: Pick<CommandContext, 'out' | 'signal'>,
  client: ApiClient,
  node: string,
  name: string,
): Promise<RestoreParameters> {
  const { out } = context;
  const taken = await out.during(
    `${node} reads ${name}`,
    client.request('restore.take', { name }, { node, timeoutMs: stallMaxMs }),
  );
  const parameters: RestoreParameters = { workflow: 'restore', sha256: taken.sha256, sizeBytes: taken.sizeBytes, name };
  await untilReady(context, client, parameters);
  return parameters;
}

async function untilReady(
  { out, signal }: Pick<CommandContext, 'out' | 'signal'>,
  client: ApiClient,
  { sha256, sizeBytes, name }: RestoreParameters,
): Promise<void> {
  const wait = async (): Promise<void> => {
    let [movedAt, last] = [performance.now(), ''];
    for (;;) {
      signal.throwIfAborted();
      const { state, receivedBytes, node } = await client.request('restore.stage', { sha256, sizeBytes }, { signal });
      if (state === 'ready') return;
      const seen = `${node} ${state} ${receivedBytes}`;
      if (seen !== last || state === 'verifying') [movedAt, last] = [performance.now(), seen];
      if (performance.now() - movedAt > stallMaxMs)
        throw new QuorateError(
          'timeout',
          `the leader does not get ${name}: ${state}, ${receivedBytes} of ${sizeBytes} bytes`,
        );
      await sleep(askAgainMs);
    }
  };
  await out.during('The leader verifies the file', wait());
}
