/** The log: what a line holds, that each warning is in the table, that no secret gets out, and its level at run time. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { routerLogCodes } from '../../messaging/router/log-codes.js';
import type { Clock } from '../../node/cluster/clock.js';
import { createLog, type Log } from '../../node/server/log.js';
import { logCodes } from '../../node/server/log-codes.js';
import { LogLevels } from '../../node/server/log-levels.js';
import { OperationLog } from '../../node/server/operation-log.js';
import { checkoutRoot } from '../support/checkout.js';
import { startCluster } from '../support/cluster.js';
import { runQuorate } from '../support/process.js';
import { eventually } from '../support/wait.js';

const waitMs = 30_000;

/** A clock that stands until it is told to go on. */
function handClock(): Clock & { go(ms: number): void } {
  let at = 0;
  let waiting: { readonly due: number; readonly call: () => void }[] = [];
  return {
    now: () => 1_700_000_000_000 + at,
    monotonicMs: () => at,
    after(delayMs, call) {
      const one = { due: at + delayMs, call };
      waiting.push(one);
      return () => {
        waiting = waiting.filter((each) => each !== one);
      };
    },
    every: () => () => undefined,
    go(ms) {
      at += ms;
      const due = waiting.filter((each) => each.due <= at);
      waiting = waiting.filter((each) => each.due > at);
      for (const { call } of due) call();
    },
  };
}

function memoryLog(options: { readonly level?: Log['level']; readonly pretty?: boolean } = {}) {
  const clock = handClock();
  const written: string[] = [];
  const log = createLog({
    clock,
    fields: { cluster: 'c', node: 'n1' },
    write: (line) => written.push(line),
    ...options,
  });
  const lines = (): readonly Record<string, unknown>[] =>
    written.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { clock, log, written, lines };
}

test('a line says when, how grave, what, who, in which term, and with which code', (t) => {
  const { log, lines } = memoryLog();
  let term = 3;
  log.describe(() => ({ term }));
  log.warn('nats-lost', 'lost the connection to NATS', { server: 'a:4222' });
  term = 4;
  log.info('started');
  log.debug('nobody asked for this');
  const time = '2023-11-14T22:13:20.000Z';
  const who = { cluster: 'c', node: 'n1' };
  t.deepEqual(lines(), [
    {
      time,
      level: 'warn',
      message: 'lost the connection to NATS',
      ...who,
      term: 3,
      code: 'nats-lost',
      server: 'a:4222',
    },
    { time, level: 'info', message: 'started', ...who, term: 4 },
  ]);
});

test('a warning that repeats is written once a second, and the next one counts those that were left out', (t) => {
  const { log, lines, clock } = memoryLog();
  for (let count = 0; count < 5; count += 1) log.warn('nats-error', 'NATS reports an error');
  log.warn('setting-ignored', 'one', { setting: 'bootstrap' });
  log.warn('setting-ignored', 'one', { setting: 'standalone' });
  clock.go(1_000);
  log.warn('nats-error', 'NATS reports an error');
  t.deepEqual(
    lines().map(({ code, leftOut, setting }) => [code, leftOut ?? setting]),
    [
      ['nats-error', undefined],
      ['setting-ignored', 'bootstrap'],
      ['setting-ignored', 'standalone'],
      ['nats-error', 4],
    ],
  );
});

test('what looks like a secret is not written, whatever it came with', (t) => {
  const seed = `SU${'A2'.repeat(28)}`;
  for (const pretty of [false, true]) {
    const { log, written } = memoryLog({ pretty });
    log.info(`connecting with ${seed}`, {
      servers: ['nats://alice:hunter2@10.0.0.1:4222'],
      error: 'Authorization: eyJhbGciOiJlZDI1.eyJqdGkiOiJ4.c2lnbmF0dXJl',
      password: 'hunter3 "quoted"',
      nested: { token: 'hunter4' },
      stays: 'nats://10.0.0.1:4222 token of a subject',
    });
    const said = written.join('');
    for (const secret of [seed, 'hunter2', 'alice', 'c2lnbmF0dXJl', 'hunter3', 'quoted', 'hunter4'])
      t.false(pretty && secret === 'quoted' ? false : said.includes(secret), `${secret} in ${said}`);
    t.true(said.includes('nats://10.0.0.1:4222 token of a subject'), said);
  }
});

test('a level that was set for a time goes back to that of the start; a signal switches', (t) => {
  const { log, lines, clock } = memoryLog({ level: 'warn' });
  const levels = new LogLevels(log, clock);
  t.deepEqual(levels.set('debug', 'asked for by alice', 60_000), { level: 'debug', until: clock.now() + 60_000 });
  log.debug('now it is written');
  clock.go(60_000);
  t.deepEqual(levels.view, { level: 'warn', until: null });
  log.info('now it is not');
  t.is(levels.toggleDebug('SIGUSR2').level, 'debug');
  t.is(levels.toggleDebug('SIGUSR2').level, 'warn');
  t.deepEqual(
    lines().map(({ message, from, to }) => [message, from, to]),
    [
      ['changed the level of the log', 'warn', 'debug'],
      ['now it is written', undefined, undefined],
      ['changed the level of the log', 'debug', 'warn'],
      ['changed the level of the log', 'warn', 'debug'],
      ['changed the level of the log', 'debug', 'warn'],
    ],
  );
});

