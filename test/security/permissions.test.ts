/**
 * Every role against every subject, on a real nats-server with the configuration that `quorate auth` makes. What is allowed
 * stands here by hand; all else must be refused.
 */
import test from 'ava';
import { connectNats, type NatsConnection } from '../../messaging/connection.js';
import { QuorateError } from '../../messaging/errors.js';
import { type Principal, readOnlyVerbs, rules } from '../../messaging/permissions.js';
import { apiVerbs } from '../../messaging/schemas/api.js';
import { roles, routerVerbs, type Subjects, subjectPatternsOf, subjectsOf } from '../../messaging/subjects.js';
import { startSecuredServer } from '../support/secured.js';
import { eventually } from '../support/wait.js';

const principals = {
  'controller ctrl1': { role: 'controller', name: 'ctrl1' },
  'controller ctrl2': { role: 'controller', name: 'ctrl2' },
  'router edge-1': { role: 'router', name: 'edge-1' },
  'router edge-2': { role: 'router', name: 'edge-2' },
  'admin alice': { role: 'operator', name: 'alice', access: 'admin' },
  'read-only bob': { role: 'operator', name: 'bob', access: 'read-only' },
  registrar: { role: 'registrar', name: 'registrar' },
  'token of edge-3': { role: 'enrolment', name: 'edge-3' },
  'controller of another cluster': { role: 'controller', name: 'ctrl1' },
} as const satisfies Record<string, Principal>;
type Who = keyof typeof principals;

const s = subjectsOf('demo');
const changing = Object.keys(apiVerbs).filter((verb) => !(readOnlyVerbs as readonly string[]).includes(verb));
const ctrl1: readonly Who[] = ['controller ctrl1'];
const controllers: readonly Who[] = ['controller ctrl1', 'controller ctrl2'];
const operators: readonly Who[] = ['admin alice', 'read-only bob'];

/** Of each kind of subject: one subject, and who may publish there. */
const publishing: Readonly<Record<Exclude<keyof Subjects, 'cluster'>, readonly (readonly [string, readonly Who[]])[]>> =
  {
    raft: [
      [s.raft('ctrl2', 'ctrl1', 'control'), ctrl1],
      [s.raft('ctrl2', 'ctrl1', 'bulk'), ctrl1],
      [s.raft('ctrl1', 'ctrl2', 'control'), ['controller ctrl2']],
    ],
    raftTo: [],
    peer: [
      [s.peer('ctrl2', 'ctrl1', 'snapshot.chunk'), ctrl1],
      [s.peer('ctrl2', 'ctrl1', 'recovery.claim'), ctrl1],
      [s.peer('ctrl2', 'edge-1', 'snapshot.chunk'), []],
      [s.peer('ctrl2', 'alice', 'snapshot.chunk'), []],
    ],
    peerTo: [],
    api: [
      ...readOnlyVerbs.map((verb) => [s.api('leader', 'bob', verb), ['read-only bob']] as const),
      ...changing.map((verb) => [s.api('leader', 'bob', verb), []] as const),
      ...Object.keys(apiVerbs).map((verb) => [s.api('leader', 'alice', verb), ['admin alice']] as const),
      [s.api('ctrl1', 'alice', 'snapshot.create'), ['admin alice']],
      [s.api('ctrl1', 'bob', 'snapshot.create'), []],
      [s.api('all', 'ctrl1', 'status.get'), ctrl1],
      [s.api('ctrl2', 'ctrl1', 'model.hash'), ctrl1],
      [s.api('leader', 'ctrl1', 'model.create'), []],
      [s.api('leader', 'ctrl1', 'operation.start'), []],
      [s.api('leader', 'edge-1', 'model.get'), []],
      [s.api('leader', 'registrar', 'model.update'), ['registrar']],
      [s.api('leader', 'registrar', 'operation.start'), []],
      [s.api('leader', 'edge-3', 'model.get'), []],
    ],
    apiTo: [],
    status: [
      [s.status('ctrl1'), ctrl1],
      [s.status('ctrl2'), ['controller ctrl2']],
      [s.status('edge-1'), []],
    ],
    event: [
      [s.event('cluster.leadership.gained'), controllers],
      [s.event('entityChange.routers'), controllers],
      [s.event('alert.router'), controllers],
    ],
    operation: [[s.operation('some-operation'), controllers]],
    routerRequest: [
      ...routerVerbs.map((verb) => [s.routerRequest('edge-1', verb), ['router edge-1']] as const),
      [s.routerRequest('edge-1', 'sync', 'ctrl2'), ['router edge-1']],
      [s.routerRequest('edge-1', 'hello', 'ctrl2'), ['router edge-1']],
      [s.routerRequest('edge-2', 'heartbeat'), ['router edge-2']],
      [s.routerRequest('edge-3', 'hello'), []],
      [s.routerRequest('edge-1', 'alert', 'ctrl1'), []],
    ],
    routerRequests: [],
    endpoints: [[s.endpoints(), controllers]],
    routerDirect: [[s.routerDirect('edge-1'), controllers]],
    enrolment: [
      [s.enrolment('edge-3'), ['token of edge-3']],
      [s.enrolment('edge-1'), []],
    ],
    inbox: [
      [`${s.inbox('router', 'edge-1')}.x.y`, controllers],
      [`${s.inbox('operator', 'alice')}.x.y`, controllers],
      [`${s.inbox('controller', 'ctrl2')}.x.y`, controllers],
      [`${s.inbox('registrar', 'registrar')}.x.y`, controllers],
      [`${s.inbox('enrolment', 'edge-3')}.x.y`, ['registrar']],
    ],
  };

