/**
 * The model in pages, built once and given to all routers that ask at about the same time: after a mass reconnect a thousand of
 * them want the same bytes. Every page of one model stands at one position; the cursor names the model and the page. Those that
 * want their own part share the pages with all routers that the same policies select; only themselves is put before.
 */
import { QuorateError } from '../../../messaging/errors.js';
import { comparable, type Position } from '../../../messaging/position.js';
import { protocolVersion } from '../../../messaging/protocol.js';
import type { Entity } from '../../../messaging/schemas/model.js';
import { serviceLimits as limits, type ServiceLimits } from './limits.js';
import { copyModel } from './model-copy.js';
import type { RouterModelReader } from './model-reader.js';
import { PartIndex } from './part-index.js';

export interface SharedModelOptions {
  readonly reader: RouterModelReader;
  readonly controller: string;
  /** Lets other work have its turn. */
  readonly yieldTurn: () => Promise<void>;
  readonly now: () => number;
  readonly limits?: Partial<Pick<ServiceLimits, 'replyBytesMax' | 'modelReuseMs' | 'modelKeepMs' | 'sliceEntities'>>;
}

/** What a router wants of the model. */
export interface Wanted {
  /** The router's id, where it wants its own part only. */
  readonly own?: string;
  /** A model from before this position is of no use to it. */
  readonly atLeast?: Position;
}

interface BuiltModel {
  readonly id: string;
  readonly position: Position;
  /** What pages are made from. Null: let go; those that are made already are still given. */
  copy: { readonly entities: ReadonlyMap<string, Entity>; readonly index: PartIndex } | null;
  whole: Pages | null;
  /** By the policies of the routers that they are for; their place says which a cursor means. */
  readonly parts: Map<string, Pages>;
  readonly builtAt: number;
  usedAt: number;
}

interface Pages {
  /** In a cursor; -1: the whole model. */
  readonly number: number;
  /** The insides of the pages' lists. */
  readonly bodies: Promise<readonly Uint8Array[]>;
}

export class SharedModel {
  readonly #options: SharedModelOptions;
  readonly #limits;
  /** Oldest first. */
  #kept: BuiltModel[] = [];
  #building: Promise<BuiltModel> | null = null;
  #built = 0;
  #partsBuilt = 0;

  constructor(options: SharedModelOptions) {
    this.#options = options;
    this.#limits = { ...limits, ...options.limits };
  }

  /** Models copied since the start. */
  get built(): number {
    return this.#built;
  }

  /** Parts encoded since the start: one for all routers that the same policies select. */
  get partsBuilt(): number {
    return this.#partsBuilt;
  }

  /**
   * The encoded page at `cursor`, the first one where it is null.
   * @throws QuorateError `snapshot-required` where the cursor's model is gone, `behind` where there is none to give
   */
  async page(cursor: string | null, wanted: Wanted = {}): Promise<Uint8Array> {
    if (cursor === null) {
      const model = this.#reusable(wanted) ?? (await this.#buildFor(wanted));
      return wanted.own === undefined
        ? this.#page(model, this.#whole(model), 0, null)
        : this.#firstOfPart(model, wanted.own);
    }
    const [id, number, part] = cursor.split('/');
    const model = this.#kept.find((each) => each.id === id);
    const pages = part === undefined ? model?.whole : [...(model?.parts.values() ?? [])][Number(part)];
    if (model === undefined || pages === undefined || pages === null) throw gone();
    return this.#page(model, pages, Number(number), null);
  }

  /** Lets go of what nobody asks for any more. */
  expire(): void {
    const now = this.#options.now();
    this.#kept = this.#kept.filter((each) => now - each.usedAt <= this.#limits.modelKeepMs);
    for (const each of this.#kept) {
      const isLarge = each.copy !== null && each.copy.entities.size > limits.copyKeptEntitiesMax;
      if (isLarge && now - each.builtAt > this.#limits.modelReuseMs) each.copy = null;
    }
  }

  #whole(model: BuiltModel): Pages {
    model.whole ??= { number: -1, bodies: this.#encode(copyOf(model).entities.values()) };
    return model.whole;
  }

  #firstOfPart(model: BuiltModel, router: string): Promise<Uint8Array> {
    const { index } = copyOf(model);
    const found = index.find(router);
    const policies = found?.policies ?? [];
    const key = policies.map((policy) => policy.id).join(' ');
    let pages = model.parts.get(key);
    if (pages === undefined) {
      this.#partsBuilt += 1;
      pages = { number: model.parts.size, bodies: this.#encode(index.joinedBy(policies)) };
      model.parts.set(key, pages);
    }
    return this.#page(model, pages, 0, found?.self ?? null);
  }

  async #page(model: BuiltModel, pages: Pages, number: number, first: Entity | null): Promise<Uint8Array> {
    model.usedAt = this.#options.now();
    const bodies = await pages.bodies;
    const body = bodies[number];
    if (body === undefined) throw new QuorateError('invalid-request', 'the model has no such page');
    const part = pages.number < 0 ? '' : `/${pages.number}`;
    const cursor = number === bodies.length - 1 ? null : `${model.id}/${number + 1}${part}`;
    const { controller } = this.#options;
    const { position } = model;
    const head = JSON.stringify({ v: protocolVersion, what: 'model', controller, position, cursor }).slice(0, -1);
    const before = first === null ? '' : `${JSON.stringify(first)}${body.length === 0 ? '' : ','}`;
    return Buffer.concat([Buffer.from(`${head},"entities":[${before}`), body, Buffer.from(']}')]);
  }

