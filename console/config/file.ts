/** The config file: found, read, and every key in it known; positions are kept so that an error can say where it is. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, type YAMLMap } from 'yaml';
import { QuorateError } from '../../messaging/errors.js';
import { didYouMean } from '../output/suggest.js';

export interface ConfigFile {
  readonly path: string;
  /** The value at a dotted key, or undefined. */
  get(key: string): unknown;
  /** `quorate.yaml:3` */
  where(key: string): string;
}

/** The first of these that is there is used, alone: settings of two files are never mixed. */
export function defaultConfigPaths(env: NodeJS.ProcessEnv): readonly string[] {
  const configHome = env['XDG_CONFIG_HOME'] || join(homedir(), '.config');
  return ['quorate.yaml', join(configHome, 'quorate', 'config.yaml')];
}

/** The file that counts: the one that the user named, whether it is there or not; else the usual one that is; else none. */
export function configFilePath(given: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  return given ?? defaultConfigPaths(env).find((each) => existsSync(each));
}

/**
 * @param knownKeys every key that some command knows.
 * @throws QuorateError `invalid-config` where the file is not there, is no YAML, or holds a key that nothing reads.
 */
export function loadConfigFile(path: string, knownKeys: ReadonlySet<string>): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(read(path), { lineCounter: lines, prettyErrors: false });
  const problem = document.errors[0];
  if (problem !== undefined) {
    const at = lines.linePos(problem.pos[0]);
    throw invalid(`${path}:${at.line}: not valid YAML: ${problem.message}`, 'Correct the line that is named.');
  }
  const whereOf = (offset: number | undefined): string =>
    offset === undefined ? path : `${path}:${lines.linePos(offset).line}`;
  if (document.contents !== null && !isMap(document.contents)) {
    if (isScalar(document.contents) && document.contents.value === null) return emptyFile(path);
    throw invalid(
      `${path}: must be a YAML mapping of settings`,
      'Write it as `key: value` lines, for example `cluster: demo`.',
    );
  }
  if (document.contents !== null) refuseUnknownKeys(document.contents, '', knownKeys, whereOf);
  return {
    path,
    get: (key) => valueAt(document, key),
    where: (key) => {
      const node: unknown = document.getIn(key.split('.'), true);
      return whereOf(isNode(node) ? node.range?.[0] : undefined);
    },
  };
}

function emptyFile(path: string): ConfigFile {
  return { path, get: () => undefined, where: () => path };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw invalid(
      `the config file ${path} cannot be read: ${reasonOf(error)}`,
      'Correct the path given with --config or QUORATE_CONFIG.',
      error,
    );
  }
}

function valueAt(document: Document.Parsed, key: string): unknown {
  const node: unknown = document.getIn(key.split('.'), true);
  const value: unknown = isNode(node) ? node.toJS(document) : node;
  return value ?? undefined;
}

function refuseUnknownKeys(
  map: YAMLMap,
  prefix: string,
  known: ReadonlySet<string>,
  whereOf: (offset: number | undefined) => string,
): void {
  for (const pair of map.items) {
    const name = isScalar(pair.key) ? String(pair.key.value) : '?';
    const key = `${prefix}${name}`;
    if (known.has(key)) continue;
    if ([...known].some((each) => each.startsWith(`${key}.`))) {
      if (isMap(pair.value)) {
        refuseUnknownKeys(pair.value, `${key}.`, known, whereOf);
        continue;
      }
      if (isScalar(pair.value) && pair.value.value === null) continue;
    }
    const offset = isScalar(pair.key) ? pair.key.range?.[0] : undefined;
    throw invalid(
      `${whereOf(offset)}: there is no setting "${key}"`,
      didYouMean(key, [...known]) ?? 'docs/cli.md lists the keys of the config file.',
    );
  }
}

function invalid(message: string, remedy: string, cause?: unknown): QuorateError {
  return new QuorateError('invalid-config', message, { remedy, cause });
}

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'EACCES') return 'permission denied';
  if (code === 'EISDIR') return 'it is a directory';
  return error.message;
}