/** What NATS itself answers to, and what nobody may use. */
const furtherPublishing: readonly (readonly [string, readonly Who[]])[] = [
  ['$SRV.PING', operators],
  ['_INBOX.somebody', []],
  ['$SYS.REQ.SERVER.PING', []],
  ['$JS.API.STREAM.LIST', []],
  ['quorate.demo', []],
  ['quorate.demo.something.new', []],
  ['quorate.other.status.ctrl1', ['controller of another cluster']],
];

const p = subjectPatternsOf('demo');

const subscribing: Readonly<
  Record<Exclude<keyof Subjects, 'cluster'>, readonly (readonly [string, readonly Who[]])[]>
> = {
  raft: [],
  raftTo: [
    [s.raftTo('ctrl1', 'control'), ctrl1],
    [s.raftTo('ctrl1', 'bulk'), ctrl1],
    [s.raftTo('ctrl2', 'bulk'), ['controller ctrl2']],
    [p.raftTo('*', 'bulk'), []],
  ],
  peer: [],
  peerTo: [[s.peerTo('ctrl1'), ctrl1]],
  api: [],
  apiTo: [
    [s.apiTo('leader'), controllers],
    [s.apiTo('ctrl1'), ctrl1],
    [s.apiTo('all'), controllers],
    // Only in the queue group: one answers.
    [s.apiTo('any'), []],
    [`${s.apiTo('any')} controllers`, controllers],
    [`${s.apiTo('any')} others`, []],
    [s.api('leader', 'alice', 'model.create'), controllers],
  ],
  status: [
    [s.status('*'), [...controllers, ...operators]],
    [s.status('ctrl1'), [...controllers, ...operators]],
  ],
  event: [
    [s.event('>'), [...controllers, ...operators]],
    [s.event('entityChange.>'), [...controllers, ...operators, 'router edge-1', 'router edge-2']],
    [s.event('cluster.leadership.gained'), [...controllers, ...operators, 'registrar']],
    [s.event('alert.>'), [...controllers, ...operators]],
  ],
  operation: [[s.operation('*'), operators]],
  routerRequest: [],
  routerRequests: [
    ...routerVerbs.map((verb) => [s.routerRequests(verb), controllers] as const),
    [`${s.routerRequests('sync')} controllers`, controllers],
    [s.routerRequests('sync', 'ctrl1'), ctrl1],
    [s.routerRequests('hello', '*'), controllers],
    [s.routerRequest('edge-1', 'heartbeat'), controllers],
  ],
  endpoints: [[s.endpoints(), ['router edge-1', 'router edge-2']]],
  routerDirect: [
    [s.routerDirect('edge-1'), ['router edge-1']],
    [p.routerDirect('*'), []],
  ],
  enrolment: [
    [p.enrolment('*'), ['registrar']],
    [s.enrolment('edge-3'), ['registrar']],
  ],
  inbox: [
    [`${s.inbox('controller', 'ctrl1')}.>`, ctrl1],
    [`${s.inbox('router', 'edge-1')}.>`, ['router edge-1']],
    [`${s.inbox('operator', 'alice')}.>`, ['admin alice']],
    [`${s.inbox('operator', 'bob')}.>`, ['read-only bob']],
    [`${s.inbox('registrar', 'registrar')}.>`, ['registrar']],
    [`${s.inbox('enrolment', 'edge-3')}.>`, ['token of edge-3']],
    [`${p.inbox('operator', '*')}.>`, []],
    ['quorate.demo.inbox.>', []],
  ],
};

