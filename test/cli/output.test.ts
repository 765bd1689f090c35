/** Tables, suggestions, confirmations of words: the pure parts of what is printed. */
import test from 'ava';
import { parseSets, parseTags } from '../../console/commands/model-input.js';
import { editDistance, nearest } from '../../console/output/suggest.js';
import { type Column, renderTable } from '../../console/output/table.js';
import { parseDocuments } from '../../console/state/entity-document.js';
import { cells } from '../../console/state/text.js';

interface Row {
  readonly name: string;
  readonly count: number;
  readonly note: string;
}

const columns: readonly Column<Row>[] = [
  { title: 'NAME', value: (row) => row.name, widthMin: 4 },
  { title: 'COUNT', value: (row) => String(row.count), align: 'right' },
  { title: 'NOTE', value: (row) => row.note, widthMin: 5, dropOrder: 1 },
];
const rows: readonly Row[] = [
  { name: 'ctrl1', count: 7, note: 'leads' },
  { name: '東京のコントローラ', count: 12345, note: 'a note that is rather long' },
];

test('into a pipe nothing is cut, and wide characters keep the columns in line', (t) => {
  t.deepEqual(renderTable(rows, columns, null), [
    'NAME                COUNT  NOTE',
    'ctrl1                   7  leads',
    '東京のコントローラ  12345  a note that is rather long',
  ]);
});

test('a table is never wider than the terminal: columns are cut, then left out', (t) => {
  for (let width = 12; width <= 60; width += 1) {
    const lines = renderTable(rows, columns, width);
    for (const line of lines) t.true(cells(line) <= width, `${width}: ${line}`);
  }
  t.false(renderTable(rows, columns, 14)[0]?.includes('NOTE'));
  t.true(renderTable(rows, columns, 30)[0]?.includes('NOTE'));
});

test('however narrow the terminal, each value of a long table is made once', (t) => {
  let made = 0;
  const counting = columns.map((column) => ({
    ...column,
    value: (row: Row) => {
      made += 1;
      return column.value(row);
    },
  }));
  const long = Array.from({ length: 1_000 }, (_, count) => ({ name: `router-${count}`, count, note: 'a'.repeat(80) }));
  renderTable(long, counting, 14);
  t.is(made, long.length * columns.length);
});

test('what controllers say cannot move the cursor', (t) => {
  const [, line = ''] = renderTable([{ name: 'a\u001b[2Jb\nc', count: 1, note: '' }], columns, null);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  t.notRegex(line, /[\u0000-\u001f]/);
});

test('the nearest word, and none where nothing is near', (t) => {
  t.is(nearest('statsu', ['status', 'snapshot']), 'status');
  t.is(nearest('xyzzy', ['status', 'snapshot']), undefined);
  t.is(editDistance('ab', 'ba'), 1);
  t.is(editDistance('kitten', 'sitting'), 3);
});

test('--set: paths within the spec, values as YAML', (t) => {
  t.deepEqual(parseSets(['spec.port=8080', 'a.b=x', 'a.c=[1, two]', 'text="8080"', 'gone=null', 'empty=']), {
    port: 8080,
    a: { b: 'x', c: [1, 'two'] },
    text: '8080',
    gone: null,
    empty: '',
  });
  t.throws(() => parseSets(['port']), { message: '--set: "port" has no value' });
  t.throws(() => parseSets(['a=[1']), { message: /not valid YAML/ });
  t.throws(() => parseSets(['__proto__.x=1']), { message: /not a path/ });
});

test('--tag: set, empty, taken away', (t) => {
  t.deepEqual(parseTags(['a=1', 'b=', 'c-', 'd=x-']), { a: '1', b: '', c: null, d: 'x-' });
});

test('a file of entities: documents, tags as text, and the field that is wrong', (t) => {
  const documents = parseDocuments(
    'kind: service\nname: a\ntags: {n: 1}\n---\n{"kind":"service","name":"b"}\n',
    'x.yaml',
  );
  t.deepEqual(documents, [
    { kind: 'service', name: 'a', tags: { n: '1' } },
    { kind: 'service', name: 'b' },
  ]);
  t.throws(() => parseDocuments('kind: 5', 'x.yaml'), { message: /^x\.yaml: kind: / });
  t.throws(() => parseDocuments('nmae: a', 'x.yaml'), { message: /nmae/ });
  t.throws(() => parseDocuments('', 'x.yaml'), { message: 'x.yaml holds no document' });
});
