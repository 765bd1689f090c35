/** What help and docs say is what the commands take. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { allSettings } from '../../console/commands/help.js';
import { commands } from '../../console/commands/index.js';
import { jsonOutputs } from '../../console/commands/json-output.js';
import { jsonDocumentFile, renderJsonDocument } from './json-document.js';
import { referenceFile, renderReference } from './reference.js';

test('docs/cli.md is what the commands say; else run: npx node dist/test/cli/write-reference.js', (t) => {
  t.is(readFileSync(referenceFile, 'utf8'), renderReference());
});

test('docs/json.md is what the schemas say; else run: npx node dist/test/cli/write-reference.js', (t) => {
  t.is(readFileSync(jsonDocumentFile, 'utf8'), renderJsonDocument());
});

test('every schema of an output belongs to a command that prints JSON', (t) => {
  const printing = commands.filter((each) => each.jsonShape !== undefined).map((each) => each.path.join(' '));
  for (const words of Object.keys(jsonOutputs)) t.true(printing.includes(words), words);
});

test('every command has a summary without a full stop, and examples that begin with quorate', (t) => {
  for (const command of commands) {
    const name = command.path.join(' ');
    t.regex(command.summary, /^[A-Z].*[^.]$/, name);
    t.true(command.examples.length > 0, name);
    for (const { line } of command.examples) t.regex(line, /quorate /, name);
  }
});

test('one flag means one kind of thing in all commands, because the words are read before the command is known', (t) => {
  const shapes = new Map<string, string>();
  for (const command of commands) {
    for (const { flag, placeholder, alias, repeatable } of allSettings(command)) {
      if (flag === undefined) continue;
      const shape = JSON.stringify({ takesValue: placeholder !== undefined, alias, repeatable });
      t.is(shapes.get(flag) ?? shape, shape, `--${flag} of ${command.path.join(' ')}`);
      shapes.set(flag, shape);
    }
  }
  const aliases = [...shapes].flatMap(([flag, shape]) => {
    const { alias } = JSON.parse(shape) as { alias?: string };
    return alias === undefined ? [] : [[alias, flag] as const];
  });
  t.is(new Set(aliases.map(([alias]) => alias)).size, aliases.length, JSON.stringify(aliases));
});

test('a setting that holds a secret has no flag', (t) => {
  for (const command of commands) {
    for (const setting of Object.values(command.settings))
      t.false(setting.secret === true && setting.flag !== undefined);
  }
});

test('every variable begins with QUORATE_, but for NO_COLOR', (t) => {
  for (const { env } of commands.flatMap(allSettings))
    if (env !== undefined) t.regex(env, /^(QUORATE_[A-Z_]+|NO_COLOR)$/);
});
