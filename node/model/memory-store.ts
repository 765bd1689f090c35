/** The model in memory: for tests and the simulator, with the same promises as the one on SQLite. */
import type { Entity } from '../../messaging/index.js';
import {
  asciiLowerCase,
  byCodeUnit,
  type ChangeRow,
  type EntityReference,
  type JournalRow,
  type ListOptions,
  type ModelMeta,
  type ModelStore,
  type RecordBucket,
  type RecordTypes,
} from './store.js';

interface KindTable {
  readonly byId: Map<string, Entity>;
  readonly idByName: Map<string, string>;
  /** Sorted; undefined where it must be made anew. */
  order: string[] | undefined;
}

export class MemoryModelStore implements ModelStore {
  private current: ModelMeta | undefined;
  private readonly tables = new Map<string, KindTable>();
  private readonly outgoing = new Map<string, readonly EntityReference[]>();
  private readonly incoming = new Map<string, Set<string>>();
  private journal: JournalRow[] = [];
  private readonly rowByRequest = new Map<string, JournalRow>();
  private readonly buckets: { readonly [Bucket in RecordBucket]: Map<string, RecordTypes[Bucket]> } = {
    member: new Map(),
    operation: new Map(),
    gate: new Map(),
  };
  /** How to take back what the transaction has written so far, oldest first; undefined outside of one. */
  private undo: (() => void)[] | undefined;

  meta(): ModelMeta | undefined {
    return this.current;
  }

  putMeta(meta: ModelMeta): void {
    const before = this.current;
    this.current = meta;
    this.undo?.push(() => {
      this.current = before;
    });
  }

  get(kind: string, id: string): Entity | undefined {
    return this.tables.get(kind)?.byId.get(id);
  }

  idOfName(kind: string, name: string): string | undefined {
    return this.tables.get(kind)?.idByName.get(name);
  }

  insert(entity: Entity, references: readonly EntityReference[]): void {
    if (this.get(entity.kind, entity.id) !== undefined) throw new Error(`${entity.kind} ${entity.id} is there already`);
    if (this.idOfName(entity.kind, entity.name) !== undefined)
      throw new Error(`${entity.kind} ${entity.name} is there already`);
    this.write(entity.kind, entity.id, entity, references);
  }

  replace(entity: Entity, references: readonly EntityReference[]): void {
    if (this.get(entity.kind, entity.id) === undefined) throw new Error(`${entity.kind} ${entity.id} is not there`);
    this.write(entity.kind, entity.id, entity, references);
  }

  delete(kind: string, id: string): void {
    this.write(kind, id, undefined, []);
  }

  list(kind: string, options: ListOptions): readonly Entity[] {
    const table = this.tables.get(kind);
    if (table === undefined) return [];
    table.order ??= [...table.byId.keys()].sort(byCodeUnit);
    const text = options.filter === undefined ? undefined : asciiLowerCase(options.filter);
    const { through, limit, bytesMax = Number.POSITIVE_INFINITY } = options;
    const found: Entity[] = [];
    let bytes = 0;
    const end = through === undefined ? table.order.length : upperBound(table.order, through);
    for (
      let at = options.after === undefined ? 0 : upperBound(table.order, options.after);
      at < end && found.length < limit && bytes < bytesMax;
      at += 1
    ) {
      const entity = table.byId.get(table.order[at] ?? '');
      if (entity === undefined || (text !== undefined && !holds(entity, text))) continue;
      found.push(entity);
      if (bytesMax !== Number.POSITIVE_INFINITY) bytes += JSON.stringify(entity).length;
    }
    return found;
  }

  idFurther(kind: string, after: string, count: number): string | undefined {
    const table = this.tables.get(kind);
    if (table === undefined) return undefined;
    table.order ??= [...table.byId.keys()].sort(byCodeUnit);
    return table.order[upperBound(table.order, after) + count - 1];
  }

  countsByKind(): Readonly<Record<string, number>> {
    const counted = [...this.tables]
      .filter(([, table]) => table.byId.size > 0)
      .map(([kind, table]) => [kind, table.byId.size] as const);
    return Object.fromEntries(counted);
  }

  referrers(kind: string, id: string, limit: number): readonly EntityReference[] {
    const keys = [...(this.incoming.get(keyOf(kind, id)) ?? [])].sort(byCodeUnit);
    return keys.slice(0, limit).map(referenceOf);
  }

  appendJournal(row: JournalRow): void {
    this.journal.push(row);
    this.rowByRequest.set(row.requestId, row);
    this.undo?.push(() => {
      this.journal.pop();
      this.rowByRequest.delete(row.requestId);
    });
  }

  outcomeOf(requestId: string): JournalRow | undefined {
    return this.rowByRequest.get(requestId);
  }

