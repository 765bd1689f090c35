/**
 * Restores of the model while faults happen. A snapshot is taken, becomes older, is staged on a majority of the voters at
 * least, and a committed entry puts it in the place of the present model: on all members, or on none. What the workflow of
 * production does around that (checks, pausing writes, records) is reduced to what the state machine goes by.
 */
import type { Operation } from '../../messaging/index.js';
import { type Command, encodeCommand, isUnderWay, pauseStep, resumeStep, switchStep } from '../../node/model/index.js';
import type { SnapshotFile } from '../../node/storage/types.js';
import { type EntityState, entityStateOf } from './client.js';
import type { SimulatedController } from './controller.js';
import type { Log } from './logs.js';
import type { Action } from './plan.js';
import type { World } from './world.js';

type RestoreAction = Extract<Action, { type: 'restore' }>;

/** What is to be restored, and what became of it: for the history that is judged at the end. */
export interface RestoreRecord {
  readonly timelineId: string;
  /** Which it was proposed on. */
  readonly log: Log;
  readonly states: ReadonlyMap<string, EntityState>;
  readonly proposedAt: number;
  appliedAt: number | undefined;
}

interface Running {
  readonly operation: Operation;
  readonly file: SnapshotFile;
  readonly timeline: { readonly id: string; readonly epoch: number };
  /** Of the leader that began it. */
  readonly log: Log;
  attemptsLeft: number;
  record: RestoreRecord | undefined;
}

const retryMs = 40;
const attemptsMax = 12;

export class Restores {
  readonly #world: World;
  readonly records: RestoreRecord[] = [];
  #running: Running | undefined;
  #isOver = false;
  #made = 0;

  constructor(world: World) {
    this.#world = world;
    world.onRestored = (timelineId) => this.#applied(timelineId);
  }

  /** Its operation is not finished yet: writes may be paused. */
  get isUnderWay(): boolean {
    return this.#running !== undefined;
  }

