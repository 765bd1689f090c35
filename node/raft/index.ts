/**
 * The Raft core: a pure, synchronous state machine that keeps one log the same on all members. It promises what the Raft
 * dissertation (Ongaro 2014) promises, and needs a driver that gives it ticks, messages and a disk. It never waits, never
 * reads a clock, never does I/O, and draws chance only from the function it was handed.
 *
 * ## What goes in
 * `step(message)`, `tick()`, `propose`, `proposeConfChange`, `readIndex`, `transferLeadership`, `installSnapshot`, and the
 * reports `reportUnreachable`, `reportSnapshot`, `persisted`, `applied`.
 *
 * ## What comes out
 * `ready()` gives one `Ready` at a time. The driver does, in this order:
 *  1. sends `messages` (they promise nothing, so the leader's appends travel while its own disk writes);
 *  2. stores, in one transaction: `snapshot` (whole, in place of log and state machine), then `entries` (deleting whatever
 *     the store holds at or after the first of them), then `hardState`; with a sync when `mustSync`, without need for one
 *     otherwise (a lost commit index is learned again, so a Ready with nothing but `hardState` and `mustSync === false`
 *     may even skip the write and leave it to the next one);
 *  3. calls `persisted(ready)`;
 *  4. sends `messagesAfterPersist` (votes, answers to appends: they promise what has just been stored);
 *  5. applies `committedEntries` in order, each together with its index (and, for `configuration`, the configuration it
 *     leads to: `applyConfChange`) in one transaction of the state machine, and calls `applied(index)`.
 * Readies may overlap: the next may be taken, and its `messages` sent, while an earlier one is being written. What must be
 * kept is the order: Readies are stored, acknowledged and applied in the order in which they were given.
 * A configuration takes effect in the core when `applied` passes its entry.
 *
 * ## What becomes of a proposal
 * Refused (a value with a code), or accepted at `{ term, index }`: committed when an entry with that index and term is
 * applied, *refused for ever* when an entry of another term is applied there, unknown when a snapshot jumps over it. A
 * forwarded one ends in `proposalResults` as accepted, refused, or unknown.
 *
 * ## The first start
 * The founder of a cluster stores what `bootstrapLog` gives, with a blank state machine, and starts. Everybody else starts
 * with nothing at all (an empty log, `emptyConfiguration`) and is added by a change of membership.
 *
 * ## After a restart
 * Give the hard state, the log, and from the state machine its applied index and configuration, all as they were stored.
 */

export {
  applyConfChange,
  bootstrapLog,
  emptyConfiguration,
  initialConfiguration,
  isJoint,
  isLearner,
  isNodeId,
  isVoter,
  membersOf,
  votersOf,
} from './configuration.js';
export { InvariantViolation } from './invariant.js';
export { Raft } from './raft.js';
export { defaultLimits } from './state.js';
export * from './types.js';
