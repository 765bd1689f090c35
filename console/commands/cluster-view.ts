/** The cluster as the command line sees it: the statuses that were heard, in the form that the console's judgement reads. */
import type { ApiClient } from '../../messaging/api-client.js';
import type { NatsConnection } from '../../messaging/connection.js';
import type { NodeStatus } from '../../messaging/schemas/status.js';
import { type Health, judgeHealth } from '../state/health.js';
import { type ClusterFacts, type MemberRow, membersOf } from '../state/members.js';
import type { NodeRecord } from '../state/state.js';

export interface ClusterView {
  readonly facts: ClusterFacts;
  readonly health: Health;
  readonly rows: readonly MemberRow[];
}

/** Controllers answer within a round trip; who has not answered by then is not there. */
const collectMs = 500;

export async function readCluster(client: ApiClient, cluster: string): Promise<ClusterView> {
  return viewOf(factsOf(await client.collectStatus(collectMs), cluster));
}

/** What the statuses that were heard just now say. */
export function factsOf(statuses: readonly NodeStatus[], cluster: string): ClusterFacts {
  const now = Date.now();
  return {
    now,
    startedAt: 0,
    cluster,
    connection: { up: true, since: now, lastHeardAt: now },
    nodes: new Map(statuses.map((each) => [each.node, recordOf(each, now)])),
  };
}

export interface ClusterFollower {
  readonly view: () => ClusterView;
  readonly stop: () => void;
}

/** Keeps up with what controllers publish; asks them all once, so that the first look is not empty. */
export async function followCluster(
  client: ApiClient,
  connection: NatsConnection,
  cluster: string,
): Promise<ClusterFollower> {
  const startedAt = Date.now();
  const nodes = new Map<string, NodeRecord>();
  let lastHeardAt: number | null = null;
  const hear = (status: NodeStatus): void => {
    const before = nodes.get(status.node)?.status;
    const isLate =
      before !== undefined &&
      (before.incarnation > status.incarnation ||
        (before.incarnation === status.incarnation && before.sequence > status.sequence));
    if (isLate) return;
    lastHeardAt = Date.now();
    nodes.set(status.node, recordOf(status, lastHeardAt, nodes.get(status.node)));
  };
  const stop = client.watchStatus(hear);
  let upSince = startedAt;
  let isUp = true;
  void (async () => {
    for await (const change of connection.status()) {
      const up: boolean = change.type === 'reconnect' ? true : change.type === 'disconnect' ? false : isUp;
      if (up !== isUp) upSince = Date.now();
      isUp = up;
    }
  })();
  for (const status of await client.collectStatus(collectMs)) hear(status);
  return {
    stop,
    view: () =>
      viewOf({
        now: Date.now(),
        startedAt,
        cluster,
        connection: { up: isUp, since: upSince, lastHeardAt },
        nodes: new Map(nodes),
      }),
  };
}

function viewOf(facts: ClusterFacts): ClusterView {
  return { facts, health: judgeHealth(facts), rows: membersOf(facts) };
}

function recordOf(status: NodeStatus, heardAt: number, before?: NodeRecord): NodeRecord {
  const role = status.raft?.role ?? null;
  const term = status.raft?.term ?? 0;
  const unchanged = before !== undefined && before.roleSince.role === role && before.roleSince.term === term;
  return {
    status,
    heardAt,
    roleSince: unchanged ? before.roleSince : { role, term, at: heardAt },
    measured: { mark: null, series: {} },
  };
}
