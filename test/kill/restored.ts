/**
 * What must hold in a round in which the model of an earlier moment came back. A restore takes back the writes between the
 * position of its file and the switch, and nothing else: what was acknowledged before lies in the backup of what was there,
 * what was acknowledged after lies in the journal that began with the switch, and the model is the file and that journal.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Entity, ModelChange, Position } from '../../messaging/index.js';
import { openReadOnly } from '../../node/storage/database.js';
import { readerOf } from '../../node/storage/model-store.js';
import { type Acknowledged, entityKind, type History } from '../chaos/clients.js';
import { judgeJournals, judgeOrder, judgeRefusals, lineOf, valuesNotRefused, writtenBy } from '../chaos/judge.js';
import type { EntityOperation } from '../simulator/entity-history.js';

/** A file that a controller wrote. */
export interface FileContents {
  readonly position: Position;
  readonly entities: readonly Entity[];
  /** Of its timeline. */
  readonly changes: readonly ModelChange[];
}

export interface RestoredEvidence {
  readonly history: History;
  readonly file: FileContents;
  /** Changes of the time before, as each backup that the operation made holds them, and the index before them. */
  readonly backups: ReadonlyMap<string, readonly ModelChange[]>;
  readonly beforeIndex: number;
  /** Changes since the switch, as each member holds them. */
  readonly journals: ReadonlyMap<string, readonly ModelChange[]>;
  /** Of the timeline that began. */
  readonly epoch: number;
  /** As the members hold them when all is over. */
  readonly entities: readonly Entity[];
  /** When it was asked for, and when it was over, on the clock of the clients. */
  readonly calledAt: number;
  readonly returnedAt: number;
}

/** More than a run writes, and than a journal keeps. */
const rowsMax = 1_000_000;

export function contentsOf(path: string): FileContents {
  const database = openReadOnly(path);
  try {
    const model = readerOf(database);
    const meta = model.meta();
    if (meta === undefined) throw new Error(`${path} holds no model`);
    const { position, journalStart } = meta;
    const changes = model.journalAfter(journalStart, rowsMax).flatMap((row) => {
      if (row.type === 'refused') return [];
      const { index, previousIndex, type, entity } = row;
      return [{ position: { ...position, index }, previousIndex, type, entity }];
    });
    return { position, entities: model.list(entityKind, { limit: rowsMax }), changes };
  } finally {
    database.close();
  }
}

/** One sentence for each thing that is wrong. */
export function judgeRestored(evidence: RestoredEvidence): readonly string[] {
  const { history, file, backups, beforeIndex, journals, epoch } = evidence;
  const { operations, acknowledged } = history;
  const before = acknowledged.filter((each) => each.epoch < epoch);
  const after = acknowledged.filter((each) => each.epoch >= epoch);
  const values = valuesNotRefused(operations);
  const repeatable = operations
    .filter((each) => mayBeRepeated(each, evidence))
    .flatMap(({ input }) => ('value' in input ? [input.value] : []));
  const invitedBefore = new Set([...without(values, after), ...repeatable]);
  const invited = without(values, before);
  const old = [...backups.values()][0];
  if (old === undefined) return ['no backup of what the restore replaced is there'];
  return [
    ...judgeRefusals(history),
    ...judgeJournals({ journals: backups, beforeIndex, acknowledged: before, invited: invitedBefore }).map(
      (problem) => `before the restore: ${problem}`,
    ),
    ...judgeJournals({ journals, beforeIndex: 0, acknowledged: after, invited }).map(
      (problem) => `after the restore: ${problem}`,
    ),
    ...notItsBeginning(file, old),
    ...notTheFile(evidence),
    ...judgeOrder([...operations, ...repeats(evidence, old), ...restoresOf(evidence)]),
  ];
}

/** A deletion is acknowledged with the value that it took away, which is another one's. */
function without(values: ReadonlySet<number>, acknowledged: readonly Acknowledged[]): ReadonlySet<number> {
  const written = new Set(acknowledged.filter(({ type }) => type !== 'deleted').map(({ value }) => value));
  return new Set([...values].filter((value) => !written.has(value)));
}

/** The file holds what there was up to its position, all of it. */
function notItsBeginning(file: FileContents, old: readonly ModelChange[]): readonly string[] {
  const expected = old.filter(({ position }) => position.index <= file.position.index).map(lineOf);
  const first = old[0]?.position.index ?? 0;
  const found = file.changes.filter(({ position }) => position.index >= first).map(lineOf);
  return isDeepStrictEqual(found, expected)
    ? []
    : [
        `the file of index ${file.position.index} holds ${found.length} changes of the time before, and the backup ${expected.length}`,
      ];
}

/** The model is what the file holds and the changes since, and nothing else. */
function notTheFile({ file, journals, entities }: RestoredEvidence): readonly string[] {
  const expected = new Map(file.entities.map((entity) => [entity.id, entity] as const));
  for (const { type, entity } of [...journals.values()][0] ?? []) {
    if (type === 'deleted') expected.delete(entity.id);
    else expected.set(entity.id, entity);
  }
  const found = new Map(entities.map((entity) => [entity.id, entity] as const));
  return [...new Set([...expected.keys(), ...found.keys()])]
    .filter((id) => !isDeepStrictEqual(expected.get(id), found.get(id)))
    .map(
      (id) => `${id} is ${inWords(found.get(id))}, and by the file and the changes since ${inWords(expected.get(id))}`,
    );
}

const inWords = (entity: Entity | undefined): string =>
  entity === undefined ? 'not there' : `version ${entity.version} = ${entity.tags['value']}`;

/**
 * The request ids of the time before are forgotten with it. So a request that took effect before the restore, and whose
 * answer got lost, takes effect once more when it is sent again after it.
 */
function mayBeRepeated(
  operation: EntityOperation,
  { calledAt, returnedAt, history, epoch }: RestoredEvidence,
): boolean {
  const { input, output } = operation;
  const spans = operation.calledAt < returnedAt && (operation.returnedAt ?? Number.POSITIVE_INFINITY) > calledAt;
  if (!spans || input.type === 'get' || input.type === 'restore') return false;
  if (output?.type !== 'entity') return true;
  return history.acknowledged.some(
    (each) =>
      each.epoch >= epoch &&
      each.key === operation.key &&
      each.version === output.version &&
      each.value === output.value,
  );
}

/** The effects that such requests had before the restore, as operations that nobody was answered. */
function repeats(evidence: RestoredEvidence, old: readonly ModelChange[]): readonly EntityOperation[] {
  const written = new Set(old.filter(({ type }) => type !== 'deleted').map(writtenBy));
  const deleted = new Set(old.filter(({ type }) => type === 'deleted').map(({ entity }) => entity.id));
  return evidence.history.operations
    .filter((each) => mayBeRepeated(each, evidence))
    .filter(({ key, input }) => ('value' in input ? written.has(input.value) : deleted.has(key)))
    .map((each) => ({ ...each, client: `${each.client}, before`, output: undefined, returnedAt: undefined }));
}

/** To each key the restore does what it does to it: it puts the state of the file in the place of what was. */
function restoresOf({ history, file, calledAt, returnedAt }: RestoredEvidence): readonly EntityOperation[] {
  const held = new Map(file.entities.map((entity) => [entity.id, entity] as const));
  return [...new Set(history.operations.map(({ key }) => key))].map((key) => {
    const entity = held.get(key);
    const state = entity === undefined ? null : { version: entity.version, value: Number(entity.tags['value']) };
    const output = { type: 'restored' } as const;
    return { key, client: 'restore', input: { type: 'restore', state }, output, calledAt, returnedAt };
  });
}
