/** What controllers keep to answer routers: shared models and changes, the throttle, the hello. */
import test from 'ava';
import {
  type Entity,
  type HelloRequest,
  helloReplySchema,
  type Position,
  type SyncReply,
  syncReplySchema,
} from '../../messaging/index.js';
import { answerHello, type HelloFacts } from '../../node/server/routers/hello.js';
import { makeEndpointList } from '../../node/server/routers/index.js';
import { SharedChanges } from '../../node/server/routers/shared-changes.js';
import { SharedModel } from '../../node/server/routers/shared-model.js';
import { Throttle } from '../../node/server/routers/throttle.js';
import { ModelSource, Replica, sorted } from './support/source.js';

const decode = (bytes: Uint8Array): SyncReply => syncReplySchema.parse(JSON.parse(new TextDecoder().decode(bytes)));

function shared(source: ModelSource, yieldTurn: () => Promise<void> = () => Promise.resolve()) {
  const reader = new Replica(source);
  reader.catchUp();
  const clock = { nowMs: 0 };
  const limits = { replyBytesMax: 500, sliceEntities: 5, modelReuseMs: 100, modelKeepMs: 1000 };
  const model = new SharedModel({ reader, controller: 'n1', yieldTurn, now: () => clock.nowMs, limits });
  return { reader, clock, model };
}

async function wholeModel(model: SharedModel) {
  const entities: Entity[] = [];
  let position: Position | null = null;
  let cursor: string | null = null;
  let pages = 0;
  do {
    const page = decode(await model.page(cursor));
    if (page.what !== 'model') throw new Error(page.what);
    pages += 1;
    position ??= page.position;
    if (JSON.stringify(position) !== JSON.stringify(page.position)) throw new Error('pages at different positions');
    entities.push(...page.entities);
    ({ cursor } = page);
  } while (cursor !== null);
  return { entities, position, pages };
}

function filled(count: number, journalMax?: number): ModelSource {
  const source = new ModelSource(undefined, 'raft', journalMax);
  for (let index = 0; index < count; index += 1) source.put('service', `s${index}`);
  return source;
}

test('a model built once is given to all that ask', async (t) => {
  const { model } = shared(filled(40));
  const [first, ...others] = await Promise.all(Array.from({ length: 50 }, () => wholeModel(model)));
  t.is(model.built, 1);
  t.is(first?.entities.length, 40);
  t.true((first?.pages ?? 0) > 5);
  for (const other of others) t.deepEqual(other, first);
});

test('an empty model is one page', async (t) => {
  const { model } = shared(new ModelSource());
  t.like(await wholeModel(model), { entities: [], pages: 1 });
});

test('what is read while the model changes is exact at the position that it names', async (t) => {
  const source = filled(40);
  let turns = 0;
  const { model, reader } = shared(source, () => {
    turns += 1;
    source.put('service', `s${turns % 40}`, `name ${turns}`);
    source.put('policy', `p${turns}`);
    if (turns % 3 === 0) source.delete('policy', `p${turns}`);
    reader.catchUp();
    return Promise.resolve();
  });
  const taken = await wholeModel(model);
  // What a router does: fetch what has changed since that position.
  const replay = new Map(taken.entities.map((entity) => [`${entity.kind}/${entity.id}`, entity]));
  const changes = reader.changesAfter(taken.position?.index ?? 0, 10_000);
  if (changes === 'snapshot-required') throw new Error(changes);
  for (const { type, entity } of changes)
    type === 'deleted'
      ? replay.delete(`${entity.kind}/${entity.id}`)
      : replay.set(`${entity.kind}/${entity.id}`, entity);
  t.true(turns > 5);
  t.deepEqual(sorted(replay.values()), sorted(source.entities.values()));
});

test('a somewhat older model is given again, unless its changes are gone or another history has begun', async (t) => {
  const source = filled(10, 20);
  const { model, reader, clock } = shared(source);
  const built = async () => {
    reader.catchUp();
    await model.page(null);
    return model.built;
  };
  t.is(await built(), 1);
  source.put('service', 'new');
  t.is(await built(), 1, 'young enough');
  clock.nowMs = 101;
  t.is(await built(), 2, 'too old');
  for (let index = 0; index < 30; index += 1) source.put('service', 'often');
  t.is(await built(), 3, 'the journal no longer reaches back');
  source.begin({ timeline: { id: 'second', epoch: 2 } });
  t.is(await built(), 4, 'another history');
  clock.nowMs = 10_000;
  t.is(await built(), 4, 'nothing has changed: age does not matter');
});

test('pages of a model that is gone are refused, so that the router begins anew', async (t) => {
  const source = filled(40);
  const { model, clock, reader } = shared(source);
  const first = decode(await model.page(null));
  const cursor = first.what === 'model' ? first.cursor : null;
  for (let index = 0; index < 3; index += 1) {
    clock.nowMs += 200;
    source.put('service', `new${index}`);
    reader.catchUp();
    await model.page(null);
  }
  await t.throwsAsync(() => model.page(cursor), { message: /no longer kept/ }, 'three newer ones are kept');
  clock.nowMs += 1001;
  const last = decode(await model.page(null));
  model.expire();
  t.notThrows(() => model.page(last.what === 'model' ? last.cursor : null));
  clock.nowMs += 1001;
  model.expire();
  await t.throwsAsync(() => model.page(last.what === 'model' ? last.cursor : null));
  for (const rubbish of ['', 'x', '1/2/3', `${cursor?.split('/')[0]}/99`])
    await t.throwsAsync(() => model.page(rubbish));
});

