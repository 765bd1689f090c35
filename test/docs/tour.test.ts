/** The README's tour, typed into a terminal as it stands there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { commandLineOf, isAlive } from '../../console/commands/demo/processes.js';
import { checkoutRoot, findTool } from '../support/checkout.js';
import { endWithUs, hasEnded } from '../support/children.js';
import { runQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { startTerminal, type Terminal } from '../support/tmux.js';
import { eventually } from '../support/wait.js';

/** The lines of the tour's blocks of shell, in their order. */
function tourLines(): readonly string[] {
  const readme = readFileSync(path.join(checkoutRoot, 'README.md'), 'utf8');
  const tour = /^## A five-minute tour$([\s\S]*?)^## /m.exec(readme)?.[1] ?? '';
  return [...tour.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) => block.trimEnd().split('\n'));
}

/** What the reader does beside typing the line: confirms by name, ends what watches. And what the reader then sees. */
interface Expectation {
  readonly line: RegExp;
  readonly see: RegExp;
  readonly confirm?: string;
  readonly interrupt?: RegExp;
}

const expectations: readonly Expectation[] = [
  { line: /demo -- --keep/, see: /The demo runs, in .*quorate\/demo/ },
  { line: /^quorate status$/, see: /3 of 3 voters|2 of 3 voters/ },
  { line: /^quorate members$/, see: /ctrl\d .*leader/ },
  { line: /^sleep 3; quorate members$/, see: /Blank, may join: ctrl4/ },
  { line: /^quorate routers$/, see: /5 routers, 5 online, 5 in sync/ },
  { line: /model create/, see: /service web created/ },
  { line: /model get/, see: /kind: service/ },
  { line: /model update/, see: /service web updated/ },
  { line: /--watch/, see: /Healthy: 3 of 3/, interrupt: /Healthy: 3 of 3/ },
  { line: /members join/, see: /ctrl4 is a voter \(operation/, confirm: 'ctrl4' },
  { line: /--dry-run/, see: /Nothing was changed/ },
  { line: /members remove ctrl2$/, see: /ctrl2 is removed \(operation/, confirm: 'ctrl2' },
  { line: /snapshot create/, see: /tour\.snapshot/ },
  { line: /snapshot inspect/, see: /whole and undamaged[\s\S]*position +r\d+@1[\s\S]*voters +ctrl1, ctrl3, ctrl4/ },
  { line: /--filter router1/, see: /router1 +online/ },
  { line: /endpoints\.json/, see: /"controllers"/ },
  { line: /demo -- --stop/, see: /is stopped \(\d+ processes\)/ },
];

const runTour = findTool('tmux') === undefined ? test.skip : test;

runTour('every line of the tour does what the tour says', async (t) => {
  t.timeout(180_000);
  const home = temporaryDirectory('home');
  const env = {
    HOME: home,
    XDG_STATE_HOME: '',
    QUORATE_CONFIG: '',
    BASH_SILENCE_DEPRECATION_WARNING: '1',
    NO_COLOR: '1',
  };
  const terminal = await startTerminal(['bash', '--norc', '--noprofile', '-i'], {
    columns: 160,
    rows: 400,
    cwd: checkoutRoot,
    env,
  });
  const pids: number[] = [];
  t.teardown(async () => {
    await runQuorate(['demo', '--stop'], { env });
    await terminal.kill();
    for (const pid of pids) {
      endIfOurs(pid);
      hasEnded(pid);
    }
  });
  await terminal.type(String.raw`PS1='(\#:$?) tour> '`);
  await terminal.sendKeys('Enter');
  await terminal.waitForText(/\(2:0\) tour>/);
  let number = 2;
  for (const line of tourLines()) {
    const expected = expectations.find((each) => each.line.test(line));
    const { status, shown } = await typeLine(terminal, line, number, expected);
    t.is(status, 0, `${line}\n${shown}`);
    if (expected !== undefined) t.regex(shown, expected.see, line);
    number += 1;
    if (line.includes('--keep')) pids.push(...demoPids(home));
    // The shell's own jobs, each in a process group of its own: `[1] 4711`.
    for (const [, pid] of line.endsWith('&') ? shown.matchAll(/^\[\d+\] (\d+)$/gm) : []) pids.push(Number(pid));
    for (const pid of pids) endWithUs(pid);
  }
  t.true(number > expectations.length);
  t.false(existsSync(path.join(checkoutRoot, 'ctrl4.log')));
});

/** Types a line, does what its reader does, and waits for the next prompt, which shows the exit code. */
async function typeLine(
  terminal: Terminal,
  line: string,
  number: number,
  expected: Expectation | undefined,
): Promise<{ readonly status: number; readonly shown: string }> {
  const from = (await terminal.capture()).length;
  const since = async (wanted: RegExp): Promise<string> => {
    let shown = '';
    return eventually(
      async () => {
        const screen = await terminal.capture();
        // What draws in place may have cleared the screen.
        shown = screen.length < from ? screen : screen.slice(from);
        return wanted.test(shown) && shown;
      },
      { what: `${wanted} after ${line}`, timeoutMs: 120_000, intervalMs: 50, show: () => shown },
    );
  };
  await terminal.type(line);
  await terminal.sendKeys('Enter');
  if (expected?.confirm !== undefined) {
    await since(/Type .* to /);
    await terminal.type(expected.confirm);
    await terminal.sendKeys('Enter');
  }
  let seen = '';
  if (expected?.interrupt !== undefined) {
    seen = await since(expected.interrupt);
    await terminal.sendKeys('C-c');
  }
  const prompt = new RegExp(`\\(${number + 1}:(\\d+)\\) tour>`);
  const shown = seen + (await since(prompt));
  const status = Number(prompt.exec(shown)?.[1]);
  const isInterrupted = expected?.interrupt !== undefined && status === 130;
  return { status: isInterrupted ? 0 : status, shown };
}

/** A demo that is kept would outlive a test that is killed. */
function demoPids(home: string): readonly number[] {
  const folder = path.join(home, '.local', 'state', 'quorate', 'demo', 'pids');
  return readdirSync(folder).map((name) => Number(readFileSync(path.join(folder, name), 'utf8')));
}

/** Only what is still ours: an id whose process has ended may be somebody else's by now. */
function endIfOurs(pid: number): void {
  if (isAlive(pid) && commandLineOf(pid).includes(checkoutRoot)) process.kill(pid, 'SIGKILL');
}
