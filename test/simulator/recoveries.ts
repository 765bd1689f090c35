/**
 * The quorum is lost for good, as far as anybody knows: a majority of the voters is gone, and an operator goes on with a
 * survivor, by the production's own means (`node/server/recovery.ts`, or on its directory). Later the lost ones may come back
 * all the same, alone or as a majority that elects a leader, before or after they can hear of the new log.
 */
import { QuorateError, toQuorateError } from '../../messaging/errors.js';
import { isMoreUpToDate, viewOfRecovery } from '../../messaging/recovery.js';
import type { NodeId } from '../../node/raft/index.js';
import type { SimulatedController } from './controller.js';
import { PowerLoss } from './disk.js';
import { clusterId } from './names.js';
import type { Action } from './plan.js';
import type { World } from './world.js';

type RecoverAction = Extract<Action, { type: 'recover' }>;

interface Running {
  readonly action: RecoverAction;
  readonly lost: readonly SimulatedController[];
  readonly survivors: readonly SimulatedController[];
  /** What is being tried: on which process. */
  attempt: { readonly on: SimulatedController; readonly process: number | undefined } | undefined;
  attemptsLeft: number;
}

/** What a recovery does to the world beside asking for it. */
export interface Hands {
  /** No message passes between the two for so long. */
  cut(one: readonly SimulatedController[], other: readonly SimulatedController[], forMs: number): void;
  /** A blank controller is joined to who leads. */
  join(): void;
  /** A new log has begun: what ran on the old one is over. */
  begun(): void;
}

const pollMs = 30;
const attemptsMax = 40;
/** Refusals that an operator reads, and tries again, perhaps elsewhere. A disk that fails or is full is one. */
const refusals = new Set<string>([
  'quorum-present',
  'recovery-running',
  'better-survivor',
  'not-a-member',
  'no-responders',
  'data-dir-locked',
  'storage-full',
  'internal',
  'damaged',
]);

export class Recoveries {
  readonly #world: World;
  readonly #hands: Hands;
  #running: Running | undefined;
  /** Lost, and not to come back. */
  readonly #forGood = new Set<SimulatedController>();

  constructor(world: World, hands: Hands) {
    this.#world = world;
    this.#hands = hands;
    world.onRecovered = (by) => this.#recovered(by);
  }

