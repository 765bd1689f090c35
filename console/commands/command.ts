/**
 * A command as data: its place in the tree, its settings and arguments, its help; and what it does. The parser, the help,
 * the completion and docs/cli.md are all made from this.
 */
import type { z } from 'zod';
import { QuorateError } from '../../messaging/errors.js';
import { resolveSettings, type Sources } from '../config/resolve.js';
import type { Completes, SettingTable, SettingValues } from '../config/setting.js';
import type { Output } from '../output/output.js';

/** 0 done, 1 refused or failed, 2 usage; 130 and 143: ended by SIGINT or SIGTERM. */
export type ExitCode = 0 | 1 | 2 | 130 | 143;

export interface Argument<T> {
  /** As it stands in help, e.g. `ID`. */
  readonly placeholder: string;
  readonly describe: string;
  readonly required?: boolean;
  /** Takes all that follow. */
  readonly repeatable?: boolean;
  readonly choices?: readonly string[];
  readonly completes?: Completes;
  /** Takes a string or undefined; an array of strings where it is repeatable. */
  readonly schema: z.ZodType<T>;
}

export type ArgumentTable = Readonly<Record<string, Argument<unknown>>>;
export type ArgumentValues<Table extends ArgumentTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Argument<infer Value> ? Value : never;
};

export interface Example {
  readonly line: string;
  readonly comment: string;
}

export interface CommandContext {
  readonly out: Output;
  readonly env: NodeJS.ProcessEnv;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

interface CommandText {
  /** Words after `quorate`. */
  readonly path: readonly string[];
  /** One line without a full stop, for lists of commands. */
  readonly summary: string;
  /** Paragraphs. */
  readonly description?: string;
  readonly examples: readonly Example[];
  /** What --json prints, for the docs; none: the command prints nothing on stdout. */
  readonly jsonShape?: string;
  /** SIGINT is the ordinary way to end it: exit code 0. */
  readonly runsUntilStopped?: boolean;
}

export interface CommandDefinition<Settings extends SettingTable, Arguments extends ArgumentTable> extends CommandText {
  readonly settings: Settings;
  readonly args?: Arguments;
  /** Answers the exit code where it is not 0. */
  run(
    context: CommandContext,
    given: SettingValues<Settings> & ArgumentValues<Arguments>,
  ): Promise<ExitCode> | Promise<void>;
}

export interface Command extends CommandText {
  readonly settings: SettingTable;
  readonly args: ArgumentTable;
  /** Absent: a group, which only holds other commands. */
  readonly execute?: (
    context: CommandContext,
    sources: Sources,
    words: readonly string[],
  ) => Promise<ExitCode> | Promise<void>;
}

export function defineCommand<
  const Settings extends SettingTable,
  const Arguments extends ArgumentTable = Record<never, never>,
>(definition: CommandDefinition<Settings, Arguments>): Command {
  const { run, args, ...text } = definition;
  const table: ArgumentTable = args ?? {};
  return {
    ...text,
    args: table,
    execute: (context, sources, words) => {
      // Both halves were made by the schemas of the tables that the types are made from.
      const values = resolveArguments(text.path, table, words) as ArgumentValues<Arguments>;
      return run(context, { ...resolveSettings(text.settings, sources), ...values });
    },
  };
}

export function defineGroup(text: CommandText): Command {
  return { ...text, settings: {}, args: {} };
}

/** Declares an argument, keeping the type of its value. */
export function argument<T>(definition: Argument<T>): Argument<T> {
  return definition;
}

export function usageError(message: string, remedy: string): QuorateError {
  return new QuorateError('usage', message, { remedy });
}

export function commandLine(path: readonly string[]): string {
  return ['quorate', ...path].join(' ');
}

function resolveArguments(
  path: readonly string[],
  table: ArgumentTable,
  words: readonly string[],
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const help = `\`${commandLine(path)} --help\` shows what it takes.`;
  let next = 0;
  for (const [name, each] of Object.entries(table)) {
    const rest = words.slice(next);
    const raw = each.repeatable === true ? rest : rest[0];
    if (each.required === true && rest.length === 0)
      throw usageError(`${each.placeholder} is missing: ${each.describe}`, help);
    next += each.repeatable === true ? rest.length : 1;
    const parsed = each.schema.safeParse(raw);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw usageError(`${each.placeholder}: ${JSON.stringify(raw)} ${issue?.message ?? 'is not valid'}`, help);
    }
    values[name] = parsed.data;
  }
  const surplus = words[next];
  if (surplus !== undefined) throw usageError(`"${surplus}" is one argument too many`, help);
  return values;
}
