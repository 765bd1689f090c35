/** A change of one entity: nothing is written that was not confirmed, and nothing that was written is lost on the way. */
import test from 'ava';
import { changeOf } from '../../console/state/change.js';
import type { Effect, Message, Request } from '../../console/state/messages.js';
import { reduceAll } from '../../console/state/reduce.js';
import type { State } from '../../console/state/state.js';
import { type Entity, QuorateError } from '../../messaging/index.js';
import { answerOf, at, entityOf, healthyState, keys, services, stateAfter, typing, withModel } from './fixtures.js';

const billing = services[0] as Entity;
const yaml = (change: string): string =>
  `kind: service\nid: billing\nname: billing\ntags: { team: money, tier: "1" }\nspec:\n  roleAttributes: [internal]\n  ${change}\n`;

/** The dialog after the editor left `text`. */
function afterEditor(text: string, state: State = withModel(healthyState())): State {
  const editing = stateAfter(state, ...keys('e'));
  return stateAfter(editing, edited(editing, text));
}

function edited(state: State, text: string): Message {
  return { type: 'edited', number: changeOf(state)?.number ?? 0, outcome: { ok: true, value: text } };
}

function requestsOf(effects: readonly Effect[]): readonly Request[] {
  return effects.flatMap((effect) => (effect.type === 'request' ? [effect.request] : []));
}

function confirmed(state: State, name = 'billing'): readonly [State, readonly Request[]] {
  const [after, effects] = reduceAll(state, [...typing(name), ...keys('enter')]);
  return [after, requestsOf(effects)];
}

function answered(state: State, outcome: { ok: true; value: unknown } | { ok: false; error: unknown }): State {
  const number = changeOf(state)?.number ?? 0;
  const request = {
    verb: 'model.update',
    number,
    requestId: 'x',
    params: { kind: 'service', id: 'billing', patch: {} },
  };
  return stateAfter(state, { type: 'answer', verb: 'model.update', request, outcome } as Message);
}

test('the editor gets the entity as YAML, and the key alone writes nothing', (t) => {
  const [state, effects] = reduceAll(withModel(healthyState()), keys('e'));
  const [effect] = effects;
  t.is(effect?.type, 'edit');
  t.regex(effect?.type === 'edit' ? effect.text : '', /name: billing\n/);
  t.is(changeOf(state)?.phase.step, 'editing');
  t.deepEqual(requestsOf(effects), []);
});

test('what was edited is written once its name was typed, as a patch against the version that was read', (t) => {
  const shown = afterEditor(yaml('address: "billing.internal:9000"'));
  t.is(changeOf(shown)?.phase.step, 'shown');
  const [typo, none] = confirmed(shown, 'bill');
  t.deepEqual(none, []);
  t.regex(typo.view.flash?.sentence ?? '', /Type billing/);
  const [, [request]] = confirmed(shown);
  t.is(request?.verb, 'model.update');
  t.like(request?.params, {
    kind: 'service',
    id: 'billing',
    version: 3,
    patch: { spec: { address: 'billing.internal:9000' } },
  });
});

test('a name that was pasted does not confirm', (t) => {
  const [, effects] = reduceAll(afterEditor(yaml('address: other')), [
    { type: 'paste', text: 'billing' },
    ...keys('enter'),
  ]);
  t.deepEqual(requestsOf(effects), []);
});

test('an entity left as it was is not written, and neither is one whose id was changed', (t) => {
  const same = afterEditor(yaml('address: "billing.internal:8443"'));
  t.is(changeOf(same), null);
  t.is(same.view.flash?.sentence, 'Nothing was changed.');
  const another = afterEditor(yaml('x: 1').replace('id: billing', 'id: other'));
  t.is(changeOf(another)?.phase.step, 'invalid');
});

test('a text that is not valid leads back to the editor, with what was written', (t) => {
  const invalid = afterEditor('name: [billing');
  t.is(changeOf(invalid)?.phase.step, 'invalid');
  const [, effects] = reduceAll(invalid, keys('e'));
  t.is(effects[0]?.type === 'edit' ? effects[0].text : '', 'name: [billing');
});