  begin(action: RestoreAction): void {
    const world = this.#world;
    const sources = world.controllers.filter((each) => each.isRunning && each.disk.model.meta() !== undefined);
    const source = sources[action.nth % Math.max(1, sources.length)];
    if (source === undefined) return;
    const file = world.snapshots.add(source.disk.model, source.id, source.disk.identity);
    world.queue.schedule(action.ageMs, () => {
      if (world.isFaulty && this.#running === undefined) this.#stage(action, file);
    });
  }

  /** Faults are over: what was begun is finished, one way or the other. */
  end(): void {
    this.#isOver = true;
  }

  /** A recovery ends what ran on the log before it. */
  giveUp(): void {
    this.#running = undefined;
  }

  #stage(action: RestoreAction, file: SnapshotFile): void {
    const world = this.#world;
    const leader = world.leader();
    const before = leader?.disk.model.meta();
    const bytes = world.snapshots.get(file.sha256)?.bytes;
    if (leader?.log !== world.log || before === undefined || bytes === undefined) return;
    const { log } = leader;
    const able = world.controllers.filter((each) => each.isRunning && each.disk.identity !== null && each.log === log);
    const holders = able.filter(() => world.random.chance(action.share));
    const { voters, votersOutgoing } = before.configuration;
    const { pendingChangeIndex = 0, applied = 0 } = leader.member?.status() ?? {};
    if (votersOutgoing.length > 0 || pendingChangeIndex > applied) return;
    const deciding = holders.filter(({ id }) => voters.includes(id));
    if (2 * deciding.length <= voters.length) return;
    // Somebody who stays must have it whole: a removed member's copy helps nobody.
    const rotten = action.rots && deciding.length > 2 ? holders[action.nth % holders.length] : undefined;
    for (const each of holders) {
      const copy = Uint8Array.from(bytes);
      if (each === rotten) copy[0] = (copy[0] ?? 0) ^ 1;
      each.disk.restore = { meta: { sha256: file.sha256, sizeBytes: file.sizeBytes }, bytes: copy };
    }
    world.cover('restore: begun');
    this.#made += 1;
    const id = `restore-${this.#made}`;
    this.#running = {
      operation: operationOf(id, file, action.pauses),
      file,
      timeline: { id, epoch: before.position.timeline.epoch + 1 },
      log,
      attemptsLeft: attemptsMax,
      record: undefined,
    };
    this.#goOn();
  }

  /** The next step, by whoever leads now: what the leader's model says is where it stands. */
  #goOn(): void {
    const world = this.#world;
    const running = this.#running;
    if (running === undefined || world.violation !== undefined) return;
    const leader = world.leader();
    const model = leader?.disk.model;
    const later = (): void => void world.queue.schedule(retryMs, () => this.#goOn());
    if (leader?.log !== running.log || model === undefined || leader.isPaused) return later();
    const { operation, timeline, file } = running;
    const known = model.record('operation', operation.id);
    const isRestored = model.meta()?.position.timeline.id === timeline.id;
    if (known !== undefined && !isUnderWay(known.operation)) {
      this.#running = undefined;
      return;
    }
    running.attemptsLeft -= 1;
    // The leader that staged it may have been deposed without knowing it, and its voters replaced since.
    const { pendingChangeIndex = 0, applied = 0 } = leader.member?.status() ?? {};
    const isSettled = pendingChangeIndex <= applied;
    const givesUp = this.#isOver || running.attemptsLeft <= 0 || (isSettled && !this.#isHeldByMajority(leader, file));
    const revision = known?.revision ?? 0;
    let command: Command;
    if (isRestored || givesUp)
      command = { type: 'operation.put', operation: { ...operation, state: isRestored ? 'done' : 'failed' }, revision };
    else if (known === undefined) command = { type: 'operation.put', operation, revision };
    else if (!isSettled) return later();
    else {
      command = { type: 'model.restore', operation: operation.id, sha256: file.sha256, timeline };
      this.#note(running);
    }
    const data = encodeCommand(command);
    world.active = leader;
    world.promise(leader, (kept) =>
      leader.life?.member.propose(data, () => {
        kept();
        later();
      }),
    );
    // A leader that dies answers nobody.
    const asked = leader.life;
    const watch = (): void => {
      if (this.#running === running && leader.life !== asked) later();
      else if (this.#running === running && running.attemptsLeft === attempt) world.queue.schedule(retryMs, watch);
    };
    const attempt = running.attemptsLeft;
    world.queue.schedule(retryMs, watch);
  }

  #isHeldByMajority(leader: SimulatedController, file: SnapshotFile): boolean {
    const { voters = [], votersOutgoing = [] } = leader.disk.model.meta()?.configuration ?? {};
    const holders = this.#world.controllers.filter(
      ({ id, disk }) => voters.includes(id) && disk.restore?.meta.sha256 === file.sha256,
    );
    return votersOutgoing.length === 0 && 2 * holders.length > voters.length;
  }

  #note(running: Running): void {
    if (running.record !== undefined) return;
    const { log } = running;
    const image = this.#world.snapshots.get(running.file.sha256)?.image;
    if (image === undefined) return;
    const states = new Map(this.#world.keys.map((key) => [key, entityStateOf(image, key)] as const));
    running.record = {
      timelineId: running.timeline.id,
      log,
      states,
      proposedAt: this.#world.queue.now,
      appliedAt: undefined,
    };
    this.records.push(running.record);
  }

  #applied(timelineId: string): void {
    const record = this.records.find((each) => each.timelineId === timelineId);
    if (record === undefined)
      return this.#world.violate('restore', `the timeline ${timelineId} begins, which nobody asked for`);
    record.appliedAt ??= this.#world.queue.now;
    this.#world.cover('restore: done');
  }
}

/** As far as the state machine looks at it. */
function operationOf(id: string, file: SnapshotFile, pauses: boolean): Operation {
  const step = (name: string, state: 'pending' | 'running' | 'done') => ({
    ...{ step: name, title: name, state, detail: '' },
    ...{ startedAt: null, finishedAt: null },
  });
  const impact = { voters: 0, healthyVoters: 0, quorum: 0, failuresSurvived: 0 };
  return {
    id,
    parameters: { workflow: 'restore', sha256: file.sha256, sizeBytes: file.sizeBytes, name: id },
    requestedBy: 'simulator',
    state: 'running',
    startedAt: 0,
    updatedAt: 0,
    finishedAt: null,
    runner: '',
    findings: [],
    before: impact,
    after: impact,
    steps: [step(pauseStep, pauses ? 'done' : 'pending'), step(switchStep, 'running'), step(resumeStep, 'pending')],
    verifications: [],
    error: null,
  };
}
