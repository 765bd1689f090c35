/**
 * Contexts: clusters by name, each with how it is reached and as whom. Credentials stand in files that a context refers to;
 * none is ever in it. Kept in one file, written whole or not at all.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { QuorateError } from '../../messaging/errors.js';
import { didYouMean } from '../output/suggest.js';
import { type ConfigFile, reasonOf } from './file.js';

export const contextNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, 'must be 1 to 64 of the characters A-Z a-z 0-9 _ . -');

/** The keys of the config file that a context may hold; secrets are not among them. */
export const contextKeys = [
  'nats',
  'cluster',
  'user',
  'passwordFile',
  'tokenFile',
  'nkeySeedFile',
  'credsFile',
  'tls.caFile',
  'tls.certFile',
  'tls.keyFile',
  'as',
  'timeout',
] as const;
export type ContextKey = (typeof contextKeys)[number];

/** Values as the config file would hold them, by key. */
export type Context = Readonly<Partial<Record<ContextKey, string | readonly string[]>>>;

const contextSchema = z.partialRecord(z.enum(contextKeys), z.union([z.string(), z.array(z.string())]));
const fileSchema = z.strictObject({
  current: contextNameSchema.nullable().default(null),
  contexts: z.record(contextNameSchema, contextSchema).default({}),
});

export interface Contexts {
  /** The one in use; null: none. */
  readonly current: string | null;
  readonly byName: Readonly<Record<string, Context>>;
}

export function contextsPath(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'quorate', 'contexts.yaml');
}

/** @throws QuorateError `invalid-config` where the file is there and cannot be read. */
export function readContexts(path: string): Contexts {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { current: null, byName: {} };
    throw unreadable(path, reasonOf(error), error);
  }
  let given: unknown;
  try {
    given = parse(text) ?? {};
  } catch (error) {
    throw unreadable(path, 'it is not valid YAML', error);
  }
  const parsed = fileSchema.safeParse(given);
  if (parsed.success) return { current: parsed.data.current, byName: parsed.data.contexts };
  const [issue] = parsed.error.issues;
  throw unreadable(path, `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
}

export function writeContexts(path: string, { current, byName }: Contexts): void {
  const beside = `${path}.${process.pid}`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(beside, stringify({ current, contexts: byName }), { mode: 0o600 });
  renameSync(beside, path);
}

/**
 * The context that counts: the one that is named, else where no config file is there the one in use. Null: none.
 * @throws QuorateError `invalid-config` where there is none of that name.
 */
export function chooseContext(
  named: string | undefined,
  hasConfigFile: boolean,
  path: string,
): { readonly name: string; readonly context: Context } | null {
  if (named === undefined && hasConfigFile) return null;
  const contexts = readContexts(path);
  const name = named ?? contexts.current;
  if (name === null) return null;
  const context = contexts.byName[name];
  if (context !== undefined) return { name, context };
  const names = Object.keys(contexts.byName);
  throw new QuorateError('invalid-config', `there is no context "${name}" in ${path}`, {
    remedy:
      didYouMean(name, names) ?? '`quorate context list` shows those that are there, `quorate context add` adds one.',
  });
}

/** The config file with the context's words in the place of all its own about connections: two are never mixed. */
export function withContext(file: ConfigFile | null, name: string, context: Context, path: string): ConfigFile {
  const keys: ReadonlySet<string> = new Set(contextKeys);
  const values: Readonly<Record<string, unknown>> = context;
  return {
    path,
    get: (key) => (keys.has(key) ? values[key] : file?.get(key)),
    where: (key) => (keys.has(key) ? `context ${name} in ${path}` : (file?.where(key) ?? path)),
  };
}

function unreadable(path: string, reason: string, cause?: unknown): QuorateError {
  return new QuorateError('invalid-config', `the file of contexts ${path} cannot be read: ${reason}`, {
    remedy: 'Correct it, or move it away and add the contexts anew.',
    cause,
  });
}
