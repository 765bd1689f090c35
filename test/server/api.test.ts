/** What a controller answers by the subject that it was asked on, on a real nats-server. */
import test from 'ava';
import { connectNats, QuorateError } from '../../messaging/index.js';
import { type ApiResponse, apiResponseSchema } from '../../messaging/schemas/api.js';
import { subjectsOf } from '../../messaging/subjects.js';
import { type ApiHandlers, ApiServer } from '../../node/server/api.js';
import type { Log } from '../../node/server/log.js';
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
  const silent = { limited: () => undefined } as unknown as Log;
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
