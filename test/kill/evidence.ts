/** What is gathered after a round, and what it shows: journals, models, directories, backups. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { compareModels, type ModelChange, type Position } from '../../messaging/index.js';
import { examineDirectory } from '../../node/storage/doctor.js';
import type { History } from '../chaos/clients.js';
import { judge } from '../chaos/judge.js';
import type { TestCluster } from '../support/cluster.js';
import type { Restoring } from './activities.js';
import { contentsOf, judgeRestored } from './restored.js';

/** Generous, for a machine that does other things too. */
export const agreeTimeoutMs = 60_000;
/** On a machine so busy that leaders change by themselves, it takes many attempts until all stand at one index. */
const compareTimeoutMs = 300_000;
const pageSize = 1_000;

export interface Surroundings {
  readonly cluster: TestCluster;
  /** Members that run. */
  readonly controllers: Iterable<string>;
  /** Everybody who ever was. */
  readonly everybody: Iterable<string>;
}

export interface RoundEvidence extends Surroundings {
  readonly history: History;
  /** The last change of the round before; null where its timeline has had none. */
  readonly last: Position | null;
  readonly epochBefore: number;
  readonly restoring: Restoring | undefined;
}

export interface Judgement {
  readonly problems: readonly string[];
  readonly last: Position | null;
  readonly isRestored: boolean;
}

/** When writes have ended and all members agree. */
export async function judgeRound(evidence: RoundEvidence): Promise<Judgement> {
  const { cluster, history, last, epochBefore, restoring } = evidence;
  const endedAt = performance.now();
  const epoch = cluster.statuses().get(await cluster.leader())?.position?.timeline.epoch ?? 0;
  const isRestored = epoch > epochBefore;
  const journals = await journalsOf(evidence, isRestored ? null : last);
  const [changes = []] = journals.values();
  const now = changes.at(-1)?.position ?? (isRestored ? null : last);
  const problems = [...(await wrongOutcome(evidence, epoch))];
  if (!isRestored) problems.push(...judge({ history, beforeIndex: last?.index ?? 0, journals }));
  else if (restoring !== undefined) {
    const beforeIndex = last?.index ?? 0;
    const file = contentsOf(restoring.path);
    const entities = await cluster.modelOf(await cluster.leader());
    const times = { calledAt: restoring.calledAt, returnedAt: endedAt };
    const backups = backupsOf(evidence, restoring.operation, beforeIndex);
    problems.push(...judgeRestored({ history, file, backups, beforeIndex, journals, epoch, entities, ...times }));
  }
  return { problems, last: now, isRestored };
}

/** A timeline begins where its restore says that it is done, and nowhere else. */
async function wrongOutcome(
  { cluster, restoring, epochBefore }: RoundEvidence,
  epoch: number,
): Promise<readonly string[]> {
  const asked =
    restoring &&
    (await cluster.api
      .request('operation.get', { id: restoring.operation }, { timeoutMs: agreeTimeoutMs })
      .catch(() => null));
  const expected = asked?.state === 'done' ? epochBefore + 1 : epochBefore;
  if (epoch === expected) return [];
  return [
    `the timeline is of epoch ${epoch}, before it was ${epochBefore}, and the restore ${asked == null ? 'was not begun' : `ended as ${asked.state}: ${asked.error?.message}`}`,
  ];
}

/** What was there before the restore, in the directory of whoever backed it up. */
function backupsOf({ cluster, everybody }: Surroundings, operation: string, after: number) {
  const files = [...everybody].flatMap((id) => {
    const folder = path.join(cluster.node(id).dataDirectory, 'backups');
    const names = existsSync(folder) ? readdirSync(folder) : [];
    return names
      .filter((name) => name === `before-restore-${operation}.snapshot`)
      .map((name) => path.join(folder, name));
  });
  const changes = (file: string) => contentsOf(file).changes.filter(({ position }) => position.index > after);
  return new Map(files.map((file) => [file, changes(file)] as const));
}

async function journalsOf({ cluster, controllers }: Surroundings, last: Position | null) {
  const found = await Promise.all(
    [...controllers].map(async (id) => [id, await changesSince(cluster, id, last).catch(() => [])] as const),
  );
  return new Map(found);
}

async function changesSince(cluster: TestCluster, id: string, last: Position | null): Promise<readonly ModelChange[]> {
  const changes: ModelChange[] = [];
  for (let more = true; more; ) {
    const after = changes.at(-1)?.position ?? last;
    const page = await cluster.api.request('model.changes', { after, limit: pageSize }, { node: id });
    changes.push(...page.changes);
    more = page.more;
  }
  return changes;
}

/** A member that is busy when it is asked where it stands is left out of a comparison, and asked again. */
export async function differences({ cluster, controllers }: Surroundings): Promise<readonly string[]> {
  const nodes = [...controllers];
  for (const deadline = performance.now() + compareTimeoutMs; ; ) {
    const { groups, missing } = await compareModels(cluster.api, nodes, { timeoutMs: agreeTimeoutMs });
    if (groups.length > 1) return [`models differ: ${groups.map((group) => group.nodes.join(' and ')).join(' from ')}`];
    if (missing.length === 0) return [];
    if (performance.now() > deadline)
      return [`not all models were compared: ${missing.map(({ node, reason }) => `${node}: ${reason}`).join(', ')}`];
  }
}

/** Of a controller that does not run. */
export function doctorOf(cluster: TestCluster, id: string): readonly string[] {
  const { findings } = examineDirectory(cluster.node(id).dataDirectory);
  return findings
    .filter(({ outcome }) => outcome === 'fail')
    .map(({ sentence }) => `the doctor says of ${id}, which was killed: ${sentence}`);
}
