/** A cluster of real processes that workflows are run on again and again, with a client that never stops writing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiParams, type ApiResult, type OperationView, QuorateError } from '../../messaging/index.js';
import { type ClusterOptions, startCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/wait.js';

/** Of anything that is waited for: a machine that does much else is slow, and not wrong. */
export const patienceMs = 120_000;
const betweenWritesMs = 20;
const pageSize = 1_000;

export class World {
  /** Ids of services whose creation was acknowledged, and that nothing has taken back since. */
  acknowledged = new Set<string>();
  readonly failures: string[] = [];
  longestGapMs = 0;
  #lastAt = performance.now();
  #ids: number;
  #writes = 0;
  #paused = false;
  #stopped = false;
  #idle: Promise<void> = Promise.resolve();
  readonly #others = new Set<string>();

  private constructor(readonly cluster: TestCluster) {
    this.#ids = 3;
    for (const id of cluster.statuses().keys()) this.#others.add(id);
    this.#idle = this.#write();
  }

  static async start(options: ClusterOptions): Promise<World> {
    return new World(await startCluster(options));
  }

  get api(): TestCluster['api'] {
    return this.cluster.api;
  }

  async #write(): Promise<void> {
    while (!this.#stopped && !this.#paused) {
      this.#writes += 1;
      const id = `w${this.#writes}`;
      try {
        await this.api.request('model.create', { kind: 'service', id, name: id, spec: {} }, { timeoutMs: patienceMs });
        this.acknowledged.add(id);
        this.longestGapMs = Math.max(this.longestGapMs, performance.now() - this.#lastAt);
        this.#lastAt = performance.now();
      } catch (error) {
        this.failures.push(`${id}: ${String(error)}`);
      }
      await sleep(betweenWritesMs);
    }
  }

  /** Resolves when nothing is written any more. */
  async pauseWrites(): Promise<void> {
    this.#paused = true;
    await this.#idle;
  }

  resumeWrites(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#lastAt = performance.now();
    this.#idle = this.#write();
  }

  /** Resolves when so many more writes were acknowledged. */
  async progress(writes: number): Promise<void> {
    this.resumeWrites();
    const goal = this.acknowledged.size + writes;
    await eventually(() => this.acknowledged.size >= goal, { what: 'writes to go on', timeoutMs: patienceMs });
  }

  newId(): string {
    this.#ids += 1;
    const id = `n${this.#ids}`;
    this.#others.add(id);
    return id;
  }

  async startBlank(): Promise<string> {
    const id = this.newId();
    await this.cluster.startBlank(id);
    return id;
  }

  /** Of the workflow, to its end, as often as it takes: what was killed just now may not be heard by all yet. */
  async run(parameters: ApiParams<'operation.start'>): Promise<OperationView> {
    return eventually(() => this.cluster.run(parameters, patienceMs), {
      what: `${parameters.workflow} to be done`,
      timeoutMs: patienceMs,
      intervalMs: 250,
    });
  }

  members(): Promise<ApiResult<'members.list'>> {
    return this.api.request('members.list', {}, { timeoutMs: patienceMs });
  }

  /** Ends the processes of all that are no members. */
  async endOthers(): Promise<void> {
    const { members } = await this.members();
    for (const id of this.#others) {
      if (members.some((each) => each.id === id)) continue;
      this.#others.delete(id);
      await this.cluster.stop(id);
    }
  }

  /** So many voters, all of them there, and no learners. */
  async voters(count: number): Promise<readonly string[]> {
    for (;;) {
      await this.endOthers();
      await this.cluster.settles(patienceMs);
      const { members, leader } = await this.members();
      const voters = members.filter(({ role }) => role === 'voter').map(({ id }) => id);
      const surplus =
        members.find(({ role }) => role === 'learner')?.id ??
        (voters.length > count ? voters.findLast((id) => id !== leader) : undefined);
      if (surplus !== undefined) await this.run({ workflow: 'remove', node: surplus });
      else if (voters.length < count)
        await this.run({ workflow: 'join', node: await this.startBlank(), role: 'voter' });
      else return voters;
    }
  }

  async services(): Promise<ReadonlySet<string>> {
    const held = new Set<string>();
    let after: string | undefined;
    for (let more = true; more; ) {
      const page = await this.api.request(
        'model.list',
        { kind: 'service', after, limit: pageSize },
        { timeoutMs: patienceMs },
      );
      for (const { id } of page.entities) held.add(id);
      after = page.entities.at(-1)?.id;
      more = page.more;
    }
    return held;
  }

  async lost(): Promise<readonly string[]> {
    const acknowledged = [...this.acknowledged];
    const held = await this.services();
    return acknowledged.filter((id) => !held.has(id));
  }

  async end(): Promise<void> {
    this.#stopped = true;
    await this.#idle;
    await this.cluster.end();
  }
}

export function isRefusal(error: unknown, code: string): boolean {
  return error instanceof QuorateError && error.code === code;
}
