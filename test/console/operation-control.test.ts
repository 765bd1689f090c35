/** Cancelling what runs and letting go on what failed: what each answer leads to. */
import test from 'ava';
import type { Message, Request } from '../../console/state/messages.js';
import { reduceAll } from '../../console/state/reduce.js';
import type { State } from '../../console/state/state.js';
import { dialogOf } from '../../console/state/workflow.js';
import { QuorateError } from '../../messaging/index.js';
import {
  answerOf,
  failedJoin,
  healthyState,
  joinPlan,
  keys,
  removePlanThatFails,
  runningJoin,
  stateAfter,
  typing,
} from './fixtures.js';

const { id } = runningJoin;

function requests(state: State, ...messages: readonly Message[]): readonly Request[] {
  return reduceAll(state, messages)[1].flatMap((effect) => (effect.type === 'request' ? [effect.request] : []));
}

const verbs = (asked: readonly Request[]): readonly string[] => asked.map(({ verb }) => verb);

function opened(operation: typeof runningJoin): State {
  return stateAfter(healthyState(), { type: 'operation', operation }, ...keys('6', 'a', '1'));
}

function planned(state: State, plan: typeof joinPlan, how: string): State {
  const number = dialogOf(state)?.number ?? 0;
  const request = { verb: 'operation.plan-resume' as const, number, params: { id } };
  return stateAfter(state, answerOf('operation.plan-resume', request, { ...plan, how }));
}

test('an operation is cancelled only after the word was typed, once, and its record is then watched', (t) => {
  const asking = opened(runningJoin);
  t.is(dialogOf(asking)?.phase.step, 'asking');
  t.deepEqual(requests(asking, ...keys('enter')), [], 'enter alone does nothing');
  t.deepEqual(requests(asking, ...typing('cancl'), ...keys('enter')), []);
  t.deepEqual(requests(asking, { type: 'paste', text: 'cancel' }, ...keys('enter')), [], 'pasting does not confirm');
  const [asked, effects] = reduceAll(asking, [...typing('cancel'), ...keys('enter')]);
  const request = effects.flatMap((effect) => (effect.type === 'request' ? [effect.request] : []))[0];
  t.like(request, { verb: 'operation.cancel', params: { id } });
  const number = dialogOf(asked)?.number ?? 0;
  const answer = { verb: 'operation.cancel' as const, number, requestId: 'x', params: { id } };
  const cancellation = { by: 'alice', origin: null, at: 1 };
  const watched = stateAfter(asked, answerOf('operation.cancel', answer, { ...runningJoin, cancellation }));
  t.like(dialogOf(watched)?.phase, { step: 'watching', operation: id });
});

test('a refusal stays with its remedy, and is not taken for an answer that may come', (t) => {
  const asked = stateAfter(opened(runningJoin), ...typing('cancel'), ...keys('enter'));
  const number = dialogOf(asked)?.number ?? 0;
  const request = { verb: 'operation.cancel' as const, number, requestId: 'x', params: { id } };
  const refuse = (code: 'not-cancellable' | 'timeout') =>
    stateAfter(asked, {
      type: 'answer',
      verb: 'operation.cancel',
      request,
      outcome: { ok: false, error: new QuorateError(code).toWire() },
    });
  t.like(dialogOf(refuse('not-cancellable'))?.phase, { step: 'refused', retry: null });
  const [again] = requests(refuse('timeout'), ...keys('r'));
  const first = requests(opened(runningJoin), ...typing('cancel'), ...keys('enter'))[0];
  t.like(again, { verb: 'operation.cancel', requestId: (first as { requestId: string }).requestId });
});

test('what failed goes on after its checks and a typed name; where a check fails, not at all', (t) => {
  const asked = opened(failedJoin);
  t.deepEqual(
    verbs(requests(stateAfter(healthyState(), { type: 'operation', operation: failedJoin }), ...keys('6', 'a', '1'))),
    ['operation.plan-resume'],
  );
  const shown = planned(asked, joinPlan, 'anew');
  t.like(dialogOf(shown)?.phase, { step: 'planned', how: 'anew' });
  t.deepEqual(verbs(requests(shown, ...typing('n4'), ...keys('enter'))), ['operation.resume']);
  t.deepEqual(verbs(requests(planned(asked, removePlanThatFails, 'anew'), ...typing('n2'), ...keys('enter'))), []);
  t.like(dialogOf(planned(asked, joinPlan, 'none'))?.phase, { step: 'watching' }, 'one that runs is watched');
});

test('a locked console neither cancels nor resumes, and what is over is not cancelled', (t) => {
  const locked = (operation: typeof runningJoin) =>
    stateAfter({ ...healthyState(), locked: true }, { type: 'operation', operation }, ...keys('6', 'a', '1'));
  t.is(dialogOf(locked(runningJoin)), null);
  t.is(dialogOf(locked(failedJoin)), null);
  const done = { ...runningJoin, state: 'done' as const, finishedAt: 5 };
  t.is(stateAfter(healthyState(), { type: 'operation', operation: done }, ...keys('6', 'a')).view.overlay, null);
});
