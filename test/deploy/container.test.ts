/** The container file: what it names is there, and its question for health is answered as it should be. No image is built here. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import test from 'ava';
import { z } from 'zod';
import { allSettings } from '../../console/commands/help.js';
import { commands } from '../../console/commands/index.js';
import { isSupported } from '../../console/runtime.js';
import { checkoutRoot } from '../support/checkout.js';
import { runProcess } from '../support/process.js';

const text = readFileSync(path.join(checkoutRoot, 'deploy/container/Containerfile'), 'utf8').replaceAll('\\\n', ' ');
const valuesOf = (instruction: string): readonly string[] =>
  [...text.matchAll(new RegExp(`^${instruction} +(.*)$`, 'gm'))].map(([, rest = '']) => rest);
const words = (instruction: string): readonly string[] =>
  z.array(z.string()).parse(JSON.parse(valuesOf(instruction)[0] ?? ''));

test('it begins with a Node that is supported, and runs as a user of its own what the package brings', (t) => {
  const [, major = ''] = /^docker\.io\/library\/node:(\d+)-bookworm-slim$/.exec(valuesOf('FROM')[0] ?? '') ?? [];
  t.true(isSupported(`${major}.99.0`), major);
  t.deepEqual(words('ENTRYPOINT'), ['quorate']);
  t.true(commands.some((command) => command.path.join(' ') === words('CMD').join(' ')));
  const [user = ''] = valuesOf('USER');
  t.regex(valuesOf('RUN').join(), new RegExp(`useradd .*\\b${user}\\b`));
  t.regex(valuesOf('RUN').join(), /npm install --global --ignore-scripts/);
  t.deepEqual(valuesOf('STOPSIGNAL'), ['SIGTERM']);
});

test('each variable that it sets is one that is read', (t) => {
  const known = new Set(commands.flatMap(allSettings).map(({ env }) => env));
  const set = valuesOf('ENV')
    .flatMap((line) => line.split(/\s+/))
    .map((each) => each.split('=')[0] ?? '');
  t.true(set.length > 2);
  for (const name of set) t.true(name === 'NODE_ENV' || known.has(name), name);
});

for (const [status, code] of [
  [200, 0],
  [503, 1],
  [null, 1],
] as const)
  test(`its question for health ends with ${code} where /livez answers ${status ?? 'nothing'}`, async (t) => {
    const asked: (string | undefined)[] = [];
    const server = createServer(({ url }, response) => {
      asked.push(url);
      response.writeHead(status ?? 500).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    if (status === null) await new Promise((resolve) => server.close(resolve));
    const [, question = ''] = /CMD (\[.*\])$/.exec(valuesOf('HEALTHCHECK')[0] ?? '') ?? [];
    const [program = '', flag = '', script = ''] = z.array(z.string()).parse(JSON.parse(question));
    t.is(program, 'node');
    const changed = script.replace(':4280/', `:${port}/`);
    t.not(changed, script, 'the port that ENV gives');
    t.regex(text, /QUORATE_HTTP=127\.0\.0\.1:4280\b/);
    t.is((await runProcess(process.execPath, [flag, changed], { timeoutMs: 60_000 })).code, code);
    t.deepEqual(asked, status === null ? [] : ['/livez']);
    server.close();
  });
