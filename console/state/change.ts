/**
 * A change of one entity, driven from the console: the operator's editor, what it would change, confirmation by name, and a
 * write that counts only where nobody else has changed the entity meanwhile. What the operator wrote is never lost on the
 * way: every refusal leads back to it.
 */
import { isErrorCode, toQuorateError, type WireError } from '../../messaging/errors.js';
import type { Entity } from '../../messaging/schemas/model.js';
import { entityYaml, fieldChanges, parseDocuments, patchOf } from './entity-document.js';
import { changeTimeoutMs, pollTimeoutMs } from './limits.js';
import type { Answer, Effect, Message, Request, Step } from './messages.js';
import { readEntity, readModel } from './model-data.js';
import { flash, flashed } from './navigation.js';
import { barredBy } from './offers.js';
import { type ChangeOverlay, placeOf, type State, withView } from './state.js';
import { emptyInput } from './text-input.js';

export function changeOf(state: State): ChangeOverlay | null {
  return state.view.overlay?.kind === 'change' ? state.view.overlay : null;
}

function withChange(state: State, dialog: ChangeOverlay, change: Partial<ChangeOverlay>): State {
  return withView(state, { overlay: { ...dialog, ...change } });
}

/** What has to be typed: the name that the entity has, or is to have. */
export function confirmationOf({ base, document }: ChangeOverlay): string {
  return base?.name ?? document?.name ?? '';
}

export function beginUpdate(state: State, entity: Entity): Step<State> {
  return begin(state, { aim: 'update', entityKind: entity.kind, base: entity, text: entityYaml(entity) });
}

export function beginCreate(state: State, kind: string): Step<State> {
  return begin(state, {
    aim: 'create',
    entityKind: kind,
    base: null,
    text: `kind: ${kind}\nname: \ntags: {}\nspec: {}\n`,
  });
}

/** Nothing needs to be edited: only the name is asked for. */
export function beginDelete(state: State, entity: Entity): Step<State> {
  return begin(state, { aim: 'delete', entityKind: entity.kind, base: entity, text: '' });
}

function begin(state: State, what: Pick<ChangeOverlay, 'aim' | 'entityKind' | 'base' | 'text'>): Step<State> {
  const barred = barredBy(state);
  if (barred !== null) return flashed(state, 'warn', `Nothing can be changed: ${barred}`);
  const number = state.count + 1;
  const overlay: ChangeOverlay = {
    ...what,
    kind: 'change',
    number,
    document: null,
    input: emptyInput,
    top: 0,
    phase: { step: what.aim === 'delete' ? 'shown' : 'editing' },
  };
  const opened = withView({ ...state, count: number }, { overlay, prompt: null });
  return what.aim === 'delete' ? [opened, []] : [opened, [editorFor(overlay)]];
}

function editorFor({ number, entityKind, base, text }: ChangeOverlay): Effect {
  return { type: 'edit', number, fileName: `${entityKind}-${base?.id ?? 'new'}.yaml`, text };
}

/** Back to the editor, with what was written. */
export function editAgain(state: State, dialog: ChangeOverlay): Step<State> {
  const { step } = dialog.phase;
  if (dialog.aim === 'delete' || step === 'editing' || step === 'writing' || step === 'reading') return [state, []];
  return [withChange(state, dialog, { phase: { step: 'editing' }, input: emptyInput }), [editorFor(dialog)]];
}

export function takeEdited(state: State, { number, outcome }: Extract<Message, { type: 'edited' }>): Step<State> {
  const dialog = changeOf(state);
  if (dialog === null || dialog.number !== number || dialog.phase.step !== 'editing') return [state, []];
  if (!outcome.ok) return [withChange(state, dialog, { phase: { step: 'invalid', error: outcome.error } }), []];
  return judge(state, { ...dialog, text: outcome.value, input: emptyInput, top: 0 });
}

/** What was written, against what it changes. */
function judge(state: State, dialog: ChangeOverlay): Step<State> {
  try {
    const [document] = parseDocuments(dialog.text, 'what you wrote');
    if (document === undefined) return [withView(state, { overlay: null }), []];
    if (dialog.base !== null) patchOf(dialog.base, document);
    if (dialog.base !== null && fieldChanges(dialog.base, document).length === 0)
      return flashed(withView(state, { overlay: null }), 'info', 'Nothing was changed.');
    if ((document.name ?? dialog.base?.name) === undefined)
      return [withChange(state, dialog, { phase: { step: 'invalid', error: nameless(dialog.entityKind) } }), []];
    return [withChange(state, dialog, { document, phase: { step: 'shown' } }), []];
  } catch (error) {
    return [withChange(state, dialog, { phase: { step: 'invalid', error: toQuorateError(error).toWire() } }), []];
  }
}

function nameless(kind: string): WireError {
  return { code: 'invalid-config', message: `a new ${kind} needs a name`, remedy: 'Write it behind `name:`.' };
}

/** Enter: writes if the name stands there exactly, and says what is missing if not. */
export function confirmChange(state: State, dialog: ChangeOverlay): Step<State> {
  if (dialog.phase.step !== 'shown') return [state, []];
  const barred = barredBy(state);
  if (barred !== null) return flashed(state, 'warn', `Nothing can be changed: ${barred}`);
  const name = confirmationOf(dialog);
  if (dialog.input.text !== name) return [flash(state, 'info', `Type ${name} to confirm.`), []];
  const count = state.count + 1;
  return write({ ...state, count }, dialog, `${state.nonce}-${count}`);
}

