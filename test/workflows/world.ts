/**
 * A cluster as workflows see it, in virtual time: one log that the real state machine applies, controllers with an engine
 * each, elections, learners that catch up at a rate, and a way to kill the leader before or after any of its actions.
 */
import {
  type IndexType,
  type Member,
  type NodeState,
  type NodeStatus,
  type Operation,
  QuorateError,
  type VersionRange,
  type WorkflowParameters,
} from '../../messaging/index.js';
import {
  applyBatch,
  encodeCommand,
  encodeMembershipContext,
  judgeRestore,
  MemoryModelStore,
  type ModelStore,
  metaAfterRestore,
  type Outcome,
  raisedGates,
  restoreIn,
} from '../../node/model/index.js';
import {
  applyConfChange,
  type ConfChange,
  type Configuration,
  type Entry,
  membersOf,
  votersOf,
} from '../../node/raft/index.js';
import { candidateOf } from '../../node/workflows/facts.js';
import {
  type Actions,
  type Facts,
  OperationEngine,
  type Probe,
  type RestoreAnswer,
  type RestoreFacts,
  type RoutersArrived,
  type Workflow,
} from '../../node/workflows/index.js';
import { begun, timeline } from '../model/support.js';
import { VirtualClock } from './clock.js';

const commitMs = 5;
const electionMs = 250;
const commitTimeoutMs = 5_000;
/** How long a member takes to fetch the file that is to be restored. */
const fetchMs = 200;

type Payload =
  | { readonly type: 'normal'; readonly data: Uint8Array }
  | { readonly type: 'configuration'; readonly change: ConfChange };

export interface Controller {
  readonly id: string;
  engine: OperationEngine;
  protocol: VersionRange;
  alive: boolean;
  /** Lives, but nobody hears it. */
  cutOff: boolean;
  state: NodeState;
  /** Entries a second that it takes as a learner; 0: it never catches up. */
  rate: number;
  addedAt: number;
  knowsRemoved: boolean;
  /** Whether it takes over when leadership is offered. */
  takesOver: boolean;
  prepared: boolean;
  /** Holds the file that is to be restored. */
  staged: boolean;
  /** It has begun to fetch it then. */
  fetchingSince: number | null;
  incarnation: number;
  version: string;
}

export interface Kill {
  /** It happens at the leader's action with this number, from 1. */
  readonly atAction: number;
  /** It dies; or it lives and another leads; or it lives and leads again. */
  readonly how: 'dies' | 'is-deposed' | 'comes-back';
  readonly when: 'before' | 'after';
  /** Whether what it has proposed at that moment is in the log of the next leader. */
  readonly inFlight: 'kept' | 'lost';
  /** It comes back so much later; absent: never. */
  readonly backAfterMs?: number;
}

export class World {
  readonly clock = new VirtualClock();
  readonly store: ModelStore;
  readonly controllers = new Map<string, Controller>();
  readonly errors: unknown[] = [];
  /** Who tells the operator now that it leads and does not know an operation, and which. */
  readonly unknownToldBy = new Map<string, string>();
  /** Every action of every leader, in order. */
  readonly actionsTaken: string[] = [];
  leader: string | null = 'a';
  term = 1;
  kill: Kill | undefined;
  struck = false;
  /** Whether commits happen; false: the leader has lost its quorum and does not know yet. */
  committing = true;
  /** Whether a removed member that is there learns of it. */
  removedLearn = true;
  /** What the leader remembers of a learner that has forgotten everything. */
  acknowledged = 0;
  /** What the leader is told of a learner's log instead, relative to its own. */
  matchOverride: (() => number) | undefined;
  private lastIndex = 1;
  /** Proposed and not committed, oldest first. */
  private inFlight: { readonly entry: Entry; readonly settle: (outcome: Outcome | QuorateError) => void }[] = [];

  /** In the new leader's log, not committed yet. */
  private inherited: Entry[] = [];
  /** Changes of membership that were committed. */
  changesCommitted = 0;
  restoresApplied = 0;
  /** What is seen of routers, where there are any. */
  routers: (() => RoutersArrived) | undefined;
  /** Whether all changes have been published. */
  published = true;
  indexType: IndexType = 'raft';
  /** Times that the model was counted in another way; its files are not here. */
  modeChanges = 0;
  /** What is there before that, where somebody asks. */
  mode: Pick<Facts, 'mode' | 'routers'> = { routers: [] };
  /** Backups that were written, as `name on controller`. */
  readonly backups: string[] = [];

