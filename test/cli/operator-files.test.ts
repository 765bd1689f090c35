/** Contexts, the support bundle, the manual page: what stands in files, and that no secret does. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { commands, root } from '../../console/commands/index.js';
import { renderMan } from '../../console/commands/man.js';
import { withoutSecrets } from '../../console/commands/support-bundle.js';
import { chooseContext, readContexts, withContext } from '../../console/config/contexts.js';
import { tarOf } from '../../console/output/tar.js';
import { QuorateError } from '../../messaging/errors.js';
import { runQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const nowhere = 'nats://127.0.0.1:1';

function home() {
  const directory = temporaryDirectory('contexts');
  const file = path.join(directory, 'quorate', 'contexts.yaml');
  const run = (...args: readonly string[]) => runQuorate(args, { env: { XDG_CONFIG_HOME: directory }, cwd: directory });
  return { directory, file, run };
}

test('a context is added, used, listed and removed; its file is for its owner alone', async (t) => {
  const { file, run } = home();
  const added = await run(
    'context',
    'add',
    'prod',
    '--nats',
    `${nowhere},nats://127.0.0.1:2`,
    '--cluster',
    'prod',
    '--creds-file',
    'a.creds',
  );
  t.is(added.code, 0, added.stderr);
  t.is(statSync(file).mode & 0o777, 0o600);
  t.is((await run('context', 'add', 'prod', '--cluster', 'x')).code, 2);
  t.is((await run('context', 'add', 'test', '--cluster', 'test', '--nats', nowhere)).code, 0);
  const contexts = readContexts(file);
  t.is(contexts.current, 'prod', 'the first is in use at once');
  t.true(path.isAbsolute(String(contexts.byName['prod']?.credsFile)));
  t.is((await run('context', 'use', 'test')).code, 0);
  const { stdout } = await run('context', 'list', '--json');
  t.is((JSON.parse(stdout) as { current: string }).current, 'test');
  t.is((await run('context', 'remove', 'test')).code, 0);
  t.is(readContexts(file).current, null);
  const unknown = await run('status', '--context', 'prd');
  t.is(unknown.code, 2);
  t.regex(unknown.stderr, /Did you mean "prod"/);
});

test('the context in use counts where no config file is there, a named one in any case, and a flag before both', async (t) => {
  const { directory, run } = home();
  await run('context', 'add', 'one', '--nats', 'nats://127.0.0.1:3', '--cluster', 'one');
  await run('context', 'add', 'two', '--nats', 'nats://127.0.0.1:5', '--cluster', 'two');
  const asked = async (...args: readonly string[]) =>
    (await run('status', '--timeout', '500ms', ...args)).stderr.match(/127\.0\.0\.1:\d/)?.[0];
  t.is(await asked(), '127.0.0.1:3');
  t.is(await asked('--context', 'two'), '127.0.0.1:5');
  t.is(await asked('--context', 'two', '--nats', 'nats://127.0.0.1:7'), '127.0.0.1:7');
  writeFileSync(path.join(directory, 'quorate.yaml'), 'nats: nats://127.0.0.1:9\n');
  t.is(await asked(), '127.0.0.1:9');
  t.is(await asked('--context', 'one'), '127.0.0.1:3');
});

test('the connection of a config file and that of a context are never mixed', (t) => {
  const file = { path: 'quorate.yaml', get: (key: string) => `${key} of the file`, where: (key: string) => key };
  const both = withContext(file, 'prod', { nats: [nowhere] }, 'contexts.yaml');
  t.deepEqual(both.get('nats'), [nowhere]);
  t.is(both.get('credsFile'), undefined, 'credentials for another cluster');
  t.is(both.get('console.theme'), 'console.theme of the file');
  t.is(chooseContext(undefined, true, 'nowhere.yaml'), null);
});

test('a file of contexts that holds a secret, or anything else that is not known, is refused', (t) => {
  const { directory, file } = home();
  mkdirSync(path.join(directory, 'quorate'));
  for (const content of ['contexts: { a: { password: x } }', 'contexts: [', 'currant: a']) {
    writeFileSync(file, content);
    t.throws(() => readContexts(file), { instanceOf: QuorateError, message: /cannot be read/ }, content);
  }
});

test('an archive is one that tar opens', (t) => {
  const directory = temporaryDirectory('tar');
  const file = path.join(directory, 'a.tar');
  const content = Buffer.from('x'.repeat(1_300));
  writeFileSync(
    file,
    tarOf(
      [
        { name: 'a/one.txt', content },
        { name: 'a/empty', content: Buffer.alloc(0) },
      ],
      Date.now(),
    ),
  );
  execFileSync('tar', ['-xf', file, '-C', directory]);
  t.deepEqual(readFileSync(path.join(directory, 'a/one.txt')), content);
  t.is(readFileSync(path.join(directory, 'a/empty')).length, 0);
});

test('what looks like a credential is taken out, whichever file it stands in', (t) => {
  const seed = 'SUAIBDPBAUTWCWBKIO6XHQNINK5FWJW4OHLXC3HQ2KFE4PEJUA44CNHTC4';
  const text = `nats://ann:s3cret@host token=s3cret {"password":"s3cret"} ${seed} eyJ0eXAi.eyJqdGki.c2lnbg`;
  const clean = withoutSecrets(text);
  t.notRegex(clean, /s3cret|SUAI|eyJ/);
  t.regex(clean, /\/\/\*\*\*@host/);
});

test('a bundle is made without a cluster too, says what is missing, and holds no secret', async (t) => {
  const { directory, run } = home();
  const log = path.join(directory, 'ctrl1.log');
  writeFileSync(log, 'connected to nats://ann:s3cret@host\n');
  const finished = await runQuorate(
    [
      'support-bundle',
      '--nats',
      nowhere,
      '--user',
      'ann',
      '--timeout',
      '500ms',
      '--log',
      log,
      '-o',
      'b.tar.gz',
      '--json',
    ],
    { env: { XDG_CONFIG_HOME: directory, QUORATE_PASSWORD: 's3cret' }, cwd: directory },
  );
  t.is(finished.code, 0, finished.stderr);
  const made = JSON.parse(finished.stdout) as { missing: { name: string }[]; path: string };
  t.deepEqual(
    made.missing.map(({ name }) => name),
    ['nats'],
  );
  t.is(statSync(made.path).mode & 0o777, 0o600);
  const text = gunzipSync(readFileSync(made.path)).toString('utf8');
  t.notRegex(text, /s3cret/);
  t.regex(text, /connected to/);
  t.is(
    (await run('support-bundle', '--nats', nowhere, '--timeout', '500ms', '-o', 'b.tar.gz')).code,
    2,
    'never written over',
  );
});

test('the manual page names every command and its options', (t) => {
  const page = renderMan(root, commands);
  for (const command of commands) {
    if (command.execute === undefined) continue;
    t.true(page.includes(`.SS quorate ${command.path.join(' ').replaceAll('-', '\\-')}`), command.path.join(' '));
  }
  t.false(page.split('\n').some((line) => line.startsWith("'")));
});
