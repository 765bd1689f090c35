/** `quorate restore --from FILE`: a new cluster on a file, in the blank directory of a controller that does not run. */
import { resolve } from 'node:path';
import { QuorateError } from '../../messaging/errors.js';
import { identifierSchema, nodeIdSchema } from '../../messaging/identifiers.js';
import { formatPosition, type Position } from '../../messaging/position.js';
import { shellWord } from '../../messaging/shell-word.js';
import { connectionSettings, controllerIdFlag, dataDirectoryFlag, defaultServer, setting } from '../config/common.js';
import { onOff, path, text } from '../config/setting.js';
import { formatBytes, listed } from '../state/format.js';
import { type CommandContext, usageError } from './command.js';
import type { ClientSettings } from './session.js';
import { originOf, withSession } from './session.js';

/** Loaded when it is needed: `--help` must not wait for SQLite. */
const loadOffline = () => import('../../node/server/restore-offline.js');
type Offline = Awaited<ReturnType<typeof loadOffline>>;
type SnapshotFile = ReturnType<Offline['readForRestore']>;

const withFrom = 'With --from: ';

export const restoreFromSettings = {
  from: setting({
    flag: 'from',
    placeholder: 'FILE',
    group: 'Options',
    completes: 'file',
    describe: 'Begin a new cluster on this snapshot, in the blank directory of a controller that does not run',
    schema: path.optional(),
  }),
  dataDirectory: setting({
    ...dataDirectoryFlag,
    describe: `${withFrom}directory of the controller that begins it; made where it is missing`,
    schema: path.optional(),
  }),
  id: setting({
    ...controllerIdFlag,
    describe: `${withFrom}id of that controller`,
    schema: text(nodeIdSchema).optional(),
  }),
  cluster: setting({
    ...connectionSettings.cluster,
    defaultText: 'default; with --from that of the file',
    schema: text(identifierSchema).optional(),
  }),
  // Other sources of a first model, which the start that follows would be given as well.
  bootstrap: setting({
    env: 'QUORATE_BOOTSTRAP',
    key: 'node.bootstrap',
    group: 'Options',
    hidden: true,
    describe: 'Another beginning',
    schema: onOff,
  }),
  standalone: setting({
    env: 'QUORATE_STANDALONE',
    key: 'node.standalone',
    group: 'Options',
    hidden: true,
    describe: 'Another beginning',
    schema: onOff,
  }),
  restoreFrom: setting({
    env: 'QUORATE_RESTORE_FROM',
    key: 'node.restoreFrom',
    group: 'Options',
    hidden: true,
    describe: 'Another source',
    schema: path.optional(),
  }),
} as const;

export interface RestoreFromSettings extends Omit<ClientSettings, 'cluster'> {
  readonly cluster: string | undefined;
  readonly dataDirectory: string | undefined;
  readonly id: string | undefined;
  readonly dryRun: boolean;
  readonly bootstrap: boolean;
  readonly standalone: boolean;
  readonly restoreFrom: string | undefined;
}

export const restoreFromJsonShape =
  '{ directory, node, cluster, clusterId, file: { path, sizeBytes, sha256, cluster, createdAt, createdBy, position }, entities: { KIND: number }, position, restored, start }; with --dry-run restored is false, clusterId and position are null';

export async function restoreFrom(context: CommandContext, given: RestoreFromSettings, from: string): Promise<0> {
  const { out } = context;
  const file = resolve(from);
  const { dataDirectory, id: nodeId } = given;
  if (dataDirectory === undefined || nodeId === undefined)
    throw usageError(
      `--from needs ${dataDirectory === undefined ? 'the directory' : 'the id'} of the controller that begins the cluster`,
      'Give --data-dir DIR and --id ID, as `quorate node` is given them.',
    );
  refuseOtherSources(given, file);
  const offline = await loadOffline();
  const found = await out.during(
    `Reading ${file}`,
    Promise.resolve().then(() => offline.readForRestore(file)),
  );
  const cluster = given.cluster ?? found.manifest.clusterName;
  const by = { requestedBy: given.as, origin: originOf() };
  const request = { directory: resolve(dataDirectory), cluster, nodeId, file: found, by };
  await withSession(context, { ...given, cluster }, ({ client }) => offline.checkOfflineRestore(request, client));
  const start = startCommand(given, request);
  const about = { directory: request.directory, node: nodeId, cluster, start, found };
  if (given.dryRun) {
    tell(context, { ...about, restored: null });
    return 0;
  }
  const restored = await out.during(`Writing ${request.directory}`, offline.restoreOffline(request));
  tell(context, { ...about, restored });
  return 0;
}

