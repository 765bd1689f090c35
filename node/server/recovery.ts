/**
 * Recovery after the quorum is lost for good, on the survivor that the operator has chosen: this controller goes on alone, on
 * a new timeline. It judges for itself what it hears, and does nothing where a leader or a quorum is there, where it is no
 * voter, or where somebody reachable holds more.
 *
 * Two operators may choose two survivors at once. Each survivor therefore asks all others that it reaches for a promise before
 * it begins; who has promised, or wants it for itself, refuses. Two that do not reach each other cannot know: they begin two
 * timelines of one epoch, which is an alarm as soon as anybody hears both (`timeline-watch.ts`).
 *
 * There is no note of the intention on disk: until storage commits, nothing has happened, and after that all of it has. A
 * note that a later start would act upon could end a quorum that came back in the meantime.
 */
import { QuorateError, toQuorateError } from '../../messaging/errors.js';
import type { Timeline } from '../../messaging/position.js';
import { isMoreUpToDate, type RecoveryView, type Survivor, viewOfRecovery } from '../../messaging/recovery.js';
import type { ApiResult } from '../../messaging/schemas/api.js';
import type { NodeStatus } from '../../messaging/schemas/status.js';
import type { Clock } from '../cluster/clock.js';
import { createTimelineUnasked } from '../cluster/timeline.js';
import type { Transport } from '../cluster/transport.js';
import type { Begun, DirectoryStorage, RecoverRequest } from '../storage/index.js';
import type { Requester } from '../workflows/control.js';
import type { EventPublisher } from './events.js';
import type { Log } from './log.js';
import { recoveryRecord } from './recovery-record.js';

export interface RecoveryOptions {
  readonly nodeId: string;
  readonly cluster: string;
  readonly clock: Clock;
  readonly storage: Pick<DirectoryStorage, 'recover'>;
  readonly transport: Pick<Transport, 'request'>;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  readonly events: Pick<EventPublisher, 'cluster'>;
  /** Asks all controllers for their status now, and gathers the answers. */
  readonly collect: () => Promise<readonly NodeStatus[]>;
  readonly status: () => NodeStatus;
  /** Stops all that serves and writes. */
  readonly pause: () => void;
  /** Begins to serve again as a member, whatever storage holds now. */
  readonly fatal: (error: unknown) => void;
  /** Of timelines; default: `randomUUID`. */
  readonly newId?: () => string;
  readonly resume: (outcome: 'recovered' | 'as-before') => void;
}

/** A promise lasts this long: a million entities are recovered within it. */
const claimMs = 120_000;
const claimTimeoutMs = 2_000;

export class Recovery {
  readonly #options: RecoveryOptions;
  /** Who may go on alone, as far as this controller has promised. */
  #claim: { readonly by: string; readonly untilMs: number } | undefined;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** Another survivor asks for the promise. @throws QuorateError `quorum-present`, `recovery-running` */
  promise(by: string): void {
    const leader = this.#options.status().raft?.leader ?? null;
    if (leader !== null)
      throw new QuorateError('quorum-present', `${this.#options.nodeId} follows the leader ${leader}`);
    this.#take(by);
  }

