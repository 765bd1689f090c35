/** Members of versions that do not understand each other: what an operator is told, and when no longer. */
import test from 'ava';
import { Alarms } from '../../node/server/alarms.js';
import { VersionWatch } from '../../node/server/version-watch.js';
import { nodeStatus } from '../workflows/world.js';

function watching(protocol: { readonly min: number; readonly max: number }) {
  let now = 0;
  const clock = { now: () => now, monotonicMs: () => now, after: () => () => undefined, every: () => () => undefined };
  const alarms = new Alarms(clock, () => undefined);
  const watch = new VersionWatch({ clock, nodeId: 'n1', alarms, protocol, clusterId: () => 'cluster-one' });
  const says = (theirs: { readonly min: number; readonly max: number }, clusterId = 'cluster-one'): void =>
    watch.heard({ ...nodeStatus('n2', 'member', null), clusterId, protocol: theirs });
  return {
    watch,
    says,
    pass: (ms: number) => {
      now += ms;
    },
    alarms: () => alarms.list().map(({ code, message, remedy }) => ({ code, message, remedy })),
  };
}

test('a member that this one does not understand is named in an alarm, with what to install and where', (t) => {
  const { watch, alarms } = watching({ min: 2, max: 3 });
  watch.refused('n2', { min: 1, max: 1 });
  watch.refused('n2', { min: 1, max: 1 });
  t.is(alarms().length, 1);
  t.like(alarms()[0], { code: 'unsupported-version' });
  t.regex(alarms()[0]?.message ?? '', /n2 speaks protocol versions 1 and n1 2 to 3/);
  t.regex(alarms()[0]?.remedy ?? '', /on n2 .* version 2;/);
  watch.refused('n3', { min: 7, max: 9 });
  t.regex(alarms()[1]?.remedy ?? '', /on n1 .* version 7;/);
});

test('the alarm ends when the member comes back with another version, or is silent for good', (t) => {
  const { watch, says, pass, alarms } = watching({ min: 1, max: 1 });
  says({ min: 2, max: 2 });
  t.is(alarms().length, 1);
  says({ min: 1, max: 2 });
  t.deepEqual(alarms(), []);
  watch.refused('n3', { min: 2, max: 2 });
  pass(60_001);
  says({ min: 1, max: 2 });
  t.deepEqual(alarms(), []);
});

test('what other clusters speak is no concern of this one', (t) => {
  const { says, alarms } = watching({ min: 1, max: 1 });
  says({ min: 2, max: 2 }, 'another-cluster');
  t.deepEqual(alarms(), []);
});
