import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { checkoutRoot } from '../support/checkout.js';
import { parseScreen } from './screen.js';
import { renderSvg } from './svg.js';

const colors = { foreground: '#ffffff', background: '#000000' };
const esc = '\u001b[';
const shown = (captured: string) =>
  parseScreen(captured, colors).map((runs) =>
    runs.map(({ text, column, width, look }) => ({
      text,
      column,
      width,
      color: look.color,
      background: look.background,
      bold: look.bold,
    })),
  );
const plain = { color: undefined, background: undefined, bold: false };

test('a screen is taken apart into runs, each at its column', (t) => {
  t.deepEqual(shown(`a${esc}1mbc${esc}0m d`), [
    [
      { text: 'a', column: 0, width: 1, ...plain },
      { text: 'bc', column: 1, width: 2, ...plain, bold: true },
      { text: ' d', column: 3, width: 2, ...plain },
    ],
  ]);
});

test('wide characters take two columns', (t) => {
  const [runs] = shown(`日本${esc}1mx`);
  t.deepEqual(
    runs?.map(({ text, column, width }) => [text, column, width]),
    [
      ['日本', 0, 4],
      ['x', 4, 1],
    ],
  );
});

test('colours of every kind are understood, and inverse turns them round', (t) => {
  const [runs] = shown(`${esc}31ma${esc}38;5;196mb${esc}38;2;1;2;3;48;5;244mc${esc}39;49;7md${esc}27me`);
  t.deepEqual(
    runs?.map(({ text, color, background }) => [text, color, background]),
    [
      ['a', '#cd3131', undefined],
      ['b', '#ff0000', undefined],
      ['c', '#010203', '#808080'],
      ['d', '#000000', '#ffffff'],
      ['e', undefined, undefined],
    ],
  );
});

test('a look goes on over the end of a line', (t) => {
  t.deepEqual(
    shown(`${esc}1ma\nb`).map((runs) => runs[0]?.bold),
    [true, true],
  );
});

test('a picture is an SVG that shows the text, escaped, and says what is to be seen', (t) => {
  const svg = renderSvg(`${esc}1m a<b&c ${esc}0m▂█`, {
    columns: 10,
    rows: 2,
    title: 'A "title"',
    description: 'Two bars',
  });
  t.regex(svg, /^<svg [^>]*aria-label="Two bars"/);
  t.regex(svg, /font-weight="700"[^>]*>a&lt;b&amp;c<\/text>/);
  t.regex(svg, />A &quot;title&quot;<\/text>/);
  t.is(svg.match(/<path d="M[^"]*z" fill="#d8dee9"\/>/g)?.length, 2);
  t.false(/[▂█]/.test(svg));
});

test('no picture names a directory of the tests of the machine that it was taken on', (t) => {
  const folder = path.join(checkoutRoot, 'docs', 'pictures');
  const names = readdirSync(folder);
  t.true(names.length > 10);
  t.deepEqual(
    names.filter((name) => readFileSync(path.join(folder, name), 'utf8').includes('quorate-test-')),
    [],
  );
});
