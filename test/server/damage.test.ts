/** What somebody is told whose controller is out of service for damage. That it is so: test/e2e/damage.test.ts. */
import test from 'ava';
import { QuorateError } from '../../messaging/index.js';
import { initialConfiguration } from '../../node/raft/index.js';
import { Alarms } from '../../node/server/alarms.js';
import { Damage } from '../../node/server/damage.js';
import { metaAt } from '../storage/model-store-contract.js';

function remedyOf(voters: readonly string[], indexType: 'raft' | 'legacy', isReadable = true): string {
  const clock = { now: () => 0, monotonicMs: () => 0, after: () => () => undefined, every: () => () => undefined };
  const alarms = new Alarms(clock, () => undefined);
  const meta = metaAt(5);
  const damage = new Damage({
    ...{ nodeId: 'n1', dataDirectory: '/var/my data', clock, alarms },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    events: { cluster: () => undefined },
    storage: {
      raft: {
        hardState: () => ({ term: 1, vote: '', commit: 5 }),
        lastIndex: () => 5,
        dropDamagedFrom: () => undefined,
        markDamaged: () => undefined,
      },
      model: {
        meta: () => {
          if (!isReadable) throw new QuorateError('damaged');
          return { ...meta, configuration: initialConfiguration(voters), position: { ...meta.position, indexType } };
        },
      },
    },
  });
  damage.outOfService(new QuorateError('damaged', 'Entry 3 of the log is damaged.'));
  return alarms.list()[0]?.remedy ?? '';
}

test('one of several voters is replaced', (t) => {
  for (const remedy of [remedyOf(['n1', 'n2', 'n3'], 'raft'), remedyOf(['n1'], 'raft', false)])
    t.regex(remedy, /`quorate reset --data-dir '\/var\/my data'`.*`quorate members replace n1 NEW`/);
});

test('where nobody else holds the model there is nobody to replace it, and nothing is made blank before it was looked at', (t) => {
  for (const remedy of [remedyOf(['n1'], 'raft'), remedyOf(['n1', 'n2', 'n3'], 'legacy')]) {
    t.regex(remedy, /`quorate doctor --data-dir '\/var\/my data'`/);
    t.notRegex(remedy, /members replace|reset/);
  }
});