  /** `by`: who asked for it, for the record; without it, as in the simulator, none is made. */
  async begin(
    leaveBehind: readonly string[],
    by?: Requester & { readonly id: string },
  ): Promise<ApiResult<'recovery.begin'>> {
    const { nodeId, events, clock } = this.#options;
    const startedAt = clock.now();
    this.#take(nodeId);
    try {
      const { view, survivors, timelines } = await this.#judge(leaveBehind);
      const others = survivors.map(({ node }) => node).filter((node) => node !== nodeId);
      await this.#askForPromises(others);
      // It may have heard a leader meanwhile.
      if (this.#options.status().raft?.leader != null) throw new QuorateError('quorum-present');
      const timeline = createTimelineUnasked(timelines, this.#options.newId);
      const record =
        by === undefined
          ? undefined
          : (begun: Begun) =>
              recoveryRecord({
                begun,
                by,
                nodeId,
                view,
                leaveBehind,
                promised: others,
                startedAt,
                now: clock.now(),
              });
      const request = { timeline, leftBehind: [...leaveBehind, ...others], record };
      const { meta, lastIndex, uncommittedKept, backup } = await this.#recover(request);
      const removed = [...meta.configuration.removed];
      events.cluster('cluster.recovered', {
        position: meta.position,
        peers: removed.map((id) => ({ id })),
        message: `${nodeId} has gone on alone, on a timeline of epoch ${timeline.epoch}; ${removed.join(', ')} can not come back under their ids`,
      });
      return { position: meta.position, lastIndex, uncommittedKept, removed, backup };
    } finally {
      if (this.#claim?.by === nodeId) this.#claim = undefined;
    }
  }

  #take(by: string): void {
    const { clock, nodeId } = this.#options;
    const held = this.#claim;
    if (held !== undefined && held.by !== by && clock.monotonicMs() < held.untilMs)
      throw new QuorateError('recovery-running', `${nodeId} has promised ${held.by} that it goes on alone`);
    if (held?.by === nodeId && by === nodeId) throw new QuorateError('recovery-running');
    this.#claim = { by, untilMs: clock.monotonicMs() + claimMs };
  }

  async #judge(leaveBehind: readonly string[]): Promise<{
    readonly view: RecoveryView;
    readonly survivors: readonly Survivor[];
    readonly timelines: readonly Timeline[];
  }> {
    const { nodeId, collect, status } = this.#options;
    const own = status();
    const heard = [...(await collect()).filter((each) => each.node !== nodeId), status()];
    if (own.state === 'removed') throw new QuorateError('removed');
    const view = viewOfRecovery(heard, own.clusterId ?? '');
    const self = view.survivors.find(({ node }) => node === nodeId);
    if (self === undefined) throw new QuorateError('not-a-member', `${nodeId} is ${own.state}: it holds no newest log`);
    if (view.obstacle !== null) throw new QuorateError(view.obstacle.code, view.obstacle.message);
    const better = view.survivors.filter((each) => isMoreUpToDate(each, self) && !leaveBehind.includes(each.node));
    const [best] = better;
    if (best !== undefined) {
      throw new QuorateError(
        'better-survivor',
        `${best.node} holds the log up to ${best.lastIndex} (term ${best.lastTerm}), ${nodeId} up to ${self.lastIndex} (term ${self.lastTerm})`,
        { details: { better: better.map(({ node }) => node) } },
      );
    }
    const timelines = heard
      .filter((each) => each.clusterId === own.clusterId)
      .flatMap((each) => [each.position?.timeline ?? null, each.logTimeline])
      .filter((each) => each !== null);
    return { view, survivors: view.survivors, timelines };
  }

  async #askForPromises(others: readonly string[]): Promise<void> {
    const { transport } = this.#options;
    await Promise.all(
      others.map((node) =>
        transport.request(node, 'recovery.claim', new Uint8Array(), claimTimeoutMs).catch((error: unknown) => {
          const { code, message } = toQuorateError(error);
          if (code === 'quorum-present' || code === 'recovery-running') throw error;
          throw new QuorateError('recovery-running', `${node} was heard, but gave no promise: ${message}`);
        }),
      ),
    );
  }

  async #recover(
    request: Pick<RecoverRequest, 'timeline' | 'leftBehind' | 'record'>,
  ): ReturnType<DirectoryStorage['recover']> {
    const { timeline, leftBehind } = request;
    const { nodeId, cluster, storage, log, clock, pause, resume, fatal } = this.#options;
    log.warn('recovery-begun', 'the quorum is lost for good: going on alone', { epoch: timeline.epoch, leftBehind });
    let committed = false;
    pause();
    try {
      const recovered = await storage.recover({
        clusterName: cluster,
        nodeId,
        ...request,
        now: clock.now(),
        onStep: (step) => {
          log.info('recovering', { step });
          committed ||= step === 'commit';
        },
      });
      resume('recovered');
      return recovered;
    } catch (error) {
      // Beyond the commit only the next opening can finish it.
      if (committed) fatal(error);
      else resume('as-before');
      log.error(
        'recovery-failed',
        committed ? 'the recovery was interrupted' : 'the recovery failed; nothing was changed',
        {
          error: toQuorateError(error).message,
        },
      );
      throw error;
    }
  }
}
