/** Where a setting comes from, and what is said of one that is wrong. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { connectionSettings, setting } from '../../console/config/common.js';
import { configFilePath, loadConfigFile } from '../../console/config/file.js';
import { resolveSettings } from '../../console/config/resolve.js';
import { anyText, durationMs, integer, list, onOff } from '../../console/config/setting.js';
import { QuorateError } from '../../messaging/errors.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const table = {
  cluster: connectionSettings.cluster,
  servers: connectionSettings.nats,
  timeoutMs: setting({
    flag: 'timeout',
    env: 'QUORATE_TIMEOUT',
    key: 'timeout',
    placeholder: 'TIME',
    group: 'Options',
    describe: 'How long',
    schema: durationMs(1, 60_000).default(10_000),
  }),
  limit: setting({
    flag: 'limit',
    env: 'QUORATE_LIMIT',
    key: 'section.limit',
    placeholder: 'N',
    group: 'Options',
    describe: 'How many',
    schema: integer(1, 10).default(3),
  }),
  yes: setting({
    flag: 'yes',
    env: 'QUORATE_YES',
    key: 'yes',
    group: 'Options',
    describe: 'Do not ask',
    schema: onOff,
  }),
  names: setting({
    flag: 'names',
    key: 'names',
    placeholder: 'NAME,...',
    group: 'Options',
    describe: 'Names',
    schema: list(anyText).optional(),
  }),
} as const;
const knownKeys = new Set(Object.values(table).flatMap((each) => (each.key === undefined ? [] : [each.key])));

function fileWith(text: string): string {
  const file = path.join(temporaryDirectory('config'), 'quorate.yaml');
  writeFileSync(file, text);
  return file;
}

interface Given {
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env?: NodeJS.ProcessEnv;
  readonly file?: string;
}

function resolve({ flags = {}, env = {}, file }: Given) {
  return resolveSettings(table, {
    flags,
    env,
    file: file === undefined ? null : loadConfigFile(fileWith(file), knownKeys),
  });
}

function refusal(given: Given): QuorateError {
  try {
    resolve(given);
  } catch (error) {
    if (error instanceof QuorateError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

test('a flag comes before the environment, that before the file, that before the default', (t) => {
  const file = 'cluster: file\n';
  const env = { QUORATE_CLUSTER: 'env' };
  t.is(resolve({ flags: { cluster: 'flag' }, env, file }).cluster, 'flag');
  t.is(resolve({ env, file }).cluster, 'env');
  t.is(resolve({ file }).cluster, 'file');
  t.is(resolve({}).cluster, 'default');
});

test('an empty variable counts as not set', (t) => {
  t.is(resolve({ env: { QUORATE_CLUSTER: '' }, file: 'cluster: file' }).cluster, 'file');
});

test('lists: commas, repeated flags, YAML lists', (t) => {
  t.deepEqual(resolve({ flags: { names: 'a, b' } }).names, ['a', 'b']);
  t.deepEqual(resolve({ flags: { names: ['a,b', 'c'] } }).names, ['a', 'b', 'c']);
  t.deepEqual(resolve({ file: 'names: [a, b]' }).names, ['a', 'b']);
});

test('times need a unit', (t) => {
  t.is(resolve({ flags: { timeout: '500ms' } }).timeoutMs, 500);
  t.is(resolve({ flags: { timeout: '1.5s' } }).timeoutMs, 1500);
  t.is(refusal({ flags: { timeout: '5' } }).message, '--timeout: "5" must be a time with its unit, as 500ms, 5s or 2m');
  t.is(refusal({ flags: { timeout: '2m' } }).message, '--timeout: "2m" must be from 1ms to 1m');
});

test('switches in the environment and in the file', (t) => {
  t.true(resolve({ env: { QUORATE_YES: 'on' } }).yes);
  t.false(resolve({ env: { QUORATE_YES: '0' }, file: 'yes: true' }).yes);
  t.true(resolve({ file: 'yes: true' }).yes);
  t.is(refusal({ env: { QUORATE_YES: 'maybe' } }).message, 'QUORATE_YES: "maybe" must be true or false');
});

test('what is wrong names the flag, the variable, or the line of the file', (t) => {
  t.is(refusal({ flags: { limit: '11' } }).message, '--limit: "11" must be a whole number from 1 to 10');
  t.is(refusal({ env: { QUORATE_LIMIT: 'x' } }).message, 'QUORATE_LIMIT: "x" must be a whole number from 1 to 10');
  t.regex(
    refusal({ file: '# a comment\nsection:\n  limit: 0\n' }).message,
    /quorate\.yaml:3: section\.limit: 0 must be a whole number from 1 to 10$/,
  );
  t.is(refusal({ flags: { limit: '11' } }).remedy, '--limit N: how many.');
});

test('all that is wrong is said at once', (t) => {
  const { message } = refusal({ flags: { limit: '11' }, env: { QUORATE_CLUSTER: 'a b' } });
  t.regex(message, /QUORATE_CLUSTER: "a b" .*; --limit: "11"/);
});

test('a key that nothing knows is refused, with the one that was meant', (t) => {
  const error = refusal({ file: 'clustr: demo\n' });
  t.is(error.code, 'invalid-config');
  t.regex(error.message, /quorate\.yaml:1: there is no setting "clustr"$/);
  t.is(error.remedy, 'Did you mean "cluster"?');
  t.regex(refusal({ file: 'section:\n  limt: 1\n' }).message, /:2: there is no setting "section\.limt"$/);
});

test('a file that is no YAML, or no mapping, or not there', (t) => {
  t.regex(refusal({ file: 'a: [1\nb: 2\n' }).message, /quorate\.yaml:\d+: not valid YAML/);
  t.regex(refusal({ file: '- a\n' }).message, /must be a YAML mapping of settings$/);
  t.is(resolve({ file: '# nothing yet\n' }).cluster, 'default');
  const error = t.throws(() => loadConfigFile('/nowhere/quorate.yaml', knownKeys), {
    instanceOf: QuorateError,
  });
  t.is(error?.message, 'the config file /nowhere/quorate.yaml cannot be read: it does not exist');
});

test('without --config the file of the configuration folder is read', (t) => {
  const folder = temporaryDirectory('xdg');
  mkdirSync(path.join(folder, 'quorate'));
  writeFileSync(path.join(folder, 'quorate', 'config.yaml'), 'cluster: mine\n');
  t.is(configFilePath(undefined, { XDG_CONFIG_HOME: folder }), path.join(folder, 'quorate', 'config.yaml'));
  t.is(configFilePath('given.yaml', { XDG_CONFIG_HOME: folder }), 'given.yaml');
  t.is(configFilePath(undefined, { XDG_CONFIG_HOME: path.join(folder, 'nowhere') }), undefined);
});

test('an address with credentials in it is refused, and the error does not repeat them', (t) => {
  const error = refusal({ flags: { nats: 'nats://me:hunter2@host:4222' } });
  t.false(error.message.includes('hunter2'));
  t.regex(error.message, /holds credentials/);
});

test('addresses of NATS servers', (t) => {
  t.deepEqual(resolve({ flags: { nats: 'localhost,nats://[::1]:4222' } }).servers, ['localhost', 'nats://[::1]:4222']);
  t.regex(
    refusal({ flags: { nats: 'http://host' } }).message,
    /--nats: "http:\/\/host" is not an address of a NATS server/,
  );
});
