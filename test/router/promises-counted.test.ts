/**
 * Events counted at both ends, among real processes: what clients were told is written, what the journal of the controllers holds,
 * and what each of many routers got. None lost, none applied twice, none refused as old. `npm run bench:routers -- --routers 10000`
 * does the same with many.
 */
import test from 'ava';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { createFleet, type Fleet, type FleetReport } from '../support/fleet.js';
import { eventually } from '../support/wait.js';

const patienceMs = 90_000;
const writers = 4;
const routers = 20;
const countedEntities = 8;
test.beforeEach((t) => t.timeout(6 * patienceMs));

/** Changes that are tagged with a number each, one after another by each writer, until it is told to stop. */
class CountedLoad {
  readonly acknowledged: number[] = [];
  lastIndex = 0;
  #next = 0;
  #stopped = false;
  readonly #done: Promise<unknown>;

  constructor(private readonly cluster: TestCluster) {
    this.#done = Promise.all(Array.from({ length: writers }, (_, writer) => this.#write(writer)));
  }

  /** Waits until this many more are acknowledged. */
  async progress(more: number): Promise<void> {
    const goal = this.acknowledged.length + more;
    await eventually(() => this.acknowledged.length >= goal, { what: `${more} more writes`, timeoutMs: patienceMs });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #write(writer: number): Promise<void> {
    while (!this.#stopped) {
      this.#next += 1;
      const number = this.#next;
      const id = `counted-${(number * writers + writer) % countedEntities}`;
      const patch = { tags: { count: String(number) } };
      const { position } = await this.cluster.api.request(
        'model.update',
        { kind: 'service', id, patch },
        { timeoutMs: patienceMs },
      );
      this.acknowledged.push(number);
      this.lastIndex = Math.max(this.lastIndex, position.index);
    }
  }
}

const countAndSum = (numbers: readonly number[]): string =>
  `${numbers.length} ${numbers.reduce((sum, number) => sum + number, 0)}`;

async function inJournal(cluster: TestCluster): Promise<string> {
  const changes = await cluster.changesOf(await cluster.leader());
  return countAndSum(
    changes.flatMap(({ entity }) => (entity.tags['count'] === undefined ? [] : [Number(entity.tags['count'])])),
  );
}

async function fleetOf(cluster: TestCluster, prefix: string, scope: 'whole' | 'own'): Promise<Fleet> {
  const fleet = createFleet({ cluster: cluster.name, servers: [cluster.natsUrl], routers, scope, prefix });
  await fleet.start(patienceMs);
  return fleet;
}

async function createModel(cluster: TestCluster): Promise<void> {
  const create = (kind: string, id: string, spec: Record<string, unknown>) =>
    cluster.api.request('model.create', { kind, id, name: id, spec });
  await create('policy', 'everywhere', { type: 'Dial', routerRoles: ['#all'], serviceRoles: ['#public'] });
  for (let index = 0; index < countedEntities; index += 1)
    await create('service', `counted-${index}`, { roleAttributes: ['public'] });
  for (let index = 0; index < routers; index += 1) await create('router', `own-${String(index).padStart(5, '0')}`, {});
  await create('service', 'elsewhere', { roleAttributes: ['private'] });
  await cluster.settles(patienceMs);
}

test('events are counted at both ends through the kill of a leader, the kill of the nats-server, and a member that comes back: none lost, none twice, none refused as old', async (t) => {
  const cluster = await startCluster({ controllers: 3 });
  t.teardown(() => cluster.end());
  await createModel(cluster);
  const offline: string[] = [];
  cluster.api.watchEvents((event) => {
    if (event.namespace === 'router' && event.event_type === 'router-offline') offline.push(event.message ?? '');
  }, 'router.>');
  const fleets = await Promise.all([fleetOf(cluster, 'own', 'own'), fleetOf(cluster, 'whole', 'whole')]);
  t.teardown(() => Promise.all(fleets.map((fleet) => fleet.end())));

  const load = new CountedLoad(cluster);
  await load.progress(60);
  const killed = await cluster.leader();
  await cluster.kill(killed);
  await load.progress(60);
  await cluster.nats.kill();
  for (const fleet of fleets)
    await eventually(async () => (await fleet.report()).connected === 0, {
      what: 'the routers to notice',
      timeoutMs: patienceMs,
    });
  await cluster.nats.restart();
  await load.progress(60);
  await cluster.restart(killed);
  await load.progress(60);
  await load.stop();

  const expected = countAndSum(load.acknowledged);
  t.is(await inJournal(cluster), expected, 'what was acknowledged is in the journal, once');
  for (const fleet of fleets) {
    const report = await fleet.reaches(load.lastIndex, patienceMs);
    followedEverything(t.log, report);
    t.deepEqual(report.counted, [expected], 'each router got just that');
    t.is(report.disorder, 0);
    for (const counter of [
      'staleEvents',
      'conflicts',
      'badReplies',
      'undecodable',
      'handlerErrors',
      'endpointsRefused',
    ])
      t.is(report.counters[counter], 0, counter);
    t.is(report.counters['resyncs'], routers, 'only the first of each');
  }
  t.deepEqual(offline, []);
});

function followedEverything(log: (text: string) => void, { counters }: FleetReport): void {
  log(
    ['events', 'changesFetched', 'duplicates', 'gaps', 'hellos'].map((name) => `${name} ${counters[name]}`).join(', '),
  );
}
