/** Clients: they write, read and retry, with one request id for each request, and note what they were told. */
import { encodeCommand, type ModelStore } from '../../node/model/index.js';
import type { Random } from '../support/random.js';
import type { SimulatedController } from './controller.js';
import type { EntityInput, EntityOperation, EntityOutput, EntityState } from './entity-history.js';
import type { Log } from './logs.js';
import type { World } from './world.js';

export const entityKind = 'router';

export type { EntityState };

interface Request {
  readonly number: number;
  readonly requestId: string;
  readonly key: string;
  readonly input: EntityInput;
  readonly calledAt: number;
  /** Some controller has heard of it: on which logs. */
  readonly arrivedIn: Set<Log>;
  settled: boolean;
  attempts: number;
  /** Absent: the client gave up, or still waits. */
  answer: Answer | undefined;
  returnedAt: number;
  /** It took effect once more, after a restore. */
  furtherEffects: number;
}

interface Answer {
  readonly output: EntityOutput;
  /** On which log whoever answered stood. */
  readonly log: Log;
  /** It was judged before that log began: this is what was said then. */
  readonly isInherited: boolean;
}

const attemptTimeoutMs = 150;
const retryWaitMs = 30;
/** After this the client gives up, and never learns what became of it. */
const deadlineMs = 700;

export class Client {
  readonly name: string;
  readonly #world: World;
  readonly #random: Random;
  #count = 0;
  #open = 0;
  /** What it last saw of each key. */
  readonly #seenVersion = new Map<string, number>();
  readonly #requests = new Map<string, Request>();

  constructor(world: World, name: string, random: Random) {
    this.#world = world;
    this.name = name;
    this.#random = random;
  }

  get isIdle(): boolean {
    return this.#open === 0;
  }

  begin(): void {
    this.#world.queue.schedule(this.#random.next() * this.#world.plan.thinkMs * 2, () => this.#next());
  }

  #next(): void {
    if (!this.#world.takeOperation()) return;
    const { keys } = this.#world.plan;
    const key = `k${this.#random.between(1, keys)}`;
    this.request(key, this.#draw(key), () => this.begin());
  }

  #draw(key: string): EntityInput {
    const version = this.#random.chance(0.5) ? null : (this.#seenVersion.get(key) ?? this.#random.between(1, 4));
    const value = this.#world.nextValue();
    const dice = this.#random.next();
    if (dice < 0.4) return { type: 'get' };
    if (dice < 0.6) return { type: 'create', value };
    if (dice < 0.9) return { type: 'update', version, value };
    return { type: 'delete', version };
  }

  /** Several at once, and without waiting for the answers: what fills windows and batches. */
  burst(writes: number, target: SimulatedController | undefined): void {
    for (let made = 0; made < writes; made += 1) {
      const key = `k${this.#random.between(1, this.#world.plan.keys)}`;
      this.request(key, { type: 'update', version: null, value: this.#world.nextValue() }, () => undefined, target);
    }
  }

  request(key: string, input: EntityInput, then: () => void, target?: SimulatedController): void {
    this.#count += 1;
    this.#open += 1;
    const request: Request = {
      number: this.#count,
      requestId: `${this.name}.${this.#count}`,
      key,
      input,
      calledAt: this.#world.queue.now,
      arrivedIn: new Set(),
      settled: false,
      attempts: 0,
      answer: undefined,
      returnedAt: 0,
      furtherEffects: 0,
    };
    this.#requests.set(request.requestId, request);
    this.#attempt(request, then, target);
    this.#world.queue.schedule(deadlineMs, () => {
      if (request.settled) return;
      request.settled = true;
      this.#world.cover('client: gave up');
      this.#finish(request, undefined, then);
    });
  }

