/** From the words of the command line to a command and what it was given. Nothing is guessed: what is not known is refused. */
import { Parser } from 'yargs/helpers';
import type { Setting } from '../config/setting.js';
import { didYouMean, nearest } from '../output/suggest.js';
import { type Command, commandLine, usageError } from './command.js';
import { allSettings, childrenOf } from './help.js';

export interface ParsedLine {
  readonly command: Command;
  /** By flag name; a value is a string, a list of strings, or a boolean. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** Words after the command's own. */
  readonly words: readonly string[];
  readonly wantsHelp: boolean;
  readonly wantsVersion: boolean;
}

const secretFlags: ReadonlySet<string> = new Set(['password', 'pass', 'token', 'seed']);

/**
 * Flags may stand anywhere, also before the command, so all flags of all commands are known while the words are read; what
 * the command that was found does not take is refused after that.
 */
export function parseLine(args: readonly string[], root: Command, commands: readonly Command[]): ParsedLine {
  const known = new Map<string, Setting<unknown>>();
  for (const each of commands.flatMap(allSettings)) if (each.flag !== undefined) known.set(each.flag, each);
  const settings = [...known.values()];
  const flagsOf = (wanted: (each: Setting<unknown>) => boolean): string[] =>
    settings.filter(wanted).map((each) => each.flag ?? '');
  const { argv, error } = Parser.detailed([...args], {
    string: flagsOf((each) => each.placeholder !== undefined),
    boolean: [...flagsOf((each) => each.placeholder === undefined), 'help', 'version'],
    array: flagsOf((each) => each.repeatable === true),
    alias: {
      help: ['h'],
      ...Object.fromEntries(
        settings.filter((each) => each.alias !== undefined).map((each) => [each.flag, [each.alias]]),
      ),
    },
    configuration: {
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'strip-aliased': true,
    },
  });
  if (error !== null) throw usageError(error.message, '`quorate --help` lists the commands.');
  const { _: words, help, version, ...given } = argv;
  const { command, rest } = findCommand(words.map(String), root, commands);
  const wantsHelp = help === true;
  if (!wantsHelp) refuseUnknownFlags(given, command);
  return { command, flags: given, words: rest, wantsHelp, wantsVersion: version === true };
}

/** The longest path of words that is a command. Below a group, a word that is none of its commands is a slip. */
export function findCommand(
  words: readonly string[],
  root: Command,
  commands: readonly Command[],
): { command: Command; rest: readonly string[] } {
  let command = root;
  let rest = words;
  for (;;) {
    const children = childrenOf(command, commands);
    const [word] = rest;
    if (word === undefined || children.length === 0) return { command, rest };
    const child = children.find((each) => each.path.at(-1) === word);
    if (child === undefined) {
      const names = children.map((each) => each.path.at(-1) ?? '');
      const line = commandLine(command.path);
      throw usageError(
        `\`${line}\` has no command "${word}"`,
        homeOf(word, command, commands) ??
          didYouMean(word, names) ??
          `It has ${names.join(', ')}; see \`${line} --help\`.`,
      );
    }
    command = child;
    rest = rest.slice(1);
  }
}

/** Who leaves a group out (`quorate join` for `quorate members join`) is told where the command lives. */
function homeOf(word: string, group: Command, commands: readonly Command[]): string | undefined {
  const homes = commands.filter((each) => each.path.length > group.path.length + 1 && each.path.at(-1) === word);
  if (homes.length === 0) return undefined;
  return `Did you mean ${homes.map((each) => `\`${commandLine(each.path)}\``).join(' or ')}?`;
}

function refuseUnknownFlags(given: Readonly<Record<string, unknown>>, command: Command): void {
  const taken = new Map<string, Setting<unknown>>();
  for (const each of allSettings(command)) if (each.flag !== undefined) taken.set(each.flag, each);
  const line = commandLine(command.path);
  for (const [name, value] of Object.entries(given)) {
    const setting = taken.get(name);
    const shown = `${name.length === 1 ? '-' : '--'}${name}`;
    if (setting === undefined) {
      if (secretFlags.has(name)) {
        throw usageError(
          `${shown}: a secret does not belong on a command line, where others can read it`,
          'Use --password-file, --token-file, --nkey-seed-file or --creds-file, or QUORATE_PASSWORD or QUORATE_TOKEN.',
        );
      }
      const meant = nearest(name, [...taken.keys()]);
      throw usageError(
        `\`${line}\` has no option ${shown}`,
        meant === undefined ? `\`${line} --help\` lists its options.` : `Did you mean --${meant}?`,
      );
    }
    if (setting.placeholder === undefined) continue;
    if (Array.isArray(value) && setting.repeatable !== true)
      throw usageError(`${shown} is given more than once`, 'Give it once.');
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (values.some((each) => each === '' || each === undefined))
      throw usageError(`${shown} needs a value`, `Give it as ${shown} ${setting.placeholder}.`);
  }
}
