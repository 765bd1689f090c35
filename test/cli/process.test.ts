/** The program as a shell sees it: exit codes, stdout, stderr; with no cluster behind it. */
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import test from 'ava';
import { runCli } from '../../console/cli.js';
import { commands } from '../../console/commands/index.js';
import { startNatsServer } from '../support/nats.js';
import { runQuorate, startQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** Nothing of whoever runs the tests: no configuration of theirs, no colours forced. */
const env = {
  XDG_CONFIG_HOME: temporaryDirectory('xdg'),
  QUORATE_CONFIG: undefined,
  QUORATE_NATS: undefined,
  QUORATE_CLUSTER: undefined,
  NO_COLOR: undefined,
};

const run = (...args: readonly string[]) => runQuorate(args, { env });

test.serial('quorate alone helps, on stdout', async (t) => {
  const { code, stdout, stderr } = await run();
  t.is(code, 0);
  t.regex(stdout, /Usage:\n {2}quorate COMMAND\n/);
  t.is(stderr, '');
});

/** Without a process of its own, for what is to be tried of many commands. */
async function runHere(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const written = { stdout: '', stderr: '' };
  const code = await runCli(args, {
    stdin: process.stdin,
    stdout: { write: (text) => (written.stdout += text) },
    stderr: { write: (text) => (written.stderr += text) },
    env: { XDG_CONFIG_HOME: temporaryDirectory('xdg') },
  });
  return { code, ...written };
}

test.serial('--help works for every command, and `help` shows the same', async (t) => {
  for (const { path: words } of commands.filter((each) => each.path[0] !== 'help')) {
    const { code, stdout, stderr } = await runHere(...words, '--help');
    t.deepEqual([code, stderr], [0, ''], words.join(' '));
    t.true(stdout.includes(`quorate ${words.join(' ')}`), words.join(' '));
    t.is((await runHere('help', ...words)).stdout, stdout);
  }
  t.is((await run('members', 'join', '--help')).stdout, (await runHere('members', 'join', '--help')).stdout);
});

test.serial('--version and version', async (t) => {
  t.regex((await run('--version')).stdout, /^quorate \d+\.\d+\.\d+\n$/);
  t.like(JSON.parse((await run('version', '--json')).stdout), { protocol: { min: 1, max: 2 } });
});

test.serial(
  '2 for a command line that is not understood: sentence, code and remedy on stderr, nothing on stdout',
  async (t) => {
    const { code, stdout, stderr } = await run('statsu');
    t.deepEqual([code, stdout], [2, '']);
    t.is(stderr, 'error: `quorate` has no command "statsu" (usage)\n  Did you mean "status"?\n');
    for (const line of [
      'status --nope',
      'members join',
      'members join a b',
      'model',
      'model create service',
      'events --no-follow',
      'completion tcsh',
      'demo --controllers 10',
      'console',
      'members join any',
    ]) {
      const refused = await runHere(...line.split(' '));
      t.is(refused.code, 2, `${line}: ${refused.stderr}`);
      t.regex(refused.stderr, /^error: .+ \((usage|invalid-config)\)\n {2}\S.*\n$/, line);
      t.is(refused.stdout, '', line);
    }
  },
);

test.serial('with --json an error is one object on stderr', async (t) => {
  const { code, stdout, stderr } = await run('status', '--timeout', '5', '--json');
  t.deepEqual([code, stdout], [2, '']);
  t.deepEqual(Object.keys(JSON.parse(stderr)), ['error']);
  t.like(JSON.parse(stderr), {
    error: { code: 'invalid-config', message: '--timeout: "5" must be a time with its unit, as 500ms, 5s or 2m' },
  });
});

test.serial('2 for a config file that is not valid, naming file and line', async (t) => {
  const file = path.join(temporaryDirectory('config'), 'mine.yaml');
  writeFileSync(file, 'cluster: demo\ntimeuot: 5s\n');
  const { code, stderr } = await run('status', '--config', file);
  t.is(code, 2);
  t.is(stderr, `error: ${file}:2: there is no setting "timeuot" (invalid-config)\n  Did you mean "timeout"?\n`);
});

test.serial('a command that takes nothing from a config file does not fail of one', async (t) => {
  const given = { ...env, QUORATE_CONFIG: '/does/not/exist/quorate.yaml' };
  t.is((await runQuorate(['completion', 'bash'], { env: given })).code, 0);
  const stopped = await runQuorate(['demo', '--stop'], {
    env: { ...given, XDG_STATE_HOME: temporaryDirectory('state') },
  });
  t.notRegex(stopped.stderr, /config/, 'that there is no demo to stop is another matter');
  t.is((await runQuorate(['status'], { env: given })).code, 2);
});

test.serial('./quorate.yaml is read where there is no --config', async (t) => {
  const cwd = temporaryDirectory('cwd');
  writeFileSync(path.join(cwd, 'quorate.yaml'), 'cluster: not a name\n');
  const { code, stderr } = await runQuorate(['status'], { cwd, env });
  t.is(code, 2);
  t.regex(stderr, /quorate\.yaml:1: cluster: "not a name" must be 1 to 64/);
});

test.serial('1 where no NATS server answers', async (t) => {
  const { code, stdout, stderr } = await run('status', '--nats', '127.0.0.1:1', '--timeout', '2s');
  t.deepEqual([code, stdout], [1, '']);
  t.regex(stderr, /^error: no NATS server answers at 127\.0\.0\.1:1: .*\(nats-unreachable\)\n {2}Check the address/);
});

test.serial('two ways to prove who one is are refused, and secrets are not printed', async (t) => {
  const { code, stderr } = await runQuorate(['status', '--user', 'me', '--creds-file', 'x'], {
    env: { ...env, QUORATE_PASSWORD: 'hunter2' },
  });
  t.is(code, 2);
  t.regex(stderr, /a user and a creds file are given/);
  t.false(stderr.includes('hunter2'));
});

test.serial('1 where no controller answers, with what to do', async (t) => {
  const nats = await startNatsServer();
  const { code, stdout } = await run('status', '--nats', nats.url);
  t.is(code, 1);
  t.regex(stdout, /NO CONTROLLER of cluster default heard/);
  const listed = await run('model', 'list', 'service', '--nats', nats.url, '--timeout', '300ms');
  t.is(listed.code, 1);
  t.regex(listed.stderr, /\(no-responders\)\n {2}Check that controllers run/);
});

test.serial('a NATS server that wants credentials: refused without them, served with them', async (t) => {
  const nats = await startNatsServer({ config: 'authorization { user: me, password: hunter2 }' });
  const without = await run('status', '--nats', nats.url);
  t.is(without.code, 1);
  t.regex(without.stderr, /\(nats-refused\)/);
  const secret = path.join(temporaryDirectory('secret'), 'password');
  writeFileSync(secret, 'hunter2\n');
  t.regex((await run('status', '--nats', nats.url, '--user', 'me', '--password-file', secret)).stdout, /NO CONTROLLER/);
  const byEnvironment = await runQuorate(['status', '--nats', nats.url], {
    env: { ...env, QUORATE_USER: 'me', QUORATE_PASSWORD: 'hunter2' },
  });
  t.regex(byEnvironment.stdout, /NO CONTROLLER/);
});

test.serial('completion scripts are valid for their shells', async (t) => {
  const { stdout } = await run('completion', 'bash');
  t.regex(stdout, /complete -F _quorate quorate/);
  t.is((await run('__complete', 'mem')).stdout, 'members\n');
});

test.serial('Ctrl-C ends a command that waits, at once and with 130', async (t) => {
  const silent = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const waiting = await startQuorate(['status', '--nats', `127.0.0.1:${port}`, '--timeout', '1h'], { env });
  await waiting.waitForLog('Connecting to NATS');
  waiting.signal('SIGINT');
  t.is((await waiting.waitForExit(5_000)).code, 130);
  t.is(waiting.stdout(), '');
  silent.close();
});
