/** The controller itself, Raft, replication, and how long things take. */
import { readiness } from './health.js';
import { counted, eachOf, type Metric, of, ofFollowers, ofRaft, one, type Sample } from './metric.js';

const states = ['starting', 'blank', 'standalone', 'member', 'removed', 'damaged', 'stopping'];
const roles = ['leader', 'follower', 'candidate', 'pre-candidate', 'learner'];

export const controllerMetrics: readonly Metric[] = [
  {
    name: 'quorate_info',
    type: 'gauge',
    group: 'Controller',
    labels: ['version', 'protocol_min', 'protocol_max'],
    help: 'Always 1; which version runs, and which protocol versions it speaks',
    read: ({ version, protocol }) => [
      { labels: { version, protocol_min: String(protocol.min), protocol_max: String(protocol.max) }, value: 1 },
    ],
  },
  {
    name: 'quorate_state',
    type: 'gauge',
    group: 'Controller',
    labels: ['state'],
    help: 'What the controller is: 1 for the state that it is in, 0 for the others',
    read: of(({ status }) => eachOf('state', states, (state) => state === status.state)),
  },
  {
    name: 'quorate_ready',
    type: 'gauge',
    group: 'Controller',
    help: 'Whether it can serve now: what /readyz says',
    read: (facts) => one(readiness(facts).every(({ failure }) => failure === null)),
  },
  {
    name: 'quorate_ready_condition',
    type: 'gauge',
    group: 'Controller',
    labels: ['condition'],
    help: 'Whether this condition of /readyz is met',
    read: (facts) =>
      readiness(facts).map(({ name, failure }) => ({ labels: { condition: name }, value: one(failure === null) })),
  },
  {
    name: 'quorate_alarms',
    type: 'gauge',
    group: 'Controller',
    labels: ['code', 'severity'],
    help: 'Alarms that are active on this controller, as `quorate status` shows them',
    read: of(({ status }) => {
      const counts = new Map<string, Sample>();
      for (const { code, severity } of status.alarms) {
        const value = (counts.get(`${code} ${severity}`)?.value ?? 0) + 1;
        counts.set(`${code} ${severity}`, { labels: { code, severity }, value });
      }
      return [...counts.values()];
    }),
  },
  {
    name: 'quorate_operation_running',
    type: 'gauge',
    group: 'Controller',
    help: 'Whether this controller, as leader, runs an operation (join, remove, restore, ...)',
    read: of(({ status }) => one(status.operation !== null)),
  },
  {
    name: 'quorate_timeline_epoch',
    type: 'gauge',
    group: 'Controller',
    help: 'Epoch of the timeline of its model; a restore, a recovery or a migration raises it',
    read: of(({ status }) => status.position?.timeline.epoch ?? null),
  },
  {
    name: 'quorate_model_index',
    type: 'gauge',
    group: 'Controller',
    labels: ['index_type'],
    help: 'Index at which its model stands; compares only within one timeline and index type',
    read: of(({ status }) =>
      status.position === null
        ? []
        : [{ labels: { index_type: status.position.indexType }, value: status.position.index }],
    ),
  },
];

export const raftMetrics: readonly Metric[] = [
  {
    name: 'quorate_raft_term',
    type: 'gauge',
    group: 'Raft',
    help: 'Current term',
    read: ofRaft(({ term }) => term),
  },
  {
    name: 'quorate_raft_role',
    type: 'gauge',
    group: 'Raft',
    labels: ['role'],
    help: 'Its role: 1 for the one that it has, 0 for the others',
    read: ofRaft((raft) => eachOf('role', roles, (role) => role === raft.role)),
  },
  {
    name: 'quorate_raft_is_leader',
    type: 'gauge',
    group: 'Raft',
    help: 'Whether it leads; a standalone controller does not',
    read: ofRaft(({ role }) => one(role === 'leader')),
  },
  {
    name: 'quorate_raft_has_leader',
    type: 'gauge',
    group: 'Raft',
    help: 'Whether it leads or hears a leader; 0 on all members: the cluster takes no writes',
    read: ofRaft(({ leader }) => one(leader !== null)),
  },
  {
    name: 'quorate_raft_commit_index',
    type: 'gauge',
    group: 'Raft',
    help: 'Highest log index that it knows to be committed',
    read: ofRaft(({ commit }) => commit),
  },
  {
    name: 'quorate_raft_applied_index',
    type: 'gauge',
    group: 'Raft',
    help: 'Highest log index that it has applied to its model',
    read: ofRaft(({ applied }) => applied),
  },
  {
    name: 'quorate_raft_last_index',
    type: 'gauge',
    group: 'Raft',
    help: 'Highest index of its log',
    read: ofRaft(({ lastIndex }) => lastIndex),
  },
  {
    name: 'quorate_raft_first_index',
    type: 'gauge',
    group: 'Raft',
    help: 'Lowest index that its log still holds; what was before it has been compacted',
    read: ofRaft(({ firstIndex }) => firstIndex),
  },
  {
    name: 'quorate_raft_elections_total',
    type: 'counter',
    group: 'Raft',
    help: 'Elections that it has begun as candidate',
    read: counted('elections'),
  },
  {
    name: 'quorate_raft_leader_changes_total',
    type: 'counter',
    group: 'Raft',
    help: 'Times that it came to know of another leader than before',
    read: counted('leaderChanges'),
  },
  {
    name: 'quorate_raft_proposals_total',
    type: 'counter',
    group: 'Raft',
    help: 'Commands that were proposed on this controller',
    read: counted('proposals'),
  },
  {
    name: 'quorate_raft_committed_total',
    type: 'counter',
    group: 'Raft',
    help: 'Entries that were committed and applied here',
    read: counted('committed'),
  },
  {
    name: 'quorate_raft_reads_total',
    type: 'counter',
    group: 'Raft',
    help: 'Linearizable reads that were asked for here',
    read: counted('reads'),
  },
];

