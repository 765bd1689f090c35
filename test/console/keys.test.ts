import test from 'ava';
import { type InkKey, keysOf } from '../../console/ink-keys.js';
import { bindings, contexts, defaultKeymap } from '../../console/keys.js';

const noKey: InkKey = {
  upArrow: false,
  downArrow: false,
  leftArrow: false,
  rightArrow: false,
  pageDown: false,
  pageUp: false,
  home: false,
  end: false,
  return: false,
  escape: false,
  ctrl: false,
  shift: false,
  tab: false,
  backspace: false,
  delete: false,
  meta: false,
};
const names = (input: string, key: Partial<InkKey> = {}) =>
  keysOf(input, { ...noKey, ...key }).map((press) => press.name);

test('keys get the names that the table uses', (t) => {
  t.deepEqual(names('j'), ['j']);
  t.deepEqual(names('', { downArrow: true }), ['down']);
  t.deepEqual(names('d', { ctrl: true }), ['ctrl-d']);
  t.deepEqual(names('', { tab: true, shift: true }), ['shift-tab']);
  t.deepEqual(names('G', { shift: true }), ['G']);
  t.deepEqual(names(' '), ['space']);
});

test('what was typed faster than it was read is taken apart', (t) => {
  t.deepEqual(names('n4\r'), ['n', '4', 'enter']);
  t.deepEqual(names('4\tj'), ['4', 'tab', 'j']);
  t.deepEqual(names('\u0015n4'), ['ctrl-u', 'n', '4']);
  t.deepEqual(names('j\u007f\u001b'), ['j', 'backspace', 'esc']);
  t.deepEqual(names('日é'), ['日', 'é']);
});

test('a key that is not known types nothing', (t) => {
  t.deepEqual(names('\u0000\u001f'), []);
});

test('esc and a key right after it are two keys, though they look like one with Alt', (t) => {
  t.deepEqual(names(':', { meta: true }), ['esc', ':']);
});

test('within one context no key means two things', (t) => {
  for (const context of contexts) {
    const keys = bindings.filter((binding) => binding.context === context).flatMap((binding) => binding.keys);
    t.deepEqual(keys.length, new Set(keys).size, context);
  }
});

test('the nearest context decides', (t) => {
  t.is(defaultKeymap.actionOf('l', ['list', 'everywhere']), 'enter');
  t.is(defaultKeymap.actionOf('?', ['list', 'everywhere']), 'help');
  t.is(defaultKeymap.actionOf('l', ['line']), null);
});
