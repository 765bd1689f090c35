/** Reading the whole of model.db, page by page and row by row: for the doctor, and before what must not be built on damage. */
import { entitySchema } from '../../messaging/schemas/model.js';
import { openReadOnly, tableNames } from './database.js';

/** Rows that are named one by one. */
const namedMax = 5;

/** One sentence for each thing that is wrong. On a connection of its own; a controller may go on writing. */
export function checkModel(path: string): readonly string[] {
  const database = openReadOnly(path);
  try {
    const integrity = database.pragma('integrity_check(10)', { simple: true });
    const structure = integrity === 'ok' ? [] : [`The structure of model.db is damaged: ${String(integrity)}.`];
    return [...structure, ...readModel(path).wrong];
  } finally {
    database.close();
  }
}

/** Whether each entity is what its columns and its form say. */
export function readModel(path: string): { readonly sentence: string; readonly wrong: readonly string[] } {
  const database = openReadOnly(path);
  try {
    if (!tableNames(database).has('entities')) return { sentence: 'no entities', wrong: [] };
    const counts = new Map<string, number>();
    const bad: string[] = [];
    const rows = database.prepare<[], [string, string, string, string]>('SELECT kind, id, name, body FROM entities');
    for (const [kind, id, name, body] of rows.raw().iterate()) {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      if (!isEntity(body, kind, id, name)) bad.push(`${kind} ${id}`);
    }
    const sentence = [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ') || 'no entities';
    if (bad.length === 0) return { sentence, wrong: [] };
    const more = bad.length > namedMax ? ` and ${bad.length - namedMax} more` : '';
    return {
      sentence,
      wrong: [`Entities that are not what they say: ${bad.slice(0, namedMax).join(', ')}${more}.`],
    };
  } finally {
    database.close();
  }
}

function isEntity(body: string, kind: string, id: string, name: string): boolean {
  try {
    const entity = entitySchema.parse(JSON.parse(body));
    return entity.kind === kind && entity.id === id && entity.name === name;
  } catch {
    return false;
  }
}
