/** Whoever proposes hears exactly once what became of it, in whatever order answers, entries and leaders come and go. */
import test from 'ava';
import { PendingProposals, type ProposalOutcome } from '../../node/cluster/proposals.js';
import { seededRandom } from '../support/random.js';

interface Asked {
  readonly outcomes: ProposalOutcome[];
  /** Where a leader appended it. */
  place: { readonly index: number; readonly term: number } | undefined;
}

/** Random leaders: each cuts off what was not applied, perhaps, and appends behind it, in a later term. */
function play(seed: number): { readonly asked: readonly Asked[]; readonly applied: ReadonlyMap<number, number> } {
  const random = seededRandom(seed);
  const timers: (() => void)[] = [];
  const clock = {
    ...{ now: () => 0, monotonicMs: () => 0, every: () => () => undefined },
    after: (_: number, call: () => void) => {
      timers.push(call);
      return () => void timers.splice(timers.indexOf(call), 1);
    },
  };
  const pending = new PendingProposals(clock, () => undefined);
  const asked: Asked[] = [];
  const applied = new Map<number, number>();
  const replies: (() => void)[] = [];
  const log = [{ term: 1 }];
  let term = 1;
  let appliedIndex = 0;
  let leads = true;
  for (let step = 0; step < 200; step += 1) {
    const each: Asked = { outcomes: [], place: undefined };
    const callback = (outcome: ProposalOutcome): void => void each.outcomes.push(outcome);
    switch (random.between(0, 6)) {
      case 0:
      case 1: {
        asked.push(each);
        const place = { index: log.length, term };
        each.place = place;
        log.push({ term });
        if (leads) {
          pending.await(place.index, term, callback);
          break;
        }
        const id = `p${asked.length}`;
        pending.forwarded(id, callback);
        replies.push(() => pending.appended(id, place.index, place.term, { applied: appliedIndex, term }));
        break;
      }
      case 2: {
        // Late, lost, or twice.
        const at = random.between(0, Math.max(0, replies.length - 1));
        replies[at]?.();
        if (random.chance(0.7)) replies.splice(at, 1);
        break;
      }
      case 3:
      case 4: {
        const index = appliedIndex + 1;
        const entry = log[index];
        if (entry === undefined) break;
        appliedIndex = index;
        applied.set(index, entry.term);
        pending.applied({ index, term: entry.term, outcome: { type: 'nothing', index } });
        break;
      }
      case 5:
        if (random.chance(0.5)) break;
        term += 1;
        leads = random.chance(0.5);
        log.length = random.between(appliedIndex + 1, log.length);
        pending.leadershipChanged({ role: leads ? 'leader' : 'follower', term, leader: leads ? 'n1' : undefined });
        break;
      default:
        if (random.chance(0.2)) timers[0]?.();
    }
  }
  for (const timer of [...timers]) timer();
  pending.leadershipChanged({ role: 'follower', term: term + 1, leader: undefined });
  for (const reply of replies) reply();
  return { asked, applied };
}

test('every proposal ends once: committed where it stands, or unknown', (t) => {
  const ends = new Map<string, number>();
  for (let seed = 1; seed <= 300; seed += 1) {
    const { asked, applied } = play(seed);
    for (const { outcomes, place } of asked) {
      const [outcome] = outcomes;
      if (outcome === undefined || outcomes.length !== 1 || place === undefined)
        return t.fail(`seed ${seed}: ${outcomes.length} answers to one proposal`);
      if (outcome.ok) {
        t.like(outcome.entry, place, `seed ${seed}: another's entry`);
        t.is(applied.get(place.index), place.term);
      }
      const end = outcome.ok ? 'committed' : outcome.error.code;
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }
  }
  t.deepEqual(new Set(ends.keys()), new Set(['committed', 'leadership-lost', 'timeout']));
});
