/** Who had better lead, from what the members say of themselves. Pure; what follows from it is the core's (`considerPreferred`). */
import type { NodeStatus } from '../../messaging/schemas/status.js';
import type { NodeId } from '../raft/index.js';

/**
 * Priorities by id. A member that raises an alarm of severity error is no better than any other. While an operation runs,
 * leadership stays where the operation puts it: an upgrade hands over what it is about to have stopped.
 */
export function prioritiesOf(
  statuses: readonly NodeStatus[],
  isOperationRunning: boolean,
): ReadonlyMap<NodeId, number> {
  if (isOperationRunning) return new Map();
  return new Map(
    statuses.map(({ node, priority, alarms }) => [
      node,
      alarms.some(({ severity }) => severity === 'error') ? 0 : priority,
    ]),
  );
}
