/** docs/console.md, made from the table of keys and from the screens themselves, so that neither goes stale. */
import { bindings, contexts, contextTitles, keyLabel } from '../../console/keys.js';
import { columnsMin, rowsMin } from '../../console/state/limits.js';
import { numbered, screenTitles } from '../../console/state/navigation.js';
import { themeNames } from '../../console/theme.js';
import { frameOf } from './frame.js';
import { kept } from './golden.js';
import { scenes } from './scenes.js';

const pictureSize = { columns: 100, rows: 28 };

export function consoleDocument(): string {
  return [
    '# The console',
    '',
    '<!-- Made by test/console/write-documentation.ts from the table of keys and the screens; do not edit by hand. -->',
    '',
    '`quorate console --nats URL --cluster NAME` shows one cluster, live, and runs it. It learns everything over NATS: it needs',
    'no access to the machines of the controllers, and several consoles may look at one cluster at once.',
    '',
    '![The overview](pictures/overview.svg)',
    '',
    '## What it says, and how far you can trust it',
    '',
    ...facts,
    '',
    '## Screens',
    '',
    ...numbered.map((screen, index) => `${index + 1}. **${screenTitles[screen]}**: ${purposes[screen]}`),
    '',
    'These are pictures of a real cluster; `npm run docs -- --pictures` takes them anew.',
    '',
    ...photographs.flatMap(([name, caption]) => [`![${caption}](pictures/${name}.svg)`, '']),
    'How it looks when not all is well:',
    '',
    ...pictures(pictured),
    '## Changing the cluster',
    '',
    ...workflowText,
    '',
    ...pictures([
      ['member-menu', 'The actions of a controller: enter on it.'],
      ['join-plan', 'The checks of a join; nothing was changed yet.'],
      ['remove-refused', 'A removal that would stop the cluster cannot be started.'],
      ['join-done', 'What was done, and what saw that it was.'],
      ['cancel-shown', 'An operation that runs is to be cancelled: nothing happens before the word is typed.'],
    ]),
    '## Changing the model',
    '',
    ...modelText,
    '',
    ...pictures([
      ['change-shown', 'What was edited, field by field; nothing was written yet.'],
      ['change-refused', 'Somebody else was faster: nothing was overwritten.'],
    ]),
    '## How fast it is',
    '',
    ...figuresText,
    '',
    '## Files',
    '',
    ...filesText,
    '',
    '## Keys',
    '',
    'No key changes the cluster. `?` shows the keys that work where you are.',
    '',
    ...contexts.flatMap(keyTable),
    '## Looks',
    '',
    `Themes: ${themeNames.map((name) => `\`${name}\``).join(', ')} (\`--theme\`, or \`:theme NAME\`); without one it is \`light\` where the terminal says in \`COLORFGBG\` that its ground is,`,
    'and `dark` elsewhere. `NO_COLOR` takes all colour away. Nothing is said by',
    'colour alone. A terminal is told only colours that it has: all, those of the table of 256, or its own sixteen (`FORCE_COLOR=3`, `2` or `1` says',
    'which, where its variables do not); without any, weight and inversion say what is chosen and what is wrong.',
    'Each state has a glyph of its own form (`●` well, `○` neutral, `▲` warning, `✖` failed) and a word.',
    `The smallest terminal is ${columnsMin}x${rowsMin}; more room shows more columns, panels beside each other and larger charts.`,
    '`INK_SCREEN_READER=true` gives linear text for screen readers.',
    '',
  ].join('\n');
}

const facts = [
  '- The second line of every screen judges the cluster: who leads, how many voters work, how many more may fail. `Healthy` is',
  '  said only where the leader is in contact with every voter and no alarm is raised.',
  '- What is older than two seconds says how old it is. What a silent controller said stays, marked `was`.',
  '- When the console itself loses NATS it says that, and does not call the controllers down.',
  '- Rates are made from two statuses of one controller. A second in which nothing was measured is a gap, not a line.',
  '- Every reason for concern stands with what to do about it: on the overview, and all of them under Attention.',
];

const purposes: Readonly<Record<(typeof numbered)[number], string>> = {
  overview: 'what needs attention, the controllers, rates, routers, the newest events. `tab` goes from panel to panel.',
  members:
    'every controller that is a member or was heard: blank ones that wait to be joined, removed ones that still run.',
  routers: 'every router with its state, where its copy of the model stands and how far that is behind.',
  model: 'the replicated data by kind, `tab` for the next kind, enter for one entity as YAML.',
  events: 'what happens, as it happens; `p` holds the list still, enter shows one event in full.',
  operations: 'workflows that run and that ran, with each step, each verification and each check.',
  attention: 'all reasons for concern, worst first, with what to do and the keys that do it.',
  metrics:
    'charts over one, five or fifteen minutes (`t`), as the leader has them, or each controller (`tab`): rates, latencies, lags.',
  backups:
    'when each controller writes backups and why one failed, and the snapshots that lie on them: enter checks one, or restores it; `:snapshot n1` takes one.',
};

const pictured: readonly (readonly [keyof typeof scenes, string])[] = [
  ['overview-degraded', 'A voter is silent and a blank controller waits; `m1` and `m2` lead to what mends it.'],
  ['overview-cut-off', 'The console is cut off: what it shows is the past, and says so.'],
];

