/** Which lists of controllers are accepted: a table, and generated lists. */
import test from 'ava';
import { decideEndpoints, type Endpoint, type EndpointList, type EndpointRule } from '../../messaging/index.js';
import { asEndpointList, serversOf } from '../../messaging/router/endpoints.js';
import { initialState, reduce } from '../../messaging/router/router-state.js';
import { endpointListSchema } from '../../messaging/schemas/router.js';
import { makeEndpointList } from '../../node/server/routers/index.js';
import { seededRandom } from '../support/random.js';
import { anyList, isGoodAfter } from './support/lists.js';

const endpoint = (id: string, ...addresses: readonly string[]): Endpoint => ({
  id,
  name: id,
  addresses: addresses.length === 0 ? [`nats://${id}:4222`] : [...addresses],
  role: 'voter',
  protocol: { min: 1, max: 1 },
});

const good: EndpointList = {
  v: 1,
  cluster: 'test',
  clusterId: 'id',
  position: { timeline: { id: 'A', epoch: 3 }, indexType: 'raft', index: 50 },
  controllers: [endpoint('n1'), endpoint('n2')],
};
const atIndex = (index: number) => ({ ...good.position, index });
const ofTimeline = (id: string, epoch: number) => ({ ...good.position, timeline: { id, epoch } });

interface Case {
  readonly what: string;
  readonly incoming: unknown;
  readonly held?: EndpointList | null;
  readonly is: EndpointRule | 'accept' | 'same';
}

const table: readonly Case[] = [
  { what: 'the first', incoming: good, held: null, is: 'accept' },
  { what: 'the same again', incoming: structuredClone(good), is: 'same' },
  { what: 'a newer one', incoming: { ...good, position: atIndex(51) }, is: 'accept' },
  {
    what: 'one of a higher epoch, though its index is lower',
    incoming: { ...good, position: { ...ofTimeline('B', 4), index: 1 } },
    is: 'accept',
  },
  {
    what: 'one of another index type in the same timeline',
    incoming: { ...good, position: { ...atIndex(1), indexType: 'legacy' } },
    is: 'accept',
  },
  {
    what: 'other addresses at the same position',
    incoming: { ...good, controllers: [endpoint('n1', 'nats://new:4222')] },
    is: 'accept',
  },
  {
    what: 'one with fields of a newer version',
    incoming: { ...good, position: atIndex(51), colour: 'red' },
    is: 'accept',
  },
  { what: 'an empty one', incoming: { ...good, position: atIndex(51), controllers: [] }, is: 'empty' },
  { what: 'an empty one, and nothing is held', incoming: { ...good, controllers: [] }, held: null, is: 'empty' },
  {
    what: 'an empty one of a higher epoch',
    incoming: { ...good, position: ofTimeline('B', 4), controllers: [] },
    is: 'empty',
  },
  { what: 'nothing', incoming: undefined, is: 'undecodable' },
  { what: 'null', incoming: null, is: 'undecodable' },
  { what: 'a text', incoming: 'controllers', is: 'undecodable' },
  { what: 'one without a position', incoming: { ...good, position: undefined }, is: 'undecodable' },
  { what: 'one with a negative index', incoming: { ...good, position: atIndex(-1) }, is: 'undecodable' },
  { what: 'controllers that are no list', incoming: { ...good, controllers: { n1: {} } }, is: 'undecodable' },
  {
    what: 'an id that is none',
    incoming: { ...good, controllers: [endpoint('n 1', 'nats://x:1')] },
    is: 'undecodable',
  },
  {
    what: 'more controllers than there may be',
    incoming: { ...good, position: atIndex(51), controllers: Array.from({ length: 129 }, (_, i) => endpoint(`n${i}`)) },
    is: 'undecodable',
  },
  {
    what: 'a version that is not understood',
    incoming: { ...good, v: 99, position: atIndex(51) },
    is: 'unsupported-version',
  },
  {
    what: 'one of another cluster',
    incoming: { ...good, cluster: 'other', position: atIndex(51) },
    is: 'other-cluster',
  },
  {
    what: 'one of another cluster of the same name',
    incoming: { ...good, clusterId: 'other', position: atIndex(51) },
    is: 'other-cluster',
  },
  { what: 'an older one', incoming: { ...good, position: atIndex(49) }, is: 'older' },
  {
    what: 'one of a lower epoch, though its index is higher',
    incoming: { ...good, position: { ...ofTimeline('Z', 2), index: 900 } },
    is: 'lower-epoch',
  },
  {
    what: 'the same epoch with another timeline',
    incoming: { ...good, position: { ...ofTimeline('B', 3), index: 900 } },
    is: 'timeline-conflict',
  },
  {
    what: 'a controller without addresses',
    incoming: { ...good, position: atIndex(51), controllers: [endpoint('n1'), { ...endpoint('n2'), addresses: [] }] },
    is: 'no-address',
  },
  {
    what: 'a controller without the field',
    incoming: { ...good, position: atIndex(51), controllers: [{ ...endpoint('n1'), addresses: undefined }] },
    is: 'no-address',
  },
  {
    what: 'an address of spaces',
    incoming: { ...good, position: atIndex(51), controllers: [endpoint('n1', '  ')] },
    is: 'no-address',
  },
  {
    what: 'an address that is none',
    incoming: { ...good, position: atIndex(51), controllers: [endpoint('n1', 'nats://a b')] },
    is: 'bad-address',
  },
  {
    what: 'a controller twice',
    incoming: { ...good, position: atIndex(51), controllers: [endpoint('n1'), endpoint('n1')] },
    is: 'duplicate',
  },
];