  constructor(voters: readonly string[] = ['a', 'b', 'c']) {
    this.store = begun(new MemoryModelStore(), voters);
    for (const id of voters) this.addController(id, 'member');
    this.addController('x', 'blank');
  }

  get configuration(): Configuration {
    const meta = this.store.meta();
    if (meta === undefined) throw new Error('the model has no meta');
    return meta.configuration;
  }

  operation(id: string): Operation {
    const record = this.store.record('operation', id);
    if (record === undefined) throw new Error(`no operation ${id}`);
    return record.operation;
  }

  controller(id: string): Controller {
    const found = this.controllers.get(id);
    if (found === undefined) throw new Error(`no controller ${id}`);
    return found;
  }

  /** Whoever runs the machine stops the controller after a while, and starts this version a while later. */
  installLater(id: string, version: string): void {
    const controller = this.controller(id);
    this.clock.at(this.clock.now() + 1_000, () => {
      controller.alive = false;
    });
    this.clock.at(this.clock.now() + 3_000, () => {
      Object.assign(controller, { alive: true, version, incarnation: controller.incarnation + 1 });
    });
  }

  /** From now on the controller is a build that speaks these versions and knows these workflows. */
  becomes(id: string, protocol: VersionRange, known: Partial<Record<string, Workflow>>): void {
    const controller = this.controller(id);
    void controller.engine.letGo();
    Object.assign(controller, { protocol, engine: new OperationEngine(this.actionsOf(id), id, known) });
    if (this.leader === id) controller.engine.resume();
  }

  /** An operation that somebody else began; the leader finds it. */
  begin(operation: Operation): void {
    this.lastIndex += 1;
    const data = encodeCommand({ type: 'operation.put', revision: 0, operation });
    this.applyEntry({ type: 'normal', term: this.term, index: this.lastIndex, data });
    if (this.leader !== null) this.controller(this.leader).engine.resume();
  }

  /** It was joined as a learner before. */
  addLearner(id: string): void {
    this.lastIndex += 1;
    this.controller(id).prepared = true;
    const change: ConfChange = { changes: [{ type: 'addLearner', id }], transition: 'auto' };
    this.applyEntry({ type: 'configuration', term: this.term, index: this.lastIndex, change });
  }

  /** Starts an operation as a client does, again and again where leaders die; resolves to its end. */
  async run(parameters: WorkflowParameters, id = 'operation-1'): Promise<Operation> {
    const request: { accepted: boolean; failure: unknown } = { accepted: false, failure: undefined };
    void this.request(parameters, id, request);
    await this.clock.until(() => request.accepted || request.failure !== undefined, 'the operation is accepted');
    if (request.failure !== undefined) throw request.failure;
    await this.clock.until(() => this.operation(id).finishedAt !== null, 'the operation ends');
    await this.clock.pass(500);
    return this.operation(id);
  }

  /** Asks whoever leads, again and again where leaders die, as a client does. */
  async ask<Result>(request: (engine: OperationEngine) => Promise<Result>): Promise<Result> {
    const asked: { result: PromiseSettledResult<Result> | undefined } = { result: undefined };
    const attempt = async (): Promise<void> => {
      while (asked.result === undefined) {
        const [result] = await Promise.allSettled([
          this.leader === null
            ? Promise.reject(new QuorateError('no-leader'))
            : request(this.controller(this.leader).engine),
        ]);
        const { reason } = result.status === 'rejected' ? result : { reason: undefined };
        if (reason instanceof QuorateError && retryable.has(reason.code)) await this.clock.sleep(100);
        else asked.result = result;
      }
    };
    void attempt();
    await this.clock.until(() => asked.result !== undefined, 'the request is answered');
    if (asked.result?.status === 'rejected') throw asked.result.reason;
    return (asked.result as PromiseFulfilledResult<Result>).value;
  }

  /** When the step runs, or has run. */
  async at(step: string, id = 'operation-1'): Promise<void> {
    const stateOf = () => {
      const operation = this.store.record('operation', id)?.operation;
      return [...(operation?.steps ?? []), ...(operation?.verifications ?? [])].find((each) => each.step === step)
        ?.state;
    };
    await this.clock.until(() => (stateOf() ?? 'pending') !== 'pending', `the step ${step} runs`);
  }

