/** Every command that a refusal, a check or a message names exists, with the options and arguments that it is named with. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { commands, root } from '../../console/commands/index.js';
import { parseLine } from '../../console/commands/parse.js';
import { errorTable } from '../../messaging/index.js';
import { startRules } from '../../node/cluster/decide-start.js';
import { workflows } from '../../node/workflows/index.js';
import { checkoutRoot } from '../support/checkout.js';

/** Commands as a text names them: between backticks. */
const commandsIn = (text: string): readonly string[] =>
  [...text.matchAll(/`quorate ([^`]+)`/g)].map((match) => match[1] ?? '');

/** Why the line could not be run as it stands, or undefined. `{directory}` and `${id}` stand for one word. */
function problemOf(line: string, isToBeRun = true): string | undefined {
  const words = line
    .replaceAll(/\$?\{[^}]*\}+/g, 'word')
    .trim()
    .split(/\s+/);
  try {
    const { command, flags, words: rest, wantsHelp } = parseLine(words, root, commands);
    if (wantsHelp || !isToBeRun) return undefined;
    if (command.execute === undefined) return 'only a group of commands has this name';
    const args = Object.values(command.args);
    const missing = args.filter((each) => each.required === true).length - rest.length;
    if (missing > 0) return `${missing} of its arguments are missing`;
    if (rest.length > args.length && !args.some((each) => each.repeatable === true)) return 'it takes fewer arguments';
    // Where a directory is to be worked on, the remedy says which.
    if (['reset', 'doctor'].includes(command.path.join(' ')) && !('data-dir' in flags)) return 'it needs --data-dir';
    return undefined;
  } catch (error) {
    return String(error);
  }
}

const sources: ReadonlyMap<string, string> = new Map(
  ['console', 'messaging', 'node'].flatMap((folder) =>
    readdirSync(join(checkoutRoot, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.tsx?$/.test(name))
      .map((name): [string, string] => [
        join(folder, name),
        // Comments name commands too, for those who read them; a template's backticks are escaped in it.
        readFileSync(join(checkoutRoot, folder, name), 'utf8')
          .replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
          .replaceAll('\\`', '`'),
      ]),
  ),
);

test('a command that does not exist, an option that it does not take, a missing argument: each would be seen', (t) => {
  t.regex(problemOf('rescue --from FILE') ?? '', /has no command/);
  t.regex(problemOf('reset --data-dir {directory} --force') ?? '', /has no option --force/);
  t.regex(problemOf('reset') ?? '', /needs --data-dir/);
  t.regex(problemOf('members remove') ?? '', /missing/);
  t.regex(problemOf('status now') ?? '', /fewer/);
  t.is(problemOf('reset --data-dir {directory}'), undefined);
  t.is(problemOf('members join $' + '{this.id}'), undefined);
});

test('the table of errors, the start-up table and the checks name commands that exist', (t) => {
  const refusals = startRules.flatMap(({ name, outcome }) =>
    typeof outcome === 'string' ? [] : [[`start-up: ${name}`, outcome.remedy] as const],
  );
  const checks = Object.values(workflows).flatMap((workflow) =>
    workflow.checks.map((check) => [`check: ${check.name}`, check.remedy] as const),
  );
  const errors = Object.entries(errorTable).map(([code, { remedy }]) => [`error: ${code}`, remedy] as const);
  let named = 0;
  for (const [where, remedy] of [...refusals, ...checks, ...errors]) {
    for (const line of commandsIn(remedy)) {
      if (line.startsWith('COMMAND')) continue;
      named += 1;
      t.is(problemOf(line), undefined, `${where}: quorate ${line}`);
    }
  }
  t.true(named > 40, `${named}`);
});

test('a path in a command that is said is one word of it, whatever it holds', (t) => {
  const unquoted = /(--data-dir |quorate restore )\$\{(?!shellWord\()[^}]*\}+/g;
  t.regex('`quorate reset --data-dir $' + '{directory}`', unquoted);
  for (const [file, source] of sources) t.deepEqual([...source.matchAll(unquoted)].flat(), [], file);
});

test('so does whatever else is said anywhere', (t) => {
  let named = 0;
  for (const [file, source] of sources) {
    for (const [, field, text = ''] of source.matchAll(
      /(remedy|description|command|message):?\s*(['"`].*['"`]),?$/gm,
    )) {
      for (const line of commandsIn(text)) {
        if (/COMMAND|[|]/.test(line)) continue;
        named += 1;
        // A description speaks of other commands; a remedy is to be typed.
        t.is(problemOf(line, field !== 'description'), undefined, `${file}: quorate ${line}`);
      }
    }
  }
  t.true(named > 20, `${named}`);
});
