import test from 'ava';
import { type Random, seededRandom } from '../support/random.js';
import {
  checkEntityHistory,
  type EntityEvent,
  type EntityOperation,
  type EntityOutput,
  entityModel,
} from './entity-history.js';
import { checkLinearizable, impossible } from './linearizability.js';

let clients = 0;
/** One operation from `calledAt` to `returnedAt`; without an output it never returned. */
function op(calledAt: number, returnedAt: number, input: EntityEvent, output?: EntityOutput): EntityOperation {
  clients += 1;
  return {
    key: 'a',
    client: `c${clients}`,
    input,
    output,
    calledAt,
    returnedAt: output === undefined ? undefined : returnedAt,
  };
}
const at = (version: number, value: number): EntityOutput => ({ type: 'entity', version, value });
const absent: EntityOutput = { type: 'absent' };
const refused = (code: string): EntityOutput => ({ type: 'refused', code });
const create = (value: number): EntityEvent => ({ type: 'create', value });
const update = (value: number, version: number | null = null): EntityEvent => ({ type: 'update', version, value });
const remove = (version: number | null = null): EntityEvent => ({ type: 'delete', version });
const get: EntityEvent = { type: 'get' };

const linearizable: Readonly<Record<string, readonly EntityOperation[]>> = {
  'nothing at all': [],
  'one after the other': [
    op(0, 1, create(7), at(1, 7)),
    op(2, 3, get, at(1, 7)),
    op(4, 5, remove(1), at(1, 7)),
    op(6, 7, get, absent),
  ],
  'a read beside a write may see it': [op(0, 10, create(7), at(1, 7)), op(1, 2, get, at(1, 7))],
  'a read beside a write may not see it': [op(0, 10, create(7), at(1, 7)), op(1, 2, get, absent)],
  'a restore to nothing of what is not there yet, after it is': [
    op(0, 9, { type: 'restore', state: null }, { type: 'restored' }),
    op(1, 2, get, absent),
    op(3, 4, create(7), at(1, 7)),
    op(10, 11, get, absent),
  ],
  'two concurrent updates in either order': [
    op(0, 1, create(1), at(1, 1)),
    op(2, 9, update(2), at(3, 2)),
    op(3, 8, update(3), at(2, 3)),
    op(10, 11, get, at(3, 2)),
  ],
  'of two compare-and-sets at one version, one wins': [
    op(0, 1, create(1), at(1, 1)),
    op(2, 9, update(2, 1), refused('version-mismatch')),
    op(2, 9, update(3, 1), at(2, 3)),
  ],
  'a write of unknown outcome that happened': [op(0, 0, create(5)), op(8, 9, get, at(1, 5))],
  'a write of unknown outcome that never happened': [
    op(0, 0, create(5)),
    op(8, 9, get, absent),
    op(10, 11, create(6), at(1, 6)),
  ],
  'a write of unknown outcome that happened late': [
    op(0, 0, create(5)),
    op(8, 9, get, absent),
    op(10, 11, get, at(1, 5)),
  ],
  'calls at the moment of a return are concurrent with it': [op(0, 1, create(5), at(1, 5)), op(1, 2, get, absent)],
  'a read that overlaps a deletion and a creation': [
    op(0, 1, create(1), at(1, 1)),
    op(2, 9, remove(), at(1, 1)),
    op(2, 9, create(2), at(1, 2)),
    op(2, 9, get, absent),
  ],
};

const notLinearizable: Readonly<Record<string, readonly EntityOperation[]>> = {
  'a stale read': [op(0, 1, create(1), at(1, 1)), op(2, 3, update(2), at(2, 2)), op(4, 5, get, at(1, 1))],
  'a lost write': [op(0, 1, create(1), at(1, 1)), op(2, 3, get, absent)],
  'a write applied twice': [
    op(0, 1, create(1), at(1, 1)),
    op(2, 3, update(2), at(2, 2)),
    op(4, 5, update(3), at(3, 3)),
    op(6, 7, get, at(4, 2)),
  ],
  'an update that skips a version': [op(0, 1, create(1), at(1, 1)), op(2, 3, update(2), at(3, 2))],
  'both of two compare-and-sets at one version win': [
    op(0, 1, create(1), at(1, 1)),
    op(2, 9, update(2, 1), at(2, 2)),
    op(2, 9, update(3, 1), at(2, 3)),
  ],
  'readers disagree about the order of two writes': [
    op(0, 1, create(1), at(1, 1)),
    op(2, 20, update(2), at(2, 2)),
    op(3, 4, get, at(2, 2)),
    op(5, 6, get, at(1, 1)),
  ],
  'a write seen before it was asked for': [op(0, 1, get, at(1, 9)), op(2, 3, create(9), at(1, 9))],
  'a write of unknown outcome that comes and goes': [
    op(0, 0, create(5)),
    op(2, 3, get, at(1, 5)),
    op(4, 5, get, absent),
  ],
  'a refusal without a reason': [op(0, 1, create(1), refused('already-exists'))],
};

