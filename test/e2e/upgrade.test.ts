/**
 * The sequence in which routers were once cut off: routers upgraded first, then one controller of three, then the others,
 * with a router's file emptied on purpose and controllers restarted in every order. Two versions are two real processes: this
 * build, and this build acting as one that knew protocol version 1 only. `QUORATE_TEST_OLD_BUILD` names the `dist` folder of a
 * real older build to be used instead.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  endpointFileName,
  endpointListSchema,
  heartbeatSchema,
  QuorateError,
  type QuorateEvent,
  subjectsOf,
} from '../../messaging/index.js';
import { type Launch, startCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/wait.js';
import { startLoad } from './load.js';

const oldBuild = process.env['QUORATE_TEST_OLD_BUILD'];
const older: Launch = {
  env: { QUORATE_PROTOCOL_MAX: '1' },
  ...(oldBuild === undefined ? {} : { main: path.join(oldBuild, 'console', 'main.js') }),
};
const newer: Launch = {};
const ids = ['n1', 'n2', 'n3'];
const patienceMs = 60_000;

/** What routers are told and say, from the first moment: the promises are judged by it at the end. */
class Witness {
  readonly listsWithout: unknown[] = [];
  readonly events: QuorateEvent[] = [];
  lists = 0;
  /** Since the last heartbeat of each router, the longest. */
  readonly silenceMs = new Map<string, number>();
  readonly #lastBeat = new Map<string, number>();

  constructor(cluster: TestCluster) {
    const subjects = subjectsOf(cluster.name);
    cluster.connection.subscribe(subjects.endpoints(), {
      callback: (_error, message) => {
        this.lists += 1;
        const parsed = endpointListSchema.safeParse(message.json());
        if (!parsed.success) this.listsWithout.push(message.json());
      },
    });
    cluster.connection.subscribe(subjects.routerRequests('heartbeat'), {
      callback: (_error, message) => {
        const { router } = heartbeatSchema.parse(message.json());
        const now = performance.now();
        const before = this.#lastBeat.get(router);
        if (before !== undefined) this.silenceMs.set(router, Math.max(this.silenceMs.get(router) ?? 0, now - before));
        this.#lastBeat.set(router, now);
      },
    });
    cluster.api.watchEvents((event) => this.events.push(event));
  }
}

const linesOf = (cluster: TestCluster, router: string): { message: string; index?: number; id?: string }[] =>
  cluster
    .router(router)
    .logs()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { message: string });

function fileOf(cluster: TestCluster, router: string): string {
  return path.join(cluster.router(router).dataDirectory, endpointFileName);
}

/** The list that a router keeps on disk: what it would find its way with if all else were gone. */
function keptBy(cluster: TestCluster, router: string): readonly { readonly id: string }[] {
  const file = JSON.parse(readFileSync(fileOf(cluster, router), 'utf8')) as { list: unknown };
  return endpointListSchema.parse(file.list).controllers;
}

async function routersAreServed(t: ExecutionContext, cluster: TestCluster, routers: readonly string[]): Promise<void> {
  await eventually(
    async () => {
      const page = await cluster.api.request('routers.list', {}, { timeoutMs: patienceMs });
      return routers.every((id) => page.routers.some((each) => each.id === id && each.online && each.inSync));
    },
    { what: `${routers.join(', ')} to be online and in sync`, timeoutMs: patienceMs },
  );
  for (const id of routers) t.true(keptBy(cluster, id).length === 3, `${id} keeps all three controllers`);
}

/** The shortest sequence in which three stand next to each other in every order. */
const everyOrder = ['n1', 'n2', 'n3', 'n1', 'n2', 'n1', 'n3', 'n2', 'n1'];

