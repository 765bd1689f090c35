/**
 * What a data directory holds, found out without changing it: the facts from which `decideStart` decides, and of which
 * `quorate doctor` tells. Nothing here creates, migrates, repairs or checkpoints. (Reading a database whose write-ahead log
 * was left behind needs SQLite's index file beside it, `-shm`, which holds no data; where it was not there, it goes again.)
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { QuorateError } from '../../messaging/errors.js';
import { relateTimelines } from '../../messaging/position.js';
import type { ModelMeta } from '../model/store.js';
import type { HardState, Index, Term } from '../raft/types.js';
import {
  applicationIdOf,
  type Connection,
  missingTables,
  openReadOnly,
  type Schema,
  schemaVersionOf,
  tableNames,
} from './database.js';
import { sizeOf } from './files.js';
import { metaOf } from './inspect.js';
import { stagingFolderName } from './install.js';
import { isDirectoryLocked } from './lock.js';
import { blankHardState, mayDrop } from './log-rules.js';
import { modelFileName, raftFileName } from './names.js';
import { damagedEntriesOf } from './raft-store.js';
import { pendingReset } from './reset.js';
import { modelSchema, raftSchema } from './schema.js';
import { type StateKey, StateRows, type StateValue } from './state-rows.js';
import type { CompactionPoint, Identity, RemovedMark } from './types.js';

export type SchemaAge = 'none' | 'current' | 'older' | 'newer';

export interface RaftFacts {
  readonly schema: SchemaAge;
  readonly schemaVersion: number;
  readonly identity: Identity | null;
  readonly hardState: HardState;
  readonly compactionPoint: CompactionPoint;
  readonly lastIndex: Index;
  /** Of the entry at `lastIndex`. */
  readonly lastTerm: Term;
  readonly incarnation: number;
  readonly removed: RemovedMark | null;
  /** The controller serves alone. */
  readonly standalone: boolean;
  /** A snapshot whose install was committed and not finished. */
  readonly pendingInstall: StateValue<'install'> | null;
  /** What it has dropped and not got back: it gives no vote. */
  readonly debt: StateValue<'debt'> | null;
  /** Damaged entries that nobody knows to be committed: a start drops them, and asks for them again. Only looked for thoroughly. */
  readonly droppable: readonly Index[];
  /** One sentence for each thing that is wrong. */
  readonly damage: readonly string[];
}

export interface ModelFacts {
  readonly schema: SchemaAge;
  readonly schemaVersion: number;
  /** Null: no model has begun here. */
  readonly meta: ModelMeta | null;
  readonly damage: readonly string[];
}

export interface DirectoryFacts {
  readonly directory: string;
  readonly exists: boolean;
  /** Another process has it now; then nothing else was looked at. */
  readonly locked: boolean;
  readonly raft: RaftFacts;
  readonly model: ModelFacts;
}

export interface InspectOptions {
  /** Also reads every entry and checks both databases page by page: for the doctor. A start checks the structure quickly. */
  readonly thorough?: boolean;
  /** This process has locked the directory itself. */
  readonly lockedByUs?: boolean;
}

const blankRaft: RaftFacts = {
  schema: 'none',
  schemaVersion: 0,
  identity: null,
  hardState: blankHardState,
  compactionPoint: { index: 0, term: 0, timeline: null },
  lastIndex: 0,
  lastTerm: 0,
  incarnation: 0,
  removed: null,
  standalone: false,
  pendingInstall: null,
  debt: null,
  droppable: [],
  damage: [],
};
const blankModel: ModelFacts = { schema: 'none', schemaVersion: 0, meta: null, damage: [] };

export function inspectDirectory(directory: string, options: InspectOptions = {}): DirectoryFacts {
  const exists = existsSync(directory);
  const locked = exists && options.lockedByUs !== true && isDirectoryLocked(directory);
  const blank = { directory, exists, locked, raft: blankRaft, model: blankModel };
  if (!exists || locked) return blank;
  // A reset that was committed: what still lies there counts no more, and goes with the next opening.
  if (pendingReset(directory) !== undefined) return blank;
  const thorough = options.thorough ?? false;
  const raft = inspectRaft(directory, thorough);
  const model = inspectModel(directory, raft, thorough);
  // One that has begun to write meanwhile: what was read is of two moments.
  if (options.lockedByUs !== true && isDirectoryLocked(directory)) return { ...blank, locked: true };
  return { directory, exists, locked, raft: thorough ? withDamagedEntries(directory, raft, model) : raft, model };
}

