/** What the documents tell people to type and to write is what the program takes: each command line, each config file. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { allSettings } from '../../console/commands/help.js';
import { commands, root } from '../../console/commands/index.js';
import { nodeCommand } from '../../console/commands/node.js';
import { parseLine } from '../../console/commands/parse.js';
import { loadConfigFile } from '../../console/config/file.js';
import { resolveSettings, type Sources } from '../../console/config/resolve.js';
import type { SettingTable } from '../../console/config/setting.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { documents } from './links.js';

interface Typed {
  readonly where: string;
  readonly line: string;
}

/** Lines that begin with `quorate` in blocks of code, without what the shell does with them. */
function linesIn({ name, text }: { readonly name: string; readonly text: string }): readonly Typed[] {
  const blocks = [...text.matchAll(/^```(?:sh|text)\n([\s\S]*?)^```/gm)].map(([, block = '']) => block);
  return blocks
    .join('\n')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .flatMap((each) => each.split(/; |&& |\|\| /))
    .map((each) => each.trim().replace(/^sudo /, ''))
    .filter((each) => each.startsWith('quorate '))
    .map((each) => ({ where: name, line: each.replace(/\s+(#|\||2?>|&|<).*$/, '') }));
}

/** As a shell splits it; quotes are taken away. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) => word.replace(/['"]/g, ''));
}

/** What is wrong with it, or null. What is left out may come from elsewhere. */
function refusalOf(settings: SettingTable, sources: Sources): string | null {
  const given = Object.fromEntries(
    Object.entries(settings).filter(
      ([, { flag, key }]) =>
        (flag !== undefined && sources.flags[flag] !== undefined) ||
        (key !== undefined && sources.file?.get(key) !== undefined),
    ),
  );
  try {
    resolveSettings(given, sources);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function refusalOfLine(line: string): string | null {
  try {
    const { command, flags } = parseLine(wordsOf(line).slice(1), root, commands);
    return refusalOf(command.settings, { flags, env: {}, file: null });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test('the look for what is not taken finds it', (t) => {
  t.is(refusalOfLine('quorate members join ctrl4 --dry-run'), null);
  t.regex(refusalOfLine('quorate members jion ctrl4') ?? '', /jion/);
  t.regex(refusalOfLine('quorate status --no-such-flag') ?? '', /no-such-flag/);
  t.regex(refusalOfLine('quorate node --http nowhere:at:all') ?? '', /--http/);
});

test('every command line of the documents is one', (t) => {
  // The reference is made from the commands themselves, with words that stand for others.
  const lines = documents()
    .filter(({ name }) => name !== 'docs/cli.md')
    .flatMap(linesIn);
  t.true(lines.length > 50, `${lines.length} lines`);
  for (const { where, line } of lines) t.is(refusalOfLine(line), null, `${where}: ${line}`);
});

test('every config file of the documents is read, and all that stands in it is taken', (t) => {
  const keys = new Set(commands.flatMap(allSettings).flatMap(({ key }) => (key === undefined ? [] : [key])));
  const blocks = documents().flatMap(({ name, text }) =>
    [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, block = '']) => ({ name, block })),
  );
  const ours = blocks.filter(({ block }) => {
    const top = Object.keys(parse(block) as object);
    return ['cluster', 'nats', 'node', 'router'].some((key) => top.includes(key));
  });
  t.true(ours.length >= 2);
  for (const { name, block } of ours) {
    const file = path.join(temporaryDirectory('config'), 'quorate.yaml');
    writeFileSync(file, block);
    t.notThrows(() => {
      const read = loadConfigFile(file, keys);
      t.is(refusalOf(nodeCommand.settings, { flags: {}, env: {}, file: read }), null, name);
    }, name);
  }
});
