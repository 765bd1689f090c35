/** A router's own part of the model: what controllers choose, shared among routers, and what the router makes of changes. */
import test from 'ava';
import { type Entity, selectionOf, selects, syncReplySchema } from '../../messaging/index.js';
import { RouterModel } from '../../messaging/router/model-view.js';
import { partAfter, partOf } from '../../messaging/router/part.js';
import { SharedModel, type Wanted } from '../../node/server/routers/shared-model.js';
import { type Random, seededRandom } from '../support/random.js';
import { eventually } from '../support/wait.js';
import { ModelSource, Replica, sorted } from './support/source.js';
import { clusterFor, inSync, liveRouter } from './support/watched.js';

const routers = ['r1', 'r2', 'r3', 'r4', 'r5', 'stranger'];

function randomModel(random: Random): ModelSource {
  const source = new ModelSource();
  const some = (from: readonly string[], share = 0.3) => from.filter(() => random.chance(share));
  const attributes = ['a', 'b', 'c'];
  const roles = (kind: string) => ['#a', '#b', '#c', ...(random.chance(0.2) ? ['#all'] : []), `@${kind}2`, `@${kind}3`];
  for (const id of routers.slice(0, -1)) source.put('router', id, id, { roleAttributes: some(attributes, 0.5) });
  for (const [kind, count] of [
    ['service', 30],
    ['identity', 20],
  ] as const)
    for (let index = 0; index < count; index += 1)
      source.put(kind, `${kind}${index}`, undefined, { roleAttributes: some(attributes) });
  for (let index = 0; index < 4; index += 1)
    source.put('policy', `p${index}`, undefined, {
      semantic: random.pick(['AnyOf', 'AllOf']),
      routerRoles: some(['#a', '#b', '#all', '@r1', '@r2']),
      serviceRoles: some(roles('service')),
      identityRoles: some(roles('identity')),
    });
  return source;
}

/** What concerns a router, said in the plainest way. */
function bySpecification(entities: Iterable<Entity>, router: string): readonly Entity[] {
  const all = [...entities];
  const self = all.find((each) => each.kind === 'router' && each.id === router);
  if (self === undefined) return [];
  const policies = all.filter((each) => each.kind === 'policy' && selects(selectionOf(each, 'routerRoles'), self));
  const joined = (kind: string, side: 'serviceRoles' | 'identityRoles') =>
    all.filter((each) => each.kind === kind && policies.some((policy) => selects(selectionOf(policy, side), each)));
  return sorted([self, ...policies, ...joined('service', 'serviceRoles'), ...joined('identity', 'identityRoles')]);
}

function sharedOver(source: ModelSource) {
  const reader = new Replica(source);
  reader.catchUp();
  const clock = { nowMs: 0 };
  const limits = { replyBytesMax: 700, sliceEntities: 7, modelReuseMs: 100, modelKeepMs: 1000 };
  const model = new SharedModel({
    reader,
    controller: 'n1',
    yieldTurn: () => Promise.resolve(),
    now: () => clock.nowMs,
    limits,
  });
  return { reader, clock, model };
}

async function taken(model: SharedModel, wanted: Wanted) {
  const entities: Entity[] = [];
  let cursor: string | null = null;
  let index = 0;
  do {
    const page = syncReplySchema.parse(JSON.parse(new TextDecoder().decode(await model.page(cursor, wanted))));
    if (page.what !== 'model') throw new Error(page.what);
    entities.push(...page.entities);
    ({ cursor } = page);
    ({ index } = page.position);
  } while (cursor !== null);
  return { entities, index };
}

test('controllers choose just what concerns a router, whatever the model', async (t) => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const source = randomModel(seededRandom(seed));
    const { model } = sharedOver(source);
    const distinct = new Set<string>();
    for (const router of [...routers, ...routers]) {
      const { entities } = await taken(model, { own: router });
      const expected = bySpecification(source.entities.values(), router);
      t.deepEqual(sorted(entities), expected, `seed ${seed}, ${router}`);
      t.is(new Set(entities.map(({ kind, id }) => `${kind}/${id}`)).size, entities.length, 'each once');
      distinct.add(expected.flatMap(({ kind, id }) => (kind === 'policy' ? [id] : [])).join());
    }
    t.is(model.built, 1, 'copied once');
    t.is(model.partsBuilt, distinct.size, 'encoded once for all whom the same policies select');
  }
});

test('the whole model and parts of it are given side by side', async (t) => {
  const source = randomModel(seededRandom(7));
  const { model } = sharedOver(source);
  const [whole, own] = await Promise.all([taken(model, {}), taken(model, { own: 'r1' })]);
  t.deepEqual(sorted(whole.entities), sorted(source.entities.values()));
  t.deepEqual(sorted(own.entities), bySpecification(source.entities.values(), 'r1'));
  t.is(model.built, 1);
});

