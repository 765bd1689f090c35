/**
 * A setting: one thing that may be given as a flag, as an environment variable or as a key of the config file. Commands
 * declare theirs in tables of these; flags, help, completion, docs/cli.md and validation are all made from the tables.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

export interface Setting<T> {
  /** Without the dashes. A secret has none: what stands on a command line can be read by every user of the machine. */
  readonly flag?: string;
  readonly alias?: string;
  readonly env?: string;
  /** Dotted path in the config file. */
  readonly key?: string;
  /** What stands for the value in help; a setting without one is a switch. */
  readonly placeholder?: string;
  readonly repeatable?: boolean;
  /** One sentence without a full stop. */
  readonly describe: string;
  readonly group: SettingGroup;
  /** How the default reads in help. */
  readonly defaultText?: string;
  readonly required?: boolean;
  /** For completion; the schema has the last word. */
  readonly choices?: readonly string[];
  readonly completes?: Completes;
  /** Its value is never shown, not even in an error. */
  readonly secret?: boolean;
  /** Not shown in help or docs. */
  readonly hidden?: boolean;
  /** Takes a string (flag, environment) or what YAML made of it, or undefined where none is given. */
  readonly schema: z.ZodType<T>;
}

/** What the shell completes a value with: names of files here, or what the contexts or the running cluster know. */
export type Completes = 'file' | 'directory' | Asked;
/** A `snapshot` is a file here, unless --node names the controller on which it lies; an `entity` is one of the kind that is named before. */
export type Asked =
  | 'context'
  | 'controller'
  | 'blank'
  | 'member'
  | 'voter'
  | 'learner'
  | 'operation'
  | 'running-operation'
  | 'failed-operation'
  | 'snapshot'
  | 'router'
  | 'entity';

export type SettingGroup = 'Options' | 'Connection' | 'Output';

export type SettingTable = Readonly<Record<string, Setting<unknown>>>;
export type SettingValues<Table extends SettingTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Setting<infer Value> ? Value : never;
};

/** Text; YAML numbers are taken as they were written, so that `password: 1234` is what it looks like. */
export function text<T extends z.ZodType<string>>(schema: T): z.ZodType<z.output<T>> {
  return z.preprocess((raw) => (typeof raw === 'number' ? String(raw) : raw), schema);
}

export const anyText = text(z.string({ error: 'must be text' }).min(1, 'must not be empty'));

/** A path; `~/` stands for the home directory, because in a config file no shell expands it. */
export const path: z.ZodType<string> = anyText.transform((given) =>
  given.startsWith('~/') ? join(homedir(), given.slice(2)) : given,
);

export function integer(min: number, max: number): z.ZodType<number> {
  const error = `must be a whole number from ${min} to ${max}`;
  const fromText = (raw: unknown): unknown =>
    typeof raw === 'string' && /^[+-]?\d+$/.test(raw.trim()) ? Number(raw) : raw;
  return z.preprocess(fromText, z.int({ error }).min(min, error).max(max, error));
}

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `500ms`, `5s`, `2m`, `1h` as milliseconds. A number without a unit is refused: it would be read both ways. */
export function durationMs(minMs: number, maxMs: number): z.ZodType<number> {
  return z.unknown().transform((raw, context) => {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(String(raw).trim());
    const ms = Number(match?.[1]) * (unitsMs[match?.[2] ?? ''] ?? Number.NaN);
    if (ms >= minMs && ms <= maxMs) return ms;
    const message =
      match === null
        ? 'must be a time with its unit, as 500ms, 5s or 2m'
        : `must be from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

export function formatDuration(ms: number): string {
  if (ms % 3_600_000 === 0 && ms > 0) return `${ms / 3_600_000}h`;
  if (ms % 60_000 === 0 && ms > 0) return `${ms / 60_000}m`;
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

const truths = new Set(['1', 'true', 'yes', 'on']);
const falsehoods = new Set(['0', 'false', 'no', 'off']);

/** A switch: off unless given. */
export const onOff: z.ZodType<boolean> = z
  .preprocess(
    (raw) => {
      if (typeof raw !== 'string') return raw;
      const word = raw.trim().toLowerCase();
      return truths.has(word) ? true : falsehoods.has(word) ? false : raw;
    },
    z.boolean({ error: 'must be true or false' }),
  )
  .default(false);

/** `HOST:PORT`, `[IPV6]:PORT` or `off`; not given: the default. */
export const httpAddress = z.unknown().transform((raw, context): HttpAddress => {
  if (raw === undefined) return { type: 'default' };
  if (raw === false || raw === 'off') return { type: 'off' };
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(String(raw).trim());
  const port = Number(match?.[3]);
  if (match !== null && port <= 65_535) return { type: 'address', host: match[1] ?? match[2] ?? '', port };
  context.addIssue({ code: 'custom', message: 'must be HOST:PORT, as 127.0.0.1:4280, or off' });
  return z.NEVER;
});

type HttpAddress =
  | { readonly type: 'off' }
  | { readonly type: 'default' }
  | { readonly type: 'address'; readonly host: string; readonly port: number };

/** A list: a YAML list, or text in which commas separate the items; a repeated flag adds to it. */
export function list<T>(item: z.ZodType<T>): z.ZodType<T[]> {
  const split = (raw: unknown): unknown => {
    const given = Array.isArray(raw) ? raw : [raw];
    return given.flatMap((each: unknown) =>
      typeof each === 'string'
        ? each
            .split(',')
            .map((one) => one.trim())
            .filter((one) => one !== '')
        : [each],
    );
  };
  return z.preprocess(split, z.array(item).min(1, 'must name at least one'));
}

/** As a list, but nothing is split: for values that may hold commas. */
export function repeated<T>(item: z.ZodType<T>): z.ZodType<T[]> {
  return z.preprocess((raw) => (raw === undefined ? [] : Array.isArray(raw) ? raw : [raw]), z.array(item)).default([]);
}

export function choice<const Choices extends readonly [string, ...string[]]>(
  choices: Choices,
): z.ZodType<Choices[number]> {
  return z.enum(choices, { error: `must be one of ${choices.join(', ')}` });
}
