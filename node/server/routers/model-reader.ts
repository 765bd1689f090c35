/** What the answers to routers need to read of the model, and the reader over the controller's own store. */
import type { Position } from '../../../messaging/position.js';
import type { Entity, ModelChange } from '../../../messaging/schemas/model.js';
import type { ModelMeta, ModelStore } from '../../model/store.js';

export interface RouterModelReader {
  /**
   * Where the newest change of an entity stands, before the first of a timeline where that began; null while there is no model
   * (blank). Entries of the log that change no entity do not move it: else every router would be behind without having missed
   * anything. A timeline begins above all legacy indexes ever given, so nobody is told of one that is lower.
   */
  position(): Position | null;
  /**
   * Changes after `index` in the present timeline, oldest first, at most `limit`, none left out;
   * `snapshot-required` where the journal no longer reaches back.
   */
  changesAfter(index: number, limit: number): readonly ModelChange[] | 'snapshot-required';
  entity(kind: string, id: string): Entity | undefined;
  kinds(): readonly string[];
  /** Entities of a kind with ids after this one, in the order of the ids. */
  entities(kind: string, after: string | undefined, limit: number): readonly Entity[];
}

/** The reader over a controller's own model. */
export function readerOf(store: ModelStore): RouterModelReader {
  const positionAt = (meta: ModelMeta, index: number): Position => ({ ...meta.position, index });
  return {
    position() {
      const meta = store.meta();
      return meta === undefined
        ? null
        : positionAt(meta, meta.lastChangeIndex === 0 ? meta.journalStart : meta.lastChangeIndex);
    },
    changesAfter(index, limit) {
      const meta = store.meta();
      if (meta === undefined) return 'snapshot-required';
      // What lies before is of another timeline: kept for its request ids.
      const rows = store.changesAfter(Math.max(index, meta.journalStart), limit);
      const [first] = rows;
      // Whether rows were pruned is seen by what the first one follows, and where there is none, by the last change there was.
      const reachesBack = first === undefined ? meta.lastChangeIndex <= index : first.previousIndex <= index;
      if (!reachesBack) return 'snapshot-required';
      return rows.map(({ index: at, previousIndex, type, entity }) => ({
        position: positionAt(meta, at),
        previousIndex,
        type,
        entity,
      }));
    },
    entity: (kind, id) => store.get(kind, id),
    kinds: () => Object.keys(store.countsByKind()),
    entities: (kind, after, limit) => store.list(kind, { after, limit }),
  };
}
