import { existsSync } from 'node:fs';
import test from 'ava';
import { runProcess, runQuorate, startProcess } from './process.js';
import { eventually } from './wait.js';

const node = (program: string, ...rest: readonly string[]): [string, string[]] => [
  process.execPath,
  ['-e', program, ...rest],
];

test('output, exit code and input of a program that runs to its end', async (t) => {
  const [command, args] = node(
    "process.stdin.on('data', d => { console.log('got ' + d); console.error('oh'); process.exitCode = 3; })",
  );
  const { code, signal, stdout, stderr } = await runProcess(command, args, { input: 'this' });
  t.deepEqual({ code, signal, stdout, stderr }, { code: 3, signal: null, stdout: 'got this\n', stderr: 'oh\n' });
});

test('waiting for a log line that never comes fails as soon as the process has ended, and shows the log', async (t) => {
  const running = await startProcess(...node("console.log('starting'); process.exit(7)"));
  await t.throwsAsync(running.waitForLog('ready'), { message: /ended \(7\)[\s\S]*starting/ });
});

test('stop ends a process that ignores SIGTERM by SIGKILL', async (t) => {
  const running = await startProcess(
    ...node("process.on('SIGTERM', () => {}); console.log('ready'); setInterval(() => {}, 1000)"),
  );
  await running.waitForLog(/^ready$/m);
  t.is((await running.stop(200)).signal, 'SIGKILL');
});

test('a paused process stands still, and goes on when resumed', async (t) => {
  const running = await startProcess(...node('let n = 0; setInterval(() => console.log(++n), 5)'));
  const lines = (): number => running.stdout().split('\n').length;
  await eventually(() => lines() > 3, { what: 'it to count' });
  running.pause();
  await eventually(
    () => {
      const before = lines();
      const until = performance.now() + 50;
      while (performance.now() < until); // this process waits on purpose: nothing else may pass the time
      return lines() === before;
    },
    { what: 'it to stand still' },
  );
  const paused = lines();
  running.resume();
  await eventually(() => lines() > paused + 3, { what: 'it to count on' });
  await running.kill();
  t.false(running.isRunning());
});

test('a program that does not exist is an error', async (t) => {
  await t.throwsAsync(startProcess('/no/such/program', []), { message: /ENOENT/ });
});

test('the command line of this checkout runs', async (t) => {
  const { code, stderr } = await runQuorate(['no-such-command']);
  t.is(code, 2);
  t.regex(stderr, /no-such-command/);
});

test('on a Node that is too old, the program says so in one sentence and exits 2', async (t) => {
  const old =
    process.env['QUORATE_TEST_OLD_NODE'] ?? ['/usr/bin/node', '/usr/local/bin/node'].find((file) => existsSync(file));
  const version = old === undefined ? '' : (await runProcess(old, ['--version'])).stdout;
  if (old === undefined || !/^v(1\d|20|21)\./.test(version)) {
    t.log('skipped: this machine has no Node older than 22 (QUORATE_TEST_OLD_NODE names one)');
    t.pass();
    return;
  }
  const { code, stdout, stderr } = await runProcess(old, ['dist/console/main.js', 'status'], { cwd: process.cwd() });
  t.deepEqual({ code, stdout, lines: stderr.trim().split('\n').length }, { code: 2, stdout: '', lines: 1 });
  t.regex(stderr, /needs Node/);
});
