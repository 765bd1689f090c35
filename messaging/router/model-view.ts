/** The router's copy of the model, in memory. The client changes it; applications see it through {@link ModelView}. */

import { entitiesSha256 } from '../entity-hash.js';
import type { Position } from '../position.js';
import type { Entity, ModelChange } from '../schemas/model.js';
import type { ModelReport } from '../schemas/router.js';
import { contains, type Part } from './part.js';

/** A live, read-only view: it always shows the newest state, and between two awaits of yours it does not change. */
export interface ModelView {
  get(kind: string, id: string): Entity | undefined;
  /** In no particular order; a copy, so that it may be kept. */
  list(kind: string): readonly Entity[];
  /** Kinds of which there is at least one. */
  kinds(): readonly string[];
  /** Number of entities of all kinds. */
  readonly size: number;
  /** Where it stands; null: the model has not been received yet. */
  readonly position: Position | null;
}

/** One change as the application sees it, each exactly once, in the order of the controllers' history. */
export interface RouterChange {
  readonly type: 'created' | 'updated' | 'deleted';
  /** After the change; for a deletion, what it was. */
  readonly entity: Entity;
  /** Where the model stands with it. */
  readonly position: Position;
  /**
   * `event`: as it was published. `sync`: fetched because the event was missed. `model`: the difference that taking the whole
   * model made; several changes of one entity are then one.
   */
  readonly source: 'event' | 'sync' | 'model';
}

export class RouterModel implements ModelView {
  #kinds = new Map<string, Map<string, Entity>>();
  #size = 0;
  #position: Position | null = null;
  #part: Part | null = null;
  #entitiesSha256: string | undefined;

  get size(): number {
    return this.#size;
  }

  get position(): Position | null {
    return this.#position;
  }

  get(kind: string, id: string): Entity | undefined {
    return this.#kinds.get(kind)?.get(id);
  }

  list(kind: string): readonly Entity[] {
    return [...(this.#kinds.get(kind)?.values() ?? [])];
  }

  kinds(): readonly string[] {
    return [...this.#kinds.keys()];
  }

  /**
   * Takes in one change and returns what that changes for the application. Where only a part is held: nothing, if the entity
   * is not in it; an entity that comes into the part is `created`, one that leaves it `deleted`.
   *
   * @param part what the part is with the change; null where the whole model is held
   */
  apply(change: ModelChange, source: RouterChange['source'], part: Part | null): readonly RouterChange[] {
    const { type, entity, position } = change;
    this.#position = position;
    const isSamePart = part === this.#part;
    this.#part = part;
    if (part === null) {
      if (type === 'deleted') this.#delete(entity);
      else this.#put(entity);
      return [{ type, entity, position, source }];
    }
    const changes: RouterChange[] = [];
    const held = this.get(entity.kind, entity.id);
    if (type !== 'deleted' && contains(part, entity)) {
      this.#put(entity);
      changes.push({ type: held === undefined ? 'created' : 'updated', entity, position, source });
    } else if (held !== undefined) {
      this.#delete(entity);
      changes.push({ type: 'deleted', entity: type === 'deleted' ? entity : held, position, source });
    }
    if (isSamePart) return changes;
    for (const left of [...this.#entities()].filter((each) => !contains(part, each))) {
      this.#delete(left);
      changes.push({ type: 'deleted', entity: left, position, source });
    }
    return changes;
  }

  /** The controllers stand at `position` and nothing changed on the way there. */
  advance(position: Position): void {
    this.#position = position;
  }

  /** Puts another model in place of this one and says what differs. */
  replace(entities: readonly Entity[], position: Position, part: Part | null): readonly RouterChange[] {
    const before = this.#kinds;
    this.#kinds = new Map();
    this.#size = 0;
    this.#entitiesSha256 = undefined;
    this.#position = position;
    this.#part = part;
    const changes: RouterChange[] = [];
    for (const entity of entities) {
      const old = before.get(entity.kind)?.get(entity.id);
      this.#put(entity);
      if (old === undefined) changes.push({ type: 'created', entity, position, source: 'model' });
      else if (!isSame(old, entity)) changes.push({ type: 'updated', entity, position, source: 'model' });
    }
    for (const ofKind of before.values()) {
      for (const entity of ofKind.values()) {
        if (this.get(entity.kind, entity.id) === undefined)
          changes.push({ type: 'deleted', entity, position, source: 'model' });
      }
    }
    return changes;
  }

  /** What it holds, in one hash; the same one is given again as long as nothing changes. */
  report(): ModelReport | undefined {
    if (this.#position === null) return undefined;
    this.#entitiesSha256 ??= entitiesSha256([...this.#entities()]);
    return { position: this.#position, entitiesSha256: this.#entitiesSha256 };
  }

  *#entities(): Generator<Entity> {
    for (const ofKind of this.#kinds.values()) yield* ofKind.values();
  }

  #put(entity: Entity): void {
    this.#entitiesSha256 = undefined;
    const ofKind = this.#kinds.get(entity.kind) ?? new Map<string, Entity>();
    this.#kinds.set(entity.kind, ofKind);
    if (!ofKind.has(entity.id)) this.#size += 1;
    ofKind.set(entity.id, entity);
  }

  #delete(entity: Entity): void {
    const ofKind = this.#kinds.get(entity.kind);
    if (ofKind?.delete(entity.id) !== true) return;
    this.#entitiesSha256 = undefined;
    this.#size -= 1;
    if (ofKind.size === 0) this.#kinds.delete(entity.kind);
  }
}

/** Versions alone do not tell: another history may have given the same version to other contents. */
function isSame(one: Entity, other: Entity): boolean {
  return (
    one.version === other.version && one.updatedAt === other.updatedAt && JSON.stringify(one) === JSON.stringify(other)
  );
}
