/** What each verb of the API does. */
import { join } from 'node:path';
import { isErrorCode, QuorateError } from '../../messaging/errors.js';
import type { Position } from '../../messaging/position.js';
import type { ApiParsedParams, ApiResult, SnapshotView } from '../../messaging/schemas/api.js';
import type { Entity } from '../../messaging/schemas/model.js';
import type { NodeStatus } from '../../messaging/schemas/status.js';
import type { Clock } from '../cluster/clock.js';
import type { AppliedEntry, Replica } from '../cluster/replica.js';
import {
  type Command,
  type EntityCommand,
  encodeCommand,
  type ModelMeta,
  type ModelStore,
  prepareCreate,
  prepareDelete,
  prepareImport,
  prepareUpdate,
  type Stamp,
} from '../model/index.js';
import { type Configuration, membersOf } from '../raft/index.js';
import { type CataloguedSnapshot, type DirectoryStorage, listSnapshots, type Storage } from '../storage/index.js';
import type { ApiHandlers, Reading, RequestContext } from './api.js';
import type { LogLevels } from './log-levels.js';
import { ModelHashes } from './model-hashes.js';
import type { OperationService } from './operations.js';
import type { Recovery } from './recovery.js';
import { Repeats } from './repeats.js';
import type { RestoreFiles } from './restore-files.js';
import type { RouterService } from './routers/index.js';

export interface HandlerSources {
  readonly clock: Clock;
  readonly storage: DirectoryStorage;
  readonly backupDirectory: string;
  /** Where the schedule writes, if there is one. */
  readonly scheduleDirectory: string | undefined;
  /** Undefined while this controller keeps no model: it is blank, removed or stopping. */
  replica(): Replica | undefined;
  /** Why it is none. */
  absence(): 'stopping' | 'removed' | 'damaged' | 'not-a-member';
  routers(): RouterService | undefined;
  operations(): OperationService | undefined;
  readonly restoreFiles: RestoreFiles;
  readonly nodeId: string;
  status(): NodeStatus;
  readonly recovery: Recovery;
  readonly logLevels: LogLevels;
  onSnapshot(position: Position): void;
  /** As the leader. */
  compareModelsNow(): void;
}

/** Looked through at a time: some milliseconds, with a filter too. */
const pieceRows = 2_000;
/** Read for one answer: more than NATS carries by default is not sent anyway. */
const pageBytesMax = 1024 * 1024;

