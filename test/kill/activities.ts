/**
 * What a cluster is doing while its controllers are killed, beside taking writes: data to draw from, and how each begins.
 * None of them has to succeed (whoever runs it may be the one that dies), but all must come to an end that is whole.
 */
import { copyFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiParams } from '../../messaging/index.js';
import { fileAt, stage } from '../restore/support.js';
import type { TestCluster } from '../support/cluster.js';
import type { Random } from '../support/random.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** How often each is drawn beside the others. */
export const activityWeights = {
  writes: 2,
  transfer: 2,
  snapshot: 3,
  /** One was away for so long that it needs a snapshot, and is fetching or installing it. */
  'catch-up': 4,
  join: 3,
  remove: 3,
  replace: 3,
  'demote and promote': 2,
  /** The model of a little earlier comes back. */
  restore: 6,
} as const;
export type Activity = keyof typeof activityWeights;

export interface Doing {
  readonly cluster: TestCluster;
  /** Controllers that were started and not stopped for good. */
  readonly controllers: Set<string>;
  readonly random: Random;
  /** A new controller, blank, under an id that was never used. */
  readonly startBlank: () => Promise<string>;
  readonly say: (line: string) => void;
}

export interface Begun {
  readonly ended: Promise<unknown>;
  readonly restoring?: Restoring;
}

/** A restore that was asked for. Whether it has begun, only the record of its operation tells. */
export interface Restoring {
  readonly operation: string;
  /** The file, outside of all data directories. */
  readonly path: string;
  /** On the clock of the clients. */
  readonly calledAt: number;
}

const votersMin = 3;
const votersMax = 4;
/** More than the log keeps (see `compaction` in rounds.ts). */
const awayWrites = 60;
/** That a restore takes back, at least. */
const takenBackWrites = 10;
const patienceMs = 20_000;
/** Who was asked may be dead, and then nobody answers. */
const snapshotPatienceMs = 6_000;
const askAgainMs = 200;
/** A restore compares models at its end, which takes a busy machine many attempts. */
const endMaxMs = 240_000;

export function drawActivity(random: Random, voters: number): Activity {
  const possible = (Object.keys(activityWeights) as Activity[]).filter((activity) => {
    if (activity === 'join') return voters < votersMax;
    if (activity === 'remove' || activity === 'demote and promote') return voters > votersMin;
    return true;
  });
  return random.pick(possible.flatMap((activity) => Array.from({ length: activityWeights[activity] }, () => activity)));
}

/** Resolves when it is well under way; what it does goes on, and never rejects. `written`: waits for so many writes. */
export async function begin(
  activity: Activity,
  doing: Doing,
  written: (writes: number) => Promise<void>,
): Promise<Begun> {
  const { cluster, random, say } = doing;
  const member = async (): Promise<string> => random.pick(await members(cluster));
  const start = (parameters: ApiParams<'operation.start'>, requestId?: string): Promise<unknown> =>
    cluster.api
      .request('operation.start', parameters, { timeoutMs: patienceMs, requestId })
      .catch((error: unknown) => say(`${activity} was not begun: ${String(error)}`));
  switch (activity) {
    case 'writes':
      return { ended: Promise.resolve() };
    case 'transfer':
      return { ended: start({ workflow: 'transfer' }) };
    case 'snapshot': {
      const node = await member();
      return {
        ended: cluster.api
          .request('snapshot.create', {}, { node, timeoutMs: snapshotPatienceMs })
          .catch((error: unknown) => say(`no snapshot: ${String(error)}`)),
      };
    }
    case 'catch-up': {
      const [away = ''] = await cluster.followers();
      await cluster.kill(away);
      await written(awayWrites);
      await cluster.restart(away);
      return { ended: Promise.resolve() };
    }
    case 'join':
      return { ended: start({ workflow: 'join', node: await doing.startBlank() }) };
    case 'remove':
      return { ended: start({ workflow: 'remove', node: await member() }) };
    case 'replace': {
      const comes = await doing.startBlank();
      return { ended: start({ workflow: 'replace', node: await member(), with: comes }) };
    }
    case 'demote and promote': {
      const node = await member();
      const ended = start({ workflow: 'demote', node })
        .then(() => operationsEnd(cluster))
        .then(() => start({ workflow: 'promote', node }));
      return { ended: ended.catch((error: unknown) => say(`${activity}: ${String(error)}`)) };
    }
    case 'restore': {
      const node = await member();
      const made = await cluster.api.request('snapshot.create', {}, { node, timeoutMs: patienceMs });
      const kept = path.join(temporaryDirectory('kill'), 'kept.snapshot');
      await copyFile(made.path, kept);
      await rm(made.path);
      await written(takenBackWrites);
      const parameters = await stage(cluster.api, fileAt(kept));
      const operation = `restore-${parameters.sha256.slice(0, 16)}`;
      const calledAt = performance.now();
      return { ended: start(parameters, operation), restoring: { operation, path: kept, calledAt } };
    }
  }
}

export async function members(cluster: TestCluster): Promise<readonly string[]> {
  const answer = await cluster.api.request('members.list', {}, { timeoutMs: patienceMs });
  return answer.members.map(({ id }) => id);
}

/** Waits until no operation is under way. */
export async function operationsEnd(cluster: TestCluster, timeoutMs = endMaxMs): Promise<void> {
  for (const deadline = performance.now() + timeoutMs; ; ) {
    const { operations } = await cluster.api.request('operation.list', { limit: 5 }, { timeoutMs: patienceMs });
    const running = operations.find(({ finishedAt }) => finishedAt === null);
    if (running === undefined) return;
    if (performance.now() > deadline) throw new Error(`an operation does not end: ${JSON.stringify(running)}`);
    await sleep(askAgainMs);
  }
}
