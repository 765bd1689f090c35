/** Damage that is looked for when a directory is opened: above what is known to be committed, where it can be mended. */
import type { ModelStore } from '../model/store.js';
import type { Index } from '../raft/index.js';
import { mayDrop } from './log-rules.js';
import type { RaftStore } from './types.js';

/** A log that can be asked where its damage begins. */
export interface InspectedLog extends Pick<RaftStore, 'identity' | 'hardState' | 'dropDamagedFrom'> {
  standalone(): boolean;
  /** Of the entries after `index`, the first whose checksum does not fit or that is missing. */
  firstDamagedAfter(index: Index): Index | undefined;
}

/**
 * What was stored and is not known to be committed is looked at before it is relied on: a damaged entry there is dropped, with
 * all after it, and asked for again. Where nobody else decides it stays, and is met as damage. Answers whether anything was.
 */
export function dropDamagedTail(raft: InspectedLog, model: Pick<ModelStore, 'meta'>): boolean {
  const meta = model.meta();
  if (meta === undefined || raft.standalone()) return false;
  const { commit } = raft.hardState();
  const { position, configuration } = meta;
  const damaged = raft.firstDamagedAfter(Math.max(commit, position.index));
  const held = { commit, applied: position.index, voters: configuration.voters, self: raft.identity()?.nodeId ?? '' };
  if (damaged === undefined || !mayDrop(damaged, held)) return false;
  raft.dropDamagedFrom(damaged);
  return true;
}