function write(state: State, dialog: ChangeOverlay, requestId: string): Step<State> {
  const request = requestFor(dialog, requestId);
  if (request === null) return [state, []];
  const writing = withChange(state, dialog, { phase: { step: 'writing', since: state.now, requestId }, top: 0 });
  return [writing, [{ type: 'request', request, timeoutMs: changeTimeoutMs }]];
}

function requestFor({ aim, number, entityKind, base, document }: ChangeOverlay, requestId: string): Request | null {
  switch (aim) {
    case 'delete':
      return base === null
        ? null
        : {
            verb: 'model.delete',
            number,
            requestId,
            params: { kind: entityKind, id: base.id, version: base.version },
          };
    case 'update':
      return base === null || document === null
        ? null
        : {
            verb: 'model.update',
            number,
            requestId,
            params: { kind: entityKind, id: base.id, version: base.version, patch: patchOf(base, document) },
          };
    case 'create': {
      if (document === null) return null;
      const { id, name = '', tags = {}, spec = {} } = document;
      const given = Object.entries(tags).flatMap(([key, value]) => (value === null ? [] : [[key, value] as const]));
      const draft = { kind: document.kind ?? entityKind, name, tags: Object.fromEntries(given), spec };
      return { verb: 'model.create', number, requestId, params: id === undefined ? draft : { ...draft, id } };
    }
  }
}

type Written = Extract<Answer, { verb: 'model.create' | 'model.update' | 'model.delete' }>;

const doneWords = { create: 'created', update: 'changed', delete: 'deleted' } as const;

export function takeWritten(state: State, answer: Written): Step<State> {
  const dialog = changeOf(state);
  if (dialog === null || dialog.number !== answer.request.number || dialog.phase.step !== 'writing') return [state, []];
  if (!answer.outcome.ok) {
    const { error } = answer.outcome;
    const requestId = isUncertain(error) ? dialog.phase.requestId : null;
    return [withChange(state, dialog, { phase: { step: 'refused', error, requestId } }), []];
  }
  const { entity } = answer.outcome.value;
  const closed = withView(state, { overlay: null });
  const sentence = `${entity.kind} ${entity.name} ${doneWords[dialog.aim]}, version ${entity.version}.`;
  const [read, effects] = readAgain(closed);
  return flashed(read, 'ok', sentence, effects);
}

function readAgain(state: State): Step<State> {
  const place = placeOf(state);
  if (place.screen === 'entity') return readEntity(state, place.kind, place.id);
  return place.screen === 'model' ? readModel(state) : [state, []];
}

/** Whether the change may have been written although no answer came. */
export function isUncertain(error: WireError): boolean {
  return (
    isErrorCode(error.code) &&
    ['timeout', 'leadership-lost', 'nats-unreachable', 'no-responders', 'no-leader'].includes(error.code)
  );
}

/** After a refusal: asks again for what was not answered, or reads what somebody else made of the entity. */
export function changeAgain(state: State, dialog: ChangeOverlay): Step<State> {
  const { phase, base } = dialog;
  if (phase.step === 'invalid') return editAgain(state, dialog);
  if (phase.step !== 'refused') return [state, []];
  if (phase.requestId !== null) return write(state, dialog, phase.requestId);
  if (base === null) return editAgain(state, dialog);
  const request: Request = { verb: 'model.get', params: { kind: base.kind, id: base.id } };
  return [
    withChange(state, dialog, { phase: { step: 'reading' } }),
    [{ type: 'request', request, timeoutMs: pollTimeoutMs }],
  ];
}

/**
 * The newest version was read: what the operator changed is put on top of it, field by field, and shown for another
 * confirmation. What somebody else changed meanwhile stays.
 */
export function rebaseChange(state: State, answer: Extract<Answer, { verb: 'model.get' }>): Step<State> {
  const dialog = changeOf(state);
  if (dialog === null || dialog.phase.step !== 'reading' || dialog.base === null) return [state, []];
  if (answer.request.params.id !== dialog.base.id) return [state, []];
  if (!answer.outcome.ok) {
    const phase = { step: 'refused', error: answer.outcome.error, requestId: null } as const;
    return [withChange(state, dialog, { phase }), []];
  }
  const newest = answer.outcome.value.entity;
  if (dialog.document === null)
    return [withChange(state, dialog, { base: newest, input: emptyInput, phase: { step: 'shown' } }), []];
  const text = entityYaml(rebased(dialog.base, newest, dialog));
  return judge(state, { ...dialog, base: newest, text, input: emptyInput, top: 0 });
}

function rebased(base: Entity, newest: Entity, { document }: ChangeOverlay): Entity {
  const tags = new Map(Object.entries(newest.tags));
  const spec = new Map(Object.entries(newest.spec));
  let { name } = newest;
  for (const { field, after } of document === null ? [] : fieldChanges(base, document)) {
    const [part, ...rest] = field.split('.');
    const key = rest.join('.');
    if (part === 'name') name = String(after);
    else if (part === 'tags' && after === undefined) tags.delete(key);
    else if (part === 'tags') tags.set(key, String(after));
    else if (after === undefined) spec.delete(key);
    else spec.set(key, after);
  }
  return { ...newest, name, tags: Object.fromEntries(tags), spec: Object.fromEntries(spec) };
}
