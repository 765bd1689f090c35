/** Every command of the tests, as package.json names them: help with examples, and one line for options that make no sense. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { checkoutRoot } from './checkout.js';

const { scripts }: { readonly scripts: Readonly<Record<string, string>> } = JSON.parse(
  readFileSync(join(checkoutRoot, 'package.json'), 'utf8'),
);
const commands = Object.entries(scripts).flatMap(([name, script]) => {
  const [, path] = /node (dist\/test\/\S+\.js)$/.exec(script) ?? [];
  return path === undefined ? [] : [{ name, path }];
});

interface Ended {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

function run(path: string, ...given: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(checkoutRoot, path), ...given], (error, output, errors) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? Number.NaN), output, errors }),
    );
  });
}

test('the commands are found', (t) => {
  const names = commands.map(({ name }) => name);
  for (const name of ['simulate', 'simulate:mutants', 'chaos', 'kill', 'prometheus', 'bench', 'docs'])
    t.true(names.includes(name), name);
});

for (const { name, path } of commands) {
  test.serial(`npm run ${name}: help with examples, and one line for an option that it does not know`, async (t) => {
    t.timeout(60_000);
    const help = await run(path, '--help');
    t.is(help.code, 0, help.errors);
    t.regex(help.output, new RegExp(`^npm run ${name} -- \\[OPTION ...\\]\n`));
    t.regex(help.output, new RegExp(`Examples:\n +npm run ${name}`));
    const wrong = await run(path, '--no-such-option');
    t.is(wrong.code, 2, wrong.errors);
    t.is(wrong.output, '');
    t.is(wrong.errors.trimEnd().split('\n').length, 1, wrong.errors);
    t.true(wrong.errors.includes("'--no-such-option'"), wrong.errors);
  });
}

test.serial('a value that is no number is named', async (t) => {
  const { code, errors } = await run('dist/test/simulator/main.js', '--seeds', 'many');
  t.is(code, 2);
  t.regex(errors, /^--seeds takes a whole number, not many; /);
});