  private async request(
    parameters: WorkflowParameters,
    id: string,
    request: { accepted: boolean; failure: unknown },
  ): Promise<void> {
    while (!request.accepted && request.failure === undefined) {
      try {
        if (this.leader === null) throw new QuorateError('no-leader');
        await this.controller(this.leader).engine.start(parameters, { id, requestedBy: 'olga', origin: null });
        request.accepted = true;
      } catch (error) {
        const retry = error instanceof QuorateError && retryable.has(error.code);
        if (!retry) request.failure = error;
        else await this.clock.sleep(100);
      }
    }
  }

  /** Another runner writes the record, as it finds it. */
  async write(id: string, change: (operation: Operation) => Operation): Promise<void> {
    const writing = { done: false };
    this.clock.at(this.clock.now(), () => {
      // Behind whatever is in flight, and at once: nobody can write in between.
      this.commit();
      const record = this.store.record('operation', id);
      if (record === undefined) throw new Error(`no operation ${id}`);
      this.lastIndex += 1;
      const command = {
        type: 'operation.put',
        revision: record.revision,
        operation: change(record.operation),
      } as const;
      this.applyEntry({ type: 'normal', term: this.term, index: this.lastIndex, data: encodeCommand(command) });
      writing.done = true;
    });
    await this.clock.until(() => writing.done, 'the record is written');
  }

  /** The leader stops leading; somebody leads after an election. */
  private strike(kill: Kill): void {
    const struck = this.leader;
    if (struck === null) return;
    this.struck = true;
    if (kill.how === 'dies') this.controller(struck).alive = false;
    this.loseLeadership(kill.inFlight);
    const others = votersOf(this.configuration).filter((id) => id !== struck && this.controller(id).alive);
    this.clock.at(this.clock.now() + electionMs, () => this.elect(kill.how === 'comes-back' ? struck : others[0]));
    const { backAfterMs } = kill;
    if (kill.how === 'dies' && backAfterMs !== undefined)
      this.clock.at(this.clock.now() + backAfterMs, () => this.restart(struck));
  }

  private restart(id: string): void {
    this.controller(id).alive = true;
    if (this.configuration.removed.includes(id)) this.learnRemoval(id);
    this.elect();
    this.commit();
  }

  // ---------------------------------------------------------------------------------------------------- the cluster

  private addController(id: string, state: NodeState): void {
    this.controllers.set(id, {
      id,
      engine: new OperationEngine(this.actionsOf(id), id),
      protocol: { min: 1, max: 1 },
      alive: true,
      cutOff: false,
      state,
      rate: 2_000,
      addedAt: 0,
      knowsRemoved: false,
      takesOver: true,
      prepared: false,
      staged: id === 'a',
      fetchingSince: null,
      incarnation: 1,
      version: '0.1.0',
    });
  }

  private loseLeadership(inFlight: Kill['inFlight']): void {
    const old = this.leader;
    this.leader = null;
    const pending = this.inFlight;
    this.inFlight = [];
    // Whoever proposed does not learn what became of it.
    for (const each of pending) each.settle(new QuorateError('leadership-lost'));
    // What is kept lies in the log of the next leader, which commits it together with the first entry of its own term.
    this.inherited = inFlight === 'kept' ? pending.map(({ entry }) => entry) : [];
    this.lastIndex = this.position() + this.inherited.length;
    if (old !== null) void this.controller(old).engine.letGo();
  }

  private elect(preferred?: string): void {
    if (this.leader !== null) return;
    const voters = votersOf(this.configuration);
    const able = voters.filter((id) => this.controller(id).alive);
    const chosen = preferred !== undefined && able.includes(preferred) ? preferred : able[0];
    if (chosen === undefined || !this.hasQuorum()) return;
    this.leader = chosen;
    this.term += 1;
    this.clock.at(this.clock.now() + commitMs, () => this.commit());
    this.leaveJointSoon();
    this.controller(chosen).engine.resume();
  }

  /** Whether enough of the voters live to decide. */
  hasQuorum(): boolean {
    const { voters, votersOutgoing } = this.configuration;
    return [voters, votersOutgoing].every(
      (half) => half.length === 0 || half.filter((id) => this.controller(id).alive).length > half.length / 2,
    );
  }

