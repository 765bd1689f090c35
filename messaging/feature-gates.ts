/**
 * Feature gates: what a version of the protocol added to the log, and may be used only when every member understands it. A gate
 * is raised once, for the whole cluster, by a command in the log (`gate.raise`), and never lowered: from then on a controller
 * that does not understand it can neither be joined nor start.
 */
import type { VersionRange } from './protocol.js';

interface GateEntry {
  /** The protocol version that brought it. */
  readonly since: number;
  /** One sentence for people. */
  readonly summary: string;
}

/** Once released, a gate stays here as it is: logs and snapshots name it. */
export const featureGates = {
  'model-import': {
    since: 2,
    summary: 'Entities are created with the version and the times that they had elsewhere, as `quorate import` does.',
  },
  'model-restore': {
    since: 2,
    summary:
      'One entry of the log puts the model of a file in the place of the present one, as `quorate restore` does.',
  },
  'operation-resume': {
    since: 2,
    summary: 'An operation that has failed goes on, as `quorate operations resume` does.',
  },
  rollback: {
    since: 2,
    summary: 'The cluster becomes a standalone controller again, as `quorate migrate --rollback` does.',
  },
} as const satisfies Record<string, GateEntry>;

export type FeatureGate = keyof typeof featureGates;

export const featureGateNames = Object.keys(featureGates) as readonly FeatureGate[];

export function isFeatureGate(name: string): name is FeatureGate {
  return Object.hasOwn(featureGates, name);
}

/** Whether somebody who speaks these versions understands what is behind the gate. */
export function understandsGate(protocol: VersionRange, gate: FeatureGate): boolean {
  return protocol.max >= featureGates[gate].since;
}