export function createHandlers(sources: HandlerSources): ApiHandlers {
  const { storage, clock } = sources;

  function replica(): Replica {
    const running = sources.replica();
    if (running === undefined) throw new QuorateError(sources.absence());
    return running;
  }

  function operations(): OperationService {
    const running = sources.operations();
    if (running === undefined) throw new QuorateError(sources.absence());
    return running;
  }

  function meta(): ModelMeta {
    const held = storage.model.meta();
    if (sources.absence() === 'damaged') throw new QuorateError('damaged');
    if (held === undefined) throw new QuorateError('not-a-member');
    return held;
  }

  const position = (): Position => meta().position;
  const configuration = (): Configuration => meta().configuration;

  async function catalogue(): Promise<readonly CataloguedSnapshot[]> {
    const { backupDirectory, scheduleDirectory } = sources;
    const folders = [...new Set([backupDirectory, ...(scheduleDirectory === undefined ? [] : [scheduleDirectory])])];
    return (await Promise.all(folders.map(listSnapshots))).flat();
  }

  const repeats = new Repeats();
  const hashes = new ModelHashes({ storage, clock, replica });

  /** Waits until the model may be read such that everything committed before is seen. */
  function linearizable(stale: boolean): Promise<void> {
    if (stale) {
      replica();
      return Promise.resolve();
    }
    return readBarrier(replica());
  }

  async function write(command: EntityCommand): Promise<ApiResult<'model.create'>> {
    // The model would refuse it as well; here it costs no entry of the log.
    if (storage.model.meta()?.writesPausedBy !== undefined) throw new QuorateError('paused');
    const { outcome } = await propose(replica(), command);
    if (outcome.type !== 'changed') throw refusalOf(outcome);
    // What was done before the present timeline began is in the model that it began with.
    const index = Math.max(outcome.change.index, storage.model.meta()?.journalStart ?? 0);
    return { entity: outcome.change.entity, position: { ...position(), index } };
  }

  const stamp = (context: RequestContext): Stamp => ({
    requestId: context.requestId,
    at: clock.now(),
    by: context.from,
  });

  return {
    'status.get': () => sources.status(),

    'members.list': async () => {
      await readBarrier(replica());
      return () => {
        const meta = storage.model.meta();
        const { leader } = replica().leadership();
        if (meta === undefined || leader === undefined) throw new QuorateError('no-leader');
        const { voters, learners, removed } = meta.configuration;
        const known = new Map(storage.model.records('member').map(({ key, value }) => [key, value]));
        const members = [
          ...voters.map((id) => ({ id, role: 'voter' as const })),
          ...learners.map((id) => ({ id, role: 'learner' as const })),
        ].flatMap(({ id, role }) => {
          const record = known.get(id);
          return record === undefined ? [] : [{ ...record, role }];
        });
        return { position: meta.position, members, removed: [...removed], leader };
      };
    },

    'routers.list': (params) => {
      const service = sources.routers();
      if (service === undefined) throw new QuorateError(sources.absence());
      const { after, limit } = params;
      return () => {
        const routers = service.routers(after, limit + 1);
        return { routers: routers.slice(0, limit), more: routers.length > limit };
      };
    },

    'model.create': (draft, context) => write(prepareCreate(draft, stamp(context))),
    'model.import': async ({ entity }, context) => {
      if (storage.model.record('gate', 'model-import') === undefined) throw new QuorateError('gate-closed');
      const { outcome } = await propose(replica(), prepareImport(entity, stamp(context)));
      if (outcome.type === 'unchanged') return { entity: outcome.entity, position: position(), existed: true };
      if (outcome.type !== 'changed') throw refusalOf(outcome);
      const { change } = outcome;
      return { entity: change.entity, position: { ...position(), index: change.index }, existed: false };
    },
    'model.update': (params, context) => write(prepareUpdate(params, stamp(context))),
    'model.delete': (params, context) => write(prepareDelete(params, stamp(context))),

    'model.get': async ({ kind, id, name, stale }) => {
      await linearizable(stale);
      return () => {
        const found = id ?? (name === undefined ? undefined : storage.model.idOfName(kind, name));
        const entity = found === undefined ? undefined : storage.model.get(kind, found);
        if (entity === undefined)
          throw new QuorateError('not-found', `there is no ${kind} ${id ?? name ?? ''}`.trimEnd());
        return { entity, position: position() };
      };
    },

    'model.list': async (params) => {
      await linearizable(params.stale);
      return pageReading(storage.model, params, position);
    },

    'model.changes':
      ({ after, limit }) =>
      () =>
        changesAfter(storage, after, limit),

    'model.hash': (params, context) => hashes.answer(params, context.requestId),

    'model.compare': () => {
      sources.compareModelsNow();
      return {};
    },

    'snapshot.create': ({ name }, { requestId }) =>
      repeats.once('snapshot.create', requestId, async () => {
        position();
        const fileName = name ?? `${new Date(clock.now()).toISOString().replace(/[:.]/g, '-')}.snapshot`;
        const file = await storage.createSnapshot(join(sources.backupDirectory, fileName));
        sources.onSnapshot(file.manifest.meta.position);
        return {
          path: file.path,
          sizeBytes: file.sizeBytes,
          sha256: file.sha256,
          position: file.manifest.meta.position,
        };
      }),

    'snapshot.list': async () => ({ snapshots: (await catalogue()).map(viewOf) }),

    'snapshot.verify': ({ name }, { requestId }) =>
      repeats.once('snapshot.verify', requestId, async () => {
        const found = (await catalogue()).find((each) => each.name === name);
        if (found === undefined)
          throw new QuorateError('not-found', `there is no snapshot ${name} here`, {
            remedy: 'List what there is: `quorate snapshot list`.',
          });
        const { sha256, sizeBytes, manifest } = await storage.verifySnapshot(found.path);
        return { ...viewOf({ ...found, sizeBytes, manifest, problem: null }), sha256 };
      }),

    'recovery.begin': ({ leaveBehind }, { requestId, from, origin }) =>
      repeats.once('recovery.begin', requestId, () =>
        sources.recovery.begin(leaveBehind, { id: requestId, requestedBy: from, origin }),
      ),
    'restore.stage': async (params) => {
      if (replica().leadership().role !== 'leader') throw new QuorateError('not-leader');
      const { restoreFiles, nodeId } = sources;
      const others = membersOf(configuration()).filter((id) => id !== nodeId);
      if (params.chunk === undefined) await restoreFiles.fetchFromOthers(params, others);
      return restoreFiles.stage(params, nodeId);
    },
    'restore.take': (params) => {
      replica();
      return sources.restoreFiles.take(params);
    },

    'log.level': ({ level, forMs }, { requestId, from }) => {
      const { logLevels } = sources;
      return level === undefined ? logLevels.view : logLevels.set(level, `asked for by ${from} (${requestId})`, forMs);
    },

    'operation.plan': (parameters) => operations().plan(parameters),
    'operation.start': (parameters, context) => operations().start(parameters, context),
    'operation.cancel': ({ id }, context) => operations().cancel(id, context),
    'operation.plan-resume': ({ id }) => operations().planResume(id),
    'operation.resume': ({ id }, context) => operations().resume(id, context),
    'operation.get': async ({ id }) => {
      await readBarrier(replica());
      return () => {
        const record = storage.model.record('operation', id);
        if (record === undefined) throw new QuorateError('not-found', `there is no operation ${id}`);
        return record.operation;
      };
    },
    'operation.list': async ({ limit }) => {
      await readBarrier(replica());
      return () => {
        const all = storage.model.records('operation').map(({ value }) => value.operation);
        return { operations: all.sort((a, b) => b.startedAt - a.startedAt).slice(0, limit) };
      };
    },
  };
}

