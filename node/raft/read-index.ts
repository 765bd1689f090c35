/**
 * Linearizable reads without a disk write and without trusting clocks (dissertation, section 6.4): the leader notes its
 * commit index, asks a quorum whether it still leads, and answers when it does. Reads that come while a round is under
 * way share the next one. Rounds are numbered; a member that confirms one confirms all before it.
 */
import type { Index, NodeId } from './types.js';

/** Rounds under way at once; more would save no time, as one confirmation answers all earlier rounds. */
const roundsMax = 4;

/** Who asked: this member itself, or another that forwarded. */
export interface ReadRequest {
  readonly from: NodeId;
  readonly requestId: string;
}

interface Round {
  readonly round: number;
  readonly index: Index;
  readonly requests: readonly ReadRequest[];
}

export class ReadRounds {
  readonly #pendingMax: number;
  #waiting: ReadRequest[] = [];
  #rounds: Round[] = [];
  #pending = 0;
  #lastRound = 0;

  constructor(pendingMax: number) {
    this.#pendingMax = pendingMax;
  }

  /** False when too many wait already. */
  add(request: ReadRequest): boolean {
    if (this.#pending >= this.#pendingMax) return false;
    this.#pending++;
    this.#waiting.push(request);
    return true;
  }

  /** Whether a new round could begin. */
  get due(): boolean {
    return this.#waiting.length > 0 && this.#rounds.length < roundsMax;
  }

  /** The last round that is under way; 0 when none is. */
  get current(): number {
    return this.#rounds.length > 0 ? this.#lastRound : 0;
  }

  /** All that wait are read at `commit`, once the returned round is confirmed. */
  begin(commit: Index): number {
    this.#lastRound++;
    this.#rounds.push({ round: this.#lastRound, index: commit, requests: this.#waiting });
    this.#waiting = [];
    return this.#lastRound;
  }

  /** A quorum has confirmed `round`: these can be answered. */
  confirm(round: number): readonly { readonly request: ReadRequest; readonly index: Index }[] {
    const answers: { request: ReadRequest; index: Index }[] = [];
    for (let first = this.#rounds[0]; first && first.round <= round; first = this.#rounds[0]) {
      this.#rounds.shift();
      for (const request of first.requests) answers.push({ request, index: first.index });
    }
    this.#pending -= answers.length;
    return answers;
  }

  /** Leadership is lost: none of these will be answered. */
  abandon(): readonly ReadRequest[] {
    const requests = [...this.#rounds.flatMap((round) => round.requests), ...this.#waiting];
    this.#rounds = [];
    this.#waiting = [];
    this.#pending = 0;
    return requests;
  }
}