  private position(): number {
    return this.store.meta()?.position.index ?? 0;
  }

  private propose(by: string, payload: Payload): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      if (this.leader !== by) {
        reject(new QuorateError('not-leader'));
        return;
      }
      this.lastIndex += 1;
      const entry: Entry = { ...payload, term: this.term, index: this.lastIndex };
      const settle = (outcome: Outcome | QuorateError) =>
        outcome instanceof QuorateError ? reject(outcome) : resolve(outcome);
      this.inFlight.push({ entry, settle });
      this.clock.at(this.clock.now() + commitMs, () => this.commit());
      this.clock.at(this.clock.now() + commitTimeoutMs, () => settle(new QuorateError('timeout')));
    });
  }

  /** What is in flight never reaches anybody. */
  loseProposals(): void {
    const lost = this.inFlight.splice(0);
    this.lastIndex -= lost.length;
  }

  /** Commits what is in flight, if there is a quorum. */
  commit(): void {
    if (!this.committing || this.leader === null || !this.hasQuorum()) return;
    for (const entry of this.inherited.splice(0)) this.applyEntry(entry);
    for (const { entry, settle } of this.inFlight.splice(0)) settle(this.applyEntry(entry));
  }

  private applyEntry(entry: Entry): Outcome {
    const [outcome] = this.applyRestore(entry) ?? applyBatch(this.store, [entry]);
    if (outcome === undefined) throw new Error('nothing was applied');
    if (outcome.type === 'configured') this.changesCommitted += 1;
    if (outcome.type === 'configured') this.follow(outcome.before, outcome.after);
    this.leaveJointSoon();
    return outcome;
  }

  /** As the core does by itself, whoever leads. */
  private leaveJointSoon(): void {
    if (this.configuration.votersOutgoing.length === 0) return;
    this.clock.at(this.clock.now() + commitMs, () => {
      const isUnderWay = this.inFlight.some(({ entry }) => entry.type === 'configuration');
      if (this.leader === null || isUnderWay || this.configuration.votersOutgoing.length === 0) return;
      const change: ConfChange = { changes: [], transition: 'leave-joint' };
      this.propose(this.leader, { type: 'configuration', change }).catch(() => undefined);
    });
  }

  /** What a member does where the entry is a restore that may happen. */
  private applyRestore(entry: Entry): readonly Outcome[] | undefined {
    const command = restoreIn(entry);
    const meta = this.store.meta();
    if (command === undefined || meta === undefined || !judgeRestore(this.store, meta, command).ok) return undefined;
    this.restoresApplied += 1;
    this.store.transaction(() => this.store.putMeta(metaAfterRestore(meta, entry, command)));
    return [{ type: 'restored', index: entry.index, timeline: command.timeline }];
  }

  private follow(before: Configuration, after: Configuration): void {
    for (const id of membersOf(after)) {
      const controller = this.controller(id);
      if (!membersOf(before).includes(id)) controller.addedAt = this.clock.now();
      controller.state = 'member';
    }
    for (const id of membersOf(before)) {
      if (membersOf(after).includes(id)) continue;
      if (this.leader === id) {
        this.loseLeadership('kept');
        this.clock.at(this.clock.now() + electionMs, () => this.elect());
      }
      this.clock.at(this.clock.now() + 300, () => this.learnRemoval(id));
    }
  }

  private learnRemoval(id: string): void {
    const controller = this.controller(id);
    if (!this.removedLearn || !controller.alive || controller.cutOff) return;
    controller.state = 'removed';
    controller.knowsRemoved = true;
  }

  private matchOf(id: string): number {
    const controller = this.controller(id);
    if (!controller.alive) return 0;
    if (votersOf(this.configuration).includes(id)) return this.lastIndex;
    if (!controller.prepared) return this.acknowledged;
    if (this.matchOverride !== undefined) return this.lastIndex + this.matchOverride();
    const taken = ((this.clock.now() - controller.addedAt) * controller.rate) / 1_000;
    return Math.min(this.lastIndex, Math.floor(taken));
  }

  // ---------------------------------------------------------------------------------------------------- actions

  /** Counts the action, and strikes the leader at the one that is to be its last. */
  private async counted<Result>(by: string, what: string, work: () => Promise<Result>): Promise<Result> {
    this.actionsTaken.push(`${by} ${what}`);
    const kill = this.actionsTaken.length === this.kill?.atAction && !this.struck ? this.kill : undefined;
    const result = work();
    // The proposal has left before that; whether it is kept is the other half of the question.
    if (kill?.when === 'before') this.strike(kill);
    const done = await result;
    if (kill?.when === 'after') this.strike(kill);
    return done;
  }

  private actionsOf(self: string): Actions {
    const { clock } = this;
    return {
      now: () => clock.now(),
      sleep: (durationMs, signal) => clock.sleep(durationMs, signal),
      leadership: () => ({
        leading: this.leader === self && this.controller(self).alive,
        leader: this.leader,
        term: this.term,
      }),
      configuration: () => this.configuration,
      log: () => ({ lastIndex: this.lastIndex, commit: this.position(), applied: this.position() }),
      progress: (id) => this.progressOf(self, id),
      snapshotProgress: () => null,
      status: (id) => this.statusOf(id),
      gather: (parameters) => Promise.resolve(this.facts(parameters)),
      // A migration as a whole is tried with real processes: see test/e2e/migration.test.ts.
      allPublished: () => Promise.resolve(this.published),
      changeMode: (indexType) => this.counted(self, `count by ${indexType}`, () => this.changeMode()),
      routersArrived: () => {
        if (this.routers === undefined)
          return Promise.reject(new QuorateError('internal', 'this world has no routers'));
        return Promise.resolve(this.routers());
      },
      raisedGates: () => raisedGates(this.store),
      prepareCandidate: (id) => this.counted(self, `prepare ${id}`, () => this.prepare(id)),
      releaseCandidate: (id) =>
        this.counted(self, `release ${id}`, async () => {
          await clock.sleep(2);
          this.controller(id).prepared = false;
        }),
      proposeConfChange: (change, members) =>
        this.counted(self, `change ${change.changes.map(({ type, id }) => `${type} ${id}`).join()}`, () =>
          this.change(self, change, members),
        ),
      transferLeadership: (to) => this.counted(self, `transfer ${to}`, () => this.transfer(self, to)),
      askRestore: (id, _file, fetchFrom) =>
        this.counted(self, `ask restore ${id}`, async () => {
          await clock.sleep(2);
          const controller = this.controller(id);
          if (!controller.alive || controller.cutOff) return null;
          if (fetchFrom !== null && !controller.staged) controller.fetchingSince ??= clock.now();
          if (controller.fetchingSince !== null && clock.now() - controller.fetchingSince > fetchMs)
            controller.staged = true;
          return {
            state: controller.staged ? 'ready' : controller.fetchingSince === null ? 'missing' : 'receiving',
            receivedBytes: controller.staged ? 1_000 : 0,
            problem: null,
            diskFreeBytes: 1e12,
            modelBytes: 1_000,
          };
        }),
      discardRestore: (id) =>
        this.counted(self, `discard restore ${id}`, async () => {
          this.controller(id).staged = false;
        }),
      position: () => ({ ...(this.store.meta()?.position ?? { timeline, index: 0 }), indexType: this.indexType }),
      backUp: (name) =>
        this.counted(self, 'back up', async () => {
          await clock.sleep(20);
          this.backups.push(`${name} on ${self}`);
          return `${name} on ${self}`;
        }),
      proposeRestore: ({ operation, file, timelineId }) =>
        this.counted(self, 'restore', async () => {
          const epoch = (this.store.meta()?.position.timeline.epoch ?? 0) + 1;
          const data = encodeCommand({
            type: 'model.restore',
            operation,
            sha256: file.sha256,
            timeline: { id: timelineId, epoch },
          });
          const outcome = await this.propose(self, { type: 'normal', data });
          if (outcome.type !== 'restored') throw new QuorateError('invalid-request', 'the restore was refused');
        }),
      compactLog: () => this.counted(self, 'compact', async () => 1),
      compareModels: (nodes) =>
        this.counted(self, 'compare', async () => {
          await clock.sleep(50);
          const position = this.store.meta()?.position ?? null;
          return { position, groups: [{ sha256: 'same', nodes }], missing: [] };
        }),
      knowsRemoved: (id) =>
        this.counted(self, `knows ${id}`, async () => {
          await clock.sleep(2);
          const { alive, cutOff, knowsRemoved } = this.controller(id);
          if (!alive || cutOff) return 'away';
          return knowsRemoved ? 'knows' : 'not-yet';
        }),
      operationRecord: (id) => this.store.record('operation', id),
      operationRecords: () => this.store.records('operation').map(({ value }) => value),
      putOperation: ({ revision, operation }) =>
        this.counted(self, `record ${operation.state}`, () => this.put(self, revision, operation)),
      protocol: () => this.controller(self).protocol,
      tellUnknown: (operation) => {
        if (operation === null) this.unknownToldBy.delete(self);
        else this.unknownToldBy.set(self, operation.id);
      },
      reportError: (error) => this.errors.push(error),
    };
  }

  private async prepare(id: string): Promise<Member> {
    await this.clock.sleep(2);
    const controller = this.controller(id);
    if (!controller.alive) throw new QuorateError('no-responders', `${id} does not answer`);
    controller.prepared = true;
    if (controller.state === 'blank' && membersOf(this.configuration).includes(id)) {
      controller.state = 'member';
      controller.addedAt = this.clock.now();
    }
    return { id, name: `name-of-${id}`, version: '0.1.0', protocol: { min: 1, max: 1 }, addresses: [], addedAt: 0 };
  }

  private async change(self: string, change: ConfChange, members: readonly Member[]): Promise<void> {
    if (this.inFlight.some(({ entry }) => entry.type === 'configuration')) throw new QuorateError('change-pending');
    // The core refuses what is not possible before it is in the log.
    const possible = applyConfChange(this.configuration, change);
    if (!possible.ok) throw new QuorateError('invalid-request', possible.reason);
    await this.propose(self, {
      type: 'configuration',
      change: { ...change, context: encodeMembershipContext({ members }) },
    });
  }

  private async transfer(self: string, to: string): Promise<void> {
    const target = this.controller(to);
    if (!target.alive || !target.takesOver) return;
    this.clock.at(this.clock.now() + 20, () => {
      if (this.leader !== self) return;
      this.loseLeadership('kept');
      this.elect(to);
    });
  }

  private async put(self: string, revision: number, operation: Operation): Promise<number> {
    const outcome = await this.propose(self, {
      type: 'normal',
      data: encodeCommand({ type: 'operation.put', revision, operation }),
    });
    if (outcome.type === 'operation') return outcome.revision;
    const running = outcome.type === 'refused' && outcome.code === 'operation-running';
    throw new QuorateError(running ? 'operation-running' : 'version-mismatch');
  }

  // ---------------------------------------------------------------------------------------------------- what is seen

  private progressOf(self: string, id: string): ReturnType<Actions['progress']> {
    if (this.leader !== self || id === self || !membersOf(this.configuration).includes(id)) return undefined;
    const match = this.matchOf(id);
    const { alive } = this.controller(id);
    const lag = this.lastIndex - match;
    return { id, state: 'replicate', match, next: match + 1, lag, lastContactMs: alive ? 10 : 60_000, active: alive };
  }

  private probeOf(id: string): Probe {
    const controller = this.controller(id);
    if (!controller.alive) return { type: 'unreachable', reason: 'no answer' };
    return healthyProbe(id, controller.state);
  }

  private statusOf(id: string): { readonly status: NodeStatus; readonly ageMs: number } {
    const { state, alive, cutOff, incarnation, version, protocol } = this.controller(id);
    const { voters, learners } = this.configuration;
    const applied = this.matchOf(id);
    const raft: NodeStatus['raft'] = {
      role: this.leader === id ? 'leader' : 'follower',
      term: this.term,
      leader: this.leader,
      firstIndex: 1,
      lastIndex: applied,
      lastTerm: this.term,
      commit: applied,
      applied,
      configuration: { voters: [...voters], votersOutgoing: [], learners: [...learners], learnersNext: [] },
      progress: [],
      transferringTo: null,
      hasQuorum: true,
    };
    const status = nodeStatus(id, state, state === 'member' ? raft : null);
    const position = status.position === null ? null : (this.store.meta()?.position ?? null);
    return { ageMs: alive && !cutOff ? 100 : 60_000, status: { ...status, position, incarnation, version, protocol } };
  }

  private changeMode(): Promise<void> {
    this.modeChanges += 1;
    return Promise.resolve();
  }

  facts(parameters: WorkflowParameters): Facts {
    const leader = this.leader ?? '';
    const node =
      candidateOf(parameters) ?? ('node' in parameters ? parameters.node : 'to' in parameters ? parameters.to : null);
    const running = this.store.records('operation').find(({ value }) => value.operation.finishedAt === null);
    return {
      now: this.clock.now(),
      cluster: 'test',
      clusterId: 'cluster-one',
      leader: {
        id: leader,
        term: this.term,
        committedInTerm: true,
        lastIndex: this.lastIndex,
        commit: this.position(),
        version: '0.1.0',
        protocol: { min: 1, max: 1 },
        changePending: false,
        transferringTo: null,
        dataBytes: 1_000_000,
      },
      configuration: this.configuration,
      members: this.store.records('member').map(({ value }) => value),
      progress: membersOf(this.configuration).flatMap((id) => this.progressOf(leader, id) ?? []),
      heard: [...this.controllers.keys()].map((id) => ({ ...this.statusOf(id), twice: false })),
      gates: raisedGates(this.store),
      running: running?.value.operation ?? null,
      probe: node === null || !this.controllers.has(node) ? { type: 'none' } : this.probeOf(node),
      restore: parameters.workflow === 'restore' ? this.restoreFacts() : null,
      ...this.mode,
      endpointsIndex: 1,
    };
  }

  private restoreFacts(): RestoreFacts {
    const members = membersOf(this.configuration).map((id) => {
      const { alive, staged } = this.controller(id);
      return alive ? { id, answer: healthyAnswer(staged), reason: '' } : { id, answer: null, reason: 'no answer' };
    });
    return { file: healthyFile(), members };
  }
}

