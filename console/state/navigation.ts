/** Going from screen to screen, and saying something in passing. */
import type { Level } from '../theme.js';
import { flashMs, flashOfTroubleMs, placesMax } from './limits.js';
import type { Effect, Step } from './messages.js';
import { readEntity, readModel } from './model-data.js';
import { type ListName, type Place, placeOf, type ScreenName, type State, type View, withView } from './state.js';

/** The screens that have a number. */
export const numbered = [
  'overview',
  'members',
  'routers',
  'model',
  'events',
  'operations',
  'attention',
  'metrics',
  'backups',
] as const satisfies readonly ScreenName[];

export const screenTitles: Readonly<Record<ScreenName, string>> = {
  overview: 'Overview',
  members: 'Controllers',
  member: 'Controller',
  routers: 'Routers',
  router: 'Router',
  model: 'Model',
  entity: 'Entity',
  events: 'Events',
  event: 'Event',
  operations: 'Operations',
  operation: 'Operation',
  attention: 'Attention',
  metrics: 'Metrics',
  backups: 'Backups',
};

/** The list that the cursor is in; null where the screen is a text. */
export function listOf(state: State): ListName | null {
  const { screen } = placeOf(state);
  switch (screen) {
    case 'overview':
      return `overview.${state.view.panel}`;
    case 'members':
    case 'routers':
    case 'model':
    case 'events':
    case 'operations':
      return screen;
    case 'backups':
      return 'snapshots';
    case 'member':
    case 'router':
    case 'entity':
    case 'event':
    case 'operation':
    case 'attention':
    case 'metrics':
      return null;
  }
}

/** To a screen that has a number: the way begins anew there. */
export function goTo(state: State, screen: (typeof numbered)[number]): Step<State> {
  if (state.view.places.length === 1 && placeOf(state).screen === screen) return [closed(state), []];
  return arrive(state, [{ screen }]);
}

/** To a screen below this one. */
export function open(state: State, place: Place): Step<State> {
  const [first, ...rest] = state.view.places;
  return arrive(state, [first, ...rest.slice(-(placesMax - 2)), place]);
}

export function back(state: State): Step<State> {
  const [first, ...rest] = state.view.places;
  return rest.length === 0 ? goTo(state, 'overview') : arrive(state, [first, ...rest.slice(0, -1)]);
}

export function backToLast(state: State): Step<State> {
  return state.view.last === null ? [state, []] : arrive(state, state.view.last);
}

function arrive(state: State, places: View['places']): Step<State> {
  const there = withView(closed(state), { places, last: state.view.places, scroll: 0 });
  return onArrival(there);
}

/** What a screen needs and the console does not follow all the time. */
function onArrival(state: State): Step<State> {
  const place = placeOf(state);
  switch (place.screen) {
    case 'model':
      return state.model.readAt === null ? readModel(state) : [state, []];
    case 'entity':
      return readEntity(
        { ...state, model: { ...state.model, entity: null, entityError: null, entityReading: false } },
        place.kind,
        place.id,
      );
    default:
      return [state, []];
  }
}

function closed(state: State): State {
  return withView(state, { overlay: null, prompt: null });
}

export function flash(state: State, level: Level, sentence: string, remedy = ''): State {
  const forMs = level === 'bad' || level === 'warn' ? flashOfTroubleMs : flashMs;
  return withView(state, { flash: { level, sentence, remedy, until: state.now + forMs } });
}

export function flashed(state: State, level: Level, sentence: string, effects: readonly Effect[] = []): Step<State> {
  return [flash(state, level, sentence), effects];
}
