/** Handing leadership over: a workflow of its own, and the first step of removing a leader. */
import { votersOf } from '../raft/index.js';
import type { Work } from './definition.js';
import { failed, isPassing, waitUntil } from './waits.js';

/** The core gives a transfer up after one election timeout; then it is tried again. */
export const transferAttemptMs = 2_000;
export const transferAttemptsMax = 3;

/**
 * Makes somebody else lead: `to`, or whoever is most up to date. On success this member does not lead any more, `checkpoint`
 * throws, and the new leader resumes the operation; so this returns only where somebody else leads already.
 */
export async function handOver(work: Work, from: string, to: () => string | null): Promise<string> {
  const { actions } = work;
  let last = 'nobody took it over';
  for (let attempt = 1; attempt <= transferAttemptsMax; attempt += 1) {
    work.checkpoint();
    if (actions.leadership().leader !== from) return `${actions.leadership().leader ?? 'nobody'} leads`;
    const successor = to();
    if (successor === null) throw failed(`${from} leads, and no other voter can take over`);
    await work.say(
      `handing leadership to ${successor}${attempt === 1 ? '' : `, attempt ${attempt} of ${transferAttemptsMax}`}`,
    );
    last = `${successor} did not take it over`;
    try {
      await actions.transferLeadership(successor);
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
    const deadline = actions.now() + transferAttemptMs;
    await waitUntil(work, {
      forMs: transferAttemptMs,
      // The end of an attempt is no failure: the next one follows.
      until: () =>
        actions.leadership().leader !== from || actions.now() >= deadline || `waiting for ${successor} to take over`,
      otherwise: () => failed(last),
    });
  }
  if (actions.leadership().leader !== from) return `${actions.leadership().leader ?? 'nobody'} leads`;
  throw failed(`leadership stayed with ${from}: ${last} in ${transferAttemptsMax} attempts`);
}

/** Whoever holds most of the log among the voters that are heard. */
export function successorOf(work: Work, except: string): string | null {
  const { actions } = work;
  const voters = votersOf(actions.configuration()).filter((id) => id !== except);
  const heard = voters.flatMap((id) => {
    const progress = actions.progress(id);
    return progress?.active === true ? [progress] : [];
  });
  return heard.toSorted((a, b) => b.match - a.match)[0]?.id ?? null;
}
