/** The demo as a new user runs it; and that nothing of it is ever left behind. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { NodeStatus } from '../../messaging/index.js';
import { endWithUs, isAlive } from '../support/children.js';
import { type RunningProcess, runQuorate, startQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { findTool, startTerminal } from '../support/tmux.js';
import { eventually } from '../support/wait.js';

interface Ready {
  readonly nats: string;
  readonly dataDirectory: string;
  readonly configFile: string;
  readonly pids: Readonly<Record<string, number>>;
}

interface Status {
  readonly health: { readonly level: string; readonly sentence: string };
  readonly routers: { readonly known: number; readonly online: number; readonly inSync: number } | null;
  readonly controllers: readonly NodeStatus[];
}

const startMaxMs = 60_000;
const testTimeoutMs = 180_000;
const environment = () => ({
  XDG_STATE_HOME: temporaryDirectory('state'),
  XDG_CONFIG_HOME: temporaryDirectory('config'),
  TMPDIR: temporaryDirectory('tmp'),
});

/** Objects of one type that the demo has printed. */
function printed<T>(demo: RunningProcess, type: string): readonly T[] {
  const lines = demo.stdout().split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as T & { type: string }).filter((each) => each.type === type);
}

async function start(
  ...args: readonly string[]
): Promise<{ demo: RunningProcess; ready: Ready; env: Record<string, string> }> {
  const env = environment();
  const demo = await startQuorate(['demo', '--headless', '--json', ...args], { env });
  await demo.waitForLog('"type":"ready"', startMaxMs);
  const [ready] = printed<Ready>(demo, 'ready');
  if (ready === undefined) throw new Error('unreachable');
  // Whatever this test finds out, nothing may be left after it.
  for (const pid of Object.values(ready.pids)) endWithUs(pid);
  return { demo, ready, env };
}

async function nothingIsLeft(t: ExecutionContext, pids: readonly number[]): Promise<void> {
  await eventually(() => pids.every((pid) => !isAlive(pid)), {
    what: 'all processes to end',
    show: () => pids.filter(isAlive),
  });
  t.pass();
}

test.serial('headless: three voters and five routers in sync, then a quick and whole end', async (t) => {
  t.timeout(testTimeoutMs);
  const { demo, ready } = await start();
  t.deepEqual(Object.keys(ready.pids), [
    'nats-server',
    'ctrl1',
    'ctrl2',
    'ctrl3',
    'router1',
    'router2',
    'router3',
    'router4',
    'router5',
  ]);
  const status = await eventually(
    () => printed<Status>(demo, 'status').find((each) => each.health.level === 'ok' && each.routers?.inSync === 5),
    { what: 'a healthy demo' },
  );
  t.regex(status.health.sentence, /^Healthy: 3 of 3 voters, leader ctrl\d, survives 1 failure$/);
  for (const { raft } of status.controllers) t.deepEqual(raft?.configuration.voters, ['ctrl1', 'ctrl2', 'ctrl3']);
  await eventually(() => printed(demo, 'event').length > 0, { what: 'a change of the model' });
  demo.signal('SIGINT');
  t.is((await demo.waitForExit()).code, 0);
  await nothingIsLeft(t, Object.values(ready.pids));
  t.false(existsSync(ready.dataDirectory));
});

test.serial('a demo that is killed leaves no process, and the next one removes its directory', async (t) => {
  t.timeout(testTimeoutMs);
  const { demo, ready, env } = await start('--controllers', '1', '--routers', '2');
  await demo.kill('SIGKILL');
  await nothingIsLeft(t, Object.values(ready.pids));
  t.true(existsSync(ready.dataDirectory));
  const next = await startQuorate(['demo', '--headless', '--json', '--controllers', '1', '--routers', '0'], { env });
  await next.waitForLog('"type":"ready"', startMaxMs);
  t.false(existsSync(ready.dataDirectory));
  await next.stop();
});

test.serial('ended while it starts, nothing is left', async (t) => {
  t.timeout(testTimeoutMs);
  const directory = temporaryDirectory('early');
  const demo = await startQuorate(['demo', '--headless', '--data-dir', directory], { env: environment() });
  const pids = await eventually(
    () => {
      const record = JSON.parse(readFileSync(path.join(directory, 'demo.json'), 'utf8')) as { pids: readonly number[] };
      return record.pids.length >= 2 && record.pids;
    },
    { what: 'the first processes' },
  );
  for (const pid of pids) endWithUs(pid);
  demo.signal('SIGTERM');
  t.is((await demo.waitForExit()).code, 0);
  await nothingIsLeft(t, pids);
});

test.serial(
  '--keep returns and leaves it running; a second one is refused; --stop ends it and removes its directory',
  async (t) => {
    t.timeout(testTimeoutMs);
    const env = environment();
    const kept = await runQuorate(['demo', '--keep', '--json', '--controllers', '3', '--routers', '1'], {
      env,
      timeoutMs: startMaxMs,
    });
    t.is(kept.code, 0, kept.stderr);
    const ready = JSON.parse(kept.stdout) as Ready;
    const pids = Object.values(ready.pids);
    for (const pid of pids) endWithUs(pid);
    t.true(pids.every(isAlive));
    const status = await runQuorate(['status', '--config', ready.configFile], { env });
    t.regex(status.stdout, /^● Healthy: 3 of 3 voters/);
    const second = await runQuorate(['demo', '--keep'], { env });
    t.is(second.code, 1);
    t.regex(
      second.stderr,
      /a demo runs in .* already \(data-dir-locked\)\n {2}Attach to it: quorate console --config .*; or stop it: quorate demo --stop\.\n/,
    );
    const stopped = await runQuorate(['demo', '--stop'], { env });
    t.is(stopped.code, 0, stopped.stderr);
    t.regex(stopped.stdout, /is stopped \(5 processes\)/);
    await nothingIsLeft(t, pids);
    t.false(existsSync(ready.dataDirectory));
    const again = await runQuorate(['demo', '--stop'], { env });
    t.is(again.code, 1);
    t.regex(again.stderr, /no demo runs in/);
  },
);