for (const { what, incoming, held = good, is } of table) {
  test(`${what}: ${is}`, (t) => {
    const decision = decideEndpoints(held, incoming, 'test');
    t.is(decision.decision === 'refuse' ? decision.rule : decision.decision, is);
    if (decision.decision === 'refuse') t.true(decision.sentence.length > 5);
  });
}

const refusals = table.filter(({ is, held }) => is !== 'accept' && is !== 'same' && held === undefined);

test('each list that is refused leaves the router with the one that it has, and the operator with an event that names the rule', (t) => {
  const settings = { cluster: 'test', router: 'r1', version: '1', scope: 'whole', incarnation: 1 } as const;
  const begun = initialState({ ...settings, protocol: { min: 1, max: 1 }, indexTypes: ['raft'] });
  const { state } = reduce(begun, { input: 'start', finding: { found: 'list', list: good } }, 0);
  const rules = new Set<EndpointRule>();
  for (const { what, incoming, is } of refusals) {
    const connected = reduce(state, { input: 'connected' }, 0).state;
    const refused = reduce(connected, { input: 'endpoints', list: incoming }, 0);
    t.deepEqual(refused.state.endpoints, good, what);
    t.false(
      refused.effects.some(({ effect }) => effect === 'save-endpoints'),
      what,
    );
    const alert = refused.effects.find((each) => each.effect === 'alert');
    t.like(alert?.alert, { code: 'router.endpoints.refused', details: [is] }, what);
    rules.add(is as EndpointRule);
  }
  t.is(rules.size, 10, 'every rule there is');
});

test('whatever lists arrive, just the good ones are accepted: the router always has controllers, and never goes back', (t) => {
  const random = seededRandom(7);
  let held: EndpointList | null = null;
  let accepted = 0;
  for (let round = 0; round < 20_000; round += 1) {
    if (round % 200 === 0) held = null;
    const incoming = anyList(random);
    const decision = decideEndpoints(held, incoming, 'test');
    const expected = isGoodAfter(held, incoming);
    if ((decision.decision !== 'refuse') !== expected)
      t.fail(`${JSON.stringify(incoming)} after ${JSON.stringify(held)}: ${JSON.stringify(decision)}`);
    if (decision.decision !== 'accept') continue;
    accepted += 1;
    held = decision.list;
    t.notThrows(() => endpointListSchema.parse(held));
    if (serversOf(held, []).length === 0) t.fail('a router without controllers');
  }
  t.true(accepted > 200, `${accepted} accepted`);
});

test('controllers cannot make an empty list', (t) => {
  const source = { cluster: 'test', clusterId: 'id', position: good.position };
  t.is(makeEndpointList({ ...source, members: [] }), null);
  t.is(makeEndpointList({ ...source, members: [{ ...endpoint('n1'), addresses: [' '] }] }), null);
  t.deepEqual(makeEndpointList({ ...source, members: [endpoint('n2'), endpoint('n1')] }), { ...good });
  t.is(asEndpointList({ ...good, controllers: [] }), null);
});

test('servers to try: those learned first, the configured ones always, each once', (t) => {
  t.deepEqual(serversOf(null, ['a']), ['a']);
  t.deepEqual(serversOf(good, ['nats://n2:4222', 'c']), ['nats://n1:4222', 'nats://n2:4222', 'c']);
});