  changesAfter(index: number, limit: number, bytesMax = Number.POSITIVE_INFINITY): readonly ChangeRow[] {
    const found: ChangeRow[] = [];
    let [at, bytes] = [this.firstRowAfter(index), 0];
    for (; at < this.journal.length && found.length < limit && bytes < bytesMax; at += 1) {
      const row = this.journal[at];
      if (row === undefined || row.type === 'refused') continue;
      found.push(row);
      if (bytesMax !== Number.POSITIVE_INFINITY) bytes += JSON.stringify(row.entity).length;
    }
    return found;
  }

  journalAfter(index: number, limit: number): readonly JournalRow[] {
    const from = this.firstRowAfter(index);
    return this.journal.slice(from, from + limit);
  }

  pruneJournal(throughIndex: number): void {
    const before = this.journal;
    const count = this.firstRowAfter(throughIndex);
    this.journal = before.slice(count);
    for (const row of before.slice(0, count)) this.rowByRequest.delete(row.requestId);
    this.undo?.push(() => {
      for (const row of before.slice(0, count)) this.rowByRequest.set(row.requestId, row);
      this.journal = before;
    });
  }

  record<Bucket extends RecordBucket>(bucket: Bucket, key: string): RecordTypes[Bucket] | undefined {
    return this.buckets[bucket].get(key);
  }

  putRecord<Bucket extends RecordBucket>(bucket: Bucket, key: string, value: RecordTypes[Bucket]): void {
    this.writeRecord(this.buckets[bucket], key, value);
  }

  deleteRecord(bucket: RecordBucket, key: string): void {
    const records: Map<string, unknown> = this.buckets[bucket];
    this.writeRecord(records, key, undefined);
  }

  records<Bucket extends RecordBucket>(
    bucket: Bucket,
  ): readonly { readonly key: string; readonly value: RecordTypes[Bucket] }[] {
    return [...this.buckets[bucket]].map(([key, value]) => ({ key, value })).sort((a, b) => byCodeUnit(a.key, b.key));
  }

  transaction<Result>(work: () => Result): Result {
    if (this.undo !== undefined) throw new Error('transactions are not nested');
    const undo: (() => void)[] = [];
    this.undo = undo;
    try {
      return work();
    } catch (error) {
      this.undo = undefined;
      for (const takeBack of undo.reverse()) takeBack();
      throw error;
    } finally {
      this.undo = undefined;
    }
  }

  private write(kind: string, id: string, entity: Entity | undefined, references: readonly EntityReference[]): void {
    const before = this.get(kind, id);
    const key = keyOf(kind, id);
    const referencesBefore = this.outgoing.get(key) ?? [];
    this.exchange(kind, id, before, entity);
    this.exchangeReferences(key, referencesBefore, references);
    this.undo?.push(() => {
      this.exchange(kind, id, entity, before);
      this.exchangeReferences(key, references, referencesBefore);
    });
  }

  private exchange(kind: string, id: string, before: Entity | undefined, after: Entity | undefined): void {
    let table = this.tables.get(kind);
    if (table === undefined) {
      table = { byId: new Map(), idByName: new Map(), order: undefined };
      this.tables.set(kind, table);
    }
    if (before !== undefined) table.idByName.delete(before.name);
    if (after === undefined) table.byId.delete(id);
    else {
      table.byId.set(id, after);
      table.idByName.set(after.name, id);
    }
    if (before === undefined || after === undefined) table.order = undefined;
  }

  private exchangeReferences(key: string, before: readonly EntityReference[], after: readonly EntityReference[]): void {
    for (const each of before) this.incoming.get(keyOf(each.kind, each.id))?.delete(key);
    for (const each of after) {
      const target = keyOf(each.kind, each.id);
      const sources = this.incoming.get(target) ?? new Set();
      this.incoming.set(target, sources.add(key));
    }
    if (after.length === 0) this.outgoing.delete(key);
    else this.outgoing.set(key, after);
  }

  private writeRecord<Value>(records: Map<string, Value>, key: string, value: Value | undefined): void {
    const before = records.get(key);
    const put = (given: Value | undefined) => (given === undefined ? records.delete(key) : records.set(key, given));
    put(value);
    this.undo?.push(() => void put(before));
  }

  private firstRowAfter(index: number): number {
    let low = 0;
    let high = this.journal.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.journal[middle]?.index ?? Number.POSITIVE_INFINITY) <= index) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Kinds have no `/`. */
const keyOf = (kind: string, id: string) => `${kind}/${id}`;

function referenceOf(key: string): EntityReference {
  const at = key.indexOf('/');
  return { kind: key.slice(0, at), id: key.slice(at + 1) };
}

function holds(entity: Entity, lowerCaseText: string): boolean {
  return asciiLowerCase(entity.id).includes(lowerCaseText) || asciiLowerCase(entity.name).includes(lowerCaseText);
}

/** Position of the first that is greater. */
function upperBound(sorted: readonly string[], value: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? '') <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