export function propose(replica: Replica, command: Command): Promise<AppliedEntry> {
  return new Promise((resolve, reject) => {
    replica.propose(encodeCommand(command), (result) => (result.ok ? resolve(result.entry) : reject(result.error)));
  });
}

export function readBarrier(replica: Replica): Promise<void> {
  return new Promise((resolve, reject) => {
    replica.read((refusal) => (refusal === null ? resolve() : reject(refusal)));
  });
}

/** Why a command that was committed changed nothing. */
export function refusalOf(outcome: AppliedEntry['outcome']): QuorateError {
  if (outcome.type !== 'refused') return new QuorateError('internal', `the command came out as ${outcome.type}`);
  const code = isErrorCode(outcome.code) ? outcome.code : 'internal';
  return new QuorateError(code, outcome.message);
}

function viewOf({ name, path, sizeBytes, manifest, problem }: CataloguedSnapshot): SnapshotView {
  return {
    name,
    path,
    sizeBytes,
    position: manifest?.meta.position ?? null,
    createdAt: manifest?.createdAt ?? null,
    createdBy: manifest?.createdBy ?? null,
    origin: manifest?.origin ?? null,
    problem,
  };
}

function changesAfter(storage: Storage, after: Position | null, limit: number): ApiResult<'model.changes'> {
  const meta = storage.model.meta();
  if (meta === undefined) throw new QuorateError('not-a-member');
  const { timeline, indexType } = meta.position;
  const sameHistory =
    after === null ||
    (after.timeline.id === timeline.id && after.timeline.epoch === timeline.epoch && after.indexType === indexType);
  const from = after?.index ?? meta.journalStart;
  if (!sameHistory || from < meta.journalStart) throw new QuorateError('snapshot-required');
  const rows = storage.model.changesAfter(from, limit + 1, pageBytesMax);
  const changes = rows.slice(0, limit).map(({ index, previousIndex, type, entity }) => ({
    position: { timeline, indexType, index },
    previousIndex,
    type,
    entity,
  }));
  const wasCut = rows.length > 0 && (rows.at(-1)?.index ?? 0) < meta.lastChangeIndex;
  return { changes, position: meta.position, more: rows.length > limit || wasCut };
}

/**
 * A page of entities, read in pieces: neither a filter that finds little among very many, nor entities as large as may be,
 * take the event loop for longer than some milliseconds. Where changes come in between, the page holds them or does not, and
 * its position is that of its beginning: whoever follows the changes from there has all of them.
 */
export function pageReading(
  model: Pick<ModelStore, 'list' | 'idFurther'>,
  { kind, filter, after, limit }: Omit<ApiParsedParams<'model.list'>, 'stale'>,
  position: () => Position,
): Reading<ApiResult<'model.list'>> {
  const entities: Entity[] = [];
  let begun: Position | undefined;
  let from = after ?? '';
  return () => {
    begun ??= position();
    const through = model.idFurther(kind, from, pieceRows);
    const wanted = limit + 1 - entities.length;
    const found = model.list(kind, { filter, after: from, through, limit: wanted, bytesMax: pageBytesMax });
    entities.push(...found);
    const more = found.length === wanted;
    const last = found.at(-1);
    // Fewer than wanted were found: that was all of the piece, or as many bytes as an answer may have.
    const isCut =
      !more &&
      last !== undefined &&
      model.list(kind, { filter, after: last.id, through, limit: 1, bytesMax: 1 }).length > 0;
    if (!more && !isCut && through !== undefined) {
      from = through;
      return undefined;
    }
    return { entities: entities.slice(0, limit), position: begun, more: more || isCut };
  };
}
