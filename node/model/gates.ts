/**
 * Feature gates in the replicated state: raised once, when every member understands what is behind them, and never lowered.
 *
 * That every member does is decided here, where commands have an order, and not only by the leader that looked. A controller
 * that joins meanwhile cannot slip in: a gate is not raised while an operation is under way, and a join asks for the gates
 * again after its own record is committed.
 */
import { isFeatureGate, understandsGate, type VersionRange } from '../../messaging/index.js';
import { type Configuration, membersOf } from '../raft/index.js';
import { type GateRaiseCommand, UnappliableEntry } from './commands.js';
import { isUnderWay } from './operations.js';
import type { GateRecord, ModelStore } from './store.js';

export type GateRaise =
  | { readonly ok: true; readonly record: GateRecord; readonly raised: boolean }
  | { readonly ok: false; readonly code: string; readonly message: string };

type Records = Pick<ModelStore, 'records'>;

export interface RaisedGate extends GateRecord {
  readonly gate: string;
}

/** In the order of their names. */
export function raisedGates(store: Records): readonly RaisedGate[] {
  return store.records('gate').map(({ key, value }) => ({ gate: key, ...value }));
}

/** Those that somebody who speaks these versions does not understand. */
export function gatesBeyond(raised: readonly RaisedGate[], protocol: VersionRange): readonly RaisedGate[] {
  return raised.filter(({ version }) => version > protocol.max);
}

/** What stands behind these gates may come at any time: a controller that does not understand it stops before. */
export function refuseGatesBeyond(store: Records, protocol: VersionRange): void {
  const [first] = gatesBeyond(raisedGates(store), protocol);
  if (first !== undefined) throw gateNotUnderstood(first.gate, first.version, protocol);
}

/** @throws UnappliableEntry where this controller itself does not know the gate. */
export function raiseGate(
  store: ModelStore,
  command: GateRaiseCommand,
  at: { readonly index: number; readonly configuration: Configuration; readonly protocol: VersionRange },
): GateRaise {
  const { gate, version } = command;
  if (version > at.protocol.max || !isFeatureGate(gate)) throw gateNotUnderstood(gate, version, at.protocol);
  const known = store.record('gate', gate);
  if (known !== undefined) return { ok: true, record: known, raised: false };
  const unable = membersOf(at.configuration).filter((id) => {
    const member = store.record('member', id);
    return member === undefined || !understandsGate(member.protocol, gate);
  });
  if (unable.length > 0) return refuse('gate-closed', `${unable.join(', ')} does not understand the feature ${gate}`);
  const running = store.records('operation').find(({ value }) => isUnderWay(value.operation));
  if (running !== undefined) return refuse('operation-running', `the operation ${running.key} is running`);
  const record: GateRecord = { version, index: at.index, at: command.at };
  store.putRecord('gate', gate, record);
  return { ok: true, record, raised: true };
}

function refuse(code: string, message: string): GateRaise {
  return { ok: false, code, message };
}

function gateNotUnderstood(gate: string, version: number, protocol: VersionRange): UnappliableEntry {
  return new UnappliableEntry(
    'newer',
    `the cluster uses the feature ${gate} of protocol version ${version}; this controller understands versions up to ${protocol.max}`,
  );
}
