/**
 * One hash of all entities, and of nothing else: the same on two clusters that hold the same entities, wherever each of them
 * stands and however it came there. An export carries it, an import is verified by it. (Members of one cluster are compared
 * by a hash that also covers the journal, the records and the position: `modelHash` of the model.)
 *
 * Each entity goes in as JSON with its keys sorted, preceded by where it belongs, in the order of kinds and ids.
 */
import { createHash } from 'node:crypto';
import type { Entity } from './schemas/model.js';

export class EntityHash {
  readonly #hash = createHash('sha256');

  /** In the order of {@link byKindAndId}. Returns what went in. */
  add(entity: Entity): string {
    const text = hashedText(entity);
    this.#hash.update(text);
    return text;
  }

  /** What {@link hashedText} gave: where the same entity goes into many hashes, it is made once. */
  addText(text: string): void {
    this.#hash.update(text);
  }

  /** SHA-256, in hexadecimal. Ends the hash. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}

export function hashedText(entity: Entity): string {
  return `entity/${entity.kind}/${entity.id}\n${canonicalJson(entity)}\n`;
}

export function byKindAndId(a: Entity, b: Entity): number {
  return compare(a.kind, b.kind) || compare(a.id, b.id);
}

/** Of entities in any order. */
export function entitiesSha256(entities: readonly Entity[]): string {
  const hash = new EntityHash();
  for (const entity of entities.toSorted(byKindAndId)) hash.add(entity);
  return hash.digest();
}

/** JSON with sorted keys and nothing that is undefined. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .sort(([a], [b]) => compare(a, b));
    return `{${fields.map(([key, each]) => `${JSON.stringify(key)}:${canonicalJson(each)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/** By code unit, as SQLite's `BINARY` for ASCII. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
