/** Precedence and validation: flag, then environment, then config file, then the default; an error names its source. */
import { QuorateError } from '../../messaging/errors.js';
import type { ConfigFile } from './file.js';
import type { Setting, SettingTable, SettingValues } from './setting.js';

export interface Sources {
  /** By flag name; undefined where it was not given. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: NodeJS.ProcessEnv;
  readonly file: ConfigFile | null;
}

interface Given {
  readonly raw: unknown;
  /** How an error calls the place: `--timeout`, `QUORATE_TIMEOUT`, `quorate.yaml:3: timeout`. */
  readonly source: string;
}

/** @throws QuorateError `invalid-config`, naming every setting that is wrong. */
export function resolveSettings<Table extends SettingTable>(table: Table, sources: Sources): SettingValues<Table> {
  const values: Record<string, unknown> = {};
  const problems: { readonly message: string; readonly remedy: string }[] = [];
  for (const [name, setting] of Object.entries(table)) {
    const given = find(setting, sources);
    if (given === undefined && setting.required === true) {
      problems.push({
        message: `--${setting.flag} is missing: ${lowerFirst(setting.describe)}`,
        remedy: `Give it as ${waysToGive(setting)}.`,
      });
      continue;
    }
    const parsed = setting.schema.safeParse(given?.raw);
    if (parsed.success) values[name] = parsed.data;
    else problems.push({ message: describeProblem(setting, given, parsed.error.issues[0]), remedy: remedyOf(setting) });
  }
  const [first, ...rest] = problems;
  if (first !== undefined) {
    const message = [first, ...rest].map((each) => each.message).join('; ');
    throw new QuorateError('invalid-config', message, { remedy: first.remedy, details: { problems: problems.length } });
  }
  // Every value was made by the schema of its setting just above.
  return values as SettingValues<Table>;
}

function find(setting: Setting<unknown>, { flags, env, file }: Sources): Given | undefined {
  const flag = setting.flag === undefined ? undefined : flags[setting.flag];
  if (flag !== undefined) return { raw: flag, source: `--${setting.flag}` };
  const variable = setting.env === undefined ? undefined : env[setting.env];
  if (variable !== undefined && variable !== '') return { raw: variable, source: setting.env ?? '' };
  const value = setting.key === undefined ? undefined : file?.get(setting.key);
  if (value !== undefined && file !== null)
    return { raw: value, source: `${file.where(setting.key ?? '')}: ${setting.key}` };
  return undefined;
}

interface Issue {
  readonly message: string;
  readonly path: readonly PropertyKey[];
}

function describeProblem(setting: Setting<unknown>, given: Given | undefined, issue: Issue | undefined): string {
  const raw = given?.raw;
  const item = Array.isArray(raw) && typeof issue?.path[0] === 'number' ? raw[issue.path[0]] : raw;
  const shown = setting.secret === true ? undefined : withoutCredentials(JSON.stringify(item));
  return `${given?.source ?? 'a default'}: ${shown ?? 'the value'} ${issue?.message ?? 'is not valid'}`;
}

function withoutCredentials(shown: string | undefined): string | undefined {
  return shown?.replaceAll(/\/\/[^@/]*@/g, '//***@');
}

function remedyOf(setting: Setting<unknown>): string {
  const name = setting.flag === undefined ? (setting.env ?? '') : `--${setting.flag}`;
  return `${name}${setting.placeholder === undefined ? '' : ` ${setting.placeholder}`}: ${lowerFirst(setting.describe)}.`;
}

function waysToGive(setting: Setting<unknown>): string {
  const ways = [`--${setting.flag} ${setting.placeholder ?? ''}`.trim()];
  if (setting.env !== undefined) ways.push(`the environment variable ${setting.env}`);
  if (setting.key !== undefined) ways.push(`\`${setting.key}\` in the config file`);
  const last = ways.pop() ?? '';
  return ways.length === 0 ? last : `${ways.join(', ')} or ${last}`;
}

function lowerFirst(sentence: string): string {
  return /^[A-Z][a-z]/.test(sentence) ? sentence.charAt(0).toLowerCase() + sentence.slice(1) : sentence;
}
