import { existsSync } from 'node:fs';
import test from 'ava';
import { connect } from 'nats';
import { isAlive } from './children.js';
import { startNatsServer } from './nats.js';
import { startProcess } from './process.js';
import { eventually } from './wait.js';

async function echoes(url: string): Promise<boolean> {
  const connection = await connect({ servers: url, reconnect: false, timeout: 1000 });
  try {
    connection.subscribe('echo', { callback: (_error, message) => void message.respond(message.data) });
    return (await connection.request('echo', 'hello', { timeout: 1000 })).string() === 'hello';
  } finally {
    await connection.close();
  }
}

test('a started server passes messages on a loopback port of its own', async (t) => {
  const [one, other] = await Promise.all([startNatsServer(), startNatsServer()]);
  t.not(one.port, other.port);
  t.true(await echoes(one.url));
  t.true(await echoes(other.url));
  t.is((await one.stop()).signal ?? 'none', 'none');
  await other.kill();
  t.false(one.isRunning() || other.isRunning());
});

test('a killed server comes back on the same port', async (t) => {
  const server = await startNatsServer();
  const firstPid = server.pid;
  t.is((await server.kill()).signal, 'SIGKILL');
  await t.throwsAsync(echoes(server.url));
  await server.restart();
  t.not(server.pid, firstPid);
  t.true(await echoes(server.url));
});

test('a running server restarts with another configuration', async (t) => {
  const server = await startNatsServer();
  t.true(await echoes(server.url));
  await server.restart('authorization { token: "secret" }');
  await t.throwsAsync(echoes(server.url), { message: /Authorization/i });
});

test('a paused server passes nothing until it is resumed', async (t) => {
  const server = await startNatsServer();
  // Connected before: a nats.js connection whose first handshake times out leaves its socket open.
  const connection = await connect({ servers: server.url });
  t.teardown(() => connection.close());
  connection.subscribe('echo', { callback: (_error, message) => void message.respond(message.data) });
  const echo = async (): Promise<string> => (await connection.request('echo', 'hello', { timeout: 250 })).string();
  t.is(await eventually(echo, { what: 'an echo' }), 'hello');
  server.pause();
  await t.throwsAsync(echo());
  server.resume();
  t.is(await eventually(echo, { what: 'an echo' }), 'hello');
});

test('servers with routes to each other are one NATS cluster', async (t) => {
  const first = await startNatsServer({ cluster: { name: 'three', routes: [] } });
  const second = await startNatsServer({ cluster: { name: 'three', routes: [first.clusterUrl ?? ''] } });
  const [here, there] = await Promise.all([connect({ servers: first.url }), connect({ servers: second.url })]);
  t.teardown(async () => {
    await Promise.all([here.close(), there.close()]);
  });
  here.subscribe('far', { callback: (_error, message) => void message.respond('from the first') });
  const answer = await eventually(async () => (await there.request('far', '', { timeout: 500 })).string(), {
    what: 'an answer over the route',
  });
  t.is(answer, 'from the first');
});

test('a server that cannot start says why', async (t) => {
  await t.throwsAsync(startNatsServer({ config: 'no_such_setting { ' }), {
    message: /did not start[\s\S]*Unexpected EOF/,
  });
});

const besideThis = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);

for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
  test(`servers and directories of a test process that ends by ${signal} are gone after it`, async (t) => {
    const program = [
      `const { startNatsServer } = await import(${besideThis('nats.js')});`,
      `const { temporaryDirectory } = await import(${besideThis('temporary-directory.js')});`,
      'const server = await startNatsServer();',
      'server.pause();', // even one that cannot react
      'console.log(JSON.stringify({ pid: server.pid, directory: temporaryDirectory() }));',
      'setInterval(() => {}, 1000);',
    ].join('\n');
    const parent = await startProcess(process.execPath, ['--input-type=module', '-e', program]);
    const { pid, directory } = JSON.parse(await parent.waitForLog('"pid"')) as { pid: number; directory: string };
    t.true(isAlive(pid));
    await parent.kill(signal);
    await eventually(() => !isAlive(pid), { what: 'the server to be gone' });
    await eventually(() => !existsSync(directory), { what: 'its directory to be gone' });
  });
}
