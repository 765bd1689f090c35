/** Whether the credentials of this controller allow what a member needs: tried, because what NATS was told cannot be read. */
import type { Subjects } from '../../messaging/subjects.js';
import type { Connections } from './controller.js';

/** Refused subjects that are remembered. */
const deniedMax = 32;

export class CredentialTrial {
  readonly #connections: Connections;
  readonly #subjects: Subjects;
  readonly #nodeId: string;
  /** Subjects that NATS refused since they were last tried. */
  readonly #denied = new Set<string>();

  constructor(connections: Connections, subjects: Subjects, nodeId: string) {
    this.#connections = connections;
    this.#subjects = subjects;
    this.#nodeId = nodeId;
  }

  /** NATS says no on the connection's own stream of events. */
  denied(subject: string): void {
    if (this.#denied.size < deniedMax) this.#denied.add(subject);
  }

  /** Uses what a member uses, and returns what was refused: NATS says so before it answers the ping behind it. */
  async run(peer: string): Promise<string[]> {
    const { control, bulk, service } = this.#connections;
    const subjects = this.#subjects;
    const own = this.#nodeId;
    this.#denied.clear();
    // The peer counts and drops an empty message.
    control.publish(subjects.raft(peer, own, 'control'), new Uint8Array());
    bulk.publish(subjects.raft(peer, own, 'bulk'), new Uint8Array());
    const ignore = (): void => undefined;
    const heard = [
      control.subscribe(subjects.raftTo(own, 'control'), { callback: ignore }),
      bulk.subscribe(subjects.raftTo(own, 'bulk'), { callback: ignore }),
      service.subscribe(subjects.apiTo('leader'), { queue: 'credential-trial', max: 1, callback: ignore }),
    ];
    await Promise.all([control.flush(), bulk.flush(), service.flush()]);
    // What was refused comes before the answers to the flushes, but is handed on a turn later.
    await new Promise((resolve) => setImmediate(resolve));
    for (const subscription of heard) subscription.unsubscribe();
    return [...this.#denied];
  }
}