test('a router that needs a model from a certain position on is not given an older one', async (t) => {
  const source = randomModel(seededRandom(3));
  const { model, reader } = sharedOver(source);
  await taken(model, { own: 'r1' });
  source.put('service', 'new');
  reader.catchUp();
  t.true((await taken(model, { own: 'r1' })).index < source.position.index, 'young enough for whoever does not say');
  t.is((await taken(model, { own: 'r1', atLeast: source.position })).index, source.position.index);
  t.is(model.built, 2);
  // One that this controller has not reached: it gives what it has, and does not build the same again and again.
  const beyond = { ...source.position, index: source.position.index + 9 };
  t.is((await taken(model, { own: 'r1', atLeast: beyond })).index, source.position.index);
  t.is(model.built, 2);
});

test('an entity that comes into the part is created for the application, one that leaves it is deleted', (t) => {
  const source = new ModelSource();
  const model = new RouterModel();
  source.put('router', 'r1', undefined, { roleAttributes: ['eu'] });
  source.put('policy', 'p1', undefined, { serviceRoles: ['#web'], identityRoles: ['@ann'], routerRoles: ['#eu'] });
  source.put('service', 'outside', undefined, { roleAttributes: [] });
  let part = partOf('r1', [...source.entities.values()]);
  model.replace(bySpecification(source.entities.values(), 'r1'), source.position, part);
  const give = (change: ReturnType<ModelSource['put']>): readonly string[] | 'more' => {
    const after = partAfter(part, change);
    if (after === null) return 'more';
    part = after;
    return model.apply(change, 'event', part).map(({ type, entity }) => `${type} ${entity.id}`);
  };
  const service = (id: string, ...roleAttributes: string[]) =>
    give(source.put('service', id, undefined, { roleAttributes }));
  t.deepEqual(service('s1', 'web'), ['created s1']);
  t.deepEqual(service('outside', 'other'), []);
  t.deepEqual(service('outside', 'other', 'web'), ['created outside']);
  t.deepEqual(service('s1', 'web', 'fast'), ['updated s1']);
  t.deepEqual(service('s1'), ['deleted s1']);
  t.deepEqual(give(source.delete('service', 's1')), []);
  t.deepEqual(give(source.put('identity', 'ann')), ['created ann']);
  t.deepEqual(give(source.put('identity', 'bob')), []);
  t.deepEqual(give(source.put('router', 'r2', undefined, { roleAttributes: ['eu'] })), []);
  const policy = (spec: Entity['spec']) =>
    give(source.put('policy', 'p1', undefined, { routerRoles: ['#eu'], ...spec }));
  t.deepEqual(policy({ serviceRoles: ['#web'] }), ['updated p1', 'deleted ann']);
  t.is(policy({ serviceRoles: ['#web', '#db'] }), 'more');
  t.deepEqual(policy({ serviceRoles: ['#web'], routerRoles: ['#us'] }), ['deleted p1', 'deleted outside']);
  t.deepEqual(model.kinds(), ['router']);
  t.is(give(source.put('router', 'r1', undefined, { roleAttributes: ['eu', 'us'] })), 'more');
  t.deepEqual(give(source.delete('router', 'r1')), ['deleted r1']);
  t.is(model.size, 0);
});

test('a router that wants its own part only is kept right while entities enter and leave it', async (t) => {
  const cluster = await clusterFor(t);
  cluster.put('router', 'r1', undefined, { roleAttributes: ['eu'] });
  for (let index = 0; index < 40; index += 1)
    cluster.put('service', `s${index}`, undefined, { roleAttributes: [index % 2 === 0 ? 'even' : 'odd'] });
  cluster.put('policy', 'p1', undefined, { serviceRoles: ['#even'], routerRoles: ['#eu'] });
  const { client, changes } = await liveRouter(t, cluster, { scope: 'own' });
  const expected = () => bySpecification(cluster.source.entities.values(), 'r1');
  await inSync(t, cluster, client, expected);
  t.is(client.model.size, 22);
  // What does not concern it moves its position and nothing else.
  const before = changes.length;
  cluster.put('service', 's1', 'renamed', { roleAttributes: ['odd'] });
  await inSync(t, cluster, client, expected);
  t.is(changes.length, before);
  t.is(client.counters.resyncs, 1);
  // More is selected than it holds: the policy, then its own attributes. Meanwhile things go on.
  cluster.put('policy', 'p1', undefined, { serviceRoles: ['#even', '#odd'], routerRoles: ['#eu'] });
  cluster.put('service', 's40', undefined, { roleAttributes: ['odd'] });
  await inSync(t, cluster, client, expected);
  t.is(client.model.list('service').length, 41);
  cluster.put('policy', 'p2', undefined, { identityRoles: ['#all'], routerRoles: ['#us'] });
  cluster.put('identity', 'ann');
  cluster.put('router', 'r1', undefined, { roleAttributes: ['eu', 'us'] });
  cluster.delete('service', 's40');
  await inSync(t, cluster, client, expected);
  t.true(client.model.get('identity', 'ann') !== undefined);
  t.is(client.counters.resyncs, 3);
  cluster.put('router', 'r1', undefined, { roleAttributes: [] });
  await inSync(t, cluster, client, expected);
  t.is(client.model.size, 1);
  await eventually(() => cluster.controller('n1').service?.routers()[0]?.scope === 'own', {
    what: 'the controllers to know what it holds',
  });
});