  #attempt(request: Request, then: () => void, target = this.#random.pick(this.#world.controllers)): void {
    if (request.settled) return;
    request.attempts += 1;
    if (request.attempts > 1) this.#world.cover('client: retried');
    const attempt = request.attempts;
    const again = (): void => {
      if (request.attempts === attempt) this.#attempt(request, then);
    };
    const { queue } = this.#world;
    queue.schedule(attemptTimeoutMs, again);
    const answer = (answered: Answer | undefined): void => {
      // The answer has a way to go, and may be lost.
      if (this.#world.isFaulty && this.#random.chance(0.03)) return;
      queue.schedule(this.#random.next() * 3, () => {
        if (request.settled) return;
        if (answered === undefined) {
          queue.schedule(retryWaitMs * (0.5 + this.#random.next()), again);
          return;
        }
        request.settled = true;
        this.#finish(request, answered, then);
      });
    };
    queue.schedule(this.#random.next() * 3, () => {
      const { life } = target;
      if (life === undefined) return answer(undefined);
      target.inLife(life.number, () => this.#arrive(target, request, answer));
    });
  }

  #arrive(target: SimulatedController, request: Request, settle: (answer: Answer | undefined) => void): void {
    const { life } = target;
    if (life === undefined) return;
    const { member } = life;
    const { input, key, requestId } = request;
    const { log } = target;
    const isAlive = (): boolean => target.life === life;
    const answer = (output: EntityOutput | undefined): void => {
      if (output === undefined) return settle(undefined);
      const row = input.type === 'get' ? undefined : target.disk.model.outcomeOf(requestId);
      settle({ output, log, isInherited: row !== undefined && row.index <= (log.begun?.index ?? 0) });
    };
    if (input.type === 'get') {
      const committed = log.checker.committedIndex;
      this.#world.promise(target, (kept) =>
        member.read((refusal) => {
          kept();
          if (!isAlive()) return;
          if (refusal !== null) return answer(undefined);
          if (member.appliedIndex < committed)
            this.#world.violate(
              'stale read',
              `${target.id} let a read go at ${member.appliedIndex}, and ${committed} was committed when it began`,
            );
          this.#world.cover(
            target.role === 'leader' ? 'client: read through the leader' : 'client: read through a follower',
          );
          const state = entityStateOf(target.disk.model, key);
          answer(state === null ? { type: 'absent' } : { type: 'entity', ...state });
        }),
      );
      return;
    }
    request.arrivedIn.add(log);
    const at = Math.max(0, Math.floor(this.#world.queue.now + target.clockOffsetMs + 1_000_000));
    const data = encodeCommand(commandOf(key, input, requestId, at));
    const before = target.role === 'leader' ? member.core.status() : undefined;
    this.#world.promise(target, (kept) =>
      member.propose(data, (result) => {
        kept();
        if (!isAlive()) return;
        if (!result.ok) {
          this.#world.cover(`client: ${result.error.code}`);
          return answer(undefined);
        }
        const { outcome } = result.entry;
        // It did not happen, and may when the pause is over.
        if (outcome.type === 'refused' && outcome.code === 'paused') return answer(undefined);
        if (outcome.type === 'refused') return answer({ type: 'refused', code: outcome.code });
        if (outcome.type !== 'changed')
          return this.#world.violate('answer', `the request ${requestId} came out as ${outcome.type}`);
        if (outcome.change.requestId !== requestId)
          this.#world.violate(
            'answer',
            `the request ${requestId} was answered with the outcome of ${outcome.change.requestId}`,
          );
        answer({
          type: 'entity',
          version: outcome.change.entity.version,
          value: Number(outcome.change.entity.spec['cost']),
        });
      }),
    );
    if (before?.transferTarget !== undefined && member.core.status().lastIndex > before.lastIndex)
      this.#world.violate(
        'proposal during a transfer',
        `${target.id} took a proposal on while handing leadership to ${before.transferTarget}`,
      );
  }

  #finish(request: Request, answer: Answer | undefined, then: () => void): void {
    this.#open -= 1;
    request.answer = answer;
    request.returnedAt = this.#world.queue.now;
    if (answer?.output.type === 'entity') this.#seenVersion.set(request.key, answer.output.version);
    then();
  }

  /** It took effect once more, on the timeline that a restore began: in the history, as if somebody had asked again. */
  noteFurtherEffect(requestId: string): void {
    const request = this.#requests.get(requestId);
    if (request !== undefined) request.furtherEffects += 1;
  }

  *requestIds(): Generator<string> {
    for (const [requestId, { input }] of this.#requests) if (input.type !== 'get') yield requestId;
  }

  /** Of writes: request ids that were answered with success by members of that log. */
  *acknowledgedIn(log: Log): Generator<string> {
    for (const [requestId, { input, answer }] of this.#requests)
      if (input.type !== 'get' && answer?.log === log && answer.output.type === 'entity') yield requestId;
  }

  /**
   * What was asked of members of that log, and what they said. What was never answered, or by members of another log, may still
   * have happened. What was judged before that log began is part of what it began with. `only`: of these
   * requests, and whether what was answered counts.
   */
  historyIn(log: Log, only?: ReadonlyMap<string, boolean>): readonly EntityOperation[] {
    const operations: EntityOperation[] = [];
    for (const [requestId, request] of this.#requests) {
      if (only?.has(requestId) === false) continue;
      const { key, input, calledAt, returnedAt, answer, furtherEffects } = request;
      const unknown = { key, client: this.name, input, output: undefined, calledAt, returnedAt: undefined };
      const isPossible = input.type !== 'get' && request.arrivedIn.has(log);
      if (answer?.log !== log || only?.get(requestId) === false) {
        if (isPossible) operations.push(unknown);
      } else if (!answer.isInherited) operations.push({ ...unknown, output: answer.output, returnedAt });
      if (isPossible) operations.push(...Array.from({ length: furtherEffects }, () => unknown));
    }
    return operations;
  }
}

/** What the model holds of it. */
export function entityStateOf(model: ModelStore, key: string): EntityState {
  const entity = model.get(entityKind, key);
  return entity === undefined ? null : { version: entity.version, value: Number(entity.spec['cost']) };
}

function commandOf(key: string, input: Exclude<EntityInput, { type: 'get' }>, requestId: string, at: number) {
  const stamp = { requestId, at, by: 'simulator', kind: entityKind, id: key };
  switch (input.type) {
    case 'create':
      return {
        ...stamp,
        type: 'create',
        name: key,
        tags: {},
        spec: { roleAttributes: [], disabled: false, cost: input.value, noTraversal: false },
      } as const;
    case 'update':
      return { ...stamp, type: 'update', version: input.version, patch: { spec: { cost: input.value } } } as const;
    case 'delete':
      return { ...stamp, type: 'delete', version: input.version } as const;
  }
}