test('progress within a step of an operation is no line of its own', (t) => {
  const { log, lines } = memoryLog();
  const operations = new OperationLog(log);
  const step = {
    step: 'catch-up',
    title: 'Catch up',
    state: 'running',
    detail: '1 of 9',
    startedAt: 1,
    finishedAt: null,
  } as const;
  const operation = {
    ...{ id: 'o1', parameters: { workflow: 'remove', node: 'n2' }, requestedBy: 'alice', runner: 'n1' },
    ...{ state: 'running', steps: [step], verifications: [], error: null },
  } as unknown as Parameters<typeof operations.note>[0];
  operations.note(operation);
  operations.note({ ...operation, steps: [{ ...step, detail: '5 of 9' }] });
  operations.note({ ...operation, steps: [{ ...step, state: 'done', detail: '9 of 9' }] });
  t.deepEqual(
    lines().map(({ operationId, stepState, detail }) => [operationId, stepState, detail]),
    [
      ['o1', 'running', '1 of 9'],
      ['o1', 'done', '9 of 9'],
    ],
  );
});

test('every code of the table is used somewhere, so that the docs explain nothing that is never said', (t) => {
  const sources = filesBelow(path.join(checkoutRoot, 'node')).filter((file) => !file.endsWith('log-codes.ts'));
  const all = sources.map((file) => readFileSync(file, 'utf8')).join('\n');
  const unused = Object.keys(logCodes).filter(
    (code) => !new RegExp(`(?:\\b(?:warn|error|log)\\(\\s*|\\bcode = )'${code}'`).test(all),
  );
  t.deepEqual(unused, []);
});

test('every warning of the router client has a code of its table, and every code of the table is used', (t) => {
  const sources = filesBelow(path.join(checkoutRoot, 'messaging', 'router')).filter(
    (file) => !file.endsWith('log-codes.ts'),
  );
  const all = sources.map((file) => readFileSync(file, 'utf8')).join('\n');
  const used = [...all.matchAll(/'(router\.[a-z]+\.[a-z]+)'/g)].map(([, code = '']) => code);
  t.deepEqual(inOrder(new Set(used)), inOrder(Object.keys(routerLogCodes)));
  for (const [call] of all.matchAll(/#log\('(?:warn|error)'[^;]*/g)) t.regex(call, /code: 'router\./);
});

const inOrder = (codes: Iterable<string>): readonly string[] => [...codes].sort((one, other) => (one < other ? -1 : 1));

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder).flatMap((name) => {
    const file = path.join(folder, name);
    return statSync(file).isDirectory() ? filesBelow(file) : [file];
  });
}

test.serial(
  'a running controller: ids of requests and operations, the term, and the level by command and by signal',
  async (t) => {
    t.timeout(240_000);
    const cluster = await startCluster({ controllers: 2 });
    try {
      const client = ['--nats', cluster.natsUrl, '--cluster', cluster.name];
      const leader = await cluster.leader();
      const linesOf = (id: string): readonly Record<string, unknown>[] =>
        cluster
          .node(id)
          .logs()
          .split('\n')
          .filter((line) => line.startsWith('{') && line.endsWith('}'))
          .map((line) => JSON.parse(line) as Record<string, unknown>);
      const joined = linesOf(leader).filter(({ message }) => message === 'operation');
      t.true(joined.length >= 4, 'the join that made the cluster');
      t.regex(String(joined[0]?.['operationId']), /^[0-9a-f-]{36}$/);
      t.is(joined.at(-1)?.['state'], 'done');
      t.is(typeof joined[0]?.['term'], 'number');

      const run = (...args: readonly string[]) =>
        runQuorate(['log-level', leader, ...args, ...client], { timeoutMs: 60_000 });
      const set = await run('debug', '--for', '10m', '--json');
      t.is(set.code, 0, set.stderr);
      t.like(JSON.parse(set.stdout), { node: leader, level: 'debug' });
      const requestId = 'a0a0a0a0-1111-4222-8333-444444444444';
      await t.throwsAsync(cluster.api.request('model.get', { kind: 'service', id: 'nobody' }, { requestId }));
      const refused = await eventually(() => linesOf(leader).find((line) => line['requestId'] === requestId), {
        what: 'the line of the request',
        timeoutMs: waitMs,
      });
      t.like(refused, { level: 'debug', verb: 'model.get', from: 'test', errorCode: 'not-found' });

      const shown = await run();
      t.regex(shown.stdout, new RegExp(`^${leader} logs debug and more important lines until \\d{4}-`));
      cluster.node(leader).process?.signal('SIGUSR2');
      await eventually(async () => (await cluster.api.request('log.level', {}, { node: leader })).level === 'info', {
        what: 'the level of the start after a signal',
        timeoutMs: waitMs,
      });
      const wrong = await run('--for', '10m');
      t.is(wrong.code, 2);
    } finally {
      await cluster.end();
    }
  },
);
