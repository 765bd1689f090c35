/**
 * Reading the model: a list in pages, again every two seconds while its screen is open, and one entity in detail. What
 * events tell in between is taken in at once.
 */
import type { EntityChangeEvent } from '../../messaging/schemas/events.js';
import { type Entity, entityTypeOfKind } from '../../messaging/schemas/model.js';
import { byText } from './format.js';
import { entitiesMax, entitiesPageLimit, modelPollMs, pollTimeoutMs, retryMs } from './limits.js';
import type { Answer, Step } from './messages.js';
import type { ModelData, State } from './state.js';

const wellKnownKinds = ['router', 'service', 'identity', 'policy'];

/** Kinds that the controllers say they hold, after those that every version knows. */
export function kindsOf(state: State): readonly { readonly kind: string; readonly count: number | null }[] {
  const counts = new Map<string, number>();
  let newest = -1;
  for (const { status } of state.nodes.values()) {
    if (status.storage === null || (status.raft?.applied ?? 0) <= newest) continue;
    newest = status.raft?.applied ?? 0;
    counts.clear();
    for (const [kind, count] of Object.entries(status.storage.entities)) counts.set(kind, count);
  }
  const kinds = [
    ...wellKnownKinds,
    ...[...counts.keys()].filter((kind) => !wellKnownKinds.includes(kind)).sort(byText),
  ];
  return kinds.map((kind) => ({ kind, count: newest < 0 ? null : (counts.get(kind) ?? 0) }));
}

function withModel(state: State, change: Partial<ModelData>): State {
  return { ...state, model: { ...state.model, ...change } };
}

/** Begins to read the list of the kind that is chosen; an answer that is still under way no longer counts. */
export function readModel(state: State): Step<State> {
  const number = state.count + 1;
  const { kind, filter } = state.model;
  const reading = withModel({ ...state, count: number }, { reading: { number, pages: [] } });
  return [
    reading,
    [
      {
        type: 'request',
        timeoutMs: pollTimeoutMs,
        request: {
          verb: 'model.list',
          number,
          params: { kind, limit: entitiesPageLimit, ...(filter === '' ? {} : { filter }) },
        },
      },
    ],
  ];
}

export function chooseKind(state: State, kind: string): Step<State> {
  return readModel(
    withModel(state, {
      kind,
      filter: '',
      entities: [],
      position: null,
      readAt: null,
      more: false,
      error: null,
      notBefore: 0,
    }),
  );
}

export function filterModel(state: State, filter: string): Step<State> {
  if (filter === state.model.filter) return [state, []];
  return readModel(withModel(state, { filter, readAt: null, entities: [], notBefore: 0 }));
}

/** Pages may overlap where the list changed between them: the later word counts. */
export function oneEach<Item extends { readonly id: string }>(items: readonly Item[]): readonly Item[] {
  const byId = new Map(items.map((item) => [item.id, item]));
  return byId.size === items.length ? items : [...byId.values()];
}

export function takeModelPage(state: State, answer: Extract<Answer, { verb: 'model.list' }>): Step<State> {
  const { reading } = state.model;
  if (reading === null || reading.number !== answer.request.number) return [state, []];
  if (!answer.outcome.ok)
    return [withModel(state, { reading: null, error: answer.outcome.error, notBefore: state.now + retryMs }), []];
  const { entities, position, more } = answer.outcome.value;
  const pages = [...reading.pages, ...entities].slice(0, entitiesMax);
  const after = entities.at(-1)?.id;
  if (more && after !== undefined && pages.length < entitiesMax) {
    const request = { ...answer.request, params: { ...answer.request.params, after } };
    return [
      withModel(state, { reading: { ...reading, pages } }),
      [{ type: 'request', timeoutMs: pollTimeoutMs, request }],
    ];
  }
  return [
    withModel(state, {
      reading: null,
      entities: oneEach(pages),
      position,
      readAt: state.now,
      more,
      error: null,
      notBefore: state.now + modelPollMs,
    }),
    [],
  ];
}

export function readEntity(state: State, kind: string, id: string): Step<State> {
  if (state.model.entityReading) return [state, []];
  return [
    withModel(state, { entityReading: true }),
    [{ type: 'request', timeoutMs: pollTimeoutMs, request: { verb: 'model.get', params: { kind, id } } }],
  ];
}

export function takeEntity(state: State, answer: Extract<Answer, { verb: 'model.get' }>): Step<State> {
  const notBefore = state.now + modelPollMs;
  if (!answer.outcome.ok)
    return [
      withModel(state, { entityReading: false, entityError: answer.outcome.error, entityNotBefore: notBefore }),
      [],
    ];
  return [
    withModel(state, {
      entityReading: false,
      entityError: null,
      entityNotBefore: notBefore,
      entity: { ...answer.outcome.value, readAt: state.now },
    }),
    [],
  ];
}

/** What changed in the list that is shown, so that it need not wait for the next reading. */
export function applyChanges(state: State, changes: readonly EntityChangeEvent[]): State {
  const type = entityTypeOfKind[state.model.kind] ?? state.model.kind;
  const relevant = changes.filter((change) => change.entityType === type);
  if (state.model.readAt === null || relevant.length === 0) return state;
  const byId = new Map(state.model.entities.map((entity) => [entity.id, entity]));
  for (const change of relevant) applyChange(byId, change, state.model.filter);
  const entities = [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, entitiesMax);
  return withModel(state, { entities });
}

function applyChange(byId: Map<string, Entity>, change: EntityChangeEvent, filter: string): void {
  const entity = change.finalState ?? null;
  if (change.eventType === 'deleted' || entity === null) {
    const gone = entity ?? change.initialState ?? null;
    if (gone !== null) byId.delete(gone.id);
    return;
  }
  const held = byId.get(entity.id);
  if (held !== undefined && held.version >= entity.version) return;
  if (held === undefined && filter !== '' && !entity.name.includes(filter) && !entity.id.includes(filter)) return;
  byId.set(entity.id, entity);
}