const furtherSubscribing: readonly (readonly [string, readonly Who[]])[] = [
  ['$SRV.>', [...controllers, 'controller of another cluster']],
  ['>', []],
  ['quorate.>', []],
  ['quorate.demo.>', []],
  ['_INBOX.>', []],
  ['$SYS.>', []],
  ['quorate.other.status.*', ['controller of another cluster']],
];

const isOther = (who: string): boolean => who === 'controller of another cluster';

const secured = startSecuredServer({
  cluster: 'demo',
  identities: Object.entries(principals).flatMap(([who, principal]) => (isOther(who) ? [] : [principal])),
  beside: { cluster: 'other', identities: [principals['controller of another cluster']] },
});

interface Tried {
  readonly connection: NatsConnection;
  /** `publish SUBJECT` or `subscription SUBJECT`. */
  readonly refused: Set<string>;
}

async function connected(who: Who): Promise<Tried> {
  const { credentials } = await secured;
  const connection = await connectNats({
    ...credentials(principals[who], isOther(who) ? 'other' : 'demo'),
    name: who,
  });
  const refused = new Set<string>();
  void (async () => {
    for await (const { permissionContext } of connection.status())
      if (permissionContext !== undefined) refused.add(`${permissionContext.operation} ${permissionContext.subject}`);
  })();
  return { connection, refused };
}

/** NATS says what it refuses before it answers the ping of the flush; whoever watches for it has its turn after that. */
async function settled(connection: NatsConnection): Promise<void> {
  await connection.flush();
  await new Promise((resolve) => setImmediate(resolve));
}

const rows = (table: typeof publishing, further: typeof furtherPublishing) => [
  ...Object.values(table).flat(),
  ...further,
];

for (const who of Object.keys(principals) as Who[]) {
  test(`${who}: publishes what its role needs, and nothing else`, async (t) => {
    const { connection, refused } = await connected(who);
    const all = rows(publishing, furtherPublishing);
    for (const [subject] of all) connection.publish(subject, '{}');
    await settled(connection);
    for (const [subject, allowed] of all)
      t.is(!refused.has(`publish ${subject}`), allowed.includes(who), `${who} publishes on ${subject}`);
    await connection.close();
  });

  test(`${who}: subscribes to what its role needs, and nothing else`, async (t) => {
    const { connection, refused } = await connected(who);
    for (const [subject, allowed] of rows(subscribing, furtherSubscribing)) {
      const [pattern = '', queue] = subject.split(' ');
      refused.clear();
      const subscription = connection.subscribe(pattern, { queue, callback: () => undefined });
      await settled(connection);
      t.is(!refused.has(`subscription ${pattern}`), allowed.includes(who), `${who} subscribes to ${subject}`);
      subscription.unsubscribe();
    }
    await connection.close();
  });
}

