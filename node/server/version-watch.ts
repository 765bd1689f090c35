/**
 * Members that speak no protocol version that this one understands: nothing they say is heard, and nothing that this one says
 * is heard by them. That can only be an upgrade that left out the versions between, and only a person can mend it, so it is
 * said: as an alarm of this controller (and of the other), for as long as it goes on.
 */
import { agreeVersion, type VersionRange } from '../../messaging/protocol.js';
import type { NodeStatus } from '../../messaging/schemas/status.js';
import type { Clock } from '../cluster/clock.js';
import type { Alarms } from './alarms.js';

export interface VersionWatchOptions {
  readonly clock: Clock;
  readonly nodeId: string;
  readonly alarms: Alarms;
  /** What this controller speaks. */
  readonly protocol: VersionRange;
  readonly clusterId: () => string | null;
}

/** Of which is remembered that they are not understood. */
const rememberedMax = 128;
/** An alarm about a controller that is silent for this long is taken back. */
const forgottenMs = 60_000;

export class VersionWatch {
  readonly #options: VersionWatchOptions;
  readonly #refusedAtMs = new Map<string, number>();

  constructor(options: VersionWatchOptions) {
    this.#options = options;
  }

  /** A message of `node`, which belongs to this cluster, was dropped because no version is understood by both. */
  refused(node: string, theirs: VersionRange): void {
    const { alarms, clock, protocol: ours, nodeId } = this.#options;
    this.#refusedAtMs.delete(node);
    this.#refusedAtMs.set(node, clock.monotonicMs());
    if (this.#refusedAtMs.size > rememberedMax) this.#understood(this.#refusedAtMs.keys().next().value ?? '');
    const [older, version] = theirs.max < ours.min ? [node, ours.min] : [nodeId, theirs.min];
    alarms.raise(`unsupported-version.${node}`, {
      code: 'unsupported-version',
      severity: 'error',
      message: `${node} speaks protocol versions ${inWords(theirs)} and ${nodeId} ${inWords(ours)}: neither understands the other, so all that ${node} says is dropped`,
      remedy: `Install a version on ${older} that understands protocol version ${version}; on a way that long, the versions between come first, one after the other on all members.`,
    });
  }

  /** Each status that is heard, our own included. */
  heard({ node, clusterId, protocol, state }: NodeStatus): void {
    this.#forgetSilent();
    if (node === this.#options.nodeId) return;
    const isOurs = clusterId !== null && clusterId === this.#options.clusterId() && state === 'member';
    if (isOurs && agreeVersion(this.#options.protocol, protocol) === null) this.refused(node, protocol);
    else this.#understood(node);
  }

  #understood(node: string): void {
    if (this.#refusedAtMs.delete(node)) this.#options.alarms.clear(`unsupported-version.${node}`);
  }

  #forgetSilent(): void {
    const now = this.#options.clock.monotonicMs();
    for (const [node, atMs] of this.#refusedAtMs) if (now - atMs > forgottenMs) this.#understood(node);
  }
}

function inWords({ min, max }: VersionRange): string {
  return min === max ? String(min) : `${min} to ${max}`;
}
