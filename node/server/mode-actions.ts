/** What a migration and the way back do to the world, on the controller concerned: see `node/workflows/actions.ts`. */
import { statfsSync } from 'node:fs';
import type { Position, Timeline } from '../../messaging/position.js';
import { createTimeline } from '../cluster/timeline.js';
import { legacyIndexMaxOf, type ModelMeta } from '../model/index.js';
import { initialConfiguration } from '../raft/index.js';
import type { ModeChange } from '../storage/index.js';
import type { Actions } from '../workflows/actions.js';
import type { ModeFacts } from '../workflows/facts.js';
import { RouterArrival, readerOf } from './routers/index.js';
import type { StatusBoard } from './status-board.js';
import type { WorkflowSources } from './workflow-actions.js';

type ModeActions = Pick<Actions, 'allPublished' | 'changeMode' | 'routersArrived'>;

export interface ModeWork {
  readonly gather: () => Promise<ModeFacts>;
  readonly actions: ModeActions;
}

/** What the server lends: only the controller itself can become something else. */
export interface ModeSources {
  /** Resolves when it serves so; see `Actions.changeMode`. */
  readonly change: (change: ModeChange) => Promise<void>;
  /** Subjects that a member uses and that NATS does not allow here; tried. */
  readonly deniedSubjects: () => Promise<readonly string[]>;
  /** How long the service for routers has listened, in milliseconds. */
  readonly routersHeardForMs: () => number;
  readonly routerHeartbeatMs: number;
}

/** A router that is connected has been heard after so many of its heartbeats. */
const heartbeatsToHearAll = 2.5;

export function createModeActions(sources: WorkflowSources, mode: ModeSources): ModeWork {
  const { storage, clock, events, connection, nodeId, board } = sources;
  const arrival = new RouterArrival({
    routers: () => sources.routers(),
    reader: readerOf(storage.model),
    now: () => clock.monotonicMs(),
  });

  function meta(): ModelMeta {
    const held = storage.model.meta();
    if (held === undefined) throw new Error('a blank controller runs no operation');
    return held;
  }

  async function gather(): Promise<ModeFacts> {
    const { bavail, bsize } = statfsSync(sources.backupDirectory);
    const { lastChangeIndex } = meta();
    return {
      standalone: storage.raft.standalone(),
      problems: await storage.checkModel(),
      modelBytes: storage.model.sizeBytes(),
      diskFreeBytes: bavail * bsize,
      newestChangeAt: storage.model.changesAfter(lastChangeIndex - 1, 1)[0]?.at ?? null,
      deniedSubjects: await mode.deniedSubjects(),
      maxPayloadBytes: connection.info?.max_payload ?? 0,
    };
  }

  return {
    gather,
    actions: {
      allPublished: async () => {
        if (events.publishedIndex < meta().lastChangeIndex) return false;
        await connection.flush();
        return true;
      },
      changeMode: (to) => {
        const before = [meta().position.timeline, ...timelinesOf(board, meta().clusterId)];
        return mode.change(modeChange(meta(), to, nodeId, createTimeline(before), storage.raft.hardState().term));
      },
      routersArrived: async (except) => ({
        ...(await arrival.look(except)),
        heardAll: mode.routersHeardForMs() >= mode.routerHeartbeatMs * heartbeatsToHearAll,
      }),
    },
  };
}

/** Of this cluster, as they are heard: a timeline of ours must be newer than all of them. */
function timelinesOf(board: StatusBoard, clusterId: string): readonly Timeline[] {
  return board
    .all()
    .filter(({ status }) => status.clusterId === clusterId)
    .flatMap(({ status }) => [status.position?.timeline, status.logTimeline])
    .filter((timeline) => timeline !== null && timeline !== undefined);
}

/**
 * Raft indexes begin at 1, legacy indexes go on above any that was ever given, and terms never fall: members of an earlier
 * cluster may still be somewhere. Ids that were removed stay removed. Pure.
 */
export function modeChange(
  meta: ModelMeta,
  indexType: Position['indexType'],
  nodeId: string,
  timeline: Timeline,
  termHeld: number,
): ModeChange {
  const term = Math.max(meta.term, termHeld);
  const configuration = { ...initialConfiguration([nodeId]), removed: meta.configuration.removed };
  return indexType === 'raft'
    ? { indexType, timeline, index: 1, term: term + 1, configuration }
    : { indexType, timeline, index: legacyIndexMaxOf(meta), term, configuration };
}
