/** What a controller answers by the subject that it was asked on, on a real nats-server. */
import test from 'ava';
import { connectNats, QuorateError } from '../../messaging/index.js';
import { type ApiResponse, apiResponseSchema, apiVerbs } from '../../messaging/schemas/api.js';
import { subjectsOf } from '../../messaging/subjects.js';
import { systemClock } from '../../node/cluster/clock.js';
import { type ApiHandlers, ApiServer } from '../../node/server/api.js';
import { createLog } from '../../node/server/log.js';
import { startNatsServer } from '../support/nats.js';

const subjects = subjectsOf('test');
const requestId = 'request-1';
const noOperation = '01a1fd4f-dd92-701d-9fb2-ffcd3d21ac22';

async function serverWith(handlers: Partial<ApiHandlers>) {
  const nats = await startNatsServer();
  const [connection, client] = await Promise.all([
    connectNats({ servers: [nats.url], name: 'controller' }),
    connectNats({ servers: [nats.url], name: 'client' }),
  ]);
  const silent = createLog({ clock: systemClock, write: () => undefined });
  const server = new ApiServer({ connection, subjects, nodeId: 'n1', log: silent, handlers: handlers as ApiHandlers });
  server.start();
  return {
    server,
    async ask(to: string, verb: string, params: unknown): Promise<ApiResponse> {
      await connection.flush();
      const answer = await client.request(subjects.api(to, 'test', verb), JSON.stringify({ v: 1, requestId, params }));
      return apiResponseSchema.parse(answer.json());
    },
    async end() {
      await Promise.all([connection.close(), client.close()]);
      await nats.stop();
    },
  };
}

const codeOf = (response: ApiResponse): string => (response.ok ? 'ok' : response.error.code);

test('who asks for the leader and reaches a controller that is no member any more is told to ask again', async (t) => {
  const { server, ask, end } = await serverWith({
    'operation.get': () => {
      throw new QuorateError('removed');
    },
  });
  server.setLeading(true);
  t.is(codeOf(await ask('leader', 'operation.get', { id: noOperation })), 'not-leader');
  t.is(codeOf(await ask('n1', 'operation.get', { id: noOperation })), 'removed', 'who asks for this one is told why');
  await end();
});

test('only a controller that serves answers what is for any of them', async (t) => {
  const timeline = { id: 'a', epoch: 1 };
  const { server, ask, end } = await serverWith({
    'model.changes': () => ({ changes: [], position: { timeline, indexType: 'raft', index: 1 }, more: false }),
  });
  await t.throwsAsync(ask('any', 'model.changes', { after: null }), { message: '503' }, 'nobody listens');
  server.setServing(true);
  t.is(codeOf(await ask('any', 'model.changes', { after: null })), 'ok');
  server.setServing(false);
  await t.throwsAsync(ask('any', 'model.changes', { after: null }), { message: '503' });
  await end();
});

test('a page of large items holds fewer of them, so that NATS carries it; who reads on gets all', async (t) => {
  const timeline = { id: 'a', epoch: 1 };
  const position = { timeline, indexType: 'raft', index: 1 } as const;
  const large = (index: number) => ({
    ...{ kind: 'service', id: `service-${index}`, name: `service-${index}`, version: 1, createdAt: 1, updatedAt: 1 },
    ...{ tags: { note: '€'.repeat(20_000) }, spec: {} },
  });
  const all = Array.from({ length: 70 }, (_, index) => large(index + 10));
  const { server, ask, end } = await serverWith({
    'model.list': ({ after = '', limit }) => {
      const rest = all.filter(({ id }) => id > after);
      return { entities: rest.slice(0, limit), position, more: rest.length > limit };
    },
    'model.get': () => ({ entity: { ...large(1), tags: { note: '€'.repeat(400_000) } }, position }),
  });
  server.setLeading(true);
  const found: string[] = [];
  let pages = 0;
  for (let more = true; more; pages += 1) {
    const page = await ask('leader', 'model.list', { kind: 'service', after: found.at(-1), limit: 1000 });
    if (!page.ok) throw QuorateError.fromWire(page.error);
    const result = apiVerbs['model.list'].result.parse(page.result);
    t.true(result.entities.length > 0);
    found.push(...result.entities.map(({ id }) => id));
    more = result.more;
  }
  t.true(pages > 4, 'NATS carries 1 MiB, and they are 4');
  t.deepEqual(
    found,
    all.map(({ id }) => id),
  );
  const one = await ask('leader', 'model.get', { kind: 'service', id: 'service-1' });
  t.is(codeOf(one), 'too-large', 'an answer that cannot be cut is refused, and not lost');
  await end();
});
