/**
 * What a migration and the way back have in common: the same model goes on, counted in another way, on a new timeline. Writes
 * are paused around the change (the record itself pauses them, see `pausesWrites`), and resumed when the routers have followed,
 * or after a while without them. A controller that dies at any step starts as what it was, or as what it becomes, and goes on.
 */
import { formatPosition, type IndexType, type QuorateError } from '../../messaging/index.js';
import type { RoutersArrived } from './actions.js';
import type { Check } from './checks/index.js';
import type { NoReturn, Step, Verification, Work } from './definition.js';
import { backupName, failed, grouped, pollIntervalMs, waitUntil } from './waits.js';

export { pauseWrites, resumeWrites } from './restore.js';

/** Changes are published as they are applied: longer than this, and NATS is not there. */
export const publishedMaxMs = 30_000;
/** So long writes wait for routers; those that take longer are seen by the verification. */
export const followMaxMs = 10_000;
/** Routers of which none comes nearer for so long are given up: they come in thousands, and from machines that are busy. */
export const arrivedStillMaxMs = 120_000;
/** However slowly they come. */
export function arrivedMaxMs(routers: number): number {
  return 300_000 + routers * 100;
}
/** To look at ten thousand takes time: the more there are, the less often. */
export function arrivedPollMs(routers: number): number {
  return Math.max(pollIntervalMs, routers / 40);
}
const namedMax = 5;

function leaveBehindOf({ parameters }: Work): readonly string[] {
  return parameters.workflow === 'migrate' || parameters.workflow === 'rollback' ? parameters.leaveBehind : [];
}

const exchanged: NoReturn = {
  because: 'the model is being counted in the other way, on a new timeline',
  instead: 'Wait for the end; the way back is `quorate migrate --rollback`, and `quorate migrate` from there.',
};

export const backUp: Step = {
  name: 'back-up',
  title: () => 'Back up the model that is there',
  run: async (work) => `in ${await work.actions.backUp(backupName(work))}`,
};

export function lastIndex(indexType: IndexType): Step {
  return {
    name: `last-${indexType}-index`,
    title: () => `See that all changes up to the last ${indexType} index are published`,
    run: async (work) => {
      const { actions } = work;
      await waitUntil(work, {
        forMs: publishedMaxMs,
        until: async () => (await actions.allPublished()) || 'some changes are not published yet',
        otherwise: (last) => failed(last, 'See whether NATS can be reached.'),
      });
      return `the last one is ${formatPosition(actions.position())}`;
    },
  };
}

export function switchTo(indexType: IndexType, title: string, recheck: readonly Check[]): Step {
  return {
    name: `count-by-${indexType}`,
    title: () => title,
    noReturn: exchanged,
    run: async (work) => {
      const { actions } = work;
      if (actions.position().indexType !== indexType) {
        await work.recheck(recheck);
        await actions.changeMode(indexType);
        work.checkpoint();
      }
      return `it goes on at ${formatPosition(actions.position())}, timeline ${actions.position().timeline.id}`;
    },
  };
}

export const routersFollow: Step = {
  name: 'routers-follow',
  title: () => 'Give the connected routers a moment to take the model on the new timeline',
  noReturn: exchanged,
  run: async (work) => {
    const deadline = work.actions.now() + followMaxMs;
    let seen = await work.actions.routersArrived(leaveBehindOf(work));
    await waitUntil(work, {
      forMs: followMaxMs * 2,
      everyMs: () => arrivedPollMs(seen.connected),
      until: async () => {
        seen = await work.actions.routersArrived(leaveBehindOf(work));
        // Who takes longer is no reason to keep writers waiting.
        return seen.verified === seen.connected || work.actions.now() >= deadline || inWords(seen);
      },
      otherwise: failed,
    });
    return inWords(seen);
  },
};

export const routersArrived: Verification = {
  name: 'routers-arrived',
  title: () => 'Each connected router stands on the new timeline, with the same model hash',
  run: async (work) => {
    let seen: RoutersArrived | undefined;
    const moves = new Movement(work.actions.now());
    const givenUp = (why: string): QuorateError =>
      failed(
        `not all routers have arrived${why}`,
        'They go on trying by themselves: `quorate routers`. Restart one that holds something else.',
      );
    await waitUntil(work, {
      forMs: () => arrivedMaxMs(seen?.connected ?? 0),
      everyMs: () => arrivedPollMs(seen?.connected ?? 0),
      until: async () => {
        seen = await work.actions.routersArrived(leaveBehindOf(work));
        const stillMs = moves.stillMs(seen, work.actions.now());
        if (!seen.heardAll) return 'listening for routers that were connected before this controller started';
        if (seen.verified === seen.connected && seen.different.length === 0) return true;
        if (stillMs >= arrivedStillMaxMs)
          throw givenUp(`, and none came nearer for ${grouped(Math.round(stillMs / 1_000))} s: ${inWords(seen)}`);
        return inWords(seen);
      },
      otherwise: (last) => givenUp(`: ${last}`),
    });
    return seen === undefined ? '' : inWords(seen);
  },
};

/** How long routers have stood where they are: none more was heard, came over, or was seen to hold the same. */
class Movement {
  #furthest = -1;
  #movedAt: number;

  constructor(now: number) {
    this.#movedAt = now;
  }

  stillMs({ heardAll, connected, arrived, verified }: RoutersArrived, now: number): number {
    const far = connected + arrived + verified;
    if (!heardAll || far > this.#furthest) this.#movedAt = now;
    // One that is away for a while and comes back has not come nearer.
    this.#furthest = Math.max(this.#furthest, far);
    return now - this.#movedAt;
  }
}

function inWords({ connected, arrived, verified, waitingFor, different }: RoutersArrived): string {
  if (connected === 0) return 'no router is connected';
  const said = `${grouped(verified)} of ${grouped(connected)} connected routers are there with the same model`;
  if (verified === connected) return said;
  const more = waitingFor.length > namedMax ? ` and ${waitingFor.length - namedMax} more` : '';
  const open = `${said} (${grouped(arrived)} on the new timeline), not yet: ${waitingFor.slice(0, namedMax).join(', ')}${more}`;
  return different.length === 0 ? open : `${open}; another model is held by ${different.slice(0, namedMax).join(', ')}`;
}