test('a rolling upgrade, routers first: no router is without controllers, none loses contact, nothing is lost', async (t) => {
  t.timeout(10 * patienceMs);
  const cluster = await startCluster({ controllers: 3, routers: 3, launch: older });
  const witness = new Witness(cluster);
  await routersAreServed(t, cluster, ['r1', 'r2', 'r3']);
  const load = startLoad(cluster.api, 2, { label: 'upgrade' });
  await load.progress(20);

  // Routers first. r1 finds its file emptied, r2 what it was; r3 stays the older version to the end.
  await cluster.stop('r1');
  writeFileSync(fileOf(cluster, 'r1'), '');
  await cluster.restart('r1', newer);
  await cluster.restart('r2', newer);
  await routersAreServed(t, cluster, ['r1', 'r2', 'r3']);
  t.regex(cluster.router('r1').logs(), /the configured list of servers is used.*is empty/);

  // One controller of three; then, mixed, all three again in every order, each as the version that it is.
  const [first = 'n2'] = [...(await cluster.followers())].reverse();
  await cluster.restart(first, newer);
  await cluster.settles(patienceMs);
  await routersAreServed(t, cluster, ['r1', 'r2', 'r3']);
  const mixed = cluster.statuses();
  t.deepEqual(
    [...mixed.values()].map(({ protocol }) => protocol.max).toSorted((a, b) => a - b),
    [1, 1, 2],
  );
  t.true(
    [...mixed.values()].every(({ gates }) => gates.length === 0),
    'nothing new is used yet',
  );
  const codes = [...mixed.values()].flatMap((status) => status.alarms.map(({ code }) => code));
  t.false(codes.includes('unsupported-version'), 'the versions hear each other');
  await cluster.stop('r2');
  writeFileSync(fileOf(cluster, 'r2'), '');
  for (const id of everyOrder) {
    await cluster.restart(id);
    if (!cluster.router('r2').isRunning()) await cluster.restart('r2', newer);
    await cluster.settles(patienceMs);
  }
  await routersAreServed(t, cluster, ['r1', 'r2', 'r3']);
  t.true([...cluster.statuses().values()].every(({ gates }) => gates.length === 0));
  const refused = await t.throwsAsync(cluster.api.request('model.import', { entity: someEntity }), {
    instanceOf: QuorateError,
  });
  t.true(['gate-closed', 'unsupported-version', 'unknown-verb'].includes(refused?.code ?? ''), refused?.message);

  // The others, the leader of that moment among them; where the old version knows it, by the workflow for it.
  const left = ids.filter((each) => cluster.statuses().get(each)?.protocol.max === 1);
  for (const id of left) {
    await load.progress(10);
    if (oldBuild === undefined) await upgradeByWorkflow(t, cluster, id);
    else await cluster.restart(id, newer);
    await cluster.settles(patienceMs);
    await routersAreServed(t, cluster, ['r1', 'r2', 'r3']);
  }
  await cluster.waitUntil(
    (all) => all.size === 3 && [...all.values()].every(({ gates }) => gates.includes('model-import')),
    'the feature gate to be raised on all members',
    patienceMs,
  );
  t.is((await cluster.api.request('model.import', { entity: someEntity })).entity.version, 7);

  await load.stop();
  t.deepEqual(load.failures, []);
  await cluster.agrees(patienceMs);
  await routersAreServed(t, cluster, ['r1', 'r2', 'r3']);

  // What the witness saw.
  t.true(witness.lists > 0);
  t.deepEqual(witness.listsWithout, [], 'no list without a controller was ever sent');
  const offline = witness.events.filter(
    (event) => event.namespace === 'router' && event.event_type === 'router-offline',
  );
  t.deepEqual(
    offline.filter((event) => event.namespace === 'router' && event.router_id === 'r3'),
    [],
  );
  const alarms = witness.events.filter((event) => event.namespace === 'alert' && event.alert_source_type === 'router');
  t.deepEqual(
    alarms.filter((event) => event.namespace === 'alert' && !/configured list of servers/.test(event.message)),
    [],
    'no router refused a list or an event',
  );

  // r3 ran through it all: it never had to look for a controller again, and had every write exactly once, in order.
  const lines = linesOf(cluster, 'r3');
  const phases = lines
    .map(({ message }) => message)
    .filter((message) => /^(disconnected|greeting|refused|syncing|live)$/.test(message));
  const sinceLive = phases.slice(phases.indexOf('live'));
  t.deepEqual(
    sinceLive.filter((phase) => phase !== 'live' && phase !== 'syncing'),
    [],
    'r3 never lost contact',
  );
  const seen = lines
    .filter(({ message }) => /^service upgrade-\S+ created$/.test(message))
    .map(({ index = 0 }) => index);
  t.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
    'in order',
  );
  t.is(new Set(seen).size, seen.length, 'none applied twice');
  const indexes = new Set(seen);
  t.deepEqual(
    load.acknowledged.filter(({ index }) => !indexes.has(index)),
    [],
    'none lost',
  );
  t.log(
    `${load.acknowledged.length} writes through ${3 + everyOrder.length} restarts of controllers; longest silence of r3: ${Math.round(witness.silenceMs.get('r3') ?? 0)} ms`,
  );
  await whatIsOlderStaysOut(t, cluster);
  await cluster.end();
});

const someEntity = {
  kind: 'service',
  id: 'imported',
  name: 'imported',
  version: 7,
  createdAt: 1,
  updatedAt: 2,
  tags: {},
  spec: {},
};

/** The operation says when to stop it, and believes only what it says when it is back. */
async function upgradeByWorkflow(t: ExecutionContext, cluster: TestCluster, node: string): Promise<void> {
  const parameters = { workflow: 'upgrade', node, from: null } as const;
  const { id } = await cluster.api.request('operation.start', parameters, { timeoutMs: patienceMs });
  const record = () => cluster.api.request('operation.get', { id }, { timeoutMs: patienceMs });
  await eventually(async () => (await record()).steps.some(({ detail }) => detail.startsWith(`stop ${node}`)), {
    what: `the upgrade of ${node} to ask for its end`,
    timeoutMs: patienceMs,
  });
  t.not(await cluster.leader(patienceMs), node, 'leadership went elsewhere first');
  await cluster.restart(node, newer);
  const ended = await eventually(
    async () => {
      const operation = await record();
      return operation.finishedAt !== null && operation;
    },
    { what: `the upgrade of ${node} to end`, timeoutMs: patienceMs },
  );
  t.is(ended.state, 'done', JSON.stringify(ended.error));
}

/** A gate is never lowered: who does not understand it is neither joined nor started, and says why. */
async function whatIsOlderStaysOut(t: ExecutionContext, cluster: TestCluster): Promise<void> {
  const [member = 'n3'] = await cluster.followers();
  await cluster.restart(member, { env: { QUORATE_PROTOCOL_MAX: '1' } });
  const status = await cluster.node(member).process?.waitForExit(patienceMs);
  t.is(status?.code, 1);
  t.regex(
    cluster.node(member).logs(),
    /uses the feature model-import of protocol version 2; this controller understands versions up to 1/,
  );
  t.regex(cluster.node(member).logs(), /newer-command/);
  await cluster.restart(member, newer);
  await cluster.agrees(patienceMs);

  await cluster.startBlank('n4');
  await cluster.restart('n4', { env: { QUORATE_PROTOCOL_MAX: '1' } });
  await cluster.waitUntil((all) => all.get('n4')?.state === 'blank', 'n4 to be blank again', patienceMs);
  const error = await t.throwsAsync(cluster.join('n4'), { instanceOf: QuorateError });
  t.is(error?.code, 'check-failed');
  t.regex(error?.message ?? '', /n4 understands protocol versions up to 1; the cluster uses model-import of version 2/);
}
