/** Random histories: whatever is asked, in whatever batches it is applied and applied again, all stores come to one model. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  applyBatch,
  type Command,
  everyEntity,
  findKind,
  kinds,
  MemoryModelStore,
  type ModelStore,
  modelHash,
  type Outcome,
} from '../../node/model/index.js';
import type { Entry } from '../../node/raft/index.js';
import { SqliteModelStore } from '../../node/storage/model-store.js';
import { type Random, seededRandom } from '../support/random.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { begun, normal } from './support.js';

const histories = 60;
const commandsPerHistory = 250;

/** Few ids, few names and few request ids, so that they collide. */
function randomCommand(random: Random): Command {
  const requestId = `request-${Math.floor(random.next() * commandsPerHistory * 0.9)}`;
  const stamped = { requestId, at: Math.floor(random.next() * 1e6), by: 'olga' };
  const kind = random.pick(['service', 'service', 'identity', 'router', 'policy', 'policy']);
  const id = `${kind[0]}${Math.floor(random.next() * 6)}`;
  const version = random.next() < 0.3 ? Math.floor(random.next() * 4) + 1 : null;
  const name = `name-${Math.floor(random.next() * 5)}`;
  const tags = { [random.pick(['a', 'b', 'c'])]: random.pick(['1', 'ü', '🦊']) };
  switch (random.pick(['create', 'create', 'create', 'update', 'update', 'delete', 'noop'])) {
    case 'create':
      return {
        type: 'create',
        ...stamped,
        kind,
        id,
        name,
        tags,
        spec: findKind(kind)?.parseSpec(randomSpec(random, kind)) ?? {},
      };
    case 'update': {
      const deleted = { [random.pick(['a', 'b'])]: null };
      const patch = {
        name: random.next() < 0.5 ? name : undefined,
        tags: random.next() < 0.5 ? deleted : tags,
        spec: randomSpec(random, kind),
      };
      return { type: 'update', ...stamped, kind, id, version, patch };
    }
    case 'delete':
      return { type: 'delete', ...stamped, kind, id, version };
    default:
      return { type: 'noop' };
  }
}

function randomSpec(random: Random, kind: string): Record<string, unknown> {
  if (kind !== 'policy') return { roleAttributes: [random.pick(['eu', 'us'])] };
  const identityRoles = [random.pick(['#eu', `@i${Math.floor(random.next() * 6)}`])];
  return {
    type: random.pick(['Dial', 'Bind']),
    identityRoles,
    serviceRoles: [random.pick(['#us', `@s${Math.floor(random.next() * 6)}`])],
  };
}

function history(seed: number): readonly Entry[] {
  const random = seededRandom(seed);
  const commands: Command[] = [];
  // Now and then an earlier command comes once more, as from a client that got no answer.
  for (let at = 0; at < commandsPerHistory; at += 1) {
    const earlier = random.next() < 0.15 ? commands[Math.floor(random.next() * at)] : undefined;
    commands.push(earlier ?? randomCommand(random));
  }
  return commands.map((command, at) => normal(at + 2, command, 1 + Math.floor(at / 100)));
}

/** Applies in random batches, each time beginning up to ten entries before the position, as a restart would. */
function replayed(store: ModelStore, entries: readonly Entry[], seed: number): readonly Outcome[] {
  const random = seededRandom(seed + 1_000_000);
  const outcomes: Outcome[] = [];
  while (outcomes.length < entries.length) {
    const from = Math.max(0, outcomes.length - Math.floor(random.next() * 10));
    outcomes.push(...applyBatch(store, entries.slice(from, outcomes.length + 1 + Math.floor(random.next() * 20))));
  }
  return outcomes;
}

/** What must hold of every model, however it came about. */
function checkRules(t: ExecutionContext, store: ModelStore): void {
  for (const { kind, references } of kinds) {
    const entities = [...everyEntity(store, kind)];
    t.is(new Set(entities.map(({ name }) => name)).size, entities.length, `names of ${kind} are unique`);
    t.is(store.countsByKind()[kind] ?? 0, entities.length);
    for (const entity of entities) {
      t.is(store.idOfName(kind, entity.name), entity.id);
      for (const reference of references(entity.spec)) {
        t.not(store.get(reference.kind, reference.id), undefined, `${entity.id} refers to what exists`);
        t.true(store.referrers(reference.kind, reference.id, 100).some(({ id }) => id === entity.id));
      }
    }
  }
}

