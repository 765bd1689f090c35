/** One line of a log, of a controller or a router: a JSON object, or short and coloured on a terminal; without secrets. */

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFields = Readonly<Record<string, unknown>>;

export interface LogEntry {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly level: LogLevel;
  readonly message: string;
  /** Who writes: left out on a terminal, where one looks at it. */
  readonly by: LogFields;
  readonly fields: LogFields;
}

/** With its line break. */
export function logLine({ at, level, message, by, fields }: LogEntry, pretty: boolean): string {
  const time = new Date(at).toISOString();
  const line = pretty
    ? prettyLine(time, level, message, fields)
    : JSON.stringify({ time, level, message, ...by, ...fields });
  return `${withoutSecrets(line)}\n`;
}

const colours: Readonly<Record<LogLevel, number>> = { debug: 90, info: 36, warn: 33, error: 31 };

function prettyLine(time: string, level: LogLevel, message: string, fields: LogFields): string {
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
  return `\u001b[90m${time.slice(11, 23)}\u001b[0m \u001b[${colours[level]}m${level.padEnd(5)}\u001b[0m ${message}${rest === '' ? '' : ` \u001b[90m${rest}\u001b[0m`}`;
}

/**
 * Takes out of a line what must not be written: NKey seeds, JWTs, credentials in addresses, and whatever stands under the name
 * of a secret. The code that logs gives none of them; this is for what an error of a library, or a mistake of ours, brings along.
 */
const hidden = '[hidden]';

/** Each with what is put in its place. */
const secrets: readonly (readonly [RegExp, string])[] = [
  // `SU…`, `SA…`, …: a seed in base 32, 58 characters in all.
  [/\bS[ACNOUX][A-Z2-7]{56}\b/g, hidden],
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+/g, hidden],
  [/(:\/\/)[^\s/@"]+@/g, `$1${hidden}@`],
  [/("(?:pass|password|token|seed|secret|nkeySeed|jwt|auth_token)":)"(?:[^"\\]|\\.)*"/gi, `$1"${hidden}"`],
  [/\b((?:pass|password|token|seed|secret|nkeySeed|jwt|auth_token)=)\S+/gi, `$1${hidden}`],
];

function withoutSecrets(line: string): string {
  return secrets.reduce((text, [pattern, instead]) => text.replace(pattern, instead), line);
}
