/** What is to be said of a cluster whose members run different versions: who is behind, and what waits for them. */
import { featureGateNames, featureGates, understandsGate } from '../../messaging/feature-gates.js';
import { inOrder, plural } from './format.js';
import type { Reason } from './health-reasons.js';
import type { MemberRow } from './members.js';

export function versionReasons(rows: readonly MemberRow[]): readonly Reason[] {
  const statuses = rows.flatMap((row) => (row.membership === 'none' || row.record === null ? [] : [row.record.status]));
  const versions = new Set(statuses.map(({ version }) => version));
  const protocols = new Set(statuses.map(({ protocol }) => protocol.max));
  if (versions.size < 2 && protocols.size < 2) return [];
  const raised = new Set(statuses.flatMap(({ gates }) => gates));
  const waiting = featureGateNames.filter(
    (gate) => !raised.has(gate) && statuses.some(({ protocol }) => understandsGate(protocol, gate)),
  );
  const behind = statuses.filter(({ protocol }) => waiting.some((gate) => !understandsGate(protocol, gate)));
  const what =
    versions.size > 1 ? inOrder([...versions]) : `protocol ${[...protocols].sort((a, b) => a - b).join(' and ')}`;
  const names = inOrder(behind.map(({ node }) => node));
  const wait =
    behind.length === 0
      ? ''
      : ` ${plural(waiting.length, 'feature')} (${waiting.join(', ')}) ${waiting.length === 1 ? 'waits' : 'wait'} for ${names}.`;
  return [
    {
      code: 'mixed-versions',
      level: 'info',
      sentence: `Members run different versions: ${what}.${wait}`,
      remedy: behind.length === 0 ? 'Finish the upgrade.' : `Finish the upgrade: ${names} next.`,
      node: null,
    },
  ];
}

/** What stands behind the gates, for those who see only their names. */
export function gateText(gates: readonly string[]): string {
  return gates.map((gate) => (gate in featureGates ? gate : `${gate} (not known here)`)).join(', ');
}
