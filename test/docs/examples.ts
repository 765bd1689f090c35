/**
 * The examples of docs/protocol.md: what a real cluster said, between `<!-- captured: SCHEMA WHAT -->` and `<!-- end -->`.
 * `npm run docs -- --examples` captures them anew; `fresh.test.ts` holds each against its schema.
 */
import { randomUUID } from 'node:crypto';
import { connectNats, type NatsConnection, subjectsOf } from '../../messaging/index.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/wait.js';

interface Heard {
  readonly subject: string;
  readonly reply: string | undefined;
  readonly body: unknown;
}

/** The examples by what they are: a schema's name and a word, as in the markers. */
export async function captureExamples(): Promise<ReadonlyMap<string, unknown>> {
  const cluster = await startCluster({ name: 'demo' });
  const connection = await connectNats({ servers: [cluster.natsUrl], name: 'capture' });
  try {
    const heard = listenToAll(connection);
    const examples = Object.entries(await capture(cluster, connection, heard));
    const told = await Promise.all(examples.map(async ([name, example]) => [name, await example] as const));
    // Where the test kept the router's files is nobody's business.
    const directory = cluster.router('edge-1').dataDirectory;
    const readable = (example: unknown): unknown =>
      JSON.parse(JSON.stringify(example).replaceAll(directory, '/var/lib/edge-1'));
    return new Map(told.map(([name, example]) => [name, readable(example)]));
  } finally {
    await connection.close();
    await cluster.end();
  }
}

function listenToAll(connection: NatsConnection): readonly Heard[] {
  const heard: Heard[] = [];
  for (const subject of ['quorate.>', '_INBOX.>']) {
    connection.subscribe(subject, {
      callback: (_error, message) => {
        if (!/\.(raft|peer)\./.test(message.subject))
          heard.push({ subject: message.subject, reply: message.reply, body: decoded(message.data) });
      },
    });
  }
  return heard;
}

async function capture(cluster: TestCluster, connection: NatsConnection, heard: readonly Heard[]) {
  const subjects = subjectsOf(cluster.name);
  const find = (what: string, matches: (message: Heard) => boolean): Promise<unknown> =>
    eventually(() => heard.find(matches), { what }).then(({ body }) => body);
  const of =
    (name: string) =>
    (message: Heard): boolean =>
      message.subject.startsWith(`quorate.demo.${name}`);
  const answerTo = async (what: string, matches: (message: Heard) => boolean): Promise<unknown> => {
    const request = await eventually(() => heard.find(matches), { what });
    return find(`the answer to ${what}`, (message) => message.subject === request.reply);
  };
  const ask = async (verb: string, params: unknown): Promise<unknown> => {
    const body = JSON.stringify({ v: 1, requestId: randomUUID(), params });
    return decoded((await connection.request(subjects.api('leader', 'alice', verb), body)).data);
  };

  const draft = {
    kind: 'service',
    id: 'billing',
    name: 'billing',
    tags: { site: 'berlin' },
    spec: { roleAttributes: ['public'] },
  };
  const created = await ask('model.create', draft);
  const refused = await ask('model.create', { ...draft, id: 'billing-2' });
  await cluster.startRouter('edge-1');
  const isSync =
    (what: string) =>
    (message: Heard): boolean =>
      of('router.edge-1.sync')(message) && JSON.stringify(message.body).includes(`"what":"${what}"`);
  const modelAnswer = await answerTo('the model', isSync('model'));
  await ask('model.update', { kind: 'service', id: 'billing', patch: { tags: { tier: 'gold' } } });
  await cluster.transfer();
  const before = (await cluster.api.request('model.list', { kind: 'service' })).position;
  const changes = await connection.request(
    subjects.routerRequest('edge-1', 'sync'),
    JSON.stringify({ v: 1, router: 'edge-1', want: { what: 'changes', after: { ...before, index: 2 } } }),
  );
  const list = (await answerTo('the hello', of('router.edge-1.hello'))) as { endpoints: object };
  connection.publish(subjects.endpoints(), JSON.stringify({ ...list.endpoints, controllers: [] }));
  const info = await connection.request('$SRV.INFO.quorate-controller');

  const leads = (message: Heard): boolean =>
    of('status.')(message) &&
    JSON.stringify(message.body).includes('"role":"leader"') &&
    JSON.stringify(message.body).includes('"online":1');
  return {
    'apiRequestSchema model.create': find('the create', of('api.leader.alice.model.create')),
    'apiResponseSchema model.create': created,
    'apiResponseSchema refusal': refused,
    'nodeStatusSchema leader': find('the status of the leader', leads),
    'entityChangeEventSchema updated': find(
      'the update',
      (message) => of('events.entityChange')(message) && JSON.stringify(message.body).includes('"updated"'),
    ),
    'clusterEventSchema leadership.gained': find('the new leader', of('events.cluster.leadership.gained')),
    'routerEventSchema router-online': find('the router', of('events.router.router-online')),
    'alertEventSchema alert': find('the alert', of('events.alert')),
    'helloRequestSchema hello': find('the hello', of('router.edge-1.hello')),
    'helloReplySchema hello': list,
    'heartbeatSchema heartbeat': find('a heartbeat', of('router.edge-1.heartbeat')),
    'syncRequestSchema model': find('the sync', isSync('model')),
    'syncReplySchema model': modelAnswer,
    'syncReplySchema changes': decoded(changes.data),
    'routerAlertSchema alert': find('the alert of the router', of('router.edge-1.alert')),
    '$SRV info': decoded(info.data),
  };
}

function decoded(data: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(data));
  } catch {
    return undefined;
  }
}

// --------------------------------------------------------------------------------------------------------- in the document

const marked = /<!-- captured: (\S+) ([^>]+) -->\n(?:```json\n([\s\S]*?)\n```\n)?<!-- end -->/g;

/** The document with its examples replaced. */
export function withExamples(document: string, examples: ReadonlyMap<string, unknown>): string {
  return document.replace(marked, (_whole, schema: string, what: string) => {
    const name = `${schema} ${what}`;
    const example = examples.get(name);
    if (example === undefined) throw new Error(`no example is called ${name}`);
    return `<!-- captured: ${name} -->\n\`\`\`json\n${laidOut(example)}\n\`\`\`\n<!-- end -->`;
  });
}

export interface ExampleInDocument {
  readonly schema: string;
  readonly what: string;
  /** Undefined: none is there. */
  readonly text: string | undefined;
}

export function examplesIn(document: string): readonly ExampleInDocument[] {
  return [...document.matchAll(marked)].map(([, schema = '', what = '', text]) => ({ schema, what, text }));
}

const lineMax = 120;

/** JSON with what fits into a line on one. */
function laidOut(value: unknown, indent = ''): string {
  const flat = oneLine(value);
  if (typeof value !== 'object' || value === null || indent.length + flat.length <= lineMax) return flat;
  const inner = `${indent}  `;
  const parts = Array.isArray(value)
    ? value.map((item) => laidOut(item, inner))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${laidOut(item, inner)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return `${open}\n${parts.map((part) => inner + part).join(',\n')}\n${indent}${close}`;
}

function oneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${oneLine(item)}`);
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
}
