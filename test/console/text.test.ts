import test from 'ava';
import { joinedSpans } from '../../console/components/line.js';
import { chart, sparkline } from '../../console/components/spark.js';
import { formatAge, formatBytes, formatCount, formatDuration, listed } from '../../console/state/format.js';
import { fuzzyScore, matcher, rank } from '../../console/state/search.js';
import { rateBetween } from '../../console/state/series.js';
import { cells, clean, cut, cutMiddle, fitted, wrap } from '../../console/state/text.js';
import { edit, emptyInput, inputOf, insert } from '../../console/state/text-input.js';

test('text is cut and filled to an exact width, wide characters included', (t) => {
  t.is(fitted('abc', 5), 'abc  ');
  t.is(fitted('abc', 5, 'right'), '  abc');
  t.is(cut('abcdef', 4), 'abc…');
  t.is(cut('日本語', 4), '日…');
  t.is(cells(fitted('日本語', 4)), 4);
  t.is(cut('👩‍👩‍👧 family', 3), '👩‍👩‍👧…');
  for (let width = 0; width < 12; width += 1) t.is(cells(fitted('a日b👍c本d', width)), width);
});

test('of names that begin alike the end is kept, in exactly the width', (t) => {
  t.is(cutMiddle('controller-frankfurt-1', 10), 'cont…urt-1');
  t.is(cutMiddle('n1', 10), 'n1');
  t.is(cutMiddle('日本語コントローラ', 7), '日…ラ');
  for (const width of [0, 1, 2, 3, 4, 5, 6]) t.true(cells(cutMiddle('東京-controller-日本', width)) <= width);
});

test('control characters and marks that turn the direction of writing never reach the terminal', (t) => {
  t.is(clean('a\u001b[31mred\nnext\u202Eevil\u0007'), 'a [31mred next evil ');
  t.is(cut('\u001b]52;c;x\u0007', 40).includes('\u001b'), false);
});

test('text is wrapped between words, and inside those that are too long', (t) => {
  t.deepEqual(wrap('one two three', 7), ['one two', 'three']);
  t.deepEqual(wrap('abcdefghij', 4), ['abcd', 'efgh', 'ij']);
  t.deepEqual(wrap('日本語', 4), ['日本', '語']);
  t.deepEqual(wrap('', 4), ['']);
});

test('numbers and times are written for people', (t) => {
  t.is(formatCount(1_234_567), '1,234,567');
  t.is(formatCount(999), '999');
  t.deepEqual([14, 1_999, 119_999, 120_000, 7_200_000, 172_800_000].map(formatDuration), [
    '14 ms',
    '1 s',
    '119 s',
    '2 min',
    '2 h',
    '2 d',
  ]);
  t.is(formatAge(999), '<1 s');
  t.deepEqual([512, 2_048, 5_242_880].map(formatBytes), ['512 B', '2.0 KiB', '5.0 MiB']);
  t.is(listed(['a', 'b', 'c']), 'a, b and c');
});

test('a filter wants each word, and ! leaves out', (t) => {
  const matches = matcher('FRA !offline') ?? (() => false);
  t.true(matches('edge-fra-1 online'));
  t.false(matches('edge-fra-1 offline'));
  t.is(matcher('  ! '), null);
});

test('fuzzy search wants letters at the beginning of words or in a row', (t) => {
  t.true(fuzzyScore('trn2', 'transfer n2') !== null);
  t.is(fuzzyScore('tra', 'theme dark'), null);
  t.is(fuzzyScore('zz', 'transfer'), null);
  t.deepEqual(
    rank('rem', ['go to members', 'remove n3'], (each) => each),
    ['remove n3'],
  );
});

test('sparklines show what was measured, a zero as a zero and a gap as a gap', (t) => {
  t.is(sparkline([0, null, 4, 8]), '▁ ▄█');
  t.is(sparkline([null, null]), '  ');
  t.deepEqual(chart([0, null, 8], 2), ['  █', '▁ █']);
});

test('a rate needs time between its marks, and a counter that fell was restarted', (t) => {
  t.is(rateBetween({ atMs: 0, value: 10 }, { atMs: 2_000, value: 30 }), 10);
  t.is(rateBetween({ atMs: 0, value: 10 }, { atMs: 500, value: 30 }), null);
  t.is(rateBetween({ atMs: 0, value: 10 }, { atMs: 2_000, value: 3 }), 'restarted');
});

test('a line is edited by graphemes', (t) => {
  const typed = insert(insert(emptyInput, '日本'), '語');
  t.is(edit(typed, 'erase').text, '日本');
  t.is(insert(edit(typed, 'home'), 'a').text, 'a日本語');
  t.is(edit(inputOf('join n4'), 'erase-word').text, 'join ');
  t.is(edit(edit(inputOf('ab'), 'left'), 'erase-next').text, 'a');
  t.deepEqual(edit(typed, 'erase-all'), emptyInput);
});

test('the pieces of a line are joined where that is not to be seen: its text stays, and so do grounds', (t) => {
  const spans = [
    { text: ' ' },
    { text: ' ● ok ', tone: 'badge-ok' },
    { text: '  ' },
    { text: 'n1', tone: 'strong' },
    { text: '   ' },
    { text: 'leader', tone: 'strong' },
    { text: ' ', tone: 'dim' },
    { text: 'a', tone: 'dim' },
    { text: 'b', tone: 'dim' },
  ] as const;
  t.deepEqual(
    joinedSpans(spans).map(({ text }) => text),
    [' ', ' ● ok ', '  ', 'n1   leader ', 'ab'],
  );
  t.is(
    joinedSpans(spans)
      .map(({ text }) => text)
      .join(''),
    spans.map(({ text }) => text).join(''),
  );
});
