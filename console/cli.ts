/**
 * The command line: reads the words, finds the command, gathers its settings, runs it, and turns the outcome into an exit
 * code. What a command does is in commands/.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { toQuorateError } from '../messaging/errors.js';
import { softwareVersion } from '../messaging/version.js';
import { type Command, type CommandContext, defineGroup, type ExitCode, usageError } from './commands/command.js';
import { type Completion, completeWords, type Question } from './commands/completion.js';
import { consoleCommand } from './commands/console.js';
import { renderHelp } from './commands/help.js';
import { findCommand, type ParsedLine, parseLine } from './commands/parse.js';
import { aborted } from './commands/signals.js';
import { clientSettings, configSetting, outputSettings } from './config/common.js';
import { chooseContext, contextsPath, withContext } from './config/contexts.js';
import { type ConfigFile, configFilePath, loadConfigFile } from './config/file.js';
import { resolveSettings, type Sources } from './config/resolve.js';
import { type Io, Output } from './output/output.js';

const stopGraceMs = 300;
const exitOnSignal = { SIGINT: 130, SIGTERM: 143 } as const;
/** Help reads badly in lines that are longer than this. */
const helpWidthMax = 100;

/** Loaded where they are needed: the console, which should be there at once, is started without the other commands. */
const allCommands = () => import('./commands/index.js');
type Tree = Pick<Awaited<ReturnType<typeof allCommands>>, 'commands' | 'root'>;

export async function main(args: readonly string[]): Promise<void> {
  const { stdin, stdout, stderr, env } = process;
  for (const stream of [stdout, stderr]) stream.on('error', leaveWhenReaderIsGone);
  const code = await runCli(args, { stdin, stdout, stderr, env });
  // What is left open (a socket that closes slowly) must not keep the shell waiting; what was written must arrive.
  await Promise.all([stdout, stderr].map((stream) => new Promise((resolve) => stream.write('', resolve))));
  process.exit(code);
}

/** Never throws: whatever happens is said on stderr and in the exit code. */
export async function runCli(args: readonly string[], io: Io): Promise<ExitCode> {
  if (args[0] === '__complete') return printCompletions(args.slice(1), io, await allCommands());
  // Until the settings are read, errors follow what the words seem to ask for.
  let out = new Output(io, { json: args.includes('--json'), quiet: false, noColor: (io.env['NO_COLOR'] ?? '') !== '' });
  try {
    const line = readConsoleLine(args) ?? (await readLine(args));
    const { command } = line;
    if (line.wantsVersion) {
      out.print(`quorate ${softwareVersion}`);
      return 0;
    }
    if (line.wantsHelp || command.path[0] === 'help') {
      showHelp(line, out, await allCommands());
      return 0;
    }
    out = new Output(io, resolveSettings(outputSettings, { flags: line.flags, env: io.env, file: null }));
    if (command.execute === undefined) return refuseGroup(line, out, await allCommands());
    return await runCommand(line, out);
  } catch (error) {
    out.error(error);
    return exitCodeOf(error);
  }
}

async function readLine(args: readonly string[]): Promise<ParsedLine> {
  const { root, commands } = await allCommands();
  return parseLine(args, root, commands);
}

const rootOfConsole = defineGroup({ path: [], summary: '', examples: [] });

/** Null: this is not the console, or something is to be said that needs all commands to say it well. */
function readConsoleLine(args: readonly string[]): ParsedLine | null {
  if (args[0] !== consoleCommand.path[0]) return null;
  try {
    const line = parseLine(args, rootOfConsole, [consoleCommand]);
    return line.wantsHelp || line.wantsVersion ? null : line;
  } catch {
    return null;
  }
}

async function runCommand({ command, flags, words }: ParsedLine, out: Output): Promise<ExitCode> {
  const { env } = out.io;
  const sources = await sourcesOf(command, flags, env);
  const stop = new AbortController();
  let signalled: keyof typeof exitOnSignal | undefined;
  const onSignal = (signal: keyof typeof exitOnSignal): void => {
    // The second time, whoever asks does not want to wait for an orderly end.
    if (signalled !== undefined) process.exit(exitOnSignal[signal]);
    signalled = signal;
    stop.abort();
  };
  const context: CommandContext = { out, env, signal: stop.signal };
  const onInterrupt = (): void => onSignal('SIGINT');
  const onTerminate = (): void => onSignal('SIGTERM');
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate);
  const interrupted = (): ExitCode | undefined =>
    signalled === undefined || command.runsUntilStopped === true ? undefined : exitOnSignal[signalled];
  try {
    const working = command.execute?.(context, sources, words);
    const code =
      command.runsUntilStopped === true ? await working : await Promise.race([working, tooSlowToStop(stop.signal)]);
    return interrupted() ?? code ?? 0;
  } catch (error) {
    const code = interrupted();
    if (code !== undefined) return code;
    throw error;
  } finally {
    process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate);
  }
}

