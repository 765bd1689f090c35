/**
 * Proposals and reads that this member has sent to the leader and that have no answer yet. Each ends exactly once: by the
 * answer, or as unknown when the leader changes or has been silent for too long.
 */
import type { NodeId, ProposalResult, RaftLimits, ReadResult } from './types.js';

interface Pending<T> {
  readonly what: T;
  readonly expires: number;
}

const unknown = {
  ok: false,
  code: 'unknown',
  message: 'the leader went away before it answered; it is safe to retry with the same request id',
} as const;

export class Forwarded {
  readonly #prefix: string;
  readonly #limits: RaftLimits;
  readonly #proposals = new Map<string, Pending<string>>();
  readonly #reads = new Map<string, Pending<readonly string[]>>();
  #waitingReads: string[] = [];
  #readCount = 0;
  #sequence = 0;
  #now = 0;

  /** The names on the wire differ at each start: a late answer to an earlier life must not answer this one. */
  constructor(id: NodeId, random: () => number, limits: RaftLimits) {
    const life = () => Math.floor(random() * 2 ** 32).toString(36);
    this.#prefix = `${id}.${life()}${life()}`;
    this.#limits = limits;
  }

  /** The name on the wire, or undefined when too many wait. */
  addProposal(proposalId: string): string | undefined {
    if (this.#proposals.size >= this.#limits.forwardedProposalsMax) return undefined;
    const name = this.#name();
    this.#proposals.set(name, { what: proposalId, expires: this.#expiry() });
    return name;
  }

  /** The caller's id of an answered proposal; undefined when it is not waited for. */
  takeProposal(name: string): string | undefined {
    const pending = this.#proposals.get(name);
    this.#proposals.delete(name);
    return pending?.what;
  }

  /** False when too many wait. It goes out with the next batch. */
  addRead(requestId: string): boolean {
    if (this.#readCount >= this.#limits.pendingReadsMax) return false;
    this.#readCount++;
    this.#waitingReads.push(requestId);
    return true;
  }

  get hasWaitingReads(): boolean {
    return this.#waitingReads.length > 0;
  }

  /** All reads that came since the last batch, under one name. */
  takeReadBatch(): string {
    const name = this.#name();
    this.#reads.set(name, { what: this.#waitingReads, expires: this.#expiry() });
    this.#waitingReads = [];
    return name;
  }

  takeReads(name: string): readonly string[] {
    const pending = this.#reads.get(name);
    if (!pending) return [];
    this.#reads.delete(name);
    this.#readCount -= pending.what.length;
    return pending.what;
  }

  /** One tick: what has waited for two election timeouts has waited long enough. */
  tick(): { readonly proposals: ProposalResult[]; readonly reads: ReadResult[] } {
    this.#now++;
    const lost = { proposals: [] as ProposalResult[], reads: [] as ReadResult[] };
    // Oldest first, as a Map keeps the order, so the first that has not expired ends the search.
    for (const [name, { what, expires }] of this.#proposals) {
      if (expires > this.#now) break;
      this.#proposals.delete(name);
      lost.proposals.push({ proposalId: what, result: unknown });
    }
    for (const [name, { expires }] of this.#reads) {
      if (expires > this.#now) break;
      for (const requestId of this.takeReads(name)) lost.reads.push({ requestId, result: unknown });
    }
    return lost;
  }

  abandon(): { readonly proposals: ProposalResult[]; readonly reads: ReadResult[] } {
    const proposals = [...this.#proposals.values()].map(({ what }) => ({ proposalId: what, result: unknown }));
    const ids = [...[...this.#reads.values()].flatMap(({ what }) => what), ...this.#waitingReads];
    const reads = ids.map((requestId) => ({ requestId, result: unknown }));
    this.#proposals.clear();
    this.#reads.clear();
    this.#waitingReads = [];
    this.#readCount = 0;
    return { proposals, reads };
  }

  #name(): string {
    this.#sequence++;
    return `${this.#prefix}.${this.#sequence}`;
  }

  #expiry(): number {
    return this.#now + 2 * this.#limits.electionTimeoutTicks;
  }
}