  #reusable({ own, atLeast }: Wanted): BuiltModel | null {
    const newest = this.#kept.at(-1);
    const position = this.#options.reader.position();
    if (
      newest === undefined ||
      position === null ||
      !comparable(newest.position, position) ||
      position.index < newest.position.index
    )
      return null;
    const hasIt = newest.copy !== null || (own === undefined && newest.whole !== null);
    if (!hasIt) return null;
    if (newest.position.index === position.index) return newest;
    if (atLeast !== undefined && comparable(atLeast, newest.position) && newest.position.index < atLeast.index)
      return null;
    const isYoung = this.#options.now() - newest.builtAt <= this.#limits.modelReuseMs;
    // Who takes an older one must be able to fetch what has changed since.
    return isYoung && this.#options.reader.changesAfter(newest.position.index, 1) !== 'snapshot-required'
      ? newest
      : null;
  }

  /** One that is being built already will do, unless it comes to stand before what is wanted. */
  async #buildFor({ atLeast }: Wanted): Promise<BuiltModel> {
    const built = await this.#build();
    const isTooEarly =
      atLeast !== undefined && comparable(atLeast, built.position) && built.position.index < atLeast.index;
    const position = isTooEarly ? this.#options.reader.position() : null;
    return position !== null && position.index > built.position.index ? this.#build() : built;
  }

  #build(): Promise<BuiltModel> {
    this.#building ??= this.#buildOnce().finally(() => {
      this.#building = null;
    });
    return this.#building;
  }

  async #buildOnce(): Promise<BuiltModel> {
    const { reader, yieldTurn } = this.#options;
    const { sliceEntities } = this.#limits;
    for (let attempt = 0; attempt < limits.buildAttemptsMax; attempt += 1) {
      const copy = await copyModel(reader, yieldTurn, sliceEntities);
      if (copy === null) continue;
      this.#built += 1;
      const now = this.#options.now();
      const { position, entities } = copy;
      const id = `${position.timeline.epoch}-${position.index}-${this.#built}`;
      const model: BuiltModel = {
        id,
        position,
        copy: { entities, index: new PartIndex(entities) },
        whole: null,
        parts: new Map(),
        builtAt: now,
        usedAt: now,
      };
      // Holding the entities of several models would cost as much memory as the models.
      for (const older of this.#kept) older.copy = null;
      this.#kept = [...this.#kept, model].slice(-limits.modelsKeptMax);
      return model;
    }
    throw new QuorateError('overloaded', 'the model changes faster than it can be read');
  }

  /** The insides of the pages' lists, each within the bound of a reply. */
  async #encode(entities: Iterable<Entity>): Promise<readonly Uint8Array[]> {
    const { yieldTurn } = this.#options;
    const { replyBytesMax, sliceEntities } = this.#limits;
    const bodies: Uint8Array[] = [];
    let texts: string[] = [];
    let bytes = 0;
    let inSlice = 0;
    for (const entity of entities) {
      const text = JSON.stringify(entity);
      const size = Buffer.byteLength(text) + 1;
      if (texts.length > 0 && bytes + size > replyBytesMax) {
        bodies.push(Buffer.from(texts.join(',')));
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
    bodies.push(Buffer.from(texts.join(',')));
    return bodies;
  }
}

function copyOf(model: BuiltModel): NonNullable<BuiltModel['copy']> {
  if (model.copy === null) throw gone();
  return model.copy;
}

function gone(): QuorateError {
  return new QuorateError('snapshot-required', 'the model that this page belongs to is no longer kept');
}
