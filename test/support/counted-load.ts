/**
 * Writes that carry a number each, so that they can be counted at both ends: what clients were told is written, what the journal
 * of the controllers holds, and what each router of a fleet got.
 */

import type { TestCluster } from './cluster.js';
import type { FleetReport } from './fleet.js';
import { eventually } from './wait.js';

export interface CountedLoadOptions {
  readonly writers: number;
  /** The services `counted-0`, `counted-1`, …, which there must be. */
  readonly entities: number;
  readonly timeoutMs: number;
  /** Of all writers together; default: as fast as they can. */
  readonly perSecondMax?: number;
  /** Before the first number; loads that are told apart afterwards begin far from each other. Default 0. */
  readonly numberedFrom?: number;
}

/** Changes one after another by each writer, until it is told to stop. */
export class CountedLoad {
  readonly acknowledged: number[] = [];
  /** Of the changes in the history of the last of them. */
  lastIndex = 0;
  timeline = '';
  readonly #cluster: TestCluster;
  readonly #options: CountedLoadOptions;
  #next = 0;
  #writing: Promise<unknown> = Promise.resolve();
  #isStopped = true;
  #startedAt = 0;
  #startedFrom = 0;
  #lastAt = 0;
  #gapMs = 0;

  constructor(cluster: TestCluster, options: CountedLoadOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#next = options.numberedFrom ?? 0;
    this.start();
  }

  /** Goes on after `stop`. */
  start(): void {
    this.#isStopped = false;
    this.#startedAt = this.#lastAt = performance.now();
    this.#startedFrom = this.#next;
    this.#gapMs = 0;
    this.#writing = Promise.all(Array.from({ length: this.#options.writers }, (_, writer) => this.#write(writer)));
  }

  /** Waits until this many more are acknowledged. */
  async progress(more: number): Promise<void> {
    const goal = this.acknowledged.length + more;
    const failed = this.#writing.then(() => new Error('the load was stopped'));
    const arrived = eventually(() => this.acknowledged.length >= goal, {
      what: `${more} more writes`,
      timeoutMs: this.#options.timeoutMs,
    });
    const first = await Promise.race([failed, arrived]);
    if (first instanceof Error) throw first;
  }

  /** Resolves when no write is under way any more. @throws where one failed */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#writing;
  }

  /** The longest time in which nothing was acknowledged, since it was started last. */
  gapMs(): number {
    return Math.max(this.#gapMs, this.#isStopped ? 0 : performance.now() - this.#lastAt);
  }

  async #write(writer: number): Promise<void> {
    const { writers, entities, timeoutMs } = this.#options;
    while (!this.#isStopped) {
      await this.#pace();
      this.#next += 1;
      const number = this.#next;
      const id = `counted-${(number * writers + writer) % entities}`;
      const request = { kind: 'service', id, patch: { tags: { count: String(number) } } };
      const { position } = await this.#cluster.api.request('model.update', request, { timeoutMs });
      this.#acknowledged(number, position.timeline.id, position.index);
    }
  }

  #acknowledged(number: number, timeline: string, index: number): void {
    const now = performance.now();
    this.#gapMs = Math.max(this.#gapMs, now - this.#lastAt);
    this.#lastAt = now;
    this.acknowledged.push(number);
    this.lastIndex = timeline === this.timeline ? Math.max(this.lastIndex, index) : index;
    this.timeline = timeline;
  }

  async #pace(): Promise<void> {
    const { perSecondMax } = this.#options;
    if (perSecondMax === undefined) return;
    const dueMs = this.#startedAt + ((this.#next - this.#startedFrom) * 1000) / perSecondMax;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

/** The leader, or the controller that serves alone. */
export async function servingNode(cluster: TestCluster, timeoutMs?: number): Promise<string> {
  return (await cluster.api.request('members.list', {}, { timeoutMs })).leader;
}

/** The numbers in the journal of the leader, in its present history, after an index. */
export async function inJournal(cluster: TestCluster): Promise<(after: number) => readonly number[]> {
  const changes = await cluster.changesOf(await servingNode(cluster));
  const counted = changes.flatMap(({ entity, position }) =>
    entity.tags['count'] === undefined ? [] : [{ index: position.index, number: Number(entity.tags['count']) }],
  );
  return (after) => counted.filter(({ index }) => index > after).map(({ number }) => number);
}

/** Counters of the router client that stay at nothing, whatever happens to the controllers. */
const neverCounted = ['conflicts', 'badReplies', 'undecodable', 'handlerErrors'];

/** What is not as it was promised at the far end: one sentence each. Every router got each change once, in order. */
export async function differences(cluster: TestCluster, report: FleetReport): Promise<readonly string[]> {
  const journal = await inJournal(cluster);
  const miscounted = report.counted.flatMap(({ count, sum, after }) => {
    const expected = journal(after);
    const expectedSum = expected.reduce((total, number) => total + number, 0);
    if (count === expected.length && sum === expectedSum) return [];
    return [
      `a router got ${count} changes (sum ${sum}) after index ${after}, and the journal holds ${expected.length} (sum ${expectedSum})`,
    ];
  });
  const disorder = report.disorder === 0 ? [] : [`${report.disorder} changes came out of order`];
  const counted = neverCounted
    .filter((name) => (report.counters[name] ?? 0) > 0)
    .map((name) => `${name}: ${report.counters[name]}`);
  return [...miscounted, ...disorder, ...counted];
}