test('changes are answered within a bound of bytes, and say that there are more', (t) => {
  const source = filled(50);
  const { reader } = shared(source);
  const changes = new SharedChanges({
    reader,
    controller: 'n1',
    limits: { replyBytesMax: 1000, changesMax: 100, changesKeptMax: 2 },
  });
  let after: Position = { ...source.position, index: 0 };
  let answers = 0;
  let count = 0;
  for (;;) {
    const bytes = changes.after(after);
    t.true(bytes.byteLength < 1500);
    const answer = decode(bytes);
    if (answer.what !== 'changes') throw new Error(answer.what);
    answers += 1;
    count += answer.changes.length;
    after = answer.changes.at(-1)?.position ?? after;
    if (!answer.more) break;
  }
  t.true(answers > 3);
  t.is(count, 50);
  t.deepEqual(after, source.position);
});

test('a single change over the bound is still given', (t) => {
  const source = filled(1);
  source.put('service', 'large', 'x'.repeat(200));
  const { reader } = shared(source);
  const changes = new SharedChanges({ reader, controller: 'n1', limits: { replyBytesMax: 10 } });
  const answer = decode(changes.after({ ...source.position, index: 0 }));
  t.is(answer.what === 'changes' ? answer.changes.length : 0, 1);
});

for (const [what, after, code] of [
  ['further than this controller', { index: 99 }, 'behind'],
  ['in a newer history', { timeline: { id: 'b', epoch: 2 } }, 'behind'],
  ['in another history of the same epoch', { timeline: { id: 'b', epoch: 1 } }, 'timeline-conflict'],
  ['counting in another way', { indexType: 'legacy' }, 'snapshot-required'],
  ['before what the journal holds', { index: 0 }, 'snapshot-required'],
] as const) {
  test(`a router that stands ${what}: ${code}`, (t) => {
    const source = filled(10, 5);
    const { reader } = shared(source);
    const changes = new SharedChanges({ reader, controller: 'n1' });
    t.like(
      t.throws(() => changes.after({ ...source.position, ...after })),
      { code },
    );
  });
}

test('what is sent in a second is bounded, and a refusal says when to ask again', (t) => {
  let nowMs = 0;
  const throttle = new Throttle({ perSecondMax: 100, now: () => nowMs });
  t.is(throttle.take(60), 0);
  t.is(throttle.take(40), 0);
  t.is(throttle.take(50), 500);
  nowMs = 499;
  t.true(throttle.take(50) > 0);
  nowMs = 500;
  t.is(throttle.take(50), 0);
  nowMs = 60_000;
  t.is(throttle.take(1000), 0, 'more than a second holds passes when nothing else was sent');
  t.true(throttle.take(1) > 0);
});

const hello: HelloRequest = {
  router: 'r1',
  version: '1',
  protocol: { min: 1, max: 1 },
  indexTypes: ['raft', 'legacy'],
  position: null,
  incarnation: 1,
};
const position: Position = { timeline: { id: 'a', epoch: 1 }, indexType: 'raft', index: 3 };
const facts: HelloFacts = {
  router: null,
  controller: 'n1',
  heartbeatMs: 1000,
  position,
  endpoints: makeEndpointList({
    cluster: 'test',
    clusterId: 'id',
    position,
    members: [{ id: 'n1', name: 'n1', addresses: ['nats://n1:4222'], role: 'voter', protocol: { min: 1, max: 1 } }],
  }),
};

for (const [what, router, controller, expected] of [
  ['ranges that meet', hello, { ...facts, protocol: { min: 1, max: 4 } }, 1],
  [
    'the highest version of both is spoken',
    { ...hello, protocol: { min: 2, max: 9 } },
    { ...facts, protocol: { min: 1, max: 4 } },
    4,
  ],
  ['a router that is too new', { ...hello, protocol: { min: 5, max: 9 } }, facts, 'unsupported-version'],
  ['a router that is too old', hello, { ...facts, protocol: { min: 2, max: 9 } }, 'unsupported-version'],
  ['a router that does not know raft indexes', { ...hello, indexTypes: ['legacy' as const] }, facts, 'hello-refused'],
  [
    'a router that is disabled',
    hello,
    {
      ...facts,
      router: {
        kind: 'router',
        id: hello.router,
        name: hello.router,
        version: 1,
        createdAt: 1,
        updatedAt: 1,
        tags: {},
        spec: { disabled: true },
      },
    },
    'hello-refused',
  ],
  ['a controller without a model', hello, { ...facts, position: null }, 'behind'],
  ['a controller that is in no configuration', hello, { ...facts, endpoints: null }, 'behind'],
] as const) {
  test(`hello, ${what}: ${expected}`, (t) => {
    const reply = helloReplySchema.parse(answerHello({ ...router, indexTypes: [...router.indexTypes] }, controller));
    t.is(reply.ok ? reply.protocolVersion : reply.error.code, expected);
  });
}

for (const [what, held, isGiven] of [
  ['one that does not say what it holds', undefined, true],
  ['one that holds none', null, true],
  ['one that holds an older one', { ...position, index: 2 }, true],
  ['one that holds the same', position, true],
  ['one that holds a newer one', { ...position, index: 4 }, false],
  ['one that holds one of a lower epoch', { ...position, timeline: { id: 'z', epoch: 0 }, index: 4 }, true],
  [
    'one that holds one of a higher epoch, which is told whom it speaks to',
    { ...position, timeline: { id: 'b', epoch: 2 } },
    true,
  ],
  ['one that holds one counted in another way', { ...position, indexType: 'legacy', index: 4 }, true],
] as const) {
  test(`the list of controllers at hello, ${what}: ${isGiven ? 'given' : 'not given'}`, (t) => {
    const reply = helloReplySchema.parse(answerHello({ ...hello, endpoints: held }, facts));
    t.true(reply.ok);
    t.is('endpoints' in reply, isGiven);
  });
}
