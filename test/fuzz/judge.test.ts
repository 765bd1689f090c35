/** What `npm run fuzz` calls wrong: with made-up figures, so that it is seen to say so. */
import test from 'ava';
import { creepMaxBytes, growthMaxBytes, judgeLog, judgeMemory } from './judge.js';
import { anySubjectOf, reaches } from './listeners.js';

const mebibyte = 1024 * 1024;
const begin = 100 * mebibyte;
const line = (message: string, level = 'warn'): string => `${JSON.stringify({ level, message, node: 'n1' })}\n`;

test('memory that rises once and stays is not a leak, one that goes on rising is', (t) => {
  const once = Array.from({ length: 1_000 }, (_, at) => begin + Math.min(at, 100) * mebibyte);
  t.deepEqual(judgeMemory('n1', [], once), []);
  const on = Array.from({ length: 1_000 }, (_, at) => begin + at * ((2 * creepMaxBytes) / 1_000));
  t.regex(judgeMemory('n1', [], on).join(), /^n1 goes on growing/);
});

test('one moment over the bound is too much, also in a short run', (t) => {
  t.deepEqual(judgeMemory('n1', [begin, begin + growthMaxBytes, begin], []), []);
  t.regex(judgeMemory('n1', [begin, begin + growthMaxBytes + 1, begin], []).join(), /^n1 grew/);
});

test('a line may come once a second; oftener it is a flood', (t) => {
  t.deepEqual(judgeLog('n1', line('again').repeat(30), 30), []);
  t.regex(judgeLog('n1', line('again').repeat(36), 30).join(), /^n1 logged 36 times in 30 s: warn again/);
});

test('nor may lines that differ come without end, or very long ones', (t) => {
  const different = (count: number): string => Array.from({ length: count }, (_, at) => line(`message ${at}`)).join('');
  t.deepEqual(judgeLog('n1', different(120), 30), []);
  t.regex(judgeLog('n1', different(121), 30).join(), /^n1 logged 121 lines/);
  t.regex(judgeLog('n1', line('x'.repeat(70_000)), 30).join(), /^n1 logged 700\d\d bytes/);
});

test('what is no line of the log is told: a stack, a warning of Node', (t) => {
  t.regex(judgeLog('n1', '(node:1) MaxListenersExceededWarning: a leak\n', 30).join(), /no line of its log.*leak/);
});

test('which subject reaches whom', (t) => {
  t.true(reaches('a.b.c', 'a.*.c'));
  t.true(reaches('a.b.c', 'a.>'));
  t.false(reaches('a', 'a.>'));
  t.false(reaches('a.b', 'a.*.c'));
  t.false(reaches('a.b.c.d', 'a.*.c'));
  for (const pattern of ['a', 'a.*.c', 'a.*.>', '>']) t.true(reaches(anySubjectOf(pattern), pattern), pattern);
});
