import test from 'ava';
import type { Clock } from '../../node/cluster/clock.js';
import type { Role } from '../../node/raft/index.js';
import { LeadershipNews, leaderlessAfterMs } from '../../node/server/leadership-news.js';

/** One member's news, and a clock that is moved by hand. */
function member() {
  const told: string[] = [];
  let timers: { readonly at: number; readonly call: () => void }[] = [];
  let now = 0;
  const clock: Clock = {
    now: () => now,
    monotonicMs: () => now,
    after: (delayMs, call) => {
      const timer = { at: now + delayMs, call };
      timers.push(timer);
      return () => {
        timers = timers.filter((each) => each !== timer);
      };
    },
    every: () => () => undefined,
  };
  const news = new LeadershipNews({ nodeId: 'n1', clock, events: { cluster: (type: string) => void told.push(type) } });
  return {
    becomes: (role: Role, term: number, leader?: string) => news.changed({ role, term, leader }),
    pass: (durationMs: number) => {
      now += durationMs;
      for (const timer of timers.filter(({ at }) => at <= now)) {
        timers = timers.filter((each) => each !== timer);
        timer.call();
      }
    },
    told: () => told.splice(0),
  };
}

test('a leader tells that it leads, and when it does no more', (t) => {
  const { becomes, told } = member();
  becomes('leader', 2, 'n1');
  t.deepEqual(told(), ['leadership.gained', 'state.has_leader']);
  becomes('follower', 3, 'n2');
  t.deepEqual(told(), ['leadership.lost']);
});

test('a leader that steps down in its own term hears no quorum, and tells so; the next one tells that there is one again', (t) => {
  const { becomes, told } = member();
  becomes('leader', 2, 'n1');
  told();
  becomes('follower', 2);
  t.deepEqual(told(), ['leadership.lost', 'quorum.lost']);
  becomes('candidate', 3);
  becomes('leader', 3, 'n1');
  t.deepEqual(told(), ['leadership.gained', 'state.has_leader', 'quorum.regained']);
});

test('a leader that meets a higher term has not lost the quorum', (t) => {
  const { becomes, told } = member();
  becomes('leader', 2, 'n1');
  told();
  becomes('follower', 5);
  t.deepEqual(told(), ['leadership.lost']);
});

test('that there is no leader is told once, and only when it lasts', (t) => {
  const { becomes, pass, told } = member();
  becomes('follower', 2, 'n2');
  becomes('preCandidate', 2);
  pass(leaderlessAfterMs / 2);
  becomes('follower', 3, 'n3');
  pass(leaderlessAfterMs);
  t.deepEqual(told(), [], 'an ordinary change of leader is no news');
  becomes('preCandidate', 3);
  pass(leaderlessAfterMs);
  becomes('candidate', 4);
  pass(leaderlessAfterMs * 3);
  t.deepEqual(told(), ['state.is_leaderless']);
});

test('who told that the quorum was lost tells that it is back, also under another leader; who told of nothing does not', (t) => {
  const { becomes, pass, told } = member();
  becomes('leader', 2, 'n1');
  becomes('follower', 2);
  t.deepEqual(told().slice(-2), ['leadership.lost', 'quorum.lost']);
  becomes('follower', 3, 'n2');
  t.deepEqual(told(), ['quorum.regained']);
  becomes('follower', 4, 'n3');
  t.deepEqual(told(), [], 'once');
  becomes('follower', 4);
  pass(leaderlessAfterMs);
  t.deepEqual(told(), ['state.is_leaderless']);
  becomes('follower', 5, 'n2');
  t.deepEqual(told(), ['quorum.regained']);
});
