/** Plays cells one after the other, each kind of cluster started once and used again. */
import type { ClusterOptions } from '../support/cluster.js';
import type { Cell } from './cells.js';
import { RecoverWorld } from './recover.js';
import { notPlayedOutcome, playRound, type Row } from './round.js';
import { olderLaunch, scenarios } from './scenarios.js';
import { World } from './world.js';

const optionsOf: Readonly<Record<'cluster' | 'standalone' | 'older', ClusterOptions>> = {
  cluster: { controllers: 3, routers: 1 },
  standalone: { standalone: true, routers: 1 },
  older: { controllers: 3, launch: olderLaunch },
};

export interface RunOptions {
  readonly cells: readonly Cell[];
  /** No cell is begun after this; default: all are. */
  readonly budgetMs?: number;
  readonly onRow: (row: Row) => void;
}

export async function runCells({ cells, budgetMs = Number.POSITIVE_INFINITY, onRow }: RunOptions): Promise<void> {
  const worlds = new Map<string, World>();
  let recover: RecoverWorld | undefined;
  const beganAt = performance.now();
  try {
    for (const cell of cells) {
      if (performance.now() - beganAt > budgetMs) return;
      const { workflow } = cell;
      if (workflow === 'recover') {
        recover ??= await RecoverWorld.start();
        onRow(await recover.play(cell));
        continue;
      }
      const kind = scenarios[workflow].world;
      const world = worlds.get(kind) ?? (await World.start(optionsOf[kind]));
      worlds.set(kind, world);
      const row = await playRound(world, { ...cell, workflow }).catch((error: unknown) => notPlayed(cell, error));
      onRow(row);
      // What is half may spoil the next: that one begins on a cluster of its own.
      if (row.problems.length === 0) continue;
      worlds.delete(kind);
      await world.end();
    }
  } finally {
    await Promise.all([...worlds.values(), recover].map((world) => world?.end()));
  }
}

/** What had to be so before did not become so. */
function notPlayed(cell: Cell, error: unknown): Row {
  return { cell, outcome: notPlayedOutcome, tookMs: 0, longestGapMs: 0, problems: [String(error)] };
}
