/** What restoring a snapshot would change, counted by kind: for the operator, before anything is touched. Runs in the worker thread. */
import { byCodeUnit } from '../model/store.js';
import { openReadOnly, translate } from './database.js';
import type { KindDifference } from './types.js';

const queries = {
  added: `SELECT kind, count(*) FROM file.entities AS theirs
    WHERE NOT EXISTS (SELECT 1 FROM main.entities AS ours WHERE ours.kind = theirs.kind AND ours.id = theirs.id)
    GROUP BY kind`,
  changed: `SELECT ours.kind, count(*) FROM main.entities AS ours
    JOIN file.entities AS theirs ON theirs.kind = ours.kind AND theirs.id = ours.id
    WHERE theirs.body <> ours.body GROUP BY ours.kind`,
  removed: `SELECT kind, count(*) FROM main.entities AS ours
    WHERE NOT EXISTS (SELECT 1 FROM file.entities AS theirs WHERE theirs.kind = ours.kind AND theirs.id = ours.id)
    GROUP BY kind`,
} as const;

/** In the order of the kinds; only kinds in which something differs. */
export function compareRestore(modelPath: string, path: string): readonly KindDifference[] {
  const database = openReadOnly(modelPath);
  try {
    return translate(path, () => {
      database.prepare('ATTACH ? AS file').run(path);
      const count = (query: string) => new Map(database.prepare<[], [string, number]>(query).raw().all());
      const [added, changed, removed] = [count(queries.added), count(queries.changed), count(queries.removed)];
      const kinds = [...new Set([...added.keys(), ...changed.keys(), ...removed.keys()])].sort(byCodeUnit);
      return kinds.map((kind) => ({
        kind,
        added: added.get(kind) ?? 0,
        changed: changed.get(kind) ?? 0,
        removed: removed.get(kind) ?? 0,
      }));
    });
  } finally {
    database.close();
  }
}
