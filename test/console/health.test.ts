import test from 'ava';
import { memberRole } from '../../console/state/columns.js';
import { judgeHealth } from '../../console/state/health.js';
import { insecurityOf } from '../../console/state/insecurity.js';
import { lagOf, membersOf } from '../../console/state/members.js';
import type { Message } from '../../console/state/messages.js';
import type { State } from '../../console/state/state.js';
import { featureGateNames, type NodeStatus } from '../../messaging/index.js';
import { blankStatus, freshState, progressOf, startAt, stateAfter, statusOf, tick } from './fixtures.js';

/** A console that hears these statuses at one moment. */
function hearing(...statuses: readonly NodeStatus[]): State {
  return stateAfter(freshState(), tick(startAt), ...statuses.map((status): Message => ({ type: 'status', status })));
}

const all = [statusOf('n1'), statusOf('n2'), statusOf('n3')];
const codes = (state: State) => judgeHealth(state).reasons.map((reason) => reason.code);

test('a cluster of three that works is healthy, and the sentence says who leads and what it survives', (t) => {
  const health = judgeHealth(hearing(...all));
  t.is(health.sentence, 'Healthy: 3 of 3 voters, leader n1, survives 1 failure');
  t.is(health.level, 'ok');
  t.deepEqual(health.reasons, []);
  t.is(health.failuresSurvived, 1);
});

test('a cluster that others can listen to says so, in its reasons and in a sentence for every screen', (t) => {
  t.is(insecurityOf(hearing(...all)), null);
  const open = hearing(
    statusOf('n1'),
    statusOf('n2', { insecure: ['tls'] }),
    statusOf('n3', { insecure: ['authentication'] }),
  );
  t.is(insecurityOf(open), 'INSECURE: n2, n3 use NATS without authentication and without TLS');
  t.deepEqual(codes(open), ['insecure']);
  t.is(judgeHealth(open).level, 'warn');
});

test('right after the start nobody is missed yet; later somebody is', (t) => {
  const begun = stateAfter(freshState(), tick(startAt - 59_000));
  t.is(judgeHealth(begun).level, 'info');
  const waited = judgeHealth(stateAfter(begun, tick(startAt)));
  t.is(waited.sentence, 'NO CONTROLLER of cluster demo heard for 60 s');
  t.is(waited.level, 'bad');
  t.true((waited.reasons[0]?.remedy ?? '') !== '');
});

test('blank controllers alone are no cluster', (t) => {
  const health = judgeHealth(hearing(blankStatus('n1'), blankStatus('n2')));
  t.is(health.sentence, 'NO CLUSTER yet: 2 blank controllers heard, none is a member');
  t.deepEqual(
    health.reasons.map((reason) => reason.code),
    ['no-cluster'],
  );
});

test('without a leader, but with a majority heard, an election is due', (t) => {
  const electing = (id: string) =>
    statusOf(id, { raft: { role: 'candidate', leader: null, term: 6, hasQuorum: false } });
  const state = stateAfter(hearing(electing('n1'), electing('n2'), electing('n3')), tick(startAt + 1_500));
  t.is(judgeHealth(state).sentence, 'NO LEADER for 1 s: 3 of 3 voters heard, an election is due');
  t.is(judgeHealth(state).level, 'bad');
});

test('one voter of three that is heard is no quorum', (t) => {
  const lonely = statusOf('n2', { raft: { role: 'pre-candidate', leader: null, hasQuorum: false } });
  const silent = stateAfter(hearing(...all), tick(startAt + 10_000), {
    type: 'status',
    status: { ...lonely, sequence: 2 },
  });
  const health = judgeHealth(silent);
  t.is(health.sentence, 'NO QUORUM: 1 of 3 voters heard, 2 needed; nothing can be written');
  t.is(health.reasons[0]?.remedy, 'Start n1 and n3. If lost for good: `quorate recover`, in a shell.');
  t.is(health.failuresSurvived, null);
});

