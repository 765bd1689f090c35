/** Makes a failing schedule smaller while it still fails by the same check: less to read for whoever looks for the bug. */
import type { Plan } from './plan.js';
import { simulate } from './simulation.js';

/** What of a plan is left out. As JSON it is what `--reduce` takes. */
export interface Reduction {
  /** Places of the actions that are kept; absent: all. */
  readonly actions?: readonly number[];
  readonly operationsMax?: number;
  readonly clients?: number;
  readonly keys?: number;
  readonly learners?: number;
  readonly faultsMs?: number;
  /** A network that only delays. */
  readonly quietNetwork?: boolean;
  readonly quickDisks?: boolean;
  readonly noCompaction?: boolean;
}

/** Schedules that are tried. */
const attemptsMax = 300;

export function reduce(plan: Plan, reduction: Reduction): Plan {
  const { actions, quietNetwork, quickDisks, noCompaction, ...numbers } = reduction;
  return {
    ...plan,
    ...numbers,
    actions: actions === undefined ? plan.actions : plan.actions.filter((_, place) => actions.includes(place)),
    network: quietNetwork ? { ...plan.network, inOrder: true, loss: 0, duplication: 0, straggling: 0 } : plan.network,
    slowDisk: quickDisks ? 0 : plan.slowDisk,
    lateTurns: quickDisks ? 0 : plan.lateTurns,
    compactions: noCompaction ? [{ everyEntries: 100_000, keepEntries: 100_000 }] : plan.compactions,
  };
}

export async function minimise(plan: Plan, check: string): Promise<Reduction> {
  let attempts = 0;
  let best: Reduction = {};
  const fails = async (reduction: Reduction): Promise<boolean> => {
    attempts += 1;
    return attempts <= attemptsMax && (await simulate(reduce(plan, reduction))).violation?.check === check;
  };
  const tryOut = async (reduction: Reduction): Promise<boolean> => {
    const smaller = await fails(reduction);
    if (smaller) best = reduction;
    return smaller;
  };
  for (const simpler of [
    { quietNetwork: true },
    { quickDisks: true },
    { noCompaction: true },
    { learners: 0 },
    { keys: 1 },
    { clients: 1 },
  ])
    await tryOut({ ...best, ...simpler });
  for (const operationsMax of [0, 1, 2, 4, 8, 16])
    if (operationsMax < plan.operationsMax && (await tryOut({ ...best, operationsMax }))) break;
  await dropActions(plan, (actions) => tryOut({ ...best, actions }));
  return best;
}

/** Delta debugging (Zeller and Hildebrandt 2002), in its simplest form: ever smaller pieces are left out. */
async function dropActions(plan: Plan, stillFails: (actions: readonly number[]) => Promise<boolean>): Promise<void> {
  let kept = plan.actions.map((_, place) => place);
  for (let size = Math.max(1, kept.length >> 1); ; size >>= 1) {
    for (let at = 0; at < kept.length; ) {
      const without = kept.toSpliced(at, size);
      if (await stillFails(without)) kept = without;
      else at += size;
    }
    if (size <= 1) return;
  }
}
