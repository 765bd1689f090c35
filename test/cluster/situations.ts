/** Real directories for the situations of the start-up table: made row by row, as storage writes them. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Situation, type StartWish, situationValues } from '../../node/cluster/decide-start.js';
import { openStorage } from '../../node/storage/index.js';
import { modelSchema, raftSchema } from '../../node/storage/schema.js';
import { StateRows } from '../../node/storage/state-rows.js';
import { metaAt } from '../storage/model-store-contract.js';
import { begin, identity, write } from '../storage/storage-contract.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** Every combination there is. */
export function* everySituation(): Generator<Situation> {
  const keys = Object.keys(situationValues) as (keyof Situation)[];
  function* extend(at: number, chosen: Record<string, string>): Generator<Situation> {
    const key = keys[at];
    // All keys have a value of their own list now.
    if (key === undefined) yield { ...chosen } as Situation;
    else for (const value of situationValues[key]) yield* extend(at + 1, { ...chosen, [key]: value });
  }
  yield* extend(0, {});
}

/** Why no directory can be so; undefined where one can. */
export function impossible({ owner, raft, model, fit, schema }: Situation): string | undefined {
  if (schema === 'older' && Math.min(raftSchema.version, modelSchema.version) === 1)
    return 'there is no older version yet';
  const owned = owner !== 'nobody';
  if (owned && (raft === 'none' || raft === 'contacted')) return 'whose it is, is written with what it is';
  if (!owned && raft === 'joining') return 'whoever joins has a name';
  if (fit === 'fits') return undefined;
  if (model === 'none' || !owned) return 'there are not two histories to compare';
  if (fit === 'other-cluster') return undefined;
  if (model === 'legacy') return 'legacy indexes are compared with no log';
  // Without a log nothing is older than it, and there is no timeline to differ from.
  return raft === 'member' || fit === 'model-ahead-of-log' ? undefined : 'there is no log';
}

let template: string | undefined;

/** Both databases with all of their tables and nothing in them. */
function emptyDirectory(): string {
  if (template === undefined) {
    template = temporaryDirectory('template');
    openStorage({ directory: template, clusterName: 'c', nodeId: 'n1', softwareVersion: 'test', now: () => 0 }).close();
    for (const file of ['raft.db', 'model.db']) {
      const database = new Database(join(template, file));
      // A log of eight megabytes in each of hundreds of directories would be too much.
      database.pragma('wal_checkpoint(TRUNCATE)');
      database.pragma('journal_mode = DELETE');
      database.close();
    }
  }
  const directory = temporaryDirectory('situation');
  cpSync(template, directory, { recursive: true });
  return directory;
}

let history: string | undefined;

/** As a member that has served leaves it: entries 2 to 21, all applied. */
async function memberDirectory(): Promise<string> {
  if (history === undefined) {
    history = temporaryDirectory('history');
    const storage = openStorage({
      ...{ directory: history, clusterName: 'c', nodeId: 'n1', softwareVersion: 'test', now: () => 0 },
    });
    await begin(storage);
    write(storage, 20);
    storage.close();
  }
  const directory = temporaryDirectory('situation');
  cpSync(history, directory, { recursive: true });
  return directory;
}

/** A directory in which all but the lock is as the situation says. */
export async function directoryFor(situation: Situation): Promise<string> {
  const directory =
    situation.raft === 'member' && situation.owner !== 'nobody' ? await memberDirectory() : emptyDirectory();
  writeModel(directory, situation);
  writeRaft(directory, situation);
  return directory;
}

function writeRaft(directory: string, { owner, raft, removed, damage, schema, fit }: Situation): void {
  const database = unsynced(join(directory, 'raft.db'));
  const rows = new StateRows(database);
  if (owner !== 'nobody') rows.put('identity', identity);
  if (raft === 'contacted') rows.put('hardState', { term: 4, vote: 'n2', commit: 0 });
  if (raft === 'standalone') rows.put('standalone', true);
  if (raft === 'member') {
    const timeline = { id: 'timeline-1', epoch: 1 };
    const index = fit === 'model-behind-log' ? 10 : 1;
    rows.put('compactionPoint', { index, term: 1, timeline });
    database.prepare('DELETE FROM entries WHERE idx <= ?').run(index);
  }
  if (removed === 'yes') rows.put('removed', { by: 'n2', index: 1 });
  if (damage === 'found') database.exec("UPDATE state SET crc = crc + 1 WHERE key = 'incarnation'");
  if (schema !== 'current') database.pragma(`user_version = ${raftSchema.version + (schema === 'older' ? -1 : 1)}`);
  database.close();
}

function writeModel(directory: string, { model, fit, raft, owner, schema }: Situation): void {
  const path = join(directory, 'model.db');
  if (model === 'none') {
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    return;
  }
  const hasLog = raft === 'member' && owner !== 'nobody';
  const index = fit === 'model-behind-log' ? 5 : fit === 'model-ahead-of-log' ? 99 : hasLog ? 21 : 0;
  const meta = metaAt(index);
  const body = {
    ...meta,
    clusterId: fit === 'other-cluster' ? 'elsewhere' : identity.clusterId,
    position: {
      timeline: { id: fit === 'other-timeline' ? 'twin' : 'timeline-1', epoch: 1 },
      indexType: model,
      index,
    },
  };
  const database = unsynced(path);
  database.prepare('INSERT OR REPLACE INTO meta (id, body) VALUES (1, ?)').run(JSON.stringify(body));
  if (schema !== 'current') database.pragma(`user_version = ${modelSchema.version + (schema === 'older' ? -1 : 1)}`);
  database.close();
}

/** Hundreds are made, and no power is lost meanwhile. */
function unsynced(path: string): Database.Database {
  const database = new Database(path);
  database.pragma('synchronous = OFF');
  return database;
}

/** Who asks, and for what. */
export function wishFor({ owner, asked }: Situation): StartWish {
  return {
    clusterName: owner === 'other-cluster' ? 'other' : 'c',
    nodeId: owner === 'other-node' ? 'n9' : 'n1',
    bootstrap: asked === 'bootstrap' || asked === 'several',
    standalone: asked === 'standalone',
    restoreFrom: asked === 'restore' || asked === 'several' ? '/a/file' : null,
    recover: asked === 'recover',
  };
}
