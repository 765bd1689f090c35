/** What makes the console start at once must not change what it does. */
import path from 'node:path';
import test from 'ava';
import width from 'string-width';
import { oneCellEach, stringWidth } from '../../console/string-width.js';
import { checkoutRoot } from '../support/checkout.js';
import { runProcess } from '../support/process.js';

const packed = path.join(checkoutRoot, 'dist/packed/quorate.js');
const compiled = path.join(checkoutRoot, 'dist/console/main.js');

test('the short way to the width of a text says what the package says, for each character that it is taken for', (t) => {
  for (let code = 0; code <= 0xffff; code += 1) {
    const character = String.fromCharCode(code);
    if (!oneCellEach.test(character)) continue;
    t.is(width(character), 1, `U+${code.toString(16)}`);
    t.is(width(`a${character}${character}b`), 4, `U+${code.toString(16)} beside others`);
  }
  t.false(oneCellEach.test('日'));
});

test('styles take no cells, and what is not plain is measured by the package', (t) => {
  for (const text of [
    '',
    'plain',
    '\u001b[1;38;5;153m● Quorate\u001b[0m',
    '日本語 ok',
    '👩‍🚀',
    'e\u0301',
    '\u001b]8;;x\u0007link',
  ])
    t.is(stringWidth(text), width(text), JSON.stringify(text));
});

test('the packed program answers as the compiled one does: the console, a slip, and every other command', async (t) => {
  for (const args of [['console'], ['console', '--thme', 'dark'], ['console', '--help'], ['version'], ['stauts']]) {
    const [one, other] = await Promise.all(
      [packed, compiled].map((file) => runProcess(process.execPath, [file, ...args])),
    );
    t.deepEqual(
      [one?.code, one?.stdout, one?.stderr],
      [other?.code, other?.stdout, other?.stderr],
      `quorate ${args.join(' ')}`,
    );
  }
});
