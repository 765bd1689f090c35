/** What the answers to routers need to read of the model, and the reader over the controller's own store. */
import type { Position } from '../../../messaging/position.js';
import type { Entity, ModelChange } from '../../../messaging/schemas/model.js';

export interface RouterModelReader {
  /**
   * Where the newest change of an entity stands, index 0 before the first; null while there is no model (blank). Entries of
   * the log that change no entity do not move it: else every router would be behind without having missed anything.
   */
  position(): Position | null;
  /**
   * Changes after `index` in the present timeline, oldest first, at most `limit`, none left out;
   * `snapshot-required` where the journal no longer reaches back.
   */
  changesAfter(index: number, limit: number): readonly ModelChange[] | 'snapshot-required';
  kinds(): readonly string[];
  /** Entities of a kind with ids after this one, in the order of the ids. */
  entities(kind: string, after: string | undefined, limit: number): readonly Entity[];
}
