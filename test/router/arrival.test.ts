/** Whether routers hold what the model holds, at the position that they name: seen while the model goes on changing. */
import test from 'ava';
import { entitiesSha256, type ModelReport, QuorateError, type RouterView } from '../../messaging/index.js';
import { contains, partOf } from '../../messaging/router/part.js';
import { RouterArrival } from '../../node/server/routers/index.js';
import { ModelSource, Replica } from './support/source.js';

function view(id: string, source: ModelSource, given: Partial<RouterView> = {}): RouterView {
  return {
    ...{ id, online: true, version: '1', protocolVersion: 1, position: source.position, endpointsIndex: 0 },
    ...{ inSync: true, lastContactMs: 0, connectedTo: 'n1', scope: 'whole', indexTypes: null, refused: null },
    counters: {},
    ...given,
  };
}

function setting() {
  const source = new ModelSource({ id: 'new', epoch: 2 });
  for (let number = 0; number < 1_200; number += 1) source.put('service', `s${number}`);
  const reader = new Replica(source);
  reader.catchUp();
  const routers: RouterView[] = [];
  const reports = new Map<string, ModelReport>();
  const asked: string[] = [];
  const left = new Set<string>();
  let now = 0;
  const arrival = new RouterArrival({
    routers: () => ({
      routers: () => routers,
      askReports: (ids) => asked.push(...ids),
      reportOf: (id) => reports.get(id) ?? null,
      hasLeft: (id) => left.has(id),
    }),
    reader,
    now: () => now,
  });
  const holds = (id: string): void => {
    reports.set(id, { position: source.position, entitiesSha256: entitiesSha256([...source.entities.values()]) });
  };
  return { source, reader, routers, reports, asked, left, arrival, holds, wait: (ms: number) => (now += ms) };
}

test('a router is verified by what it holds at the position that it names, also while writes go on', async (t) => {
  const { source, reader, routers, arrival, asked, holds, wait } = setting();
  routers.push(view('r1', source), view('r2', source), view('old', source, { online: false, lastContactMs: 60_000 }));
  t.like(await arrival.look([]), { connected: 2, arrived: 2, verified: 0 });
  t.deepEqual(asked, ['r1', 'r2']);
  holds('r1');
  source.put('service', 's3', 'renamed');
  source.delete('service', 's7');
  reader.catchUp();
  holds('r2');
  wait(1_000);
  // What r1 named lies before the copy that was made meanwhile: it is asked again.
  await arrival.look([]);
  holds('r1');
  wait(1_000);
  t.deepEqual(await arrival.look([]), { connected: 2, arrived: 2, verified: 2, waitingFor: [], different: [] });
});

test('a router that holds something else is named, and no other', async (t) => {
  const { source, routers, reports, arrival, holds } = setting();
  routers.push(view('r1', source), view('r2', source));
  holds('r1');
  const wrong = [...source.entities.values()].map((entity, place) => (place === 5 ? { ...entity, name: 'x' } : entity));
  reports.set('r2', { position: source.position, entitiesSha256: entitiesSha256(wrong) });
  t.like(await arrival.look([]), { verified: 1, waitingFor: ['r2'], different: ['r2'] });
  t.like(
    await arrival.look(['r2']),
    { connected: 1, verified: 1, different: [] },
    'one that is left behind is not waited for',
  );
});

test('what a router held in the history before says nothing', async (t) => {
  const { source, reader, routers, arrival, holds } = setting();
  routers.push(view('r1', source));
  holds('r1');
  t.like(await arrival.look([]), { verified: 1 });
  source.begin({ timeline: { id: 'newer', epoch: 3 }, indexType: 'legacy' });
  reader.catchUp();
  t.like(await arrival.look([]), { connected: 1, arrived: 0, verified: 0, waitingFor: ['r1'] });
});

test('a router that holds its own part is held against that, though most of it is made once for all of its group', async (t) => {
  const { source, reader, routers, reports, arrival } = setting();
  for (let group = 0; group < 3; group += 1) {
    const role = [`#g${group}`];
    source.put('policy', `p${group}`, `p${group}`, { type: 'Dial', routerRoles: role, serviceRoles: role });
    for (const id of ['a', 'z'])
      source.put('service', `${id}${group}`, `${id}${group}`, { roleAttributes: [`g${group}`] });
  }
  source.put('policy', 'all', 'all', { type: 'Dial', routerRoles: ['#all'], identityRoles: ['#all'] });
  source.put('identity', 'i1');
  for (let number = 0; number < 30; number += 1)
    source.put('router', `r${number}`, `r${number}`, { roleAttributes: [`g${number % 3}`, `g${number % 2}`] });
  reader.catchUp();
  const all = [...source.entities.values()];
  for (let number = 0; number < 31; number += 1) {
    const id = `r${number}`;
    routers.push(view(id, source, { scope: 'own' }));
    const part = partOf(id, all);
    const held = all.filter((entity) => contains(part, entity));
    // One lacks something; the last is not in the model, and holds nothing.
    const wrong = number === 7 ? held.slice(1) : held;
    reports.set(id, { position: source.position, entitiesSha256: entitiesSha256(wrong) });
  }
  const seen = await arrival.look([]);
  t.is(seen.connected, 31);
  t.deepEqual(seen.different, ['r7']);
  t.is(seen.verified, 30);
});

test('a router that does not answer is asked ever more rarely; one that answers, and went on meanwhile, as before', async (t) => {
  const { source, routers, reports, arrival, asked, wait } = setting();
  routers.push(view('silent', source), view('busy', source));
  const timesOf = (id: string) => asked.filter((each) => each === id).length;
  for (let second = 0; second <= 60; second += 1) {
    // What it says is always of a moment before that at which the copy stands.
    reports.set('busy', { position: { ...source.position, index: 0 }, entitiesSha256: 'of then' });
    await arrival.look([]);
    wait(1_000);
  }
  t.is(timesOf('silent'), 7, 'after 1, 2, 4, 8, 16 and 16 seconds');
  t.true(timesOf('busy') > 30, `${timesOf('busy')}`);
});

test('of thousands some are asked at a time', async (t) => {
  const { source, routers, arrival, asked } = setting();
  for (let number = 0; number < 2_500; number += 1) routers.push(view(`r${number}`, source));
  const asksOf = async () => {
    asked.length = 0;
    await arrival.look([]);
    return asked.length;
  };
  t.deepEqual([await asksOf(), await asksOf(), await asksOf(), await asksOf()], [1_000, 1_000, 500, 0]);
});

test('a router that has fallen silent is waited for a while, unless it said goodbye or was refused', async (t) => {
  const { source, routers, left, arrival, holds } = setting();
  const ids = ['r1', 'gone', 'stopped', 'refused'];
  routers.push(...ids.map((id) => view(id, source)), view('away', source, { online: false, lastContactMs: 60_000 }));
  t.like(await arrival.look([]), { connected: 4 });
  holds('r1');
  const silent = (given: Partial<RouterView>) =>
    routers.splice(1, 3, ...ids.slice(1).map((id) => view(id, source, { online: false, ...given })));
  silent({ lastContactMs: 20_000 });
  left.add('stopped');
  const refused = new QuorateError('hello-refused').toWire();
  routers.splice(3, 1, view('refused', source, { online: false, lastContactMs: 20_000, refused }));
  t.like(await arrival.look([]), { connected: 2, verified: 1, waitingFor: ['gone'] });
  silent({ lastContactMs: 60_000 });
  t.like(await arrival.look([]), { connected: 1, verified: 1, waitingFor: [] });
});
