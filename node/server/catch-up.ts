/**
 * Whether this controller holds what routers may be told of as the present. What it knows by itself does not say so: a
 * member that was away stands where its log ended, and a new leader has what was committed before it, and does not know yet
 * how much of it was (section 6.4 of the dissertation). A linearizable read knows: when it is answered, all that was
 * committed when it was asked is applied here.
 */
import type { Clock } from '../cluster/clock.js';
import type { Replica } from '../cluster/replica.js';

/**
 * Who hears no leader for so long has nobody to learn more from: an election takes a fraction of it, and so does the first
 * heartbeat to one that was started again. One that leads and can commit nothing, its disk being full, has nobody either.
 */
export const aloneAfterMs = 5_000;

export interface CatchUpOptions {
  /** The replica that there is now, if there is one. */
  readonly replica: () => Pick<Replica, 'leadership' | 'read'> | undefined;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Something that this says has become true. */
  readonly onChange: () => void;
}

export class CatchUp {
  readonly #options: CatchUpOptions;
  #aloneSinceMs: number | null;
  #asking = false;
  #once = false;
  /** The last term in which a read was answered here while this controller led. */
  #ledInTerm: number | null = null;

  constructor(options: CatchUpOptions) {
    this.#options = options;
    this.#aloneSinceMs = options.clock.monotonicMs();
  }

  /** Whether this controller has once, since it started, held all that was committed at that moment. */
  get once(): boolean {
    return this.#once;
  }

  /** Whether it leads, and has applied all that the leaders before it committed. */
  get leads(): boolean {
    const leadership = this.#options.replica()?.leadership();
    return leadership?.role === 'leader' && leadership.term === this.#ledInTerm;
  }

  /** Whether it has heard no leader but itself for {@link aloneAfterMs}. */
  get isAlone(): boolean {
    const { clock } = this.#options;
    return this.#aloneSinceMs !== null && clock.monotonicMs() - this.#aloneSinceMs >= aloneAfterMs;
  }

  /** Call it when leadership changes, and now and then: a read may have been refused. */
  look(): void {
    const { replica, clock, onChange } = this.#options;
    const current = replica();
    const leadership = current?.leadership();
    const isLed = leadership?.leader !== undefined;
    this.#aloneSinceMs = isLed && leadership.role !== 'leader' ? null : (this.#aloneSinceMs ?? clock.monotonicMs());
    if (current === undefined || !isLed) return;
    if (this.#asking || (this.#once && (leadership.role !== 'leader' || this.leads))) return;
    this.#asking = true;
    current.read((refusal) => {
      this.#asking = false;
      if (refusal !== null) return;
      this.#once = true;
      const now = replica()?.leadership();
      if (now?.role === 'leader' && now.term === leadership.term) this.#ledInTerm = now.term;
      onChange();
    });
  }
}
