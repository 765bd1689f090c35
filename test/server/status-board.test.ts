/** Who is heard: the newest life of each controller, and whether two processes speak under one id. */
import test from 'ava';
import { subjectsOf } from '../../messaging/index.js';
import { StatusBoard } from '../../node/server/status-board.js';
import { nodeStatus } from '../workflows/world.js';

function board() {
  const given = {
    connection: undefined as never,
    subjects: subjectsOf('test'),
    nodeId: 'a',
    onMismatch: () => undefined,
  };
  return new StatusBoard({ ...given, clock: { monotonicMs: () => 0 } as never });
}

/** `life`: how often its directory was opened, and when the process began. */
function says(life: { readonly incarnation: number; readonly startedAt: number }, sequence: number) {
  return { ...nodeStatus('x', 'blank', null), ...life, sequence };
}
const strays = (heard: StatusBoard) => heard.get('x')?.strays ?? 0;

test('a restart is one process after the other, and a late word of the first is no second process', (t) => {
  const heard = board();
  heard.note(says({ incarnation: 1, startedAt: 100 }, 7));
  heard.note(says({ incarnation: 2, startedAt: 200 }, 1));
  heard.note(says({ incarnation: 1, startedAt: 100 }, 8));
  for (const sequence of [2, 3, 4]) heard.note(says({ incarnation: 2, startedAt: 200 }, sequence));
  t.is(strays(heard), 1);
  t.is(heard.get('x')?.status.incarnation, 2);
  heard.note(says({ incarnation: 3, startedAt: 300 }, 1));
  t.is(strays(heard), 0);
});

for (const [title, one, other] of [
  ['each on a directory of its own', { incarnation: 1, startedAt: 100 }, { incarnation: 1, startedAt: 200 }],
  ['the older one was opened more often', { incarnation: 5, startedAt: 100 }, { incarnation: 1, startedAt: 200 }],
  ['the older one was opened less often', { incarnation: 1, startedAt: 100 }, { incarnation: 5, startedAt: 200 }],
] as const) {
  test(`two processes under one id are told apart: ${title}`, (t) => {
    const heard = board();
    for (const sequence of [1, 2, 3, 4]) {
      heard.note(says(one, sequence));
      heard.note(says(other, sequence));
    }
    t.true(strays(heard) > 1, String(strays(heard)));
  });
}