test('a leader that says it has no quorum is believed', (t) => {
  const away = { active: false, lastContactMs: 9_000 };
  const cut = statusOf('n1', {
    raft: { hasQuorum: false, progress: [progressOf('n2', away), progressOf('n3', away)] },
  });
  const health = judgeHealth(hearing(cut));
  t.is(health.sentence, 'NO QUORUM: leader n1 reaches 1 of 3 voters, 2 needed; nothing can be written');
});

test('a leader that fell silent is uncertain, not healthy', (t) => {
  const later = stateAfter(hearing(...all), tick(startAt + 2_500), {
    type: 'status',
    status: statusOf('n2', { sequence: 2 }),
  });
  const health = judgeHealth(later);
  t.is(health.sentence, 'UNCERTAIN: leader n1 not heard for 2 s; what it led is from 10:32:11');
  t.is(health.failuresSurvived, null);
});

test('a leader that members follow, but whose status is missing, is said to be followed', (t) => {
  const later = stateAfter(
    hearing(...all),
    tick(startAt + 8_000),
    { type: 'status', status: statusOf('n2', { sequence: 2 }) },
    { type: 'status', status: statusOf('n3', { sequence: 2 }) },
  );
  t.is(judgeHealth(later).sentence, 'DEGRADED: leader n1 is followed but its status is missing; 2 of 3 voters heard');
});

test('the word of an old leader from before the election is no second leader', (t) => {
  const elected = statusOf('n2', {
    raft: { role: 'leader', term: 6, leader: 'n2', progress: [progressOf('n1', { active: true }), progressOf('n3')] },
    sequence: 2,
  });
  const state = stateAfter(hearing(...all), tick(startAt + 300), { type: 'status', status: elected });
  t.is(judgeHealth(state).sentence, 'Healthy: 3 of 3 voters, leader n2, survives 1 failure');
});

test('right after a failover the list has one leader: the other was it', (t) => {
  const before = statusOf('n2', { raft: { role: 'leader', term: 4, leader: 'n2' } });
  const rows = membersOf(hearing(before, statusOf('n1'), statusOf('n3')));
  t.deepEqual(
    rows.map((row) => memberRole(row).text),
    ['leader', 'old leader', 'follower'],
  );
  const rival = statusOf('n2', { raft: { role: 'leader', leader: 'n2' } });
  const two = membersOf(hearing(rival, statusOf('n1'), statusOf('n3')));
  t.is(two.filter((row) => memberRole(row).text === 'leader').length, 2, 'two in one term are both shown');
});

test('one who still says that it leads an older term is a stale leader', (t) => {
  const elected = statusOf('n2', {
    raft: { role: 'leader', term: 6, leader: 'n2', progress: [progressOf('n1', { active: false }), progressOf('n3')] },
  });
  const state = stateAfter(
    hearing(statusOf('n1'), elected, statusOf('n3')),
    tick(startAt + 3_000),
    { type: 'status', status: { ...statusOf('n1'), sequence: 4 } },
    { type: 'status', status: { ...elected, sequence: 4 } },
    { type: 'status', status: statusOf('n3', { sequence: 4, raft: { term: 6, leader: 'n2' } }) },
  );
  t.true(codes(state).includes('stale-leader'));
  t.is(judgeHealth(state).sentence, 'DEGRADED: 2 of 3 voters, leader n2, survives no failure');
});

test('two leaders in one term must never be, and are the worst that is said', (t) => {
  const other = statusOf('n2', {
    raft: { role: 'leader', leader: 'n2', progress: [progressOf('n1'), progressOf('n3')] },
  });
  const health = judgeHealth(hearing(statusOf('n1'), other, statusOf('n3')));
  t.is(health.level, 'bad');
  t.is(health.reasons[0]?.code, 'two-leaders-in-one-term');
});

test('a member that is silent, or that the leader does not reach, costs a failure', (t) => {
  const n1 = statusOf('n1', {
    raft: { progress: [progressOf('n2'), progressOf('n3', { active: false, lastContactMs: 9_000 })] },
  });
  const unreached = judgeHealth(hearing(n1, statusOf('n2'), statusOf('n3')));
  t.is(unreached.sentence, 'DEGRADED: 2 of 3 voters, leader n1, survives no failure');
  t.deepEqual(
    unreached.reasons.map((reason) => reason.code),
    ['out-of-contact'],
  );
  t.deepEqual(codes(hearing(n1, statusOf('n2'))), ['member-silent']);
});

