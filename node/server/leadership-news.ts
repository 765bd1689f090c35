/**
 * Tells of leadership and quorum. The leader tells what it knows; that there is none can only be told by those who hear
 * none: each member says so for itself, once, when it has lasted longer than an election takes, and once when it is over.
 */
import type { Clock } from '../cluster/clock.js';
import type { Leadership } from '../raft/index.js';
import type { EventPublisher } from './events.js';

/** Several election timeouts: a change of leader in good health is no news of its own. */
export const leaderlessAfterMs = 1_000;

export interface LeadershipNewsOptions {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly events: Pick<EventPublisher, 'cluster'>;
}

export class LeadershipNews {
  readonly #options: LeadershipNewsOptions;
  #ledTerm: number | null = null;
  #cancel: (() => void) | undefined;
  /** This member has told that there is no leader, or that the quorum is lost. */
  #toldOfLoss = false;
  #toldLeaderless = false;

  constructor(options: LeadershipNewsOptions) {
    this.#options = options;
  }

  changed({ role, term, leader }: Leadership): void {
    const { events, nodeId } = this.#options;
    const leads = role === 'leader';
    if (this.#ledTerm !== null && !leads) this.#lost(this.#ledTerm, term, leader);
    if (leader !== undefined) this.#cancelWatch();
    else if (!this.#toldLeaderless)
      this.#cancel ??= this.#options.clock.after(leaderlessAfterMs, () => this.#leaderless());
    if (leads && this.#ledTerm !== term) {
      const message = `${nodeId} leads in term ${term}`;
      events.cluster('leadership.gained', { term, leaderId: nodeId, message });
      events.cluster('state.has_leader', { term, leaderId: nodeId, message: `the cluster has a leader: ${nodeId}` });
    }
    // Whoever said that it was lost says that it is back, also where another leads now, which may not have run then.
    if (leader !== undefined && this.#toldOfLoss)
      events.cluster('quorum.regained', {
        term,
        leaderId: leader,
        message: `a quorum of the voters follows ${leader}`,
      });
    if (leader !== undefined) this.#toldOfLoss = this.#toldLeaderless = false;
    this.#ledTerm = leads ? term : null;
  }

  stop(): void {
    this.#cancelWatch();
  }

  #lost(ledTerm: number, term: number, leader: string | undefined): void {
    const { events, nodeId } = this.#options;
    events.cluster('leadership.lost', { term, leaderId: leader ?? null, message: `${nodeId} no longer leads` });
    // A leader that steps down in its own term does so because it hears no quorum; a higher term means that others do.
    if (term !== ledTerm || leader !== undefined) return;
    this.#toldOfLoss = true;
    events.cluster('quorum.lost', {
      term,
      leaderId: null,
      message: `${nodeId} hears no quorum of the voters: writes stop`,
    });
  }

  #leaderless(): void {
    this.#cancel = undefined;
    this.#toldOfLoss = this.#toldLeaderless = true;
    const { events, nodeId } = this.#options;
    events.cluster('state.is_leaderless', {
      leaderId: null,
      message: `${nodeId} has heard no leader for ${leaderlessAfterMs / 1_000} s`,
    });
  }

  #cancelWatch(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
