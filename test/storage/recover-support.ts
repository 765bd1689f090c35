/** A directory as a survivor's: committed and applied, committed and not applied, and neither. */
import { applyBatch, encodeCommand } from '../../node/model/index.js';
import { type Entry, initialConfiguration } from '../../node/raft/index.js';
import { type DirectoryStorage, openStorage } from '../../node/storage/index.js';

export const about = { clusterName: 'c', nodeId: 'n1', softwareVersion: 'test', now: () => 1_000 };
export const firstTimeline = { id: 'timeline-1', epoch: 1 };
export const nextTimeline = { id: 'timeline-2', epoch: 2 };
export const request = { clusterName: 'c', nodeId: 'n1', timeline: nextTimeline, leftBehind: [], now: 5_000 } as const;

export const createOf = (index: number, term = 3): Entry => ({
  type: 'normal',
  index,
  term,
  data: encodeCommand({
    type: 'create',
    requestId: `request-${index}`,
    at: index,
    by: 'olga',
    kind: 'service',
    id: `s${index}`,
    name: `s${index}`,
    tags: {},
    spec: {},
  }),
});

/**
 * n1 of n1, n2, n3 in term 5: services s2 to s21 applied, s22 to s31 committed, s32 to s41 neither; the last entry of all
 * would make n4 a voter.
 */
export async function survivor(directory: string): Promise<DirectoryStorage> {
  const storage = openStorage({ ...about, directory });
  await storage.initialise({
    identity: { clusterName: 'c', clusterId: 'id-1', nodeId: 'n1' },
    timeline: firstTimeline,
    snapshot: { index: 1, term: 1, configuration: initialConfiguration(['n1', 'n2', 'n3']) },
    hardState: { term: 1, vote: '', commit: 1 },
    members: ['n1', 'n2', 'n3'].map((id) => ({
      id,
      name: id,
      version: '1',
      protocol: { min: 1, max: 1 },
      addresses: [],
      addedAt: 1,
    })),
  });
  const entries = Array.from({ length: 40 }, (_, at) => createOf(at + 2));
  const change: Entry = {
    type: 'configuration',
    index: 42,
    term: 4,
    change: { changes: [{ type: 'addVoter', id: 'n4' }], transition: 'auto' },
  };
  storage.raft.persist({ entries: [...entries, change], hardState: { term: 5, vote: 'n2', commit: 31 } });
  applyBatch(storage.model, entries.slice(0, 20));
  return storage;
}

/** What the process that made them leaves when it is killed. */
export function leave(storage: DirectoryStorage): void {
  storage.model.commit();
  storage.close();
}
