/**
 * The whole model in pages, built once and given to all routers that ask at about the same time: after a mass reconnect a
 * thousand of them want the same bytes. Every page of one model stands at one position; the cursor names the model and the page.
 *
 * It is built in slices between which the controller does other work, while the model goes on changing. What was read is
 * then a mixture of states; replaying over it the changes since the first slice, each of which holds a whole entity, makes it
 * exact at the position of the last one. (The "fuzzy" checkpoint of databases: Gray and Reuter, Transaction Processing, 11.3.)
 */
import { QuorateError } from '../../../messaging/errors.js';
import { comparable, type Position } from '../../../messaging/position.js';
import { protocolVersion } from '../../../messaging/protocol.js';
import type { Entity } from '../../../messaging/schemas/model.js';
import { serviceLimits as limits, type ServiceLimits } from './limits.js';
import type { RouterModelReader } from './model-reader.js';

export interface SharedModelOptions {
  readonly reader: RouterModelReader;
  readonly controller: string;
  /** Lets other work have its turn. */
  readonly yieldTurn: () => Promise<void>;
  readonly now: () => number;
  readonly limits?: Partial<Pick<ServiceLimits, 'replyBytesMax' | 'modelReuseMs' | 'modelKeepMs' | 'sliceEntities'>>;
}

interface BuiltModel {
  readonly id: string;
  readonly position: Position;
  readonly pages: readonly Uint8Array[];
  readonly builtAt: number;
  usedAt: number;
}

export class SharedModel {
  readonly #options: SharedModelOptions;
  readonly #limits;
  /** Oldest first. */
  #kept: BuiltModel[] = [];
  #building: Promise<BuiltModel> | null = null;
  #built = 0;

  constructor(options: SharedModelOptions) {
    this.#options = options;
    this.#limits = { ...limits, ...options.limits };
  }

  /** Models built since the start. */
  get built(): number {
    return this.#built;
  }

  /**
   * The encoded page at `cursor`, the first one where it is null.
   * @throws QuorateError `snapshot-required` where the cursor's model is gone, `behind` where there is none to give
   */
  async page(cursor: string | null): Promise<Uint8Array> {
    if (cursor === null) {
      const model = this.#reusable() ?? (await this.#build());
      return this.#use(model, 0);
    }
    const [id, number] = cursor.split('/');
    const model = this.#kept.find((each) => each.id === id);
    if (model === undefined)
      throw new QuorateError('snapshot-required', 'the model that this page belongs to is no longer kept');
    return this.#use(model, Number(number));
  }

  /** Lets go of what nobody asks for any more. */
  expire(): void {
    const now = this.#options.now();
    this.#kept = this.#kept.filter((each) => now - each.usedAt <= this.#limits.modelKeepMs);
  }

  #use(model: BuiltModel, number: number): Uint8Array {
    const page = model.pages[number];
    if (page === undefined) throw new QuorateError('invalid-request', 'the model has no such page');
    model.usedAt = this.#options.now();
    return page;
  }

  #reusable(): BuiltModel | null {
    const newest = this.#kept.at(-1);
    const position = this.#options.reader.position();
    if (
      newest === undefined ||
      position === null ||
      !comparable(newest.position, position) ||
      position.index < newest.position.index
    )
      return null;
    if (newest.position.index === position.index) return newest;
    const isYoung = this.#options.now() - newest.builtAt <= this.#limits.modelReuseMs;
    // Who takes an older one must be able to fetch what has changed since.
    return isYoung && this.#options.reader.changesAfter(newest.position.index, 1) !== 'snapshot-required'
      ? newest
      : null;
  }

  #build(): Promise<BuiltModel> {
    this.#building ??= this.#buildOnce().finally(() => {
      this.#building = null;
    });
    return this.#building;
  }

  async #buildOnce(): Promise<BuiltModel> {
    for (let attempt = 0; attempt < limits.buildAttemptsMax; attempt += 1) {
      const copy = await this.#copy();
      if (copy === null) continue;
      this.#built += 1;
      const id = `${copy.position.timeline.epoch}-${copy.position.index}-${this.#built}`;
      const pages = await this.#encode(id, copy.position, copy.entities);
      const now = this.#options.now();
      const model: BuiltModel = { id, position: copy.position, pages, builtAt: now, usedAt: now };
      this.#kept = [...this.#kept, model].slice(-limits.modelsKeptMax);
      return model;
    }
    throw new QuorateError('overloaded', 'the model changes faster than it can be read');
  }

  /** Null where the history changed, or the journal no longer reaches back to the first slice. */
  async #copy(): Promise<{ readonly position: Position; readonly entities: Iterable<Entity> } | null> {
    const { reader, yieldTurn } = this.#options;
    const { sliceEntities } = this.#limits;
    const start = reader.position();
    if (start === null) throw new QuorateError('behind', 'this controller has no model yet');
    const copy = new Map<string, Entity>();
    for (const kind of reader.kinds()) {
      let after: string | undefined;
      for (;;) {
        const slice = reader.entities(kind, after, sliceEntities);
        for (const entity of slice) copy.set(keyOf(entity), entity);
        after = slice.at(-1)?.id;
        if (slice.length < sliceEntities) break;
        await yieldTurn();
      }
    }
    let { index } = start;
    for (;;) {
      const position = reader.position();
      if (position === null || !comparable(start, position)) return null;
      const changes = reader.changesAfter(index, sliceEntities);
      if (changes === 'snapshot-required') return null;
      for (const { type, entity } of changes) {
        if (type === 'deleted') copy.delete(keyOf(entity));
        else copy.set(keyOf(entity), entity);
      }
      index = changes.at(-1)?.position.index ?? index;
      // No turn was given away since the position was read: the copy stands exactly there.
      if (changes.length < sliceEntities) return { position, entities: copy.values() };
      await yieldTurn();
    }
  }

  async #encode(id: string, position: Position, entities: Iterable<Entity>): Promise<readonly Uint8Array[]> {
    const { yieldTurn, controller } = this.#options;
    const { replyBytesMax, sliceEntities } = this.#limits;
    const bodies: string[] = [];
    let texts: string[] = [];
    let bytes = 0;
    let inSlice = 0;
    for (const entity of entities) {
      const text = JSON.stringify(entity);
      const size = Buffer.byteLength(text) + 1;
      if (texts.length > 0 && bytes + size > replyBytesMax) {
        bodies.push(texts.join(','));
        texts = [];
        bytes = 0;
      }
      texts.push(text);
      bytes += size;
      inSlice += 1;
      if (inSlice === sliceEntities) {
        inSlice = 0;
        await yieldTurn();
      }
    }
    bodies.push(texts.join(','));
    const head = JSON.stringify({ v: protocolVersion, what: 'model', controller, position }).slice(0, -1);
    return bodies.map((body, number) => {
      const cursor = number === bodies.length - 1 ? null : `${id}/${number + 1}`;
      return Buffer.from(`${head},"cursor":${JSON.stringify(cursor)},"entities":[${body}]}`);
    });
  }
}

function keyOf(entity: Entity): string {
  return `${entity.kind}/${entity.id}`;
}