  begin(action: RecoverAction): void {
    const world = this.#world;
    const { voters, learners } = world.checker.lastConfiguration ?? { voters: [], learners: [] };
    if (this.#running !== undefined || voters.length < 2) return;
    const members = (ids: readonly NodeId[]) => ids.flatMap((id) => world.byId.get(id) ?? []).filter(isWhole);
    const turned = [...voters.slice(action.nth % voters.length), ...voters.slice(0, action.nth % voters.length)];
    // As many stay as are too few to decide.
    const stay = Math.min(action.survivors, Math.floor(voters.length / 2));
    // One that was just added may hold nothing yet.
    const survivors = members(turned.slice(0, stay)).filter(({ disk }) => disk.model.meta() !== undefined);
    const lost = [...members(turned.slice(stay)), ...(action.withLearners ? members(learners) : [])];
    if (survivors.length === 0) return;
    world.cover(`recovery: ${survivors.length === 1 ? 'one survivor' : 'several survivors'}`);
    for (const each of lost) {
      each.isGone = true;
      each.crash(action.how);
    }
    this.#running = { action, lost, survivors, attempt: undefined, attemptsLeft: attemptsMax };
    world.queue.schedule(action.waitMs, () => this.#goOn());
  }

  /** Faults are over. Who is not lost for good comes back; where nobody went on alone, all do. */
  end(): void {
    this.#running = undefined;
    for (const each of this.#world.controllers) if (!this.#forGood.has(each)) each.isGone = false;
  }

  #goOn(): void {
    const world = this.#world;
    const running = this.#running;
    if (running === undefined || world.violation !== undefined || !world.isFaulty) return;
    world.queue.schedule(pollMs, () => this.#goOn());
    const { attempt } = running;
    // Its process has ended; the next one may be asked.
    if (attempt !== undefined && attempt.on.processNumber !== attempt.process) running.attempt = undefined;
    if (running.attempt !== undefined) return;
    running.attemptsLeft -= 1;
    if (running.attemptsLeft < 0) return this.#giveUp(running);
    if (running.action.offline) this.#recoverOffline(running);
    else this.#recoverOnline(running);
  }

  #giveUp({ lost }: Running): void {
    this.#world.cover('recovery: given up');
    this.#running = undefined;
    for (const each of lost) {
      each.isGone = false;
      each.start();
    }
  }

  /** By what the survivors say of themselves; sometimes with another one than is recommended. */
  #recoverOnline(running: Running): void {
    const { action, survivors } = running;
    const up = survivors.filter((each) => each.office !== undefined && !each.isPaused);
    const statuses = up.flatMap((each) => each.office?.status() ?? []);
    const view = viewOfRecovery(statuses, clusterId);
    const voters = view.survivors.filter(({ membership }) => membership === 'voter');
    const wanted = action.choice === 'best' ? view.recommended : (voters.at(-1)?.node ?? null);
    const chosen = up.find(({ id }) => id === wanted);
    const own = voters.find(({ node }) => node === wanted);
    if (chosen === undefined || own === undefined) return;
    const leaveBehind = view.survivors.filter((each) => isMoreUpToDate(each, own)).map(({ node }) => node);
    this.#ask(running, chosen, (settled) => {
      const { office, processNumber } = chosen;
      if (processNumber === undefined) return;
      chosen.inLife(processNumber, () => void office?.recover(leaveBehind).then(() => settled(null), settled));
    });
  }

  /** The survivor is stopped first: the directory is asked, and nobody else. */
  #recoverOffline(running: Running): void {
    const { survivors, action } = running;
    const chosen = survivors[action.nth % survivors.length];
    if (chosen === undefined) return;
    if (chosen.isAlive) {
      chosen.isGone = true;
      chosen.crash('kill');
      return;
    }
    this.#ask(running, chosen, (settled) =>
      chosen.recoverOffline(
        () => this.#world.newTimelineId(),
        (error) => {
          settled(error);
          chosen.isGone = false;
          this.#world.restartLater(chosen, pollMs);
        },
      ),
    );
  }

  #ask(running: Running, chosen: SimulatedController, how: (settled: (error: unknown) => void) => void): void {
    this.#world.active = undefined;
    this.#world.cover(`recovery: asked of ${running.action.offline ? 'a directory' : 'a survivor'}`);
    let isSettled = false;
    const settled = (error: unknown): void => {
      isSettled = true;
      if (running.attempt?.on === chosen) running.attempt = undefined;
      // Who dies in the midst of it answers nothing.
      if (error === null || error instanceof PowerLoss) return;
      const { code, message } = toQuorateError(error);
      this.#world.cover(`recovery: refused, ${code}`);
      // Its removal may have been committed after it was chosen to survive.
      if (code === 'removed' && chosen.disk.model.meta()?.configuration.removed.includes(chosen.id) === true) return;
      if (!(error instanceof QuorateError) || !refusals.has(code))
        this.#world.violate('recovery', `${chosen.id} cannot go on alone: ${message}`);
    };
    how(settled);
    if (!isSettled) running.attempt = { on: chosen, process: chosen.processNumber };
  }

  /** The new log has begun: what was lost comes back, or does not; and the cluster grows again. */
  #recovered(by: SimulatedController): void {
    const world = this.#world;
    const running = this.#running;
    this.#hands.begun();
    if (running === undefined) return;
    this.#running = undefined;
    const { action, lost } = running;
    if (action.back === 'never') for (const each of lost) this.#forGood.add(each);
    else world.queue.schedule(action.backAfterMs, () => this.#comeBack(action, lost, by));
    for (const afterMs of action.joinAfterMs)
      world.queue.schedule(afterMs, () => {
        if (world.isFaulty && world.log.begun?.by === by.id) this.#hands.join();
      });
  }

  #comeBack(action: RecoverAction, lost: readonly SimulatedController[], by: SimulatedController): void {
    const world = this.#world;
    if (!world.isFaulty) return;
    world.cover(`recovery: the lost come back, ${action.back}`);
    if (action.back === 'unseen') {
      const others = world.controllers.filter((each) => !lost.includes(each) && each.log === by.log);
      this.#hands.cut(lost, others, action.unseenMs);
    }
    for (const each of lost) {
      each.isGone = false;
      each.start();
    }
  }
}

/** Its disk is well, and it is one of the log that counts. */
function isWhole({ standing, isLeftBehind }: SimulatedController): boolean {
  return standing !== 'refused' && !isLeftBehind;
}
