/** Version ranges: what two sides agree on, and the switch that makes a process act as an older one. */
import test from 'ava';
import {
  agreeVersion,
  apiVerbs,
  featureGates,
  QuorateError,
  spokenVersions,
  supportedVersions,
} from '../../messaging/index.js';

test('two sides speak the highest version that both understand, or none', (t) => {
  t.is(agreeVersion({ min: 1, max: 2 }, { min: 1, max: 1 }), 1);
  t.is(agreeVersion({ min: 1, max: 3 }, { min: 2, max: 5 }), 3);
  t.is(agreeVersion({ min: 1, max: 1 }, { min: 2, max: 3 }), null);
});

test('a process acts as an older version only where the variable says so, and says a version that this build knows', (t) => {
  const spoken = (given?: string) => spokenVersions({ QUORATE_PROTOCOL_MAX: given });
  t.deepEqual(spoken(), supportedVersions);
  t.deepEqual(spoken('1'), { min: 1, max: 1 });
  t.deepEqual(spoken(String(supportedVersions.max)), supportedVersions);
  for (const wrong of ['', '0', '-1', '1.5', 'old', '99', ' 1x'])
    t.is(t.throws(() => spoken(wrong), { instanceOf: QuorateError })?.code, 'invalid-config', JSON.stringify(wrong));
});

test('every gate and every verb came with a version that this build speaks', (t) => {
  for (const [name, { since }] of Object.entries(featureGates))
    t.true(since > 1 && since <= supportedVersions.max, `${name}: what the first version had needs no gate`);
  for (const [verb, entry] of Object.entries(apiVerbs))
    if ('since' in entry) t.true(entry.since <= supportedVersions.max, verb);
});