/** Reads every entry. Where the first that is damaged may be dropped, none of them is damage. */
function withDamagedEntries(directory: string, raft: RaftFacts, { meta }: ModelFacts): RaftFacts {
  const { compactionPoint: point, lastIndex, hardState, identity, schema } = raft;
  if (schema === 'none' || schema === 'newer' || lastIndex === point.index) return raft;
  let damaged: readonly Index[];
  try {
    damaged = reading(join(directory, raftFileName), (database) =>
      tableNames(database).has('entries') ? damagedEntriesOf(database, point.index, lastIndex) : [],
    );
  } catch (error) {
    return { ...raft, damage: [...raft.damage, sentenceOf(error)] };
  }
  const [first] = damaged;
  if (first === undefined) return raft;
  const held = {
    commit: hardState.commit,
    applied: meta?.position.index ?? 0,
    voters: meta?.configuration.voters ?? [],
  };
  if (raft.damage.length === 0 && mayDrop(first, { ...held, self: identity?.nodeId ?? '' }))
    return { ...raft, droppable: damaged };
  const sentence = `Entries whose checksum does not fit or that are missing: ${damaged.join(', ')}.`;
  return { ...raft, damage: [...raft.damage, sentence] };
}

function inspectRaft(directory: string, thorough: boolean): RaftFacts {
  return inspectDatabase(join(directory, raftFileName), raftSchema, thorough, blankRaft, readRaftFacts);
}

function readRaftFacts(database: Connection, base: Pick<RaftFacts, 'schema' | 'schemaVersion' | 'damage'>): RaftFacts {
  const damage = [...base.damage];
  const present = tableNames(database);
  const rows = present.has('state') ? new StateRows(database) : undefined;
  const row = <Key extends StateKey>(key: Key): StateValue<Key> | undefined => {
    try {
      return rows?.get(key);
    } catch (error) {
      damage.push(sentenceOf(error));
      return undefined;
    }
  };
  const point = row('compactionPoint') ?? blankRaft.compactionPoint;
  const hardState = row('hardState') ?? blankHardState;
  const identity = row('identity') ?? null;
  const pendingInstall = row('install') ?? null;
  const range = present.has('entries')
    ? database
        .prepare<[], { first: number | null; last: number | null; count: number }>(
          'SELECT min(idx) AS first, max(idx) AS last, count(*) AS count FROM entries',
        )
        .get()
    : undefined;
  const lastIndex = range?.last ?? point.index;
  const lastTerm =
    range?.last == null
      ? point.term
      : (database.prepare<[number], number>('SELECT term FROM entries WHERE idx = ?').pluck().get(range.last) ?? 0);
  if (range?.first != null && (range.first !== point.index + 1 || range.count !== lastIndex - point.index)) {
    damage.push(`The log has gaps: of the entries ${point.index + 1} to ${lastIndex}, ${range.count} are there.`);
  }
  if (hardState.commit > lastIndex) {
    damage.push(`The log ends at ${lastIndex}, but entries up to ${hardState.commit} were committed.`);
  }
  if (identity === null && range?.first != null) damage.push('The log has entries, but whose log it is was lost.');
  const damagedMark = row('damaged');
  if (damagedMark !== undefined)
    damage.push(`It was taken out of service when this was found: ${damagedMark.sentence}`);
  const incarnation = row('incarnation') ?? 0;
  const removed = row('removed') ?? null;
  const standalone = row('standalone') ?? false;
  return {
    ...base,
    identity,
    hardState,
    compactionPoint: point,
    lastIndex,
    lastTerm,
    incarnation,
    removed,
    standalone,
    pendingInstall,
    debt: row('debt') ?? null,
    droppable: [],
    damage,
  };
}

function inspectModel(directory: string, raft: RaftFacts, thorough: boolean): ModelFacts {
  // An install that was committed: the model that counts is the staged one, if it has not taken its place yet.
  const staged = raft.pendingInstall === null ? null : join(directory, stagingFolderName, raft.pendingInstall.file);
  const path = staged !== null && existsSync(staged) ? staged : join(directory, modelFileName);
  const facts = inspectDatabase(path, modelSchema, thorough, blankModel, readModelFacts);
  const pending = raft.pendingInstall;
  if (pending !== null && facts.damage.length === 0 && (facts.meta?.position.index ?? -1) < pending.index) {
    const damage = [`A snapshot at index ${pending.index} was being installed, and its file is gone.`];
    return { ...facts, damage };
  }
  return facts;
}