export function healthyFile(): Extract<RestoreFacts['file'], { type: 'whole' }> {
  return {
    type: 'whole',
    cluster: 'test',
    clusterId: 'cluster-one',
    position: { timeline, indexType: 'raft', index: 17 },
    createdAt: 0,
    countByKind: { service: 3 },
    differences: [{ kind: 'service', added: 1, changed: 1, removed: 2 }],
  };
}

export function healthyAnswer(staged = true): RestoreAnswer {
  return {
    state: staged ? 'ready' : 'missing',
    receivedBytes: staged ? 1_000 : 0,
    problem: null,
    diskFreeBytes: 1e12,
    modelBytes: 1_000,
  };
}

const retryable: ReadonlySet<string> = new Set([
  'no-leader',
  'leadership-lost',
  'not-leader',
  'timeout',
  'version-mismatch',
]);

export function healthyProbe(node: string, state: NodeState = 'blank'): Extract<Probe, { type: 'answered' }> {
  return {
    type: 'answered',
    node,
    name: `name-of-${node}`,
    state,
    cluster: 'test',
    clusterId: state === 'blank' ? null : 'cluster-one',
    version: '0.1.0',
    protocol: { min: 1, max: 1 },
    clockOffsetMs: 1,
    diskFreeBytes: 1e12,
    syncLatencyMs: 0.2,
    natsRoundTripMs: 0.3,
    maxPayloadBytes: 1_048_576,
    deniedSubjects: [],
  };
}

export function nodeStatus(id: string, state: NodeState, raft: NodeStatus['raft']): NodeStatus {
  const timeline = { id: 'timeline-one', epoch: 1 };
  return {
    v: 1,
    cluster: 'test',
    clusterId: state === 'blank' ? null : 'cluster-one',
    node: id,
    name: `name-of-${id}`,
    priority: 0,
    incarnation: 1,
    version: '0.1.0',
    protocol: { min: 1, max: 1 },
    addresses: [],
    http: null,
    state,
    at: 0,
    startedAt: 0,
    sequence: 1,
    position: state === 'member' ? { timeline, indexType: 'raft', index: raft?.applied ?? 0 } : null,
    raft,
    members: [],
    gates: [],
    publishedIndex: 0,
    routers: { online: 0, known: 0 },
    counters: {},
    latency: { commitP50Ms: null, commitP99Ms: null, syncP50Ms: null, syncP99Ms: null },
    storage: null,
    logTimeline: timeline,
    backup: null,
    operation: null,
    alarms: [],
    insecure: [],
    ignoredSettings: [],
  };
}