test.serial(
  '--standalone: one controller alone with routers and a blank one, which the operator makes a cluster',
  async (t) => {
    t.timeout(testTimeoutMs);
    const { demo, ready, env } = await start('--standalone', '--controllers', '2', '--routers', '1');
    const statesOf = () =>
      printed<Status>(demo, 'status')
        .at(-1)
        ?.controllers.map(({ node, state }) => `${node} ${state}`)
        .sort((one, other) => (one < other ? -1 : 1))
        .join(', ');
    await eventually(() => statesOf() === 'ctrl1 standalone, ctrl2 blank', { what: 'both to announce themselves' });
    const quorate = async (...args: readonly string[]): Promise<string> => {
      const { code, stderr } = await runQuorate([...args, '--yes', '--config', ready.configFile], {
        env,
        timeoutMs: startMaxMs,
      });
      t.is(code, 0, `${args.join(' ')}: ${stderr}`);
      return stderr;
    };
    t.regex(
      await quorate('migrate', '--i-understand', 'ctrl1'),
      /ctrl2 waits to be joined: quorate members join ctrl2/,
    );
    await quorate('members', 'join', 'ctrl2');
    await eventually(() => statesOf() === 'ctrl1 member, ctrl2 member', { what: 'a cluster of two' });
    demo.signal('SIGINT');
    t.is((await demo.waitForExit()).code, 0);
    await nothingIsLeft(t, Object.values(ready.pids));
  },
);

test.serial('with --data-dir the next start goes on with what is there', async (t) => {
  t.timeout(testTimeoutMs);
  const directory = temporaryDirectory('kept');
  const first = await start('--controllers', '3', '--routers', '1', '--data-dir', directory);
  const created = await runQuorate([
    'model',
    'create',
    'service',
    '--name',
    'mine',
    '--config',
    first.ready.configFile,
  ]);
  t.is(created.code, 0, created.stderr);
  await first.demo.stop();
  const second = await start('--controllers', '3', '--routers', '1', '--data-dir', directory);
  t.is(second.ready.nats, first.ready.nats);
  const found = await runQuorate(['model', 'get', 'service', 'mine', '--config', second.ready.configFile]);
  t.is(found.code, 0, found.stderr);
  await second.demo.stop();
  await nothingIsLeft(t, [...Object.values(first.ready.pids), ...Object.values(second.ready.pids)]);
});

test.serial('a controller that ends at its start is reported with the last lines of its log', async (t) => {
  t.timeout(testTimeoutMs);
  const directory = temporaryDirectory('broken');
  const { demo } = await start('--controllers', '1', '--routers', '0', '--data-dir', directory);
  await demo.stop();
  const raft =
    readdirSync(path.join(directory, 'ctrl1'), { recursive: true, encoding: 'utf8' }).find((file) =>
      file.endsWith('raft.db'),
    ) ?? '';
  const { writeFileSync } = await import('node:fs');
  writeFileSync(path.join(directory, 'ctrl1', raft), 'this is no database');
  const broken = await runQuorate(
    ['demo', '--headless', '--controllers', '1', '--routers', '0', '--data-dir', directory],
    { env: environment() },
  );
  t.is(broken.code, 1);
  t.regex(
    broken.stderr,
    /error: controller ctrl1 ended with exit code 1 \(process-ended\)\n {2}Its log, .*ctrl1\.log, ends with:\n/,
  );
});

test.serial('without nats-server it says how to get one', async (t) => {
  const missing = await runQuorate(['demo', '--headless'], {
    env: { ...environment(), NATS_SERVER: '/nowhere/nats-server' },
  });
  t.is(missing.code, 1);
  t.is(
    missing.stderr,
    'error: NATS_SERVER names /nowhere/nats-server, which is no program (program-missing)\n  Correct it, or unset it.\n',
  );
});

const withTerminal = findTool('tmux') === undefined ? test.serial.skip : test.serial;

withTerminal('on a terminal: the console opens on the cluster as it comes up, and q ends everything', async (t) => {
  t.timeout(testTimeoutMs);
  const directory = temporaryDirectory('screens');
  const main = path.join(import.meta.dirname, '..', '..', 'console', 'main.js');
  const terminal = await startTerminal(
    [process.execPath, main, 'demo', '--controllers', '3', '--routers', '2', '--data-dir', directory],
    { env: environment() },
  );
  await terminal.waitForText(/Healthy: 3 of 3 voters/, startMaxMs);
  const { pids } = JSON.parse(readFileSync(path.join(directory, 'demo.json'), 'utf8')) as { pids: readonly number[] };
  for (const pid of pids) endWithUs(pid);
  t.is(pids.length, 6);
  await terminal.sendKeys('q');
  t.is(await terminal.waitForExit(), 0);
  await nothingIsLeft(t, pids);
  await terminal.kill();
});