function readModelFacts(
  database: Connection,
  base: Pick<ModelFacts, 'schema' | 'schemaVersion' | 'damage'>,
): ModelFacts {
  if (!tableNames(database).has('meta')) return { ...base, meta: null };
  try {
    return { ...base, meta: metaOf(database) ?? null };
  } catch {
    return {
      ...base,
      meta: null,
      damage: [...base.damage, 'What the model says of its position does not have its form.'],
    };
  }
}

/** Leaves none of the side files that SQLite makes to read a database. */
function reading<Result>(path: string, work: (database: Connection) => Result): Result {
  const missing = ['-shm', '-wal'].filter((suffix) => !existsSync(path + suffix));
  const database = openReadOnly(path);
  try {
    return work(database);
  } finally {
    database.close();
    for (const suffix of missing)
      if (suffix === '-shm' || sizeOf(path + suffix) === 0) rmSync(path + suffix, { force: true });
  }
}

/** What is the same for both: is it there, is it ours, which version, is its structure whole, are its tables there. */
function inspectDatabase<
  Facts extends { readonly schema: SchemaAge; readonly schemaVersion: number; readonly damage: readonly string[] },
>(
  path: string,
  schema: Schema,
  thorough: boolean,
  blank: Facts,
  read: (database: Connection, base: Pick<Facts, 'schema' | 'schemaVersion' | 'damage'>) => Facts,
): Facts {
  if (sizeOf(path) === 0 && sizeOf(`${path}-wal`) === 0) return blank;
  try {
    return reading(path, (database) => inspectOpen(database, schema, thorough, blank, read));
  } catch (error) {
    return { ...blank, schema: 'current', damage: [sentenceOf(error)] };
  }
}

function inspectOpen<
  Facts extends { readonly schema: SchemaAge; readonly schemaVersion: number; readonly damage: readonly string[] },
>(
  database: Connection,
  schema: Schema,
  thorough: boolean,
  blank: Facts,
  read: (database: Connection, base: Pick<Facts, 'schema' | 'schemaVersion' | 'damage'>) => Facts,
): Facts {
  const schemaVersion = schemaVersionOf(database);
  const present = tableNames(database);
  if (schemaVersion === 0 && present.size === 0) return blank;
  // Tables and their version are written in one transaction: without a version they are nobody's, as for who opens it.
  if (schemaVersion === 0 || applicationIdOf(database) !== schema.applicationId) {
    return {
      ...blank,
      schema: 'current',
      damage: [`${schema.name}.db is not a ${schema.name} database of a controller.`],
    };
  }
  // What a newer version means by its tables is not known here.
  if (schemaVersion > schema.version) return { ...blank, schema: 'newer', schemaVersion };
  const damage: string[] = [];
  const integrity = database.pragma(thorough ? 'integrity_check(10)' : 'quick_check(1)', { simple: true });
  if (integrity !== 'ok') damage.push(`The structure of ${schema.name}.db is damaged: ${String(integrity)}.`);
  const missing = schemaVersion === schema.version ? missingTables(database, schema) : [];
  if (missing.length > 0 && schema.holdsData(database, present)) {
    damage.push(`${schema.name}.db has lost its table ${missing.join(', ')}.`);
  }
  const age: SchemaAge = schemaVersion === schema.version ? 'current' : 'older';
  return read(database, { schema: age, schemaVersion, damage });
}

/** How the model stands to the log; `fits` where one of them is missing. */
export const fitValues = ['fits', 'model-behind-log', 'model-ahead-of-log', 'other-timeline', 'other-cluster'] as const;
export type Fit = (typeof fitValues)[number];

export function fitOf({ raft, model: { meta } }: DirectoryFacts): Fit {
  if (meta === null || raft.identity === null) return 'fits';
  if (meta.clusterId !== raft.identity.clusterId) return 'other-cluster';
  if (meta.position.indexType !== 'raft') return 'fits';
  const { compactionPoint: point, lastIndex } = raft;
  if (point.timeline !== null) {
    const relation = relateTimelines(point.timeline, meta.position.timeline);
    if (relation === 'older' || relation === 'conflict') return 'other-timeline';
  }
  // The staged snapshot of an install that is not finished stands where the log begins.
  if (meta.position.index < point.index) return 'model-behind-log';
  return meta.position.index > lastIndex ? 'model-ahead-of-log' : 'fits';
}

function sentenceOf(error: unknown): string {
  return error instanceof QuorateError || error instanceof Error ? error.message : String(error);
}