const sorted = (texts: readonly string[]): readonly string[] => [...texts].sort((a, b) => (a < b ? -1 : 1));

test('every subject has a rule, and stands in both tables; every role is tried', (t) => {
  const names = sorted(Object.keys(s).filter((name) => name !== 'cluster'));
  t.deepEqual(sorted(Object.keys(rules)), names);
  t.deepEqual(sorted(Object.keys(publishing)), names);
  t.deepEqual(sorted(Object.keys(subscribing)), names);
  for (const name of names) {
    const [said, heard] = [publishing, subscribing].map(
      (table) => Object.entries(table).find(([key]) => key === name)?.[1] ?? [],
    );
    t.true([...(said ?? []), ...(heard ?? [])].length > 0, `${name} is tried`);
  }
  t.deepEqual(sorted([...new Set(Object.values(principals).map(({ role }) => role))]), sorted(roles));
});

test.serial('what one role says arrives at the other, and not what somebody says in its name', async (t) => {
  const [first, second, router, admin] = await Promise.all(
    (['controller ctrl1', 'controller ctrl2', 'router edge-1', 'admin alice'] as const).map(connected),
  );
  const heard: string[] = [];
  const listen = (subject: string, connection: NatsConnection | undefined): void => {
    connection?.subscribe(subject, {
      callback: (_error, message) => void heard.push(`${message.subject} ${message.string()}`),
    });
  };
  listen(s.raftTo('ctrl1', 'control'), first?.connection);
  listen(s.routerRequests('heartbeat'), first?.connection);
  await first?.connection.flush();
  for (const from of [router, admin]) from?.connection.publish(s.raft('ctrl1', 'ctrl2', 'control'), 'forged');
  admin?.connection.publish(s.routerRequest('edge-1', 'heartbeat'), 'forged');
  await Promise.all([router?.connection.flush(), admin?.connection.flush()]);
  second?.connection.publish(s.raft('ctrl1', 'ctrl2', 'control'), 'true');
  router?.connection.publish(s.routerRequest('edge-1', 'heartbeat'), 'true');
  await eventually(() => heard.length >= 2, { what: 'both to be heard' });
  t.deepEqual(sorted(heard), [
    `${s.raft('ctrl1', 'ctrl2', 'control')} true`,
    `${s.routerRequest('edge-1', 'heartbeat')} true`,
  ]);
  for (const each of [first, second, router, admin]) await each?.connection.close();
});

test('who is nobody is not let in: without a key, with an unknown one, without TLS, with a server that is not ours', async (t) => {
  const { url, port, store } = await secured;
  const refusal = async (options: Parameters<typeof connectNats>[0]): Promise<string> => {
    try {
      await (await connectNats(options)).close();
      return 'connected';
    } catch (error) {
      return error instanceof QuorateError ? error.code : String(error);
    }
  };
  const tls = { caFile: store.authorityFile };
  const common = { servers: [url], name: 'nobody', connectTimeoutMs: 5_000 };
  t.is(await refusal({ ...common, tls }), 'nats-refused');
  t.is(await refusal({ ...common, tls, user: 'ctrl1', password: 'ctrl1' }), 'nats-refused');
  const stranger = store.seedFile({ role: 'router', name: 'stranger' });
  store.newSeed('router', 'stranger');
  t.is(await refusal({ ...common, tls, nkeySeedFile: stranger }), 'nats-refused');
  t.not(await refusal({ ...common, servers: [`nats://127.0.0.1:${port}`] }), 'connected');
  // An authority that did not sign the server's certificate.
  const nkeySeedFile = store.seedFile(principals['admin alice']);
  t.is(await refusal({ ...common, nkeySeedFile }), 'nats-unreachable');
});