async function sourcesOf(command: Command, flags: Sources['flags'], env: NodeJS.ProcessEnv): Promise<Sources> {
  // Whoever takes nothing from a config file does not fail of one.
  if (Object.values(command.settings).every(({ key }) => key === undefined)) return { flags, env, file: null };
  const { config } = resolveSettings({ config: configSetting }, { flags, env, file: null });
  const path = configFilePath(config, env);
  const file = path === undefined ? null : loadConfigFile(path, allKeys((await allCommands()).commands));
  return { flags, env, file: inContext(command, { flags, env, file }) };
}

/** Those who ask the controllers something may be told by a context where they are. */
function inContext(command: Command, sources: Sources): ConfigFile | null {
  const { env, file } = sources;
  if (command.settings['context'] !== clientSettings.context) return file;
  const { context: named } = resolveSettings({ context: clientSettings.context }, { ...sources, file: null });
  const path = contextsPath(env);
  const chosen = chooseContext(named, file !== null, path);
  return chosen === null ? file : withContext(file, chosen.name, chosen.context, path);
}

/** After a signal a command may still say a word; one that waits for an answer is not waited for. */
async function tooSlowToStop(signal: AbortSignal): Promise<undefined> {
  await aborted(signal);
  await sleep(stopGraceMs);
}

function exitCodeOf(error: unknown): ExitCode {
  const { code } = toQuorateError(error);
  return code === 'usage' || code === 'invalid-config' ? 2 : 1;
}

function showHelp({ command, words }: ParsedLine, out: Output, { root, commands }: Tree): void {
  const shown = command.path[0] === 'help' ? findCommand(words, root, commands).command : command;
  const bold = (text: string): string => out.style('bold', text);
  out.print(
    renderHelp(shown, commands, { width: Math.min(helpWidthMax, out.columns ?? helpWidthMax), bold }).trimEnd(),
  );
}

/** `quorate` alone helps; a group without a command is a slip. */
function refuseGroup(line: ParsedLine, out: Output, tree: Tree): ExitCode {
  if (line.command === tree.root) {
    showHelp(line, out, tree);
    return 0;
  }
  const names = tree.commands
    .filter((each) => each.path.length > 1 && each.path[0] === line.command.path[0])
    .map((each) => each.path.at(-1));
  throw usageError(`\`quorate ${line.command.path.join(' ')}\` needs a command`, `It has ${names.join(', ')}.`);
}

/** Every key that the config file may hold, for any command: one file serves them all. */
function allKeys(commands: readonly Command[]): ReadonlySet<string> {
  const settings = commands.flatMap((each) => Object.values(each.settings));
  return new Set(settings.flatMap((each) => (each.key === undefined ? [] : [each.key])));
}

async function printCompletions(words: readonly string[], io: Io, tree: Tree): Promise<ExitCode> {
  const found = completeWords(words, tree.root, tree.commands);
  const answer = found.type === 'question' ? await askFor(found.question, io, tree) : found;
  const names = answer.type === 'words' ? answer.words : [];
  io.stdout.write(names.map((each) => `${each}\n`).join(''));
  return 0;
}

/** With what was typed of flags, the environment, the config file and the contexts, as the command itself would be. */
async function askFor(question: Question, io: Io, { root, commands }: Tree): Promise<Completion> {
  try {
    const { completeByAsking } = await import('./commands/complete-values.js');
    const { flags, words } = parseLine(question.words, root, commands);
    return await completeByAsking(question, await sourcesOf(question.command, flags, io.env), words, io);
  } catch {
    // What was typed so far is no line, or the config file is broken: the command will say so, and not the key.
    return { type: 'words', words: [] };
  }
}

/** `quorate events | head`: the reader had enough. */
function leaveWhenReaderIsGone(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
}
