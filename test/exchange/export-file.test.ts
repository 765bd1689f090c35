/** The file of an export: what is written is read again, and what is not whole or was changed is noticed. */
import test from 'ava';
import { parse } from 'yaml';
import { isExport, makeExport, parseFile, readExport, writeExport } from '../../console/exchange/export-file.js';
import { type Entity, QuorateError } from '../../messaging/index.js';

const entity = (kind: string, id: string, given: Partial<Entity> = {}): Entity => ({
  kind,
  id,
  name: id,
  version: 1,
  createdAt: 1_700_000_000_000,
  updatedAt: 1_700_000_000_001,
  tags: {},
  spec: { roleAttributes: [] },
  ...given,
});
/** Names and values that a careless writer of YAML gets wrong. */
const awkward = [
  'no',
  '1e3',
  '0x1f',
  '---',
  '- a',
  '# c',
  'a: b',
  '"q"',
  "'s'",
  '{',
  '[',
  '%',
  '@',
  '|',
  '>',
  '~',
  'null',
  '2026-11-21',
  'ünïcode 東',
  'a\\nb',
];
const entities = [
  ...awkward.map((name, at) => entity('service', `s${at}`, { name, tags: { note: name }, version: at + 1 })),
  ...Array.from({ length: 1_200 }, (_, at) => entity('identity', `i${at}`)),
  entity('identity', 'lines', { tags: { text: 'one\n--- two\n---\nthree: 3' } }),
];
const head = {
  cluster: 'one',
  clusterId: 'c-1',
  position: { timeline: { id: 't', epoch: 1 }, indexType: 'raft' as const, index: 42 },
  exportedAt: '2026-11-21T10:00:00.000Z',
  softwareVersion: '0.1.0',
};
const made = makeExport(head, entities);

for (const syntax of ['json', 'yaml'] as const) {
  const text = [...writeExport(made, syntax)].join('');

  test(`${syntax}: what was written is read again, the same`, (t) => {
    const documents = parseFile(text, 'f');
    t.true(isExport(documents));
    const back = readExport(documents, 'f');
    t.deepEqual(back.head, made.head);
    t.deepEqual(back.entities, made.entities);
    t.is(back.head.counts['service'], awkward.length);
  });

  test(`${syntax}: an empty model is a file too`, (t) => {
    const empty = [...writeExport(makeExport(head, []), syntax)].join('');
    t.deepEqual(readExport(parseFile(empty, 'f'), 'f').entities, []);
  });

  test(`${syntax}: what was cut off, or changed, is refused with what is wrong`, (t) => {
    const refused = (changed: string): string =>
      t.throws(() => readExport(parseFile(changed, 'f'), 'f'), { instanceOf: QuorateError })?.message ?? '';
    t.regex(refused(text.replace('ünïcode', 'unicode')), /do not fit the checksum/);
    t.regex(refused(text.replace(/i77\b/, 'i78')), /do not fit the checksum/);
    t.regex(refused(text.replace(/formatVersion"?: 1/, (found) => found.replace('1', '9'))), /format version 9/);
    t.regex(
      refused(syntax === 'json' ? text.slice(0, -500) : text.slice(0, text.lastIndexOf('---\n'))),
      /neither JSON|is not whole/,
    );
  });
}

test('the JSON of an export is one document for any reader of JSON, the YAML a stream of documents', (t) => {
  const json: unknown = JSON.parse([...writeExport(made, 'json')].join(''));
  t.is((json as { entities: unknown[] }).entities.length, entities.length);
  const [first = ''] = writeExport(made, 'yaml');
  t.like(parse(first), { format: 'quorate-export', counts: made.head.counts });
});
