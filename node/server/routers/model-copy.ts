/**
 * A copy of the model in memory, exact at one position, made in slices between which the controller does other work and the
 * model goes on changing. What was read is then a mixture of states; replaying over it the changes since the first slice, each
 * of which holds a whole entity, makes it exact at the position of the last one. (The "fuzzy" checkpoint of databases: Gray
 * and Reuter, Transaction Processing, 11.3.) In the same way a copy is taken further later on.
 */
import { QuorateError } from '../../../messaging/errors.js';
import { comparable, type Position } from '../../../messaging/position.js';
import type { Entity } from '../../../messaging/schemas/model.js';
import type { RouterModelReader } from './model-reader.js';
import { keyOf } from './part-index.js';

export interface ModelCopy {
  readonly position: Position;
  /** By `keyOf`. */
  readonly entities: Map<string, Entity>;
}

/**
 * Null where the history changed meanwhile, or the journal no longer reaches back to the first slice.
 * @param yieldTurn lets other work have its turn
 * @throws QuorateError `behind`
 */
export async function copyModel(
  reader: RouterModelReader,
  yieldTurn: () => Promise<void>,
  sliceEntities: number,
): Promise<ModelCopy | null> {
  const start = reader.position();
  if (start === null) throw new QuorateError('behind', 'this controller has no model yet');
  const entities = new Map<string, Entity>();
  for (const kind of reader.kinds()) {
    let after: string | undefined;
    for (;;) {
      const slice = reader.entities(kind, after, sliceEntities);
      for (const entity of slice) entities.set(keyOf(entity), entity);
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
    for (const change of changes) replay(entities, change);
    index = changes.at(-1)?.position.index ?? index;
    // No turn was given away since the position was read: the copy stands exactly there.
    if (changes.length < sliceEntities) return { position, entities };
    await yieldTurn();
  }
}

/** The same copy at a later index; null where the journal, or the model itself, does not reach that far. */
export function advanceCopy(
  { position, entities }: ModelCopy,
  reader: RouterModelReader,
  index: number,
  changesMax: number,
): ModelCopy | null {
  const now = reader.position();
  if (now === null || !comparable(now, position) || now.index < index) return null;
  for (let at = position.index; at < index; ) {
    const changes = reader.changesAfter(at, changesMax);
    if (changes === 'snapshot-required') return null;
    const due = changes.filter((change) => change.position.index <= index);
    for (const change of due) replay(entities, change);
    if (due.length < changes.length || changes.length < changesMax) break;
    at = due.at(-1)?.position.index ?? index;
  }
  return { position: { ...position, index }, entities };
}

function replay(entities: Map<string, Entity>, change: { readonly type: string; readonly entity: Entity }): void {
  if (change.type === 'deleted') entities.delete(keyOf(change.entity));
  else entities.set(keyOf(change.entity), change.entity);
}