for (const [name, history] of Object.entries(linearizable)) {
  test(`linearizable: ${name}`, (t) => {
    t.is(checkEntityHistory(history).verdict, 'linearizable');
  });
}
for (const [name, history] of Object.entries(notLinearizable)) {
  test(`not linearizable: ${name}`, (t) => {
    t.is(checkEntityHistory(history).verdict, 'not-linearizable');
  });
}

test('keys are judged apart, and the one that fails is named', (t) => {
  const history = [
    { ...op(0, 1, create(1), at(1, 1)), key: 'good' },
    { ...op(0, 1, create(1), at(1, 1)), key: 'bad' },
    { ...op(2, 3, get, at(1, 1)), key: 'good' },
    { ...op(2, 3, get, absent), key: 'bad' },
  ];
  const verdict = checkEntityHistory(history);
  t.like(verdict, { verdict: 'not-linearizable', key: 'bad' });
  t.is(verdict.verdict === 'not-linearizable' && verdict.stuck.length, 1);
});

test('beyond its bound the search says that it does not know', (t) => {
  const concurrent = Array.from({ length: 12 }, (_, value) => op(2, 90, remove(), at(1, value)));
  const creations = Array.from({ length: 12 }, (_, value) => op(2, 90, create(value), at(1, value)));
  const history = [...creations, ...concurrent, op(101, 102, get, at(99, 99))];
  t.is(checkEntityHistory(history, 1_000).verdict, 'inconclusive');
});

/** Operations that really took effect one at a time, at a moment between call and return. */
function truthful(seed: number, length = 24): EntityOperation[] {
  const random = seededRandom(seed);
  const history: EntityOperation[] = [];
  let held = entityModel.initial;
  for (let moment = 0; moment < length; moment += 1) {
    const kind = random.between(0, 4);
    const version: number | null = random.chance(0.5) ? null : random.between(1, 4);
    const input = [create(moment), update(moment, version), remove(version), get, restore(random)][kind] ?? get;
    const output = answerOf(held, input);
    const after = entityModel.step(held, input, output);
    if (after !== impossible) held = after;
    const lost = random.chance(0.15);
    history.push(op(moment - random.next() * 4, moment + random.next() * 4, input, lost ? undefined : output));
  }
  return random.shuffle(history);
}

/** Half of them to nothing. */
function restore(random: Random): EntityEvent {
  const value = random.between(0, 24);
  return { type: 'restore', state: random.chance(0.5) ? null : { version: random.between(1, 3), value } };
}

/** Tries every answer there is: the model takes one only. */
function answerOf(held: typeof entityModel.initial, input: EntityEvent): EntityOutput {
  const { state } = held;
  const answers: EntityOutput[] = [
    absent,
    { type: 'restored' },
    refused('already-exists'),
    refused('not-found'),
    refused('version-mismatch'),
  ];
  if (state !== null)
    answers.push(at(state.version, state.value), at(state.version + 1, 'value' in input ? input.value : 0));
  if (input.type === 'create') answers.push(at(1, input.value));
  const possible = answers.filter((each) => entityModel.step(held, input, each) !== impossible);
  if (possible.length !== 1 || possible[0] === undefined) throw new Error('the model must take exactly one answer');
  return possible[0];
}

/** Tries all orders, without any cleverness. */
function bruteForce(history: readonly EntityOperation[], state = entityModel.initial): boolean {
  if (history.every((each) => each.returnedAt === undefined)) return true;
  const firstReturn = Math.min(...history.map((each) => each.returnedAt ?? Number.POSITIVE_INFINITY));
  return history.some((each, place) => {
    if (each.calledAt > firstReturn) return false;
    const after = entityModel.step(state, each.input, each.output);
    return after !== impossible && bruteForce(history.toSpliced(place, 1), after);
  });
}

test('whatever really happened one at a time is linearizable', (t) => {
  for (let seed = 0; seed < 500; seed += 1)
    t.is(checkEntityHistory(truthful(seed)).verdict, 'linearizable', `seed ${seed}`);
});

test('it agrees with trying all orders, on true histories and on falsified ones', (t) => {
  const verdicts = { linearizable: 0, 'not-linearizable': 0, inconclusive: 0 };
  for (let seed = 0; seed < 2_000; seed += 1) {
    const random = seededRandom(seed);
    const history = truthful(seed + 10_000, 8);
    const spoilt = random.between(0, history.length - 1);
    const falsified = history.map((each, place) =>
      place === spoilt && each.output !== undefined
        ? { ...each, output: random.pick([each.output, absent, at(random.between(1, 3), random.between(0, 24))]) }
        : each,
    );
    const { verdict } = checkLinearizable(falsified, entityModel);
    verdicts[verdict] += 1;
    t.is(verdict === 'linearizable', bruteForce(falsified), `seed ${seed}`);
  }
  t.true(verdicts.linearizable > 100 && verdicts['not-linearizable'] > 100, JSON.stringify(verdicts));
});
