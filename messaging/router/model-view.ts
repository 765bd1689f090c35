/** The router's copy of the model, in memory. The client changes it; applications see it through {@link ModelView}. */
import type { Position } from '../position.js';
import type { Entity, ModelChange } from '../schemas/model.js';

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

  apply(change: ModelChange, source: RouterChange['source']): RouterChange {
    if (change.type === 'deleted') this.#delete(change.entity);
    else this.#put(change.entity);
    this.#position = change.position;
    return { type: change.type, entity: change.entity, position: change.position, source };
  }

  /** The controllers stand at `position` and nothing changed on the way there. */
  advance(position: Position): void {
    this.#position = position;
  }

  /** Puts another model in place of this one and says what differs. */
  replace(entities: readonly Entity[], position: Position): readonly RouterChange[] {
    const before = this.#kinds;
    this.#kinds = new Map();
    this.#size = 0;
    this.#position = position;
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

  #put(entity: Entity): void {
    const ofKind = this.#kinds.get(entity.kind) ?? new Map<string, Entity>();
    this.#kinds.set(entity.kind, ofKind);
    if (!ofKind.has(entity.id)) this.#size += 1;
    ofKind.set(entity.id, entity);
  }

  #delete(entity: Entity): void {
    const ofKind = this.#kinds.get(entity.kind);
    if (ofKind?.delete(entity.id) !== true) return;
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
