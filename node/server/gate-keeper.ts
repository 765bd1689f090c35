/**
 * Raises feature gates, as leader: a gate whose feature every member understands, says so now, and is described so in the
 * model. Whether it is raised is decided where the command is applied (`node/model/gates.ts`); here is only asked whether it
 * is worth proposing.
 */
import { type FeatureGate, featureGateNames, featureGates, understandsGate } from '../../messaging/feature-gates.js';
import type { VersionRange } from '../../messaging/protocol.js';
import type { Clock } from '../cluster/clock.js';
import type { Replica } from '../cluster/replica.js';
import { encodeCommand, isUnderWay } from '../model/index.js';
import { membersOf } from '../raft/index.js';
import type { Storage } from '../storage/index.js';
import type { EventPublisher } from './events.js';
import type { Log } from './log.js';
import type { StatusBoard } from './status-board.js';

export interface GateKeeperOptions {
  readonly replica: Replica;
  readonly storage: Storage;
  readonly board: StatusBoard;
  readonly events: EventPublisher;
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeId: string;
  /** What this controller itself speaks. */
  readonly protocol: VersionRange;
}

/** A member that was not heard for longer may be on its way to another version. */
const heardWithinMs = 5_000;
/** After a refusal, or an answer that never came. */
const againAfterMs = 5_000;

export interface GateFacts {
  readonly raised: readonly string[];
  /** Members of the configuration, all of them. */
  readonly members: readonly {
    readonly id: string;
    /** As the model describes it; null: it does not yet. */
    readonly described: VersionRange | null;
    /** As it said by itself just now; null: it was not heard. */
    readonly said: VersionRange | null;
  }[];
  readonly operationRunning: boolean;
}

/** The first gate that is not raised and that every member understands. Pure. */
export function gateToRaise({ raised, members, operationRunning }: GateFacts): FeatureGate | null {
  if (operationRunning || members.length === 0) return null;
  const understoodByAll = (gate: FeatureGate): boolean =>
    members.every(({ described, said }) =>
      [described, said].every((range) => range !== null && understandsGate(range, gate)),
    );
  return featureGateNames.find((gate) => !raised.includes(gate) && understoodByAll(gate)) ?? null;
}

export class GateKeeper {
  readonly #options: GateKeeperOptions;
  #proposing = false;
  #notBeforeMs = 0;

  constructor(options: GateKeeperOptions) {
    this.#options = options;
  }

  /** Leader only; called again and again. */
  look(): void {
    const { clock, replica, log, events } = this.#options;
    if (this.#proposing || clock.monotonicMs() < this.#notBeforeMs) return;
    const gate = gateToRaise(this.#facts());
    if (gate === null) return;
    this.#proposing = true;
    const { since: version, summary } = featureGates[gate];
    replica.propose(encodeCommand({ type: 'gate.raise', gate, version, at: clock.now() }), (result) => {
      this.#proposing = false;
      if (result.ok && result.entry.outcome.type === 'gate') {
        if (!result.entry.outcome.raised) return;
        log.info('raised a feature gate', { gate, version });
        events.cluster('gate.raised', {
          index: result.entry.index,
          message: `all members understand version ${version}: the feature ${gate} may be used. ${summary}`,
        });
      } else this.#notBeforeMs = clock.monotonicMs() + againAfterMs;
    });
  }

  #facts(): GateFacts {
    const { storage, board, clock, nodeId, protocol } = this.#options;
    const configuration = storage.model.meta()?.configuration;
    const now = clock.monotonicMs();
    const heard = new Map(
      board
        .all()
        .map(({ status, heardAtMs }) => [status.node, now - heardAtMs <= heardWithinMs ? status.protocol : null]),
    );
    return {
      raised: storage.model.records('gate').map(({ key }) => key),
      members: (configuration === undefined ? [] : membersOf(configuration)).map((id) => ({
        id,
        described: storage.model.record('member', id)?.protocol ?? null,
        said: id === nodeId ? protocol : (heard.get(id) ?? null),
      })),
      operationRunning: storage.model.records('operation').some(({ value }) => isUnderWay(value.operation)),
    };
  }
}
