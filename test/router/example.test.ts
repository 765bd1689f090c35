/** The program in docs/routers.md is run as it stands there, with the addresses of a test in place of those of a production. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { checkoutRoot } from '../support/checkout.js';
import { runProcess, startProcess } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { clusterName } from './support/fake-cluster.js';
import { clusterFor } from './support/watched.js';

const page = readFileSync(path.join(checkoutRoot, 'docs', 'routers.md'), 'utf8');
const example = /^```ts\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? '';

function replaced(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((result, [from, to]) => {
    if (!result.includes(from)) throw new Error(`the example says nothing of ${from}`);
    return result.replaceAll(from, to);
  }, text);
}

test('the example in the documentation does what it says, for someone who has never seen a controller', async (t) => {
  const cluster = await clusterFor(t);
  cluster.put('service', 'web');
  const program = replaced(example, {
    "'production'": `'${clusterName}'`,
    "['tls://10.0.0.1:4222', 'tls://10.0.0.2:4222']": `['${cluster.url}']`,
    "'/var/lib/edge-1'": `'${temporaryDirectory('example')}'`,
    // The server of this test knows nobody and has no certificate.
    "  credentials: { nkeySeedFile: '/var/lib/edge-1/router.seed', tls: { caFile: '/var/lib/edge-1/ca.pem' } },\n": '',
    // As an application finds the installed package.
    "'quorate'": JSON.stringify(path.join(checkoutRoot, 'dist', 'messaging', 'index.js')),
  });
  const file = path.join(temporaryDirectory('example'), 'example.mjs');
  writeFileSync(file, program);
  const running = await startProcess(process.execPath, [file], { name: 'example' });
  await running.waitForLog('there is web');
  await running.waitForLog('controllers n1 n2 n3');
  cluster.put('service', 'db');
  cluster.put('policy', 'p1');
  cluster.delete('service', 'web');
  await running.waitForLog('deleted service web');
  t.regex(running.stdout(), /created service db\ncreated policy p1\ndeleted service web\n/);
  running.signal('SIGTERM');
  t.deepEqual(await running.waitForExit(), { code: 0, signal: null }, running.logs());
});

test('the example, as it stands in the documentation, satisfies the types of the package', async (t) => {
  const directory = temporaryDirectory('example');
  const at = (...names: string[]) => path.join(checkoutRoot, ...names);
  const compilerOptions = {
    ...{ module: 'nodenext', target: 'es2024', strict: true, noEmit: true, skipLibCheck: true },
    ...{ types: ['node'], typeRoots: [at('node_modules', '@types')] },
    // As an application finds the installed package.
    paths: { quorate: [at('dist', 'messaging', 'index.d.ts')] },
  };
  writeFileSync(path.join(directory, 'example.ts'), example);
  writeFileSync(path.join(directory, 'package.json'), JSON.stringify({ type: 'module' }));
  writeFileSync(path.join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['example.ts'] }));
  const compiled = await runProcess(at('node_modules', '.bin', 'tsc'), ['-p', directory], { name: 'tsc' });
  t.deepEqual({ code: compiled.code, said: compiled.stdout }, { code: 0, said: '' }, compiled.stderr);
});

test('what the example imports is what the package exports', (t) => {
  const { exports } = JSON.parse(readFileSync(path.join(checkoutRoot, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, { readonly default: string }>>;
  };
  t.is(exports['.']?.default, './dist/messaging/index.js');
});
