/** An export stands at one position, though its pages come from many: against a model that changes at every request. */
import test from 'ava';
import { readModel } from '../../console/exchange/read-model.js';
import { type ApiClient, type Entity, entitiesSha256, type Position, QuorateError } from '../../messaging/index.js';
import { everyEntity, type ModelStore } from '../../node/model/index.js';
import { Model, stamp } from '../model/support.js';
import { seededRandom } from '../support/random.js';
import { nodeStatus } from '../workflows/world.js';

const kinds = ['service', 'identity'];
const contents = (store: ModelStore): Entity[] => kinds.flatMap((kind) => [...everyEntity(store, kind)]);

/** A leader that changes its model a few times before each answer, and remembers what it was at each index. */
class Busy {
  readonly model = new Model();
  readonly hashes = new Map<number, string>();
  timeline = this.position().timeline;
  /** Answers `model.changes` from so many entries ago, so often: a leader that was deposed and does not know it. */
  behindFor = 0;
  journalStart = 0;
  requests = 0;
  readonly #random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    for (let at = 0; at < 60; at += 1) this.change();
  }

  hashAt(index: number): string {
    return this.hashes.get(index) ?? 'none';
  }

  position(): Position {
    const meta = this.model.store.meta();
    if (meta === undefined) throw new Error('no meta');
    return { ...meta.position, timeline: this.timeline ?? meta.position.timeline };
  }

  change(): void {
    const kind = this.#random.next() < 0.5 ? 'service' : 'identity';
    const id = `e${Math.floor(this.#random.next() * 80)}`;
    const chance = this.#random.next();
    if (this.model.store.get(kind, id) === undefined) this.model.create(kind, id);
    else if (chance < 0.3) this.model.delete(kind, id);
    else this.model.update(kind, id, { tags: { at: String(this.model.index) } }, stamp());
    this.hashes.set(this.model.index, entitiesSha256(contents(this.model.store)));
  }

  readonly client = {
    request: async (verb: string, params: { kind: string; after: never; limit: number }) => {
      this.requests += 1;
      const { store } = this.model;
      for (let changes = Math.floor(this.#random.next() * 4); changes > 0; changes -= 1) this.change();
      if (verb === 'status.get') return { ...nodeStatus('n1', 'member', null), position: this.position() };
      if (verb === 'model.list') {
        const { kind, after, limit } = params;
        const entities = store.list(kind, { after, limit: limit + 1 });
        return { entities: entities.slice(0, limit), position: this.position(), more: entities.length > limit };
      }
      const after: Position = params.after;
      if (after.index < this.journalStart) throw new QuorateError('snapshot-required');
      const stale = this.behindFor > 0;
      this.behindFor -= 1;
      const rows = stale ? [] : store.changesAfter(after.index, params.limit + 1);
      const changes = rows.slice(0, params.limit).map(({ index, previousIndex, type, entity }) => ({
        position: { ...this.position(), index },
        previousIndex,
        type,
        entity,
      }));
      return { changes, position: stale ? after : this.position(), more: rows.length > params.limit };
    },
  } as unknown as ApiClient;

  async read() {
    return await readModel({ client: this.client, kinds, pageSize: 7 });
  }
}

test('whatever changes meanwhile, what is read is the model as it was at the position that is given', async (t) => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const busy = new Busy(seed);
    const { entities, position } = await busy.read();
    t.true(busy.requests > 8, 'many pages');
    t.is(entitiesSha256(entities), busy.hashAt(position.index), `seed ${seed}`);
  }
});

test('an answer from behind the pages is not believed: it asks again', async (t) => {
  const busy = new Busy(7);
  busy.behindFor = 2;
  const { entities, position } = await busy.read();
  t.is(entitiesSha256(entities), busy.hashAt(position.index));
});

test('where the journal no longer reaches back, or another history begins, it begins again, and gives up in the end', async (t) => {
  const busy = new Busy(8);
  busy.journalStart = Number.MAX_SAFE_INTEGER;
  const error = await t.throwsAsync(busy.read(), { instanceOf: QuorateError });
  t.is(error?.code, 'snapshot-required');
  const restored = new Busy(9);
  const before = restored.change.bind(restored);
  restored.change = () => {
    before();
    if (restored.requests >= 5) restored.timeline = { id: 'another', epoch: 2 };
  };
  const { entities, position } = await restored.read();
  t.is(position.timeline.epoch, 2);
  t.is(entitiesSha256(entities), restored.hashAt(position.index));
});
