/** From a snapshot on a controller to the checks of a restore: what each answer leads to. */
import test from 'ava';
import type { Message, Request } from '../../console/state/messages.js';
import { reduceAll } from '../../console/state/reduce.js';
import { preparingOf, snapshotRows } from '../../console/state/snapshots.js';
import type { State } from '../../console/state/state.js';
import { dialogOf } from '../../console/state/workflow.js';
import { QuorateError } from '../../messaging/index.js';
import { answerOf, at, healthyState, keys, startAt, stateAfter, tick } from './fixtures.js';

const file = { sha256: 'cd'.repeat(32), sizeBytes: 1_000 };

function requests(state: State, ...messages: readonly Message[]): readonly Request[] {
  return reduceAll(state, messages)[1].flatMap((effect) => (effect.type === 'request' ? [effect.request] : []));
}

const view = (name: string, createdBy: string | null) => ({
  name,
  path: `/b/${name}`,
  sizeBytes: 1_000,
  position: at(5),
  createdAt: startAt,
  createdBy,
  origin: 'manual' as const,
  problem: null,
});

const listed = (node: string, ...snapshots: readonly ReturnType<typeof view>[]): Message =>
  answerOf('snapshot.list', { verb: 'snapshot.list', node, params: {} }, { snapshots });

function shown(): State {
  const opened = stateAfter(healthyState(), ...keys('9'), tick(startAt + 400));
  return stateAfter(
    opened,
    listed('n1', view('a', 'n1'), view('b', 'n2')),
    listed('n2', view('b', 'n2')),
    listed('n3'),
  );
}

const staged = (number: number, state: string): Message =>
  answerOf(
    'restore.stage',
    { verb: 'restore.stage', number, requestId: 'x', params: file },
    { node: 'n2', state, receivedBytes: 400 },
  );

function taking(): { readonly state: State; readonly number: number } {
  const state = stateAfter(shown(), ...keys('enter', '2'));
  const number = preparingOf(state)?.number ?? 0;
  const request = { verb: 'restore.take' as const, node: 'n1', number, requestId: 'x', params: { name: 'a' } };
  return { state: stateAfter(state, answerOf('restore.take', request, { ...file, state: 'receiving' })), number };
}

test('snapshots are asked for only while their screen is open, and each file stands once', (t) => {
  t.deepEqual(
    requests(healthyState(), tick(startAt + 400)).filter(({ verb }) => verb === 'snapshot.list'),
    [],
  );
  const asked = requests(stateAfter(healthyState(), ...keys('9')), tick(startAt + 400));
  t.is(asked.filter(({ verb }) => verb === 'snapshot.list').length, 3);
  t.deepEqual(
    snapshotRows(shown()).map(({ id }) => id),
    ['n1/a', 'n2/b'],
  );
});

test('a file is made ready first: only then come the checks, and nothing was started', (t) => {
  const { state, number } = taking();
  t.is(preparingOf(state)?.progress, 'the leader fetches it');
  const verifying = stateAfter(state, staged(number, 'verifying'));
  t.is(preparingOf(verifying)?.progress, 'n2 verifies it');
  const again = requests(verifying, tick(verifying.now + 600));
  t.true(
    again.some(({ verb }) => verb === 'restore.stage'),
    'it is asked again',
  );
  const [planning, effects] = reduceAll(verifying, [staged(number, 'ready')]);
  t.deepEqual(dialogOf(planning)?.parameters, { workflow: 'restore', ...file, name: 'a' });
  t.deepEqual(
    effects.flatMap((effect) => (effect.type === 'request' ? [effect.request.verb] : [])),
    ['operation.plan'],
  );
});

test('a refusal stays on the screen with its remedy, and r tries again', (t) => {
  const { state, number } = taking();
  const error = new QuorateError('snapshot-invalid').toWire();
  const request = { verb: 'restore.stage' as const, number, requestId: 'x', params: file };
  const refused = stateAfter(state, { type: 'answer', verb: 'restore.stage', request, outcome: { ok: false, error } });
  t.is(preparingOf(refused)?.error?.code, 'snapshot-invalid');
  t.deepEqual(
    requests(refused, tick(refused.now + 5_000)).filter(({ verb }) => verb === 'restore.stage'),
    [],
  );
  t.is(requests(refused, ...keys('r'))[0]?.verb, 'restore.take');
  t.is(preparingOf(stateAfter(state, staged(number, 'failed')))?.error?.code, 'snapshot-invalid');
});

test('once it is closed, a late answer opens nothing', (t) => {
  const { state, number } = taking();
  const closed = stateAfter(state, ...keys('esc'));
  t.is(stateAfter(closed, staged(number, 'ready')).view.overlay, null);
});

test('a locked console restores nothing', (t) => {
  const locked = { ...shown(), locked: true };
  t.deepEqual(
    requests(locked, ...keys('enter', '2')).filter(({ verb }) => verb === 'restore.take'),
    [],
  );
});