test('where somebody else was faster, the change is put on top of theirs and confirmed again', (t) => {
  const [writing] = confirmed(afterEditor(yaml('address: mine')));
  const refused = answered(writing, { ok: false, error: new QuorateError('version-mismatch').toWire() });
  t.is(changeOf(refused)?.phase.step, 'refused');
  const [reading, effects] = reduceAll(refused, keys('r'));
  t.deepEqual(
    requestsOf(effects).map(({ verb }) => verb),
    ['model.get'],
  );
  const theirs = { ...billing, version: 4, tags: { ...billing.tags, team: 'theirs' } };
  const params = { kind: 'service', id: 'billing' };
  const again = stateAfter(
    reading,
    answerOf('model.get', { verb: 'model.get', params }, { entity: theirs, position: at(18_191) }),
  );
  t.is(changeOf(again)?.phase.step, 'shown');
  t.is(changeOf(again)?.input.text, '', 'the name has to be typed again');
  const [, [request]] = confirmed(again);
  t.like(request?.params, { version: 4, patch: { spec: { address: 'mine' }, tags: { team: 'theirs' } } });
});

test('a write that was not answered is asked for again with the same request id', (t) => {
  const [writing, [first]] = confirmed(afterEditor(yaml('address: mine')));
  const refused = answered(writing, { ok: false, error: new QuorateError('timeout').toWire() });
  const [, effects] = reduceAll(refused, keys('r'));
  const [second] = requestsOf(effects);
  t.is(
    second !== undefined && 'requestId' in second ? second.requestId : '',
    first !== undefined && 'requestId' in first ? first.requestId : '-',
  );
});

test('what was written is said with its new version, and the dialog is gone', (t) => {
  const [writing] = confirmed(afterEditor(yaml('address: mine')));
  const done = answered(writing, { ok: true, value: { entity: { ...billing, version: 4 }, position: at(18_191) } });
  t.is(changeOf(done), null);
  t.regex(done.view.flash?.sentence ?? '', /service billing changed, version 4/);
});

test('a locked console, or one that is cut off, edits nothing', (t) => {
  for (const state of [
    { ...withModel(healthyState()), locked: true },
    stateAfter(withModel(healthyState()), { type: 'connection', up: false }),
  ]) {
    const [after, effects] = reduceAll(state, keys('e'));
    t.is(changeOf(after), null);
    t.deepEqual(effects, []);
  }
  const shown = { ...afterEditor(yaml('address: mine')), locked: true };
  t.deepEqual(confirmed(shown)[1], []);
});

test('a new entity is created from what was written, and deleted only by its name', (t) => {
  const open = stateAfter(withModel(healthyState()), ...keys(':'), ...typing('create service'), ...keys('enter'));
  const written = stateAfter(open, edited(open, 'kind: service\nname: wiki2\ntags: {}\nspec: {}\n'));
  const [, [create]] = confirmed(written, 'wiki2');
  t.like(create, { verb: 'model.create', params: { kind: 'service', name: 'wiki2' } });
  const deleting = stateAfter(
    withModel(healthyState()),
    ...keys(':'),
    ...typing('delete service billing'),
    ...keys('enter'),
  );
  t.deepEqual(confirmed(deleting, 'wiki')[1], []);
  const [, [gone]] = confirmed(deleting);
  t.like(gone, { verb: 'model.delete', params: { kind: 'service', id: 'billing', version: 3 } });
});

test('an answer for a dialog that was closed changes nothing', (t) => {
  const [writing] = confirmed(afterEditor(yaml('address: mine')));
  const number = changeOf(writing)?.number ?? 0;
  const closed = stateAfter(writing, ...keys('esc'));
  const request = {
    verb: 'model.update' as const,
    number,
    requestId: 'x',
    params: { kind: 'service', id: 'billing', patch: {} },
  };
  const late = stateAfter(closed, {
    type: 'answer',
    verb: 'model.update',
    request,
    outcome: { ok: true, value: { entity: entityOf('service', 'billing'), position: at(1) } },
  });
  t.is(changeOf(late), null);
});
