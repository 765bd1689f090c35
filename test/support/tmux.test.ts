import test from 'ava';
import { isAlive } from './children.js';
import { startProcess } from './process.js';
import { findTool, startTerminal } from './tmux.js';
import { eventually } from './wait.js';

// Where there is no tmux, AVA shows these tests as skipped.
const withTmux = findTool('tmux') === undefined ? test.skip : test;

const program = `
  const draw = () => console.log('size', process.stdout.columns, process.stdout.rows);
  process.stdin.setRawMode(true);
  process.stdin.on('data', key => {
    if (String(key) === 'q') process.exit(5);
    console.log('key', JSON.stringify(String(key)));
  });
  process.stdout.on('resize', draw);
  console.log('\\u001b[31mred\\u001b[0m “ünï”');
  draw();
`;

withTmux('a program in a terminal: size, keys, colours, resize, end', async (t) => {
  const terminal = await startTerminal([process.execPath, '-e', program], { columns: 80, rows: 24 });
  t.teardown(() => terminal.kill());
  await terminal.waitForText('size 80 24');
  t.regex(await terminal.capture(), /^red “ünï”$/m);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape is what is looked for
  t.regex(await terminal.captureWithEscapes(), /\u001b\[31mred/);
  await terminal.sendKeys('Up');
  await terminal.waitForText(/key ".*\[A"/);
  await terminal.type('Enter');
  await terminal.waitForText(/key ".*r"/);
  await terminal.resize(100, 30);
  await terminal.waitForText('size 100 30');
  t.true(await terminal.isRunning());
  await terminal.sendKeys('q');
  t.is(await terminal.waitForExit(), 5);
  t.regex(await terminal.capture(), /size 100 30/);
});

withTmux('text that does not come is reported with the screen', async (t) => {
  const terminal = await startTerminal(['sh', '-c', 'echo this is here; cat']);
  t.teardown(() => terminal.kill());
  await t.throwsAsync(terminal.waitForText('never', 300), { message: /never on the screen[\s\S]*this is here/ });
});

withTmux('a terminal and a command that ignores its end are gone after a test process that is killed', async (t) => {
  const program = [
    `const { startTerminal } = await import(${JSON.stringify(new URL('tmux.js', import.meta.url).href)});`,
    `const terminal = await startTerminal(['sh', '-c', 'trap "" HUP TERM; echo "pid $$"; while :; do sleep 1; done']);`,
    "console.log(await terminal.waitForText('pid'));",
    'setInterval(() => {}, 1000);',
  ].join('\n');
  const parent = await startProcess(process.execPath, ['--input-type=module', '-e', program]);
  const pid = Number(/pid (\d+)/.exec(await parent.waitForLog(/pid \d+/))?.[1]);
  t.true(isAlive(pid));
  await parent.kill();
  await eventually(() => !isAlive(pid), { what: 'the command to be gone' });
});
