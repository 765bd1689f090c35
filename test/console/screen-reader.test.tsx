/** What a screen reader is given: sentences in their order, nothing that is only to be looked at. */
import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import { render } from 'ink';
import { Screens } from '../../console/screens/index.js';
import type { State } from '../../console/state/state.js';
import { degradedState, healthyState, keys, stateAfter, tick } from './fixtures.js';

async function spoken(state: State): Promise<string> {
  const stdout = Object.assign(new PassThrough(), { columns: 80, rows: 24, isTTY: true });
  let written = '';
  stdout.on('data', (data: Buffer) => {
    written += data.toString('utf8');
  });
  const instance = render(<Screens state={state} />, {
    stdout: stdout as unknown as NodeJS.WriteStream,
    isScreenReaderEnabled: true,
    interactive: true,
    debug: true,
    patchConsole: false,
  });
  await instance.waitUntilRenderFlush();
  instance.unmount();
  return stripVTControlCharacters(written);
}

test('the overview is read as sentences: where one is, how the cluster is, what to do, who is there', async (t) => {
  const text = await spoken(degradedState());
  t.regex(text, /Quorate demo › Overview/);
  t.regex(text, /DEGRADED: 2 of 3 voters, leader n1, survives no failure/);
  t.regex(text, /n3 \(voter\) has been silent for 12 s\. m1/);
  t.regex(text, /selected: n1, State ● up, Role leader/);
  t.notRegex(text, /[▁▂▃▄▅▆▇█─]/u, 'no charts and no rules');
  t.notRegex(text, / {2,}/, 'no columns');
});

test('nothing is read out again only because time has passed', async (t) => {
  const state = healthyState();
  t.is(await spoken(stateAfter(state, tick(state.now + 900))), await spoken(state));
});

test('every screen can be read out', async (t) => {
  for (const key of ['1', '2', '3', '4', '5', '6', '7', '8', '9', '?', ':', 'm']) {
    const text = await spoken(stateAfter(degradedState(), ...keys(key)));
    t.regex(text, /DEGRADED/, key);
    t.notRegex(text, /[▁▂▃▄▅▆▇█─]/u, key);
  }
});
