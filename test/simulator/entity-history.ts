/**
 * What clients do to one entity, and what the model answers: a register with compare-and-set on its version. This is what
 * the histories of the simulator and of the chaos tests are judged by. Entities of different ids are independent as long as
 * they have different names and refer to nothing, which is how those clients use them.
 */
import {
  checkLinearizable,
  impossible,
  type Operation,
  type SequentialModel,
  type Verdict,
} from './linearizability.js';

export type EntityInput =
  | { readonly type: 'create'; readonly value: number }
  /** `version` null: whatever it is. */
  | { readonly type: 'update'; readonly version: number | null; readonly value: number }
  | { readonly type: 'delete'; readonly version: number | null }
  | { readonly type: 'get' };

/** What happens to an entity: by clients, or by a restore, which puts another state in the place of what was. */
export type EntityEvent = EntityInput | { readonly type: 'restore'; readonly state: EntityState };

export type EntityOutput =
  /** Created, updated, deleted (then: what it was), or read. */
  | { readonly type: 'entity'; readonly version: number; readonly value: number }
  /** Read: there is none. */
  | { readonly type: 'absent' }
  | { readonly type: 'restored' }
  | { readonly type: 'refused'; readonly code: string };

export type EntityOperation = Operation<EntityEvent, EntityOutput>;
export type EntityVerdict = Verdict<EntityEvent, EntityOutput>;

interface Present {
  readonly version: number;
  readonly value: number;
}
export type EntityState = Present | null;

/** In a box, so that a restore to what is there already is not taken for an operation that never changes anything. */
interface Boxed {
  readonly state: EntityState;
}

export const entityModel: SequentialModel<Boxed, EntityEvent, EntityOutput> = {
  initial: { state: null },
  stateKey: ({ state }) => (state === null ? '-' : `${state.version}:${state.value}`),
  step(before, input, output) {
    const { after, answer } = expected(before.state, input);
    if (output !== undefined && !isSame(answer, output)) return impossible;
    return after === before.state && input.type !== 'restore' ? before : { state: after };
  },
};

export function checkEntityHistory(operations: readonly EntityOperation[], stepsMax?: number): EntityVerdict {
  // A read that was never answered says nothing, and only widens the search.
  const telling = operations.filter((each) => each.output !== undefined || each.input.type !== 'get');
  const seen = new Set<string>();
  for (const { key, input, output } of telling) {
    if (output?.type === 'entity' && (input.type === 'get' || input.type === 'delete'))
      seen.add(`${key} ${output.value}`);
  }
  return checkLinearizable(
    telling.map((each) => withoutUnseen(each, seen)),
    entityModel,
    stepsMax,
  );
}

/** Which of several values that nobody has seen was written, nobody can tell. */
function withoutUnseen(operation: EntityOperation, seen: ReadonlySet<string>): EntityOperation {
  const { key, input, output } = operation;
  if (output !== undefined || input.type === 'get' || input.type === 'restore') return operation;
  if (input.type === 'delete') return { ...operation, likeOthers: `delete ${input.version}` };
  if (seen.has(`${key} ${input.value}`)) return operation;
  const likeOthers = input.type === 'create' ? 'create' : `update ${input.version}`;
  return { ...operation, input: { ...input, value: unseenValue }, likeOthers };
}

/** No client writes it. */
const unseenValue = -1;

function expected(
  state: EntityState,
  input: EntityEvent,
): { readonly after: EntityState; readonly answer: EntityOutput } {
  switch (input.type) {
    case 'get':
      return { after: state, answer: state === null ? { type: 'absent' } : { type: 'entity', ...state } };
    case 'restore':
      return { after: input.state, answer: { type: 'restored' } };
    case 'create': {
      if (state !== null) return { after: state, answer: { type: 'refused', code: 'already-exists' } };
      const created = { version: 1, value: input.value };
      return { after: created, answer: { type: 'entity', ...created } };
    }
    case 'update':
    case 'delete': {
      if (state === null) return { after: null, answer: { type: 'refused', code: 'not-found' } };
      if (input.version !== null && input.version !== state.version)
        return { after: state, answer: { type: 'refused', code: 'version-mismatch' } };
      if (input.type === 'delete') return { after: null, answer: { type: 'entity', ...state } };
      const updated = { version: state.version + 1, value: input.value };
      return { after: updated, answer: { type: 'entity', ...updated } };
    }
  }
}

function isSame(a: EntityOutput, b: EntityOutput): boolean {
  if (a.type === 'entity') return b.type === 'entity' && a.version === b.version && a.value === b.value;
  if (a.type === 'refused') return b.type === 'refused' && a.code === b.code;
  return a.type === b.type;
}

/** For people: one line for each operation, in the order of their calls. */
export function describeHistory(operations: readonly EntityOperation[]): string {
  const lines = [...operations]
    .sort((a, b) => a.calledAt - b.calledAt)
    .map((each) => {
      const until = each.returnedAt === undefined ? 'never' : each.returnedAt.toFixed(3);
      const answer = each.output === undefined ? 'unknown' : describeOutput(each.output);
      return `${each.calledAt.toFixed(3)} to ${until}  ${each.client}  ${describeInput(each.key, each.input)}  ->  ${answer}`;
    });
  return lines.join('\n');
}

function describeInput(key: string, input: EntityEvent): string {
  switch (input.type) {
    case 'get':
      return `get ${key}`;
    case 'restore':
      return `restore ${key} to ${input.state === null ? 'nothing' : `version ${input.state.version} = ${input.state.value}`}`;
    case 'create':
      return `create ${key} = ${input.value}`;
    case 'update':
      return `update ${key}${input.version === null ? '' : ` at version ${input.version}`} = ${input.value}`;
    case 'delete':
      return `delete ${key}${input.version === null ? '' : ` at version ${input.version}`}`;
  }
}

function describeOutput(output: EntityOutput): string {
  switch (output.type) {
    case 'entity':
      return `version ${output.version} = ${output.value}`;
    case 'absent':
    case 'restored':
      return output.type;
    case 'refused':
      return output.code;
  }
}
