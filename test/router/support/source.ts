/** A model in memory with its history, and controllers that know a part of it: what the router side is tested against. */
import type { Entity, IndexType, ModelChange, Position, Timeline } from '../../../messaging/index.js';
import type { RouterModelReader } from '../../../node/server/routers/index.js';

type Step =
  | { readonly step: 'change'; readonly change: ModelChange }
  | {
      readonly step: 'history';
      readonly timeline: Timeline;
      readonly indexType: IndexType;
      readonly index: number;
      readonly entities: readonly Entity[];
    };

export interface NewHistory {
  readonly timeline: Timeline;
  readonly indexType?: IndexType;
  /** Default: the entities there are. */
  readonly entities?: readonly Entity[];
}

/** The true model. Every change and every new history is a step; replicas take the steps in order. */
export class ModelSource {
  readonly steps: Step[] = [];
  readonly #truth: Replica;

  constructor(
    timeline: Timeline = { id: 'first', epoch: 1 },
    indexType: IndexType = 'raft',
    readonly journalMax = Number.POSITIVE_INFINITY,
  ) {
    this.steps.push({ step: 'history', timeline, indexType, index: 0, entities: [] });
    this.#truth = new Replica(this);
    this.#truth.catchUp();
  }

  get position(): Position {
    return this.#truth.position() as Position;
  }

  get entities(): ReadonlyMap<string, Entity> {
    return this.#truth.all;
  }

  put(kind: string, id: string, name = id, spec: Entity['spec'] = { name }): ModelChange {
    const old = this.entities.get(`${kind}/${id}`);
    const version = (old?.version ?? 0) + 1;
    const entity: Entity = { kind, id, name, version, createdAt: 1, updatedAt: version, tags: {}, spec };
    return this.#change(old === undefined ? 'created' : 'updated', entity);
  }

  delete(kind: string, id: string): ModelChange {
    const entity = this.entities.get(`${kind}/${id}`);
    if (entity === undefined) throw new Error(`no ${kind} ${id}`);
    return this.#change('deleted', entity);
  }

  /** Restore, recovery or migration: the indexes begin anew and say nothing about those before. */
  begin(history: NewHistory): void {
    this.#append({
      step: 'history',
      timeline: history.timeline,
      indexType: history.indexType ?? this.position.indexType,
      index: 0,
      entities: history.entities ?? [...this.entities.values()],
    });
  }

  #change(type: ModelChange['type'], entity: Entity): ModelChange {
    const { position } = this;
    // As in a Raft log, not every index is a change of an entity.
    const index = position.index + 1 + (position.index % 3);
    const change = { position: { ...position, index }, previousIndex: position.index, type, entity };
    this.#append({ step: 'change', change });
    return change;
  }

  #append(step: Step): void {
    this.steps.push(step);
    this.#truth.catchUp();
  }
}

/** What one controller holds: the steps that it has taken. */
export class Replica implements RouterModelReader {
  readonly #source: ModelSource;
  #taken = 0;
  #position: Position | null = null;
  #entities = new Map<string, Entity>();
  #journal: ModelChange[] = [];
  #journalStart = 0;

  constructor(source: ModelSource) {
    this.#source = source;
  }

  get all(): ReadonlyMap<string, Entity> {
    return this.#entities;
  }

  get behind(): number {
    return this.#source.steps.length - this.#taken;
  }

  catchUp(steps = Number.POSITIVE_INFINITY): void {
    for (const step of this.#source.steps.slice(this.#taken, this.#taken + steps)) {
      this.#taken += 1;
      if (step.step === 'history') {
        this.#position = { timeline: step.timeline, indexType: step.indexType, index: step.index };
        this.#entities = new Map(step.entities.map((entity) => [`${entity.kind}/${entity.id}`, entity]));
        this.#journal = [];
        this.#journalStart = step.index;
      } else {
        this.#apply(step.change);
      }
    }
  }

  #apply(change: ModelChange): void {
    const key = `${change.entity.kind}/${change.entity.id}`;
    if (change.type === 'deleted') this.#entities.delete(key);
    else this.#entities.set(key, change.entity);
    this.#position = change.position;
    this.#journal.push(change);
    while (this.#journal.length > this.#source.journalMax) {
      this.#journalStart = this.#journal.shift()?.position.index ?? this.#journalStart;
    }
  }

  position(): Position | null {
    return this.#position;
  }

  changesAfter(index: number, limit: number): readonly ModelChange[] | 'snapshot-required' {
    if (index < this.#journalStart) return 'snapshot-required';
    return this.#journal.filter((change) => change.position.index > index).slice(0, limit);
  }

  entity(kind: string, id: string): Entity | undefined {
    return this.#entities.get(`${kind}/${id}`);
  }

  kinds(): readonly string[] {
    return [...new Set([...this.#entities.values()].map((entity) => entity.kind))];
  }

  entities(kind: string, after: string | undefined, limit: number): readonly Entity[] {
    return [...this.#entities.values()]
      .filter((entity) => entity.kind === kind && (after === undefined || entity.id > after))
      .sort((one, other) => (one.id < other.id ? -1 : 1))
      .slice(0, limit);
  }
}

/** In one order, for comparing. */
export function sorted(entities: Iterable<Entity>): readonly Entity[] {
  const keyOf = (entity: Entity): string => `${entity.kind}/${entity.id}`;
  return [...entities].sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}