test('one that the leader lost and that was not heard for two seconds is not said to speak', (t) => {
  const lost = statusOf('n1', {
    sequence: 2,
    raft: { progress: [progressOf('n2'), progressOf('n3', { active: false, lastContactMs: 2_400 })] },
  });
  const state = stateAfter(
    hearing(...all),
    tick(startAt + 2_500),
    { type: 'status', status: lost },
    { type: 'status', status: statusOf('n2', { sequence: 2 }) },
  );
  t.deepEqual(
    judgeHealth(state).reasons.map((reason) => reason.sentence),
    ['n3 (voter) has been silent for 2 s.'],
  );
});

test('a member that the leader reaches and this console does not, is not called down', (t) => {
  const health = judgeHealth(hearing(statusOf('n1'), statusOf('n2')));
  t.deepEqual(
    health.reasons.map((reason) => [reason.code, reason.level]),
    [['status-missing', 'warn']],
  );
  t.is(health.failuresSurvived, 1);
});

test('a learner that begins with a snapshot is no concern; a voter that needs one is', (t) => {
  const taking = (configuration: Partial<NonNullable<NodeStatus['raft']>['configuration']>) =>
    hearing(
      statusOf('n1', {
        raft: {
          configuration: {
            voters: ['n1', 'n2', 'n3'],
            votersOutgoing: [],
            learners: [],
            learnersNext: [],
            ...configuration,
          },
          progress: [progressOf('n1'), progressOf('n2', { state: 'snapshot' }), progressOf('n3'), progressOf('n4')],
        },
      }),
      statusOf('n2'),
      statusOf('n3'),
      statusOf('n4'),
    );
  t.is(judgeHealth(taking({ voters: ['n1', 'n3', 'n4'], learners: ['n2'] })).level, 'ok');
  t.is(judgeHealth(taking({})).level, 'warn');
});

test('a follower that is thousands of entries behind is named', (t) => {
  const n1 = statusOf('n1', { raft: { progress: [progressOf('n2'), progressOf('n3', { lag: 5_210 })] } });
  const health = judgeHealth(hearing(n1, statusOf('n2'), statusOf('n3')));
  t.is(health.level, 'warn');
  t.is(health.reasons[0]?.sentence, 'n3 is 5,210 entries behind the leader.');
});

test('while membership changes, both majorities count', (t) => {
  const joint = { voters: ['n1', 'n2', 'n4'], votersOutgoing: ['n1', 'n2', 'n3'], learners: [], learnersNext: [] };
  const n1 = statusOf('n1', {
    raft: { configuration: joint, progress: [progressOf('n2'), progressOf('n3', { active: false }), progressOf('n4')] },
  });
  const n4 = statusOf('n4', { raft: {} });
  const health = judgeHealth(hearing(n1, statusOf('n2'), statusOf('n3'), n4));
  t.is(health.failuresSurvived, 0);
  t.true(health.reasons.some((reason) => reason.code === 'joint'));
  t.is(health.sentence, 'DEGRADED: 3 of 4 voters, leader n1, survives no failure');
});

test('a single voter works without reserve, and says so', (t) => {
  const one = { voters: ['n1'], votersOutgoing: [], learners: [], learnersNext: [] };
  const health = judgeHealth(hearing(statusOf('n1', { raft: { configuration: one, progress: [] } })));
  t.is(health.sentence, 'NO RESERVE: 1 of 1 voter, leader n1, survives no failure');
  t.is(health.level, 'warn');
});

