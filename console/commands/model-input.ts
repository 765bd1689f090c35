/** Entities as people write them: as flags, or as YAML or JSON in a file. */
import { readFileSync } from 'node:fs';
import { text as readAll } from 'node:stream/consumers';
import { parse } from 'yaml';
import { z } from 'zod';
import { QuorateError } from '../../messaging/errors.js';
import { reasonOf } from '../config/file.js';
import { type EntityDocument, parseDocuments } from '../state/entity-document.js';
import { usageError } from './command.js';

/** @throws QuorateError `invalid-config` naming the file and what is wrong in it. */
export async function readDocuments(file: string): Promise<readonly EntityDocument[]> {
  const where = file === '-' ? 'standard input' : file;
  const source = file === '-' ? await readAll(process.stdin) : readText(file);
  return parseDocuments(source, where);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new QuorateError('invalid-config', `${file} cannot be read: ${reasonOf(error)}`, {
      remedy: 'Correct the path given with --file; - reads standard input.',
      cause: error,
    });
  }
}

/** `--tag site=berlin`; `--tag site=` sets an empty tag, `--tag site-` takes it away. */
export function parseTags(given: readonly string[]): Record<string, string | null> {
  return Object.fromEntries(
    given.map((each) => {
      if (each.endsWith('-') && !each.includes('=')) return [each.slice(0, -1), null];
      const [key, value] = keyAndValue(each, '--tag');
      return [key, value];
    }),
  );
}

/** `--set port=8080`, `--set address.host=web`, `--set 'roles=[a, b]'`: the value is YAML; the key is a path within the spec. */
export function parseSets(given: readonly string[]): Record<string, unknown> {
  const spec: Record<string, unknown> = {};
  for (const each of given) {
    const [key, value] = keyAndValue(each, '--set');
    const path = key.replace(/^spec\./, '').split('.');
    if (path.some((part) => part === '' || part === '__proto__'))
      throw usageError(`--set: "${key}" is not a path of keys`, 'Write it as key=value or outer.inner=value.');
    putIn(spec, path, parseValue(value, each));
  }
  return spec;
}

function parseValue(value: string, given: string): unknown {
  if (value === '') return '';
  try {
    return parse(value);
  } catch {
    throw usageError(`--set: the value of "${given}" is not valid YAML`, 'Quote it as text: --set \'key="value"\'.');
  }
}

function putIn(target: Record<string, unknown>, [key = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  const inner = z.record(z.string(), z.unknown()).safeParse(target[key]);
  const next = inner.success ? inner.data : {};
  target[key] = next;
  putIn(next, rest, value);
}

function keyAndValue(given: string, flag: string): [string, string] {
  const at = given.indexOf('=');
  if (at < 1) throw usageError(`${flag}: "${given}" has no value`, `Write it as ${flag} key=value.`);
  return [given.slice(0, at), given.slice(at + 1)];
}