const workflowText = [
  'Every workflow is started by its words (`:join n4`, `:remove n3`, `:replace n3 n4`, `:promote n4`, `:demote n2`, `:transfer n2`), from',
  'the menu of a controller (enter on it), by the keys beside what needs attention (`m1`), and a restore from the list of snapshots',
  '(enter on one). Each then goes the same way:',
  '',
  '1. The leader runs the checks. What failed or warns stands first, with what to do; then the quorum and the failures survived',
  '   before and after, and the steps; last the checks that passed. Nothing was changed yet.',
  '2. Where no check failed, the name that is asked for has to be typed; pasting it does not confirm. Where one failed, there is',
  '   nothing to confirm: mend it and press `r`.',
  '3. The steps are shown as they happen. Closing the dialog, or losing the terminal, does not stop the operation.',
  '4. Success is said when the verifications have seen the effect. A failure stands there with its reason and its remedy.',
  '',
  'While it runs, and afterwards under Operations, the record says who asked for it, from where and when, what each check answered, and',
  'what was asked of it since. `a` on it cancels what runs (the word `cancel` has to be typed; what was done is taken back, and from the step on',
  'that cannot be taken back the leader refuses) and lets go on what failed: after the checks for that, and the typed name.',
  '',
  'A start that was not answered may or may not have been carried out: `r` asks again with the same request id, which starts it at',
  'most once. `--read-only` starts the console locked, `:lock` and `:unlock` switch while it runs; what an operator may do at all is',
  'for the permissions of the NATS credentials to say.',
];

const photographs = [
  ['overview', 'The overview of a cluster that is well'],
  ['controllers', 'The controllers, with what the leader knows of each'],
  ['controller', 'One controller'],
  ['routers', 'The routers'],
  ['router', 'One router'],
  ['model', 'The model by kind'],
  ['entity', 'One entity'],
  ['events', 'Events'],
  ['operations', 'Operations'],
  ['operation', 'One operation'],
  ['attention', 'What needs attention'],
  ['metrics', 'Metrics over a minute'],
  ['backups', 'Backups and snapshots'],
  ['palette', 'The palette'],
  ['help', 'Help'],
] as const;

const modelText = [
  '`e` on an entity opens it in `$VISUAL` or `$EDITOR`; `:create service` begins a new one, `:delete service billing` ends one. What would change',
  'is shown field by field, and the name of the entity has to be typed. It is written only where the entity still has the version that',
  'was read; where somebody was faster, `r` reads what it is now, puts the change on top of it, and asks for the name again. What was',
  'written in the editor is kept through every refusal.',
];

const figuresText = [
  '`npm run bench:console` starts the console in a real pseudo-terminal (120x40), on a cluster with 10,000 routers and 1,000 events a second. Cluster,',
  'routers and console share two cores; once with nothing else on them, once with other measurements.',
  '',
  '| | aim | alone | load 21 |',
  '| --- | --- | --- | --- |',
  '| first useful screen, p50, p99 | 300 ms | 243 ms, 367 ms | 1,042 ms, 1,442 ms |',
  '| what the processor works for that | | 260 ms | 300 ms |',
  '| a key to its effect on the screen, p50, p99 | p99 50 ms | 8.5 ms, 20.6 ms | 42 ms, 483 ms |',
  '| a letter of a filter over all routers, p50, p99 | p99 50 ms | 11.7 ms, 28 ms | 80 ms, 337 ms |',
  '| frames a second, at most | 30 | 11 | 10 |',
  '| output to the terminal | | 52 kB/s | 38 kB/s |',
  '| memory, first and after 60 s | bounded | 299 MB, 357 MB | 345 MB, 371 MB |',
  '',
  'At such a load a process waits longer for a processor than it works, and single answers are late by that. What is kept is bounded by number,',
  'not by time ([a test](../test/console/hours.test.ts) gives it hours of a busy cluster).',
];

const filesText = [
  '`w` writes the rows that are shown, or those marked with `space`, to a new file in the folder that the console was started in, one JSON document a',
  'line; `y` puts what the cursor is on, or what is marked, on the clipboard of the terminal (OSC 52). What was chosen in the palette is kept in',
  '`~/.local/state/quorate/palette-history`.',
  '',
  'Keys are given to other actions in `~/.config/quorate/keys.yaml`, or the file named with `--keys`, by context and action:',
  '',
  '```yaml',
  'everywhere:',
  '  quit: ctrl-q',
  'list:',
  '  down: [n, down]',
  '  up: [e, up]',
  '```',
  '',
  'A file that gives one key two meanings, or names something that is not there, is refused with the place where it does. A key is a',
  'character, `ctrl-` and a letter, or `up`, `down`, `left`, `right`, `pageup`, `pagedown`, `home`, `end`, `enter`, `esc`, `tab`, `shift-tab`, `backspace`, `delete`, `space`.',
];

function pictures(list: readonly (readonly [keyof typeof scenes, string])[]): readonly string[] {
  return list.flatMap(([name, caption]) => {
    const make = scenes[name];
    if (make === undefined) throw new RangeError(`no scene ${name}`);
    return [caption, '', '```text', kept(frameOf(make(pictureSize))).trimEnd(), '```', ''];
  });
}

function keyTable(context: (typeof contexts)[number]): readonly string[] {
  const rows = bindings
    .filter((binding) => binding.context === context)
    .map(
      ({ action, keys, help }) =>
        `| ${keys.map((key) => `\`${keyLabel(key)}\``).join(' ')} | ${help} | \`${action}\` |`,
    );
  return [
    `### ${contextTitles[context]}`,
    '',
    `In the file of keys: \`${context}\`.`,
    '',
    '| key | what it does | action |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ];
}
