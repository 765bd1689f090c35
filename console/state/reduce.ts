/**
 * The console's one step: a message and the state before give the state after and what is to be done. Pure: time comes in
 * ticks, answers come as messages, and the same messages always lead to the same screen.
 */

import { rebaseChange, takeEdited, takeWritten } from './change.js';
import { takeSnapshotAnswer } from './commands.js';
import {
  countSeconds,
  readRouters,
  takeEvents,
  takeOperation,
  takeOperations,
  takeRouters,
  takeStatus,
} from './data.js';
import { paste, pressKey } from './input.js';
import { pollTimeoutMs } from './limits.js';
import type { Answer, Effect, Message, Step } from './messages.js';
import { readEntity, readModel, takeEntity, takeModelPage } from './model-data.js';
import { flash, flashed } from './navigation.js';
import { pollPreparing, pollSnapshots, takeSnapshots, takeStaged, takeTaken, takeVerified } from './snapshots.js';
import { placeOf, type State, withView } from './state.js';
import { pollOperation, takeOperationRecord, takePlan, takeStarted } from './workflow.js';

export function reduce(state: State, message: Message): Step<State> {
  switch (message.type) {
    case 'tick':
      return tick(state, message.now);
    case 'resize':
      return [{ ...state, size: { columns: message.columns, rows: message.rows } }, []];
    case 'connection':
      return connection(state, message.up);
    case 'status':
      return [takeStatus(state, message.status), []];
    case 'events':
      return [takeEvents(state, message.events), []];
    case 'operation':
      return [takeOperation(state, message.operation), []];
    case 'answer':
      return answer(state, message);
    case 'edited':
      return takeEdited(state, message);
    case 'saved':
      return message.outcome.ok
        ? flashed(state, 'ok', `Written to ${message.outcome.value}`)
        : [flash(state, 'bad', message.outcome.error.message, message.outcome.error.remedy), []];
    case 'key':
      return pressKey(state, message);
    case 'paste':
      return paste(state, message.text);
  }
}

/** Several steps, one after the other. */
export function reduceAll(state: State, messages: readonly Message[]): Step<State> {
  const effects: Effect[] = [];
  let current = state;
  for (const message of messages) {
    const [next, wanted] = reduce(current, message);
    current = next;
    effects.push(...wanted);
  }
  return [current, effects];
}

function answer(state: State, message: Answer): Step<State> {
  switch (message.verb) {
    case 'routers.list':
      return takeRouters(state, message);
    case 'operation.list':
      return [takeOperations(state, message), []];
    case 'operation.get':
      return takeOperationRecord(state, message);
    case 'operation.plan':
    case 'operation.plan-resume':
      return takePlan(state, message);
    case 'operation.start':
    case 'operation.resume':
    case 'operation.cancel':
      return takeStarted(state, message);
    case 'model.list':
      return takeModelPage(state, message);
    case 'model.get': {
      const [taken, effects] = takeEntity(state, message);
      const [rebased, more] = rebaseChange(taken, message);
      return [rebased, [...effects, ...more]];
    }
    case 'snapshot.list':
      return [takeSnapshots(state, message), []];
    case 'snapshot.verify':
      return [takeVerified(state, message), []];
    case 'restore.take':
      return takeTaken(state, message);
    case 'restore.stage':
      return takeStaged(state, message);
    case 'snapshot.create':
      return takeSnapshotAnswer(state, message);
    case 'model.create':
    case 'model.update':
    case 'model.delete':
      return takeWritten(state, message);
  }
}

function connection(state: State, up: boolean): Step<State> {
  if (state.connection.up === up) return [state, []];
  const changed = { ...state, connection: { ...state.connection, up, since: state.now } };
  return [changed, up ? [{ type: 'collect' }] : []];
}

/** Time passes: it never runs backwards here, whatever the system's clock does. */
function tick(given: State, now: number): Step<State> {
  const passed: State = { ...given, now: Math.max(given.now, now) };
  const { flash } = passed.view;
  const faded = flash !== null && flash.until <= passed.now ? withView(passed, { flash: null }) : passed;
  return poll(countSeconds(faded));
}

const polls: readonly ((state: State) => Step<State>)[] = [
  pollRouters,
  pollOperations,
  pollOperation,
  pollModel,
  pollSnapshots,
  pollPreparing,
];

/** Asks for what is not published, each at its own pace and never twice at once. */
function poll(state: State): Step<State> {
  const effects: Effect[] = [];
  let current = state;
  for (const each of polls) {
    const [next, wanted] = each(current);
    current = next;
    effects.push(...wanted);
  }
  return [current, effects];
}

/** Before any controller was heard there is nobody to ask. */
function mayAsk(state: State): boolean {
  return state.connection.up && state.nodes.size > 0;
}

function pollRouters(state: State): Step<State> {
  const { reading, notBefore } = state.routers;
  return !mayAsk(state) || reading !== null || state.now < notBefore ? [state, []] : readRouters(state);
}

function pollOperations(state: State): Step<State> {
  const { reading, notBefore } = state.operations;
  if (!mayAsk(state) || reading || state.now < notBefore) return [state, []];
  return [
    { ...state, operations: { ...state.operations, reading: true } },
    [{ type: 'request', timeoutMs: pollTimeoutMs, request: { verb: 'operation.list', params: { limit: 100 } } }],
  ];
}

/** Only while it is looked at. */
function pollModel(state: State): Step<State> {
  if (!mayAsk(state)) return [state, []];
  const place = placeOf(state);
  if (place.screen === 'model' && state.model.reading === null && state.now >= state.model.notBefore)
    return readModel(state);
  if (place.screen === 'entity' && !state.model.entityReading && state.now >= state.model.entityNotBefore)
    return readEntity(state, place.kind, place.id);
  return [state, []];
}
