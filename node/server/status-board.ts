/** What this controller has heard of all controllers of its cluster's name, itself included. */
import { parseJson } from '../../messaging/api-client.js';
import type { NatsConnection, Subscription } from '../../messaging/connection.js';
import { type NodeStatus, nodeStatusSchema } from '../../messaging/schemas/status.js';
import { type Subjects, subjectToken } from '../../messaging/subjects.js';
import type { Clock } from '../cluster/clock.js';
import { SenderLimits } from './sender-limits.js';

export interface HeardStatus {
  readonly status: NodeStatus;
  /** Monotonic, milliseconds. */
  readonly heardAtMs: number;
  /** Statuses of an earlier life that came after this one's: one may be late, two are a second process. */
  readonly strays: number;
}

/** A controller publishes its status at most every 25 ms; what is over that, with room, is not read. */
const statusesPerSecondMax = 200;
/** Of a cluster with as many members as there may be, a status is smaller. */
const statusBytesMax = 512 * 1024;
/** Controllers that are remembered; who is silent longest is forgotten first. */
const controllersMax = 128;

export class StatusBoard {
  readonly #heard = new Map<string, HeardStatus>();
  readonly #options: {
    readonly connection: NatsConnection;
    readonly subjects: Subjects;
    readonly clock: Clock;
    readonly nodeId: string;
    /** A status says that it is another controller's than its subject says. */
    readonly onMismatch: (claimed: string, bound: string) => void;
  };
  readonly #listeners = new Set<(status: NodeStatus) => void>();
  readonly #limits: SenderLimits;
  #subscription: Subscription | undefined;
  undecodable = 0;

  constructor(options: {
    readonly connection: NatsConnection;
    readonly subjects: Subjects;
    readonly clock: Clock;
    readonly nodeId: string;
    /** A status says that it is another controller's than its subject says. */
    readonly onMismatch: (claimed: string, bound: string) => void;
  }) {
    this.#options = options;
    this.#limits = new SenderLimits({
      perSecondMax: statusesPerSecondMax,
      sendersMax: 10 * controllersMax,
      now: () => options.clock.monotonicMs(),
    });
  }

  start(): void {
    const { connection, subjects, nodeId, onMismatch } = this.#options;
    this.#subscription = connection.subscribe(subjects.status('*'), {
      callback: (error, message) => {
        if (error !== null) return;
        const isTooMuch =
          message.data.length > statusBytesMax || this.#limits.take(subjectToken(message.subject, 1)) > 0;
        if (isTooMuch) {
          this.undecodable += 1;
          return;
        }
        const parsed = nodeStatusSchema.safeParse(parseJson(message));
        if (!parsed.success) this.undecodable += 1;
        else if (parsed.data.node !== subjectToken(message.subject, 1))
          onMismatch(parsed.data.node, subjectToken(message.subject, 1));
        else if (parsed.data.node !== nodeId) this.note(parsed.data);
      },
    });
  }

  stop(): void {
    this.#subscription?.unsubscribe();
  }

  note(status: NodeStatus): void {
    const entry = this.#heard.get(status.node);
    const held = entry?.status;
    // A directory that was made blank counts its starts anew: then the time of the start tells which life is the later one.
    if (
      entry !== undefined &&
      status.incarnation <= entry.status.incarnation &&
      status.startedAt <= entry.status.startedAt &&
      !isSameLife(status, entry.status)
    ) {
      this.#heard.set(status.node, { ...entry, strays: entry.strays + 1 });
      return;
    }
    const sameLife = held !== undefined && isSameLife(status, held);
    if (held !== undefined && sameLife && status.sequence < held.sequence) return;
    // Two processes take turns in being the later one by one of the two measures.
    const isDoubtful =
      held !== undefined && !sameLife && status.incarnation > held.incarnation !== status.startedAt > held.startedAt;
    this.#heard.delete(status.node);
    this.#heard.set(status.node, {
      status,
      heardAtMs: this.#options.clock.monotonicMs(),
      strays: sameLife || isDoubtful ? (entry?.strays ?? 0) + (isDoubtful ? 1 : 0) : 0,
    });
    if (this.#heard.size > controllersMax) this.#heard.delete(this.#heard.keys().next().value ?? '');
    for (const listener of this.#listeners) listener(status);
  }

  onStatus(listener: (status: NodeStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get(node: string): HeardStatus | undefined {
    return this.#heard.get(node);
  }

  all(): readonly HeardStatus[] {
    return [...this.#heard.values()];
  }
}

function isSameLife(one: NodeStatus, other: NodeStatus): boolean {
  return one.incarnation === other.incarnation && one.startedAt === other.startedAt;
}
