/** `quorate support-bundle`: what somebody needs who is to help from afar, in one archive, and no secret in it. */
import { Buffer } from 'node:buffer';
import { open, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { basename, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { ApiClient } from '../../messaging/api-client.js';
import { QuorateError, toQuorateError } from '../../messaging/errors.js';
import { supportedVersions } from '../../messaging/protocol.js';
import type { QuorateEvent } from '../../messaging/schemas/events.js';
import type { Entity } from '../../messaging/schemas/model.js';
import { softwareVersion } from '../../messaging/version.js';
import { clientSettings, setting } from '../config/common.js';
import { durationMs, path, repeated } from '../config/setting.js';
import { type ArchivedFile, tarOf } from '../output/tar.js';
import { clockStamp, formatBytes, plural } from '../state/format.js';
import { readCluster } from './cluster-view.js';
import { type CommandContext, defineCommand } from './command.js';
import { type ClientSettings, type Session, withSession } from './session.js';

/** The end of a log is what is asked for. */
const logBytesMax = 8 * 1_024 * 1_024;
const eventsMax = 20_000;
const statusesMax = 5_000;
const routersMax = 20_000;
const pageLimit = 500;

export const supportBundleCommand = defineCommand({
  path: ['support-bundle'],
  summary: 'Gather what is needed for help into one archive, without secrets',
  description:
    'Status, health, members, operations, routers, what is heard of events and metrics while it listens, the last changes of the model, the configuration without secrets, and the logs that are named. Of entities only kind, id, name and version are in it. What could not be gathered is in it too, with why: it works on a cluster that is down.',
  settings: {
    output: setting({
      flag: 'output',
      alias: 'o',
      placeholder: 'FILE',
      group: 'Options',
      completes: 'file',
      describe: 'Where to write it',
      defaultText: './quorate-support-CLUSTER-TIME.tar.gz',
      schema: path.optional(),
    }),
    listenMs: setting({
      flag: 'listen',
      placeholder: 'TIME',
      group: 'Options',
      describe: 'How long to listen to events and metrics',
      defaultText: '10s',
      schema: durationMs(0, 600_000)
        .optional()
        .transform((ms) => ms ?? 10_000),
    }),
    logs: setting({
      flag: 'log',
      placeholder: 'FILE',
      repeatable: true,
      group: 'Options',
      completes: 'file',
      describe: 'A log of a controller, router or nats-server on this machine; of a large one, the last 8 MiB',
      schema: repeated(path),
    }),
    ...clientSettings,
  },
  examples: [
    { comment: 'Everything that can be had over NATS', line: 'quorate support-bundle' },
    {
      comment: 'With the log of the controller on this machine',
      line: 'journalctl -u quorate > ctrl1.log; quorate support-bundle --log ctrl1.log --listen 60s',
    },
  ],
  jsonShape: '{ path, sizeBytes, files: [{ name, sizeBytes }], missing: [{ name, error }] }',
  async run(context, given) {
    const { out } = context;
    const bundle = new Bundle();
    bundle.addJson('about.json', about(given));
    bundle.addJson('configuration.json', configurationOf(context, given));
    await gatherLogs(bundle, given.logs);
    try {
      await withSession(context, given, (session) => gather(context, session, given, bundle));
    } catch (error) {
      bundle.miss('nats', error);
    }
    const path = resolve(given.output ?? `quorate-support-${given.cluster}-${clockStamp(Date.now())}.tar.gz`);
    const written = await bundle.write(path);
    if (out.json) {
      out.printJson(written);
      return;
    }
    for (const { name, error } of written.missing) out.warn(`${name}: ${error.message}`);
    out.print(
      `${path}  ${out.style('dim', `${plural(written.files.length, 'file')}, ${formatBytes(written.sizeBytes)}`)}`,
    );
    out.note('Look into it before you send it: names of entities and routers are in it.');
  },
});

class Bundle {
  readonly #files: ArchivedFile[] = [];
  readonly #missing: { name: string; error: { code: string; message: string } }[] = [];

  addJson(name: string, value: unknown): void {
    this.add(name, `${JSON.stringify(value, null, 2)}\n`);
  }

  addLines(name: string, values: readonly unknown[]): void {
    this.add(name, values.map((value) => `${JSON.stringify(value)}\n`).join(''));
  }

  add(name: string, text: string): void {
    this.#files.push({ name: `quorate-support/${name}`, content: Buffer.from(withoutSecrets(text), 'utf8') });
  }

  /** What could not be had says something too. */
  miss(name: string, error: unknown): void {
    const { code, message } = toQuorateError(error);
    this.#missing.push({ name, error: { code, message } });
  }

  async write(path: string) {
    if (this.#missing.length > 0) this.addJson('missing.json', this.#missing);
    const packed = await promisify(gzip)(tarOf(this.#files, Date.now()));
    try {
      await writeFile(path, packed, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      throw new QuorateError('usage', `${path} cannot be written: ${error instanceof Error ? error.message : error}`, {
        remedy: 'Name another file with --output.',
        cause: error,
      });
    }
    const files = this.#files.map(({ name, content }) => ({ name, sizeBytes: content.length }));
    return { path, sizeBytes: packed.length, files, missing: this.#missing };
  }
}

/** Credentials in addresses, and whatever looks like a key or a token of NATS, in whichever file they stand. */
export function withoutSecrets(text: string): string {
  return text
    .replaceAll(/\/\/[^\s/@"']+@/gu, '//***@')
    .replaceAll(/\bS[UANOC][A-Z2-7]{56}\b/gu, '***')
    .replaceAll(/\beyJ[\w-]+\.[\w-]+\.[\w-]+/gu, '***')
    .replaceAll(
      /((?:password|passwd|token|secret|authorization)["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,}]+)/giu,
      '$1***',
    );
}

function about({ cluster }: ClientSettings) {
  return {
    at: new Date().toISOString(),
    cluster,
    version: softwareVersion,
    protocol: supportedVersions,
    node: process.versions.node,
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    cores: os.availableParallelism(),
    load: os.loadavg(),
    memoryBytes: { total: os.totalmem(), free: os.freemem() },
  };
}

/** What the command itself was told: a secret is said to be there, and no more. */
function configurationOf({ env }: CommandContext, given: ClientSettings) {
  const isGiven = (value: unknown): string | null => (value === undefined ? null : 'given');
  return {
    nats: given.nats,
    cluster: given.cluster,
    as: given.as,
    user: isGiven(given.user),
    password: isGiven(given.password ?? given.passwordFile),
    token: isGiven(given.token ?? given.tokenFile),
    nkeySeedFile: given.nkeySeedFile ?? null,
    credsFile: given.credsFile ?? null,
    tls: { ca: given.tlsCa ?? null, cert: given.tlsCert ?? null, key: given.tlsKey ?? null },
    timeoutMs: given.timeoutMs,
    environment: Object.keys(env).filter((name) => name.startsWith('QUORATE_')),
  };
}

async function gatherLogs(bundle: Bundle, files: readonly string[]): Promise<void> {
  for (const [index, file] of files.entries()) {
    try {
      bundle.add(`logs/${index + 1}-${basename(file).slice(-60)}`, await endOf(file));
    } catch (error) {
      bundle.miss(file, error);
    }
  }
}

async function endOf(file: string): Promise<string> {
  const { size } = await stat(file);
  const handle = await open(file);
  try {
    const from = Math.max(0, size - logBytesMax);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(size, logBytesMax)), 0, undefined, from);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } finally {
    await handle.close();
  }
}

async function gather(
  { out, signal }: CommandContext,
  { client, connection }: Session,
  given: ClientSettings & { readonly listenMs: number },
  bundle: Bundle,
): Promise<void> {
  const events: QuorateEvent[] = [];
  const statuses: unknown[] = [];
  const stops = [
    client.watchEvents((event) => events.length < eventsMax && events.push(withoutSpecs(event))),
    client.watchStatus((status) => statuses.length < statusesMax && statuses.push(status)),
  ];
  const began = performance.now();
  bundle.addJson('nats.json', { server: connection.info ?? null, stats: connection.stats() });
  const parts: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['status.json', () => statusOf(client, given.cluster)],
    ['members.json', () => client.request('members.list', {}, { timeoutMs: given.timeoutMs })],
    ['operations.json', () => client.request('operation.list', { limit: 100 }, { timeoutMs: given.timeoutMs })],
    ['routers.json', () => allRouters(client)],
    ['changes.json', () => lastChanges(client)],
  ];
  for (const [name, read] of parts) {
    try {
      bundle.addJson(name, await out.during(`Reading ${name}`, read()));
    } catch (error) {
      bundle.miss(name, error);
    }
  }
  const left = given.listenMs - (performance.now() - began);
  if (left > 0)
    await out.during(
      'Listening',
      sleep(left, undefined, { signal }).catch(() => undefined),
    );
  for (const stop of stops) stop();
  bundle.addLines('events.jsonl', events);
  // Each status holds counters and latencies: several of them in a row are the metrics.
  bundle.addLines('metrics.jsonl', statuses);
}

async function statusOf(client: ApiClient, cluster: string) {
  const { health, facts } = await readCluster(client, cluster);
  return { at: facts.now, health, controllers: [...facts.nodes.values()].map((record) => record.status) };
}

async function allRouters(client: ApiClient) {
  const found: unknown[] = [];
  for (let after: string | undefined; found.length < routersMax; ) {
    const page = await client.request('routers.list', { after, limit: pageLimit });
    found.push(...page.routers);
    after = page.routers.at(-1)?.id;
    if (!page.more || after === undefined) break;
  }
  return found;
}

/** The last that the journal keeps, up to one page before the newest. */
async function lastChanges(client: ApiClient) {
  const { position } = await client.request('model.changes', { after: null, limit: 1 });
  const after = { ...position, index: Math.max(0, position.index - pageLimit) };
  const { changes } = await client
    .request('model.changes', { after, limit: pageLimit })
    .catch(() => client.request('model.changes', { after: null, limit: pageLimit }));
  return changes.map((change) => ({ ...change, entity: withoutSpec(change.entity) }));
}

function withoutSpecs(event: QuorateEvent): QuorateEvent {
  if (event.namespace !== 'entityChange') return event;
  const bare = (entity: Entity | null | undefined): Entity | null => (entity == null ? null : withoutSpec(entity));
  return { ...event, metadata: {}, initialState: bare(event.initialState), finalState: bare(event.finalState) };
}

function withoutSpec(entity: Entity): Entity {
  return { ...entity, tags: {}, spec: {} };
}