test('an even number of voters is healthy, with a word of advice', (t) => {
  const four = { voters: ['n1', 'n2', 'n3', 'n4'], votersOutgoing: [], learners: [], learnersNext: [] };
  const n1 = statusOf('n1', {
    raft: { configuration: four, progress: ['n2', 'n3', 'n4'].map((id) => progressOf(id)) },
  });
  const rest = ['n2', 'n3', 'n4'].map((id) => statusOf(id, { raft: { configuration: four } }));
  const health = judgeHealth(hearing(n1, ...rest));
  t.is(health.sentence, 'Healthy: 4 of 4 voters, leader n1, survives 1 failure');
  t.deepEqual(
    health.reasons.map((reason) => reason.code),
    ['even-voters'],
  );
});

test('a console that is cut off says so, and says of when the rest is', (t) => {
  const state = stateAfter(hearing(...all), { type: 'connection', up: false }, tick(startAt + 4_000));
  const health = judgeHealth(state);
  t.is(health.sentence, 'Console cut off from NATS for 4 s; what you see is from 10:32:11');
  t.is(health.failuresSurvived, null);
});

test('all silent while the connection is up is not the same as being cut off', (t) => {
  const health = judgeHealth(stateAfter(hearing(...all), tick(startAt + 12_000)));
  t.is(health.sentence, 'NO CONTROLLER heard for 12 s; what you see is from 10:32:11');
});

test('alarms of controllers are reasons, with their remedy', (t) => {
  const alarm = {
    code: 'disk-slow',
    severity: 'warning' as const,
    message: 'a sync took 900 ms',
    remedy: 'Look at the disk.',
    since: startAt,
  };
  const health = judgeHealth(hearing(statusOf('n1'), statusOf('n2', { alarms: [alarm] }), statusOf('n3')));
  t.is(health.sentence, 'DEGRADED: 3 of 3 voters, leader n1, survives 1 failure');
  t.deepEqual(health.reasons, [
    {
      code: 'disk-slow',
      level: 'warn',
      sentence: 'n2: a sync took 900 ms',
      remedy: 'Look at the disk.',
      node: 'n2',
      since: startAt,
    },
  ]);
});

test('a blank, a removed and a damaged controller are said to be what they are', (t) => {
  const removed = statusOf('n5', { state: 'removed', raft: null });
  const damaged = statusOf('n6', { state: 'damaged', raft: null });
  const found = codes(hearing(...all, blankStatus('n4'), removed, damaged));
  t.deepEqual(found, ['damaged', 'waits-to-join', 'removed-runs']);
});

test('in a rolling upgrade it says who is behind, and what waits for them; after it, nothing', (t) => {
  const upgraded = (id: string) => statusOf(id, { version: '0.2.0', protocol: { min: 1, max: 2 } });
  const [mixed] = judgeHealth(hearing(statusOf('n1'), upgraded('n2'), statusOf('n3'))).reasons;
  t.is(mixed?.code, 'mixed-versions');
  t.is(
    mixed?.sentence,
    `Members run different versions: 0.1.0 and 0.2.0. ${featureGateNames.length} features (${featureGateNames.join(', ')}) wait for n1 and n3.`,
  );
  t.is(mixed?.remedy, 'Finish the upgrade: n1 and n3 next.');
  t.deepEqual(codes(hearing(upgraded('n1'), upgraded('n2'), upgraded('n3'))), []);
  const patched = statusOf('n3', { version: '0.1.1' });
  t.is(judgeHealth(hearing(statusOf('n1'), statusOf('n2'), patched)).reasons[0]?.remedy, 'Finish the upgrade.');
});

test('how far one is behind that a new leader has not reached yet is not known, and is not called a lag', (t) => {
  t.is(lagOf(progressOf('n2', { match: 0, lag: 18_204, active: false })), null);
  t.is(lagOf(progressOf('n2', { match: 0, lag: 18_204, active: true })), 18_204, 'a new learner holds nothing');
  t.is(lagOf(progressOf('n2', { match: 17_950, lag: 254, active: false })), 254);
  const unreached = statusOf('n1', {
    raft: { progress: [progressOf('n2', { match: 0, lag: 18_204, active: false })] },
  });
  t.false(codes(hearing(unreached, statusOf('n2'), statusOf('n3'))).includes('lags'));
});
