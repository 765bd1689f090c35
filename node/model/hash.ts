/**
 * One hash of everything that members must agree on, for comparing members that stand at the same position: the meta, the
 * entities, the records and the journal. Each value goes in as JSON with its keys sorted, each preceded by where it belongs,
 * in the order of kinds and ids; so the hash depends on what is stored, not on how or in which order it was written. It reads
 * page by page and holds one page at a time.
 *
 * The store must not change meanwhile: a running member calls it between two batches, or on a second connection that reads
 * inside one transaction.
 */
import { createHash, type Hash } from 'node:crypto';
import { canonicalJson, EntityHash } from '../../messaging/index.js';
import { everyEntity } from './resolve.js';
import { byCodeUnit, type ModelStore, recordBuckets } from './store.js';

/** What of a store is read. */
export type HashedModel = Pick<ModelStore, 'meta' | 'countsByKind' | 'list' | 'records' | 'journalAfter'>;

const pageSize = 500;

/** SHA-256, in hexadecimal. */
export interface ModelHashes {
  readonly sha256: string;
  /** Of the entities alone, as an export carries it: see `EntityHash`. */
  readonly entitiesSha256: string;
}

export function modelHash(store: HashedModel): string {
  return modelHashes(store).sha256;
}

export function modelHashes(store: HashedModel): ModelHashes {
  const hash = createHash('sha256');
  const entities = new EntityHash();
  add(hash, 'meta', store.meta() ?? null);
  for (const kind of Object.keys(store.countsByKind()).sort(byCodeUnit)) addEntities(hash, entities, store, kind);
  for (const bucket of recordBuckets)
    for (const { key, value } of store.records(bucket)) add(hash, `${bucket}/${key}`, value);
  addJournal(hash, store);
  return { sha256: hash.digest('hex'), entitiesSha256: entities.digest() };
}

function addEntities(hash: Hash, entities: EntityHash, store: HashedModel, kind: string): void {
  for (const entity of everyEntity(store, kind)) hash.update(entities.add(entity));
}

function addJournal(hash: Hash, store: HashedModel): void {
  for (let after = Number.MIN_SAFE_INTEGER; ; ) {
    const page = store.journalAfter(after, pageSize);
    for (const row of page) add(hash, `journal/${row.index}`, row);
    after = page.at(-1)?.index ?? after;
    if (page.length < pageSize) return;
  }
}

function add(hash: Hash, place: string, value: unknown): void {
  hash.update(`${place}\n${canonicalJson(value)}\n`);
}