export const replicationMetrics: readonly Metric[] = [
  {
    name: 'quorate_raft_voters',
    type: 'gauge',
    group: 'Replication',
    help: 'Voters of the configuration that it has applied',
    read: ofRaft(({ configuration }) => configuration.voters.length),
  },
  {
    name: 'quorate_raft_voters_active',
    type: 'gauge',
    group: 'Replication',
    help: 'Leader only: voters that it hears, itself included',
    read: ofRaft(({ role, configuration, progress }) =>
      role === 'leader'
        ? progress.filter(({ id, active }) => active && configuration.voters.includes(id)).length
        : null,
    ),
  },
  {
    name: 'quorate_raft_learners',
    type: 'gauge',
    group: 'Replication',
    help: 'Learners of the configuration that it has applied',
    read: ofRaft(({ configuration }) => configuration.learners.length),
  },
  {
    name: 'quorate_raft_follower_lag_entries',
    type: 'gauge',
    group: 'Replication',
    labels: ['follower'],
    help: 'Leader only: entries of its log that this follower is not known to have',
    read: ofFollowers(({ lag }) => lag),
  },
  {
    name: 'quorate_raft_follower_active',
    type: 'gauge',
    group: 'Replication',
    labels: ['follower'],
    help: 'Leader only: whether it hears this follower',
    read: ofFollowers(({ active }) => one(active)),
  },
  {
    name: 'quorate_raft_follower_last_contact_seconds',
    type: 'gauge',
    group: 'Replication',
    labels: ['follower'],
    help: 'Leader only: since this follower was last heard',
    read: ofFollowers(({ lastContactMs }) => (lastContactMs === null ? null : lastContactMs / 1_000)),
  },
  {
    name: 'quorate_snapshots_written_total',
    type: 'counter',
    group: 'Replication',
    help: 'Snapshots of its model that it wrote: on request, on schedule, before a restore, for a follower',
    read: of(({ snapshots }) => snapshots.written),
  },
  {
    name: 'quorate_snapshots_installed_total',
    type: 'counter',
    group: 'Replication',
    help: 'Snapshots that it took from a leader in the place of its own model',
    read: counted('snapshotsInstalled'),
  },
  {
    name: 'quorate_snapshot_sent_bytes_total',
    type: 'counter',
    group: 'Replication',
    help: 'Bytes of snapshots that it gave to followers',
    read: of(({ snapshots }) => snapshots.sentBytes),
  },
];

export const latencyMetrics: readonly Metric[] = [
  {
    name: 'quorate_commit_duration_seconds',
    type: 'histogram',
    group: 'Latency',
    help: 'From the proposal of a command here until it was committed and applied here',
    read: of(({ commit }) => commit),
  },
  {
    name: 'quorate_log_sync_duration_seconds',
    type: 'histogram',
    group: 'Latency',
    help: 'Writes of the log with their sync (fsync); one holds all that one turn has to store',
    read: of(({ sync }) => sync),
  },
  {
    name: 'quorate_event_loop_delay_seconds',
    type: 'histogram',
    group: 'Latency',
    help: 'How late a timer ran that was due every 100 ms: for so long nothing was answered',
    read: ({ runtime }) => runtime.loopDelay,
  },
];