/** One source for a model: what else is configured would be asked for by the next start, and ignored there. */
function refuseOtherSources({ bootstrap, standalone, restoreFrom: other }: RestoreFromSettings, file: string): void {
  const others = [
    ...(bootstrap ? ['bootstrap'] : []),
    ...(standalone ? ['standalone'] : []),
    ...(other !== undefined && resolve(other) !== file ? [`restoreFrom ${other}`] : []),
  ];
  if (others.length === 0) return;
  throw new QuorateError(
    'invalid-config',
    `more than one source is given: --from ${file}, and for this controller is configured ${listed(others)}`,
    { remedy: 'A model has one source: take the others out of the environment and the config file.' },
  );
}

interface Told {
  readonly directory: string;
  readonly node: string;
  readonly cluster: string;
  readonly start: string;
  readonly found: SnapshotFile;
  /** Null: nothing was changed. */
  readonly restored: { readonly clusterId: string; readonly position: Position } | null;
}

function tell({ out }: CommandContext, { found, restored, ...about }: Told): void {
  const { path: file, sizeBytes, sha256, manifest } = found;
  const { clusterName, createdAt, createdBy, countByKind, meta } = manifest;
  if (out.json) {
    const of = { cluster: clusterName, createdAt, createdBy, position: meta.position };
    const result = { clusterId: restored?.clusterId ?? null, position: restored?.position ?? null };
    out.printJson({
      ...about,
      file: { path: file, sizeBytes, sha256, ...of },
      entities: countByKind,
      ...result,
      restored: restored !== null,
    });
    return;
  }
  const { directory, node, cluster, start } = about;
  const counts = Object.entries(countByKind).map(([kind, number]) => `${number} ${kind}`);
  const pairs = [
    ['file', `${file} (${formatBytes(sizeBytes)}): whole and undamaged`],
    [
      'written',
      `${new Date(createdAt).toISOString()} by ${createdBy} of the cluster ${clusterName}, at ${formatPosition(meta.position)}`,
    ],
    ['entities', counts.join(', ')],
    ['becomes', `the cluster ${cluster}, with ${node} as its only voter, in ${directory}`],
    ...(restored === null ? [] : [['position', formatPosition(restored.position)]]),
  ];
  const warnings =
    cluster === clusterName
      ? []
      : [
          `The file was written by the cluster ${clusterName}, not ${cluster}: routers of ${clusterName} will not find this one.`,
        ];
  out.print(
    [
      ...pairs.map(([title = '', value]) => `${out.style('dim', title.padEnd(10))} ${value}`),
      ...warnings.map((warning) => `${out.style('warn', '▲')} ${warning}`),
    ].join('\n'),
  );
  if (restored === null) {
    out.note('Nothing was changed.');
    return;
  }
  out.print(
    `${out.style('good', '✔')} ${directory} is restored. Start it:\n\n  ${start}\n\nThen start the others on blank directories, and join each: quorate members join ID`,
  );
}

/** As it may be pasted into a shell. Secrets are in none of these settings. */
function startCommand(
  given: RestoreFromSettings,
  { directory, cluster, nodeId }: { readonly directory: string; readonly cluster: string; readonly nodeId: string },
): string {
  const servers = given.nats.join(',');
  const options: readonly (readonly [string, string | undefined])[] = [
    ['cluster', cluster],
    ['id', nodeId],
    ['data-dir', directory],
    ['nats', servers === defaultServer ? undefined : servers],
    ['user', given.user],
    ['password-file', given.passwordFile],
    ['token-file', given.tokenFile],
    ['nkey-seed-file', given.nkeySeedFile],
    ['creds-file', given.credsFile],
    ['tls-ca', given.tlsCa],
    ['tls-cert', given.tlsCert],
    ['tls-key', given.tlsKey],
  ];
  return [
    'quorate node',
    ...options.flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag} ${shellWord(value)}`])),
  ].join(' ');
}
