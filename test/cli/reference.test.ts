/** What help and docs say is what the commands take. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { allSettings } from '../../console/commands/help.js';
import { commands } from '../../console/commands/index.js';
import { jsonOutputs } from '../../console/commands/json-output.js';
import { isDangerous, type WorkflowName } from '../../messaging/schemas/operations.js';
import { byCodeUnit } from '../../node/model/index.js';
import { jsonDocumentFile, renderJsonDocument } from './json-document.js';
import { referenceFile, renderReference } from './reference.js';

test('docs/cli.md is what the commands say; else run: npx node dist/test/cli/write-reference.js', (t) => {
  t.is(readFileSync(referenceFile, 'utf8'), renderReference());
});

test('docs/json.md is what the schemas say; else run: npx node dist/test/cli/write-reference.js', (t) => {
  t.is(readFileSync(jsonDocumentFile, 'utf8'), renderJsonDocument());
});

test('every command that prints JSON has a schema for it, and no other has', (t) => {
  const printing = commands.filter((each) => each.jsonShape !== undefined).map((each) => each.path.join(' '));
  t.deepEqual(Object.keys(jsonOutputs).toSorted(byCodeUnit), printing.toSorted(byCodeUnit));
});

/** A new workflow does not compile without its command. */
const commandOf: Readonly<Record<WorkflowName, string>> = {
  join: 'members join',
  remove: 'members remove',
  replace: 'members replace',
  promote: 'members promote',
  demote: 'members demote',
  transfer: 'members transfer',
  restore: 'restore',
  migrate: 'migrate',
  rollback: 'migrate',
  upgrade: 'upgrade',
};

test('every workflow can be tried, scripted and left alone; what cannot be taken back is named twice', (t) => {
  for (const [workflow, words] of Object.entries(commandOf)) {
    const command = commands.find(({ path }) => path.join(' ') === words);
    if (command === undefined) throw new Error(`there is no command ${words}`);
    const flags = Object.values(command.settings).map(({ flag }) => flag);
    for (const flag of ['dry-run', 'yes', 'detach']) t.true(flags.includes(flag), `${words} --${flag}`);
    t.truthy(command.jsonShape, `${words} --json`);
    t.is(flags.includes('i-understand'), isDangerous(workflow as WorkflowName), `${words} --i-understand`);
  }
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
