/**
 * Completion in real shells, by keys in a terminal. bash is everywhere; zsh and fish are tried where they are on the PATH, or named
 * by `QUORATE_TEST_ZSH` and `QUORATE_TEST_FISH`.
 */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { quorateMain, runQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { findTool, startTerminal, type Terminal } from '../support/tmux.js';
import { eventually } from '../support/wait.js';

interface Shell {
  readonly name: 'bash' | 'zsh' | 'fish';
  readonly args: readonly string[];
  /** Typed before anything else; `script`: what `quorate completion` has printed, as the help says to install it. */
  readonly prepare: (script: string, programs: string) => readonly string[];
}

const shells: readonly Shell[] = [
  {
    name: 'bash',
    args: ['--noprofile', '--norc', '-i'],
    prepare: (script, programs) => [`export PATH=${programs}:$PATH`, `source ${script}`, "PS1='ready> '"],
  },
  {
    name: 'zsh',
    args: ['-f', '-i'],
    prepare: (script, programs) => [
      `export PATH=${programs}:$PATH`,
      `fpath=(${path.dirname(script)} ${process.env['QUORATE_TEST_ZSH_FUNCTIONS'] ?? ''} $fpath)`,
      'autoload -U compinit; compinit -u',
      "PS1='ready> '",
    ],
  },
  {
    name: 'fish',
    args: ['--no-config', '-i'],
    prepare: (script, programs) => [
      `set -gx PATH ${programs} $PATH`,
      `source ${script}`,
      "function fish_prompt; echo -n 'ready> '; end",
    ],
  },
];

function programOf({ name }: Shell): string | undefined {
  const named = process.env[`QUORATE_TEST_${name.toUpperCase()}`];
  if (named !== undefined) return named;
  return (process.env['PATH'] ?? '')
    .split(':')
    .map((folder) => path.join(folder, name))
    .find((file) => existsSync(file));
}

/** A command of its name, as an installed one would be. */
function installed(): string {
  const folder = path.join(temporaryDirectory('installed'), 'bin');
  mkdirSync(folder);
  const file = path.join(folder, 'quorate');
  writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${quorateMain}' "$@"\n`);
  chmodSync(file, 0o755);
  return folder;
}

let cluster: TestCluster;

test.before(async () => {
  cluster = await startCluster({ controllers: 1 });
});

const patienceMs = 60_000;
const file = { bash: 'quorate', zsh: '_quorate', fish: 'quorate.fish' } as const;

async function completes(t: ExecutionContext, shell: Shell, program: string): Promise<void> {
  t.timeout(5 * patienceMs);
  const home = temporaryDirectory('home');
  const script = path.join(home, file[shell.name]);
  writeFileSync(script, (await runQuorate(['completion', shell.name])).stdout);
  writeFileSync(path.join(home, 'a-file.yaml'), 'x');
  const { natsUrl, name } = cluster;
  const env = { HOME: home, XDG_CONFIG_HOME: path.join(home, '.config'), QUORATE_NATS: natsUrl, QUORATE_CLUSTER: name };
  await runQuorate(['context', 'add', 'production', '--nats', 'nats://127.0.0.1:1', '--cluster', 'x'], { env });
  const terminal = await startTerminal([program, ...shell.args], { env, cwd: home, columns: 100 });
  for (const line of shell.prepare(script, installed())) await enter(terminal, line);
  await terminal.waitForText(/^ready>\s*$/m, patienceMs);
  for (const [typed, expected] of [
    ['quorate mem', /ready> quorate members/],
    ['quorate members jo', /ready> quorate members join/],
    ['quorate members join x --dr', /members join x --dry-run/],
    ['quorate operations can', /quorate operations cancel/],
    ['quorate members join x --role le', /--role learner/],
    ['quorate import a-fi', /quorate import a-file\.yaml/],
    ['quorate context use pro', /quorate context use production/],
    ['quorate members transfer n', /quorate members transfer n1/],
  ] as const) {
    await terminal.type(typed);
    // The cluster has a bounded time to answer: on a slow machine the key may be needed twice.
    await t.notThrowsAsync(
      eventually(
        async () => {
          await terminal.sendKeys('Tab');
          return terminal.waitForText(expected, patienceMs / 10).catch(() => false);
        },
        { what: `${shell.name}: ${typed}`, timeoutMs: patienceMs },
      ),
    );
    await terminal.sendKeys('C-u');
    await terminal.sendKeys('C-l');
    await terminal.waitForText(/^ready>\s*$/m, patienceMs);
  }
  // Several: they are listed.
  await terminal.type('quorate completion ');
  await terminal.sendKeys('Tab');
  await terminal.sendKeys('Tab');
  const listed = await terminal.waitForText(/bash\s+[\s\S]*fish\s+[\s\S]*zsh/, patienceMs);
  t.regex(listed, /fish/);
  await terminal.kill();
}

async function enter(terminal: Terminal, line: string): Promise<void> {
  await terminal.type(line);
  await terminal.sendKeys('Enter');
}

for (const shell of shells) {
  const program = programOf(shell);
  const possible = program === undefined || findTool('tmux') === undefined ? test.serial.skip : test.serial;
  possible(`${shell.name} completes commands, options, values and files`, (t) => completes(t, shell, program ?? ''));
}
