/**
 * Deliberate faults, one line each, in the compiled production code. Each is a mistake that a Raft has been shipped with, or
 * could be; the simulator is worth something only if it finds every one of them.
 */

import type { Profile } from './plan.js';

export interface Mutation {
  readonly name: string;
  /** Compiled file, from the root of the build. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly replace: string;
  /** What is broken by it. */
  readonly why: string;
  /** Where it shows in a few places only: which profile leads there. */
  readonly profile?: Profile;
}

const raft = (file: string) => `node/raft/${file}.js`;

export const mutations: readonly Mutation[] = [
  // -------------------------------------------------------------------------------------------------------------- durability
  {
    name: 'vote not persisted',
    file: raft('raft'),
    find: 'hardState: storesHard ? hard : undefined,',
    replace: "hardState: storesHard ? { ...hard, vote: '' } : undefined,",
    why: 'After a crash a member can vote a second time in one term.',
  },
  {
    name: 'term not persisted',
    file: raft('raft'),
    find: 'hardState: storesHard ? hard : undefined,',
    replace: 'hardState: entries.length > 0 ? hard : undefined,',
    why: 'A term or vote that comes without entries is forgotten by a crash.',
  },
  {
    name: 'vote answered before the sync',
    file: raft('state'),
    find: "message.type === 'vote' || message.type === 'voteReply' ||",
    replace: "message.type === 'vote' ||",
    why: 'The answer promises a vote that a crash may take back.',
  },
  {
    name: 'append acknowledged before the sync',
    file: raft('state'),
    find: "|| message.type === 'appendReply'",
    replace: '',
    why: 'The leader counts entries that a crash may take back.',
  },
  {
    name: 'votes asked for before the sync',
    file: raft('state'),
    find: "message.type === 'vote' || message.type === 'voteReply' ||",
    replace: "message.type === 'voteReply' ||",
    why: 'A candidate can win with a vote for itself that is not on its disk.',
  },
  {
    name: 'own entries counted before the sync',
    file: raft('replication'),
    find: 'own?.acknowledge(s.log.stable)',
    replace: 'own?.acknowledge(s.log.lastIndex)',
    why: 'The leader counts itself among the majority for entries that it has not written.',
  },
  {
    name: 'acknowledgement of what never gets to the disk',
    file: raft('state'),
    find: 'this.#withdrawAcknowledgements();',
    replace: '',
    why: 'Entries that are replaced within the turn in which they came are acknowledged to the leader that sent them.',
  },
  {
    name: 'commit index of earlier terms not learned',
    file: raft('terms'),
    find: "case 'voteReply':\n            // What is committed",
    replace: "case 'voteReply':\n            return;\n            // What is committed",
    why: 'A removed leader alone knows that its removal is committed, and is not listened to.',
    profile: 'calm',
  },
  {
    name: 'promises sent before they are stored',
    file: 'node/cluster/member.js',
    find: 'this.#send(ready.messages);\n        this.#then(',
    replace: 'this.#send(ready.messages); this.#send(ready.messagesAfterPersist); this.#then(',
    why: 'The driver sends votes and acknowledgements before the disk has them.',
  },
  {
    name: 'acknowledgement of replaced entries counted',
    file: raft('log'),
    find: 'write.upTo = Math.min(write.upTo, from - 1);',
    replace: ';',
    why: 'A finished write of entries that were replaced meanwhile counts for those that replaced them.',
  },
  {
    name: 'lost log rejoining as an empty voter',
    file: 'node/cluster/decide-start.js',
    find: 'const rule = ruleFor(situation);',
    replace:
      "const rule = situation.raft === 'none' && situation.model === 'raft' ? startRules[startRules.length - 1] : ruleFor(situation);",
    why: 'A member whose log and votes are gone takes part again.',
  },
  {
    name: 'damaged log started all the same',
    file: 'node/cluster/decide-start.js',
    find: "damage: raft.damage.length + model.damage.length > 0 ? 'found' : 'none',",
    replace: "damage: 'none',",
    why: 'A member with a rotten entry begins to serve, and stops in the midst of it.',
  },
  {
    name: 'what is owed is forgotten',
    file: raft('state'),
    find: 'this.debt = options.debt;',
    replace: 'this.debt = undefined;',
    why: 'A member whose disk lost what it had acknowledged helps to elect somebody who never had it.',
    profile: 'disks',
  },

  // -------------------------------------------------------------------------------------------------------------- a full disk
  {
    name: 'promises sent although the disk is full',
    file: 'node/cluster/member.js',
    find: '#goOnWithoutDisk(ready) {\n        this.#send(ready.messages);',
    replace: '#goOnWithoutDisk(ready) { this.#send(ready.messages); this.#send(ready.messagesAfterPersist);',
    why: 'What waits for room on the disk is promised before there is any.',
  },
  {
    name: 'what found no room is dropped',
    file: 'node/cluster/member.js',
    find: 'if (held.snapshot === undefined)\n            this.#persist(held);',
    replace: 'if (held.snapshot === undefined) ;',
    why: 'What could not be stored counts as stored when there is room again.',
  },
  {
    name: 'of what found no room only the last is kept',
    file: 'node/cluster/held-writes.js',
    find: 'this.#entries = [...this.#entries.filter(({ index }) => index < first.index), ...ready.entries];',
    replace: 'this.#entries = ready.entries;',
    why: 'The log gets a gap where the disk was full for more than one turn.',
  },
  {
    name: 'acknowledged although it was replaced before there was room',
    file: 'node/cluster/held-writes.js',
    find: 'this.#messages = this.#messages.filter((message) => !acknowledges(message, first.index));',
    replace: '',
    why: 'A leader counts entries that were never stored, because the next one took their place while the disk was full.',
    profile: 'disks',
  },
  {
    name: 'model that fell back stays behind',
    file: 'node/cluster/member.js',
    find: 'if (this.appliedIndex < this.#told && !this.#fullDisk.isModelFull)',
    replace: 'if (false)',
    why: 'What a failed transaction took back from the model is missing from it.',
  },
  {
    name: 'told again of what is applied again',
    file: 'node/cluster/member.js',
    find: 'const news = applied.filter(({ index }) => index > this.#told);',
    replace: 'const news = applied;',
    why: 'Events come twice after a disk was full.',
  },

  // --------------------------------------------------------------------------------------------------------------- elections
  {
    name: 'vote reset within a term',
    file: raft('state'),
    find: 'if (term !== this.term) {',
    replace: 'if (true) {',
    why: 'Stepping down within a term frees the vote for a second candidate.',
  },
  {
    name: 'second vote in a term',
    file: raft('elections'),
    find: "const free = s.vote === message.from || (s.vote === '' && s.leader === undefined);",
    replace: 'const free = true;',
    why: 'Two candidates can both win one term.',
  },
  {
    name: 'vote for a log that is behind',
    file: raft('elections'),
    find: 'const granted = free && s.debt === undefined && s.log.isUpToDate(message.lastIndex, message.lastTerm);',
    replace: 'const granted = free && s.debt === undefined;',
    why: 'A leader without committed entries overwrites them.',
  },
  {
    name: 'longer log wins over the later term',
    file: raft('log'),
    find: 'return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.#last);',
    replace: 'return lastIndex >= this.#last;',
    why: 'A long log of an old term beats a short one that holds what is committed.',
  },
  {
    name: 'PreVote that raises the term',
    file: raft('terms'),
    find: 'if (!heldOffByLease(s, message))\n                return true;',
    replace: 'if (!heldOffByLease(s, message)) { s.becomeFollower(message.term, undefined); return true; }',
    why: 'A question disturbs a cluster as an election would.',
  },
  {
    name: 'pre-vote skipped',
    file: raft('elections'),
    find: "if (decided === 'won')\n        campaignForReal(s, false);",
    replace: "if (decided !== 'lost')\n        campaignForReal(s, false);",
    why: 'A member that was cut off raises its term and deposes a healthy leader when it comes back.',
  },
  {
    name: 'leader not protected by its lease',
    file: raft('elections'),
    find: 'return s.leader !== undefined && s.electionElapsed < s.limits.electionTimeoutTicks;',
    replace: 'return false;',
    why: 'Who has just heard of a living leader helps to depose it.',
  },
  {
    name: 'no step-down without a quorum',
    file: raft('raft'),
    find: 'if (!quorumActive(s, lead)) {',
    replace: 'if (false) {',
    why: 'A leader that is cut off keeps its clients waiting for ever.',
  },
  {
    name: 'learner campaigns',
    file: raft('state'),
    find: 'return (isVoter(this.configuration, this.id) &&',
    replace: 'return (true &&',
    why: 'Somebody leads who has no vote.',
  },
  {
    name: 'campaign by an outdated configuration',
    file: raft('state'),
    find: '!this.log.hasConfigurationBetween(this.log.applied, this.log.commit)',
    replace: 'true',
    why: 'A candidate counts its quorum by a configuration that it knows to be left behind.',
  },

  // ------------------------------------------------------------------------------------------------------------- replication
  {
    name: "commit of an earlier term's entry by counting",
    file: raft('replication'),
    find: 'if (reached < lead.termStart || !s.log.commitTo(reached))',
    replace: 'if (!s.log.commitTo(reached))',
    why: 'Figure 3.7 of the dissertation: what a majority has of an earlier term can still be replaced.',
  },
  {
    name: 'entries taken without looking at the one before',
    file: raft('log'),
    find: 'if (!this.matches(prevIndex, prevTerm))\n            return undefined;',
    replace: 'if (prevIndex > this.#last)\n            return undefined;',
    why: 'Logs that agree at the end disagree before it.',
  },
  {
    name: 'old append truncates the log',
    file: raft('log'),
    find: 'const conflict = entries.findIndex((entry) => !this.matches(entry.index, entry.term));',
    replace: 'const conflict = entries.length > 0 ? 0 : -1;',
    why: 'A late message removes entries after it that were acknowledged already.',
  },
  {
    name: 'truncating committed entries',
    file: raft('log'),
    find: 'if (first.index <= this.#last)\n            this.#truncate(first.index);',
    replace: 'if (first.index <= this.#last) { this.#truncate(this.#commit); return; }',
    why: 'What is committed is cut off with what is not.',
  },
  {
    name: 'acknowledgement of catch-up counted as commit',
    file: raft('replication'),
    find: 'const commit = Math.min(s.log.commit, progress.match);',
    replace: 'const commit = Math.min(s.log.commit, Math.max(progress.match, progress.next - 1));',
    why: 'A heartbeat commits on a follower what is only on its way to it.',
  },
  {
    name: 'everything counts as acknowledged',
    file: raft('quorum'),
    find: 'return values[majorityOf(voters.length) - 1];',
    replace: 'return values[0];',
    why: 'One member is enough for a commit.',
  },
  {
    name: 'minority counts as a majority',
    file: raft('quorum'),
    find: 'return Math.floor(voterCount / 2) + 1;',
    replace: 'return Math.max(1, Math.ceil(voterCount / 2));',
    why: 'Half of an even number of members decides.',
  },
  {
    name: 'lost append never repeated',
    file: raft('replication'),
    find: "else if (progress.match < s.log.lastIndex && progress.state === 'replicate')",
    replace: 'else if (false)',
    why: 'After a lost message a follower stays behind until something new is written, or for ever.',
  },

  {
    name: 'uncommitted bytes never given back',
    file: raft('replication'),
    find: 'lead.uncommittedBytes -= s.log.bytesBetween(before, reached);',
    replace: ';',
    why: 'A leader refuses all writes once it has taken as many bytes as may wait at once.',
  },

  // -------------------------------------------------------------------------------------------------------------- membership
  {
    name: 'no current-term entry before a change of membership',
    file: raft('membership'),
    find: 'if (!s.committedInTerm) {',
    replace: 'if (false) {',
    why: 'The error of 2015: two leaders commit changes by majorities that do not overlap.',
  },
  {
    name: 'second change while one is pending',
    file: raft('membership'),
    find: 'if (lead.pendingChangeIndex > s.log.applied) {',
    replace: 'if (false) {',
    why: 'Two changes overlap, and old and new majority no longer do.',
  },
  {
    name: 'new leader forgets the pending change',
    file: raft('state'),
    find: 'pendingChangeIndex: log.lastIndex,',
    replace: 'pendingChangeIndex: 0,',
    why: 'A change that its predecessor began is overlapped by another.',
  },
  {
    name: 'learner counted in the quorum',
    file: raft('replication'),
    find: 'const { voters, votersOutgoing } = s.configuration;',
    replace:
      'const { votersOutgoing } = s.configuration; const voters = [...s.configuration.voters, ...s.configuration.learners];',
    why: 'What a learner has helps to commit.',
  },
  {
    name: 'removed member counted',
    file: raft('replication'),
    find: 'const reached = jointReached(voters, votersOutgoing, (id) => lead.progress.get(id)?.match);',
    replace:
      'const reached = jointReached([...voters, ...s.configuration.removed], votersOutgoing, (id) => lead.progress.get(id)?.match ?? s.log.lastIndex);',
    why: 'Who was removed counts as one that has everything.',
  },
  {
    name: 'outgoing majority not asked for commits',
    file: raft('quorum'),
    find: 'return Math.min(majorityReached(voters, reached), majorityReached(votersOutgoing, reached));',
    replace: 'return majorityReached(voters, reached);',
    why: 'In a joint configuration the new majority decides alone.',
  },
  {
    name: 'outgoing majority not asked for votes',
    file: raft('quorum'),
    find: 'const outgoing = majorityVote(votersOutgoing, votes);',
    replace: 'const outgoing = incoming;',
    why: 'In a joint configuration the new majority elects alone.',
  },
  {
    name: 'ids of removed members used again',
    file: raft('configuration'),
    find: 'if (adds && draft.removed.has(id))',
    replace: 'if (false)',
    why: 'A new machine inherits the promises of an old one.',
  },
  {
    name: 'removed id forgotten',
    file: raft('configuration'),
    find: 'removed: gone.length === 0 ? before.removed : sorted(new Set([...before.removed, ...gone])),',
    replace: 'removed: gone.length === 0 ? before.removed : sorted(new Set(gone)),',
    why: 'Who was removed before the last removal can come back.',
  },
  {
    name: 'two voters changed without a joint configuration',
    file: raft('configuration'),
    find: 'if (symmetricDifference(configuration.voters, draft.voters) > 1) {',
    replace: 'if (symmetricDifference(configuration.voters, draft.voters) > 2) {',
    why: 'A replacement in one step: old and new majority need not overlap.',
  },
  {
    name: 'removed leader goes on',
    file: raft('membership'),
    find: 'if (!decides) {',
    replace: 'if (false) {',
    why: 'A leader that is no member any more decides on.',
  },
  {
    name: 'joint configuration never left',
    file: raft('membership'),
    find: 'if (!lead || !isJoint(s.configuration) || !s.configuration.autoLeave)',
    replace: 'if (true)',
    why: 'A replacement hangs between the old members and the new.',
  },
  {
    name: 'conf change applied twice',
    file: 'node/cluster/member.js',
    find: 'applied: this.appliedIndex,\n            configuration: meta?.configuration ?? emptyConfiguration,',
    replace:
      'applied: storage.raft.firstIndex() - 1,\n            configuration: meta?.configuration ?? emptyConfiguration,',
    why: 'After a restart changes are applied on top of the configuration that they led to.',
  },
  {
    name: 'removed member not told',
    file: raft('membership'),
    find: "s.send({ type: 'removed', to: from, index: s.log.applied });",
    replace: '',
    why: 'A member that was removed while it was away never learns it.',
  },

  // ------------------------------------------------------------------------------------------------------------------- reads
  {
    name: 'stale ReadIndex context',
    file: raft('replication'),
    find: 'progress.readRound = Math.max(progress.readRound, context.round);',
    replace: 'progress.readRound = lead.reads.current;',
    why: 'The answer to an earlier round confirms a later one.',
  },
  {
    name: 'read without asking anybody',
    file: raft('reads'),
    find: 'id === s.id ? current : lead.progress.get(id)?.readRound',
    replace: 'current',
    why: 'A leader that was deposed without knowing it answers reads.',
  },
  {
    name: 'read before the first commit of the term',
    file: raft('reads'),
    find: 'return s.committedInTerm && s.lead?.reads.due === true;',
    replace: 'return s.lead?.reads.due === true;',
    why: 'A new leader does not know yet how much is committed.',
  },
  {
    name: 'read answered before it is applied',
    file: 'node/cluster/reads.js',
    find: 'this.#ready.filter((each) => each.index <= applied);',
    replace: 'this.#ready.filter(() => true);',
    why: 'The model is read before it holds what the read must see.',
  },

  // --------------------------------------------------------------------------------------------------------------- transfer
  {
    name: 'transfer to a lagging member',
    file: raft('transfer'),
    find: 'if (lead.progress.get(id)?.match === s.log.lastIndex)',
    replace: 'if (lead.progress.has(id))',
    why: 'The target is told to campaign before it can win.',
  },
  {
    name: 'proposals taken during a transfer',
    file: raft('proposals'),
    find: 'if (lead.transfer) {',
    replace: 'if (false) {',
    why: 'The target never catches up with a leader that goes on writing.',
  },
  {
    name: 'transfer never given up',
    file: raft('transfer'),
    find: 'if (lead.transfer.ticks >= s.limits.electionTimeoutTicks)',
    replace: 'if (false)',
    why: 'A transfer to a member that is away blocks all writes.',
  },

  // --------------------------------------------------------------------------------------------------------------- snapshots
  {
    name: 'snapshot accepted with an older term',
    file: raft('terms'),
    find: 'if (message.term < s.term) {',
    replace: "if (message.term < s.term && message.type !== 'snapshot') {",
    why: 'A deposed leader is followed again.',
  },
  {
    name: 'older snapshot installed',
    file: raft('following'),
    find: "if (meta.index <= log.commit || s.role === 'leader' || !s.hasRoom)",
    replace: "if (s.role === 'leader' || !s.hasRoom)",
    why: 'A late snapshot takes back what is committed and applied.',
    profile: 'snapshots',
  },
  {
    name: 'lost snapshot offer never repeated',
    file: raft('replication'),
    find: 'progress.offerTicks++;',
    replace: 'return;',
    why: 'A member that lost the offer, or restarted while it fetched, is left behind.',
  },
  {
    name: 'configuration of the snapshot ignored',
    file: raft('following'),
    find: 'adoptConfiguration(s, meta.configuration, meta.index);',
    replace: '',
    why: 'A member goes on by the configuration that it had before the snapshot.',
  },
  {
    name: 'damaged snapshot offered again',
    file: 'node/cluster/snapshot-transfer.js',
    find: 'this.#spoilt = described.sha256;',
    replace: '',
    why: 'A snapshot that rots on the disk of the leader is sent to a follower over and over.',
    profile: 'snapshots',
  },
  {
    name: 'resumed transfer begins at zero',
    file: 'node/cluster/snapshot-transfer.js',
    find: 'let asked = staging.receivedBytes;',
    replace: 'let asked = 0;',
    why: 'What was received before an interruption is put there twice.',
  },

  // --------------------------------------------------------------------------------------------------------------- restores
  {
    name: 'entries behind a restore are applied while it runs',
    file: 'node/cluster/member.js',
    find: 'if (this.#switch.standsAt === undefined && !this.#catchingUp)',
    replace: 'if (true)',
    why: 'What comes after a restore changes the model that it is about to replace.',
    profile: 'restores',
  },
  {
    name: 'restore carried out without being judged',
    file: 'node/cluster/member.js',
    find: 'if (!judgeRestore(model, before, command).ok)',
    replace: 'if (false)',
    why: 'One that was given up, or was asked for twice, happens all the same.',
    profile: 'restores',
  },
  {
    name: 'restored model taken before its place is committed here',
    file: 'node/cluster/restore-switch.js',
    find: 'if (committed() >= index && !isLogFull())',
    replace: 'if (true)',
    why: 'The model gets ahead of the log.',
    profile: 'restores',
  },
  {
    name: 'timeline begun a second time',
    file: 'node/model/restore.js',
    find: 'if (command.timeline.epoch <= epoch) {',
    replace: 'if (false) {',
    why: 'A restore that was asked for twice begins its timeline twice.',
    profile: 'restores',
  },

  // Recovery
  {
    name: 'operation not gone on with by the next leader',
    file: 'node/server/operations.js',
    find: 'if (leading)',
    replace: 'if (false)',
    why: 'What an operation began stays half done when its leader is lost.',
    profile: 'operations',
  },
  {
    name: 'old members not among the removed',
    file: 'node/model/recovery.js',
    find: 'const removed = [...new Set(former)].filter((id) => id !== nodeId).sort(byCodeUnit);',
    replace: 'const removed = [...before.configuration.removed];',
    why: 'After a recovery a member from before may come back as if nothing had been.',
    profile: 'recoveries',
  },
  {
    name: 'epoch not raised by a recovery',
    file: 'node/model/recovery.js',
    find: 'const meta = beginTimeline(before, {',
    replace:
      'const meta = ((_, begun) => ({ ...beginTimeline(undefined, begun), position: { ...before.position, index }, logTimeline: before.logTimeline }))(before, {',
    why: 'Who comes back from before cannot be told from who goes on.',
    profile: 'recoveries',
  },
  {
    name: 'messages of another log heard',
    file: 'node/cluster/other-log.js',
    find: "return relation === 'same' ? undefined : relation;",
    replace: 'return undefined;',
    why: 'Members from before a recovery disturb those after it.',
    profile: 'recoveries',
  },
  {
    name: 'left behind, and told again after a restart only',
    file: 'node/server/left-behind.js',
    find: 'this.#by = options.storage.raft.removedMark()?.leftBehindBy ?? null;',
    replace: 'this.#by = null;',
    why: 'A member that a recovery left behind, and that starts again, helps the others of its log to elect.',
    profile: 'recoveries',
  },
  {
    name: 'left behind by an older log',
    file: 'node/server/timeline-watch.js',
    find: "case 'older':",
    replace: "case 'older': this.#options.onLeftBehind(from, theirs); return; case 'oldest':",
    why: 'Whoever has gone on alone gives up when somebody from before comes back.',
    profile: 'recoveries',
  },
  {
    name: 'entries above the commit index not kept by a recovery',
    file: 'node/storage/recovered-model.js',
    find: 'for (let applied = copy.model().meta()?.position.index ?? 0; applied < raft.lastIndex();) {',
    replace: 'for (let applied = copy.model().meta()?.position.index ?? 0; applied < raft.hardState().commit;) {',
    why: 'The survivor lets go of what the lost leader had acknowledged.',
    profile: 'recoveries',
  },
  {
    name: 'recovered log begins in a term that is not new',
    file: 'node/storage/recovered-model.js',
    find: 'return { index: lastIndex + 1, term: Math.max(raft.hardState().term, meta?.term ?? 0, lastTerm) + 1 };',
    replace: 'return { index: lastIndex + 1, term: Math.max(raft.hardState().term, meta?.term ?? 0, lastTerm) };',
    why: 'The survivor begins in a term in which it may have voted for another.',
    profile: 'recoveries',
  },
  {
    name: 'request ids forgotten by a recovery',
    file: 'node/model/recovery.js',
    find: 'store.putMeta(meta);',
    replace: 'store.pruneJournal(index); store.putMeta(meta);',
    why: 'A request that the lost leader had carried out is carried out again when it is retried.',
    profile: 'recoveries',
  },

  // ------------------------------------------------------------------------------------------------- the model and its clients
  {
    name: 'duplicate application of a retried request',
    file: 'node/model/apply.js',
    find: 'if (known !== undefined)',
    replace: 'if (false)',
    why: 'A retry is carried out again.',
  },
  {
    name: 'version not compared',
    file: 'node/model/entities.js',
    find: 'if (version !== null && version !== entity.version) {',
    replace: 'if (false) {',
    why: 'A compare-and-set overwrites a change that its client has not seen.',
  },
  {
    name: 'lost leadership not told to who waits',
    file: 'node/cluster/proposals.js',
    find: "if (leadership.role === 'leader' && waiting.term === leadership.term)",
    replace: 'if (true)',
    why: 'A client waits for an entry that will never be.',
  },
  {
    name: 'acknowledged when appended',
    file: 'node/cluster/member.js',
    find: 'return this.#proposals.await(result.index, result.term, callback);',
    replace:
      "return callback({ ok: true, entry: { index: result.index, term: result.term, outcome: { type: 'refused', index: result.index, code: 'not-found', message: '' } } });",
    why: 'A client is answered before its command is committed.',
  },
  {
    name: 'position not written with the model',
    file: 'node/model/apply.js',
    find: 'store.putMeta(batch.meta());',
    replace: 'if (pending.length < 3) store.putMeta(batch.meta());',
    why: 'After a crash entries are applied again, or skipped.',
  },
];