/** Whoever follows the changes, as a router does, must end with the same entities. */
function checkChanges(t: ExecutionContext, store: ModelStore): void {
  const followed = new Map<string, unknown>();
  let previous = 0;
  for (const change of store.changesAfter(0, commandsPerHistory)) {
    t.is(change.previousIndex, previous);
    previous = change.index;
    const key = `${change.entity.kind}/${change.entity.id}`;
    if (change.type === 'deleted') followed.delete(key);
    else followed.set(key, change.entity);
  }
  t.is(store.meta()?.lastChangeIndex, previous);
  const held = kinds.flatMap(({ kind }) =>
    [...everyEntity(store, kind)].map((entity) => [`${kind}/${entity.id}`, entity]),
  );
  t.deepEqual(Object.fromEntries(followed), Object.fromEntries(held));
}

/** Each request id has one outcome, and what it did happened once. */
function checkRequests(t: ExecutionContext, entries: readonly Entry[], outcomes: readonly Outcome[]): void {
  t.deepEqual(
    outcomes.map(({ index }) => index),
    entries.map(({ index }) => index),
    'each entry has one outcome',
  );
  const changes = outcomes.flatMap((outcome) =>
    outcome.type === 'changed' && !outcome.repeated ? [outcome.change.requestId] : [],
  );
  t.is(new Set(changes).size, changes.length, 'no request changed something twice');
}

test('random histories: one model and the same outcomes, whatever the batches and replays', (t) => {
  for (let seed = 1; seed <= histories; seed += 1) {
    const entries = history(seed);
    const atOnce = begun(new MemoryModelStore());
    const outcomes = applyBatch(atOnce, entries);
    const inPieces = begun(new MemoryModelStore());
    t.deepEqual(replayed(inPieces, entries, seed), outcomes, `seed ${seed}`);
    t.is(modelHash(inPieces), modelHash(atOnce), `seed ${seed}`);
    const onDisk = new SqliteModelStore(join(temporaryDirectory(), 'model.db'));
    t.deepEqual(replayed(begun(onDisk), entries, seed + 7), outcomes, `seed ${seed}`);
    t.is(modelHash(onDisk), modelHash(atOnce), `seed ${seed}`);
    checkRules(t, onDisk);
    checkChanges(t, onDisk);
    onDisk.close();
    checkRules(t, atOnce);
    checkChanges(t, atOnce);
    checkRequests(t, entries, outcomes);
  }
});

test('the histories reach what they are meant to try', (t) => {
  const seen = new Map<string, number>();
  for (let seed = 1; seed <= histories; seed += 1) {
    for (const outcome of applyBatch(begun(new MemoryModelStore()), history(seed))) {
      const what =
        outcome.type === 'refused'
          ? outcome.code
          : outcome.type === 'changed'
            ? `${outcome.repeated}-${outcome.change.type}`
            : outcome.type;
      seen.set(what, (seen.get(what) ?? 0) + 1);
    }
  }
  for (const what of [
    'false-created',
    'false-updated',
    'false-deleted',
    'true-created',
    'already-exists',
    'name-taken',
    'version-mismatch',
    'not-found',
    'reference-missing',
    'still-referenced',
    'invalid-request',
    'nothing',
  ]) {
    t.true((seen.get(what) ?? 0) > 10, `${what}: ${seen.get(what)}`);
  }
});

test('the hash tells models apart that differ in one value', (t) => {
  const entries = history(7);
  const hashes = new Set<string>();
  for (let count = 1; count <= 60; count += 1) {
    const store = begun(new MemoryModelStore());
    applyBatch(store, entries.slice(0, count));
    hashes.add(modelHash(store));
  }
  t.is(hashes.size, 60);
});

test('a batch that fails half-way leaves nothing behind', (t) => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const entries = history(seed);
    const store = begun(new MemoryModelStore());
    applyBatch(store, entries.slice(0, 100));
    const before = modelHash(store);
    const damaged: Entry = { type: 'normal', term: 3, index: entries.length + 2, data: Uint8Array.of(0xc1) };
    t.throws(() => applyBatch(store, [...entries, damaged]));
    t.is(modelHash(store), before);
    applyBatch(store, entries);
    checkRules(t, store);
  }
});
