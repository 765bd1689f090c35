/** docs/cli.md, made from the commands as data. */
import path from 'node:path';
import { type Command, commandLine } from '../../console/commands/command.js';
import { allSettings, describeSetting, renderHelp } from '../../console/commands/help.js';
import { commands, root } from '../../console/commands/index.js';
import type { Setting } from '../../console/config/setting.js';
import { checkoutRoot } from '../support/checkout.js';

export const referenceFile = path.join(checkoutRoot, 'docs', 'cli.md');

const introduction = `# The command line

<!-- Made from console/commands by \`npx node dist/test/cli/write-reference.js\`; do not edit. -->

In a checkout \`npm run quorate -- COMMAND\` runs a command; installed, it is \`quorate COMMAND\`.

## Settings
Each setting can be given in three ways; the first that holds it counts:

1. a flag: \`--cluster demo\`
2. an environment variable: \`QUORATE_CLUSTER=demo\` (one that is empty counts as not set)
3. a key of the config file: \`cluster: demo\`
4. else its default

The config file is YAML: the one given with \`--config\` or \`QUORATE_CONFIG\`, else \`./quorate.yaml\`, else \`~/.config/quorate/config.yaml\`. One file is read and
serves all commands; a key that nothing knows is an error, and an error in a value says which flag, variable, or line of the file it came from.

A secret is never a flag, because command lines can be read by every user of the machine: give the name of a file that holds it, or
\`QUORATE_PASSWORD\` or \`QUORATE_TOKEN\`.

Times have a unit: \`500ms\`, \`5s\`, \`2m\`.

## Output
Results go to stdout, progress and notes to stderr. With \`--json\`, stdout holds JSON and nothing else, and an error is one object on stderr:
\`{ "error": { "code", "message", "remedy", "details"? } }\`; [errors.md](errors.md) lists the codes. The messages' own shapes (status, entity, event, operation)
are those of [protocol.md](protocol.md). Tables fit the terminal; into a pipe nothing is cut. Colours are shown on a terminal only, and not where \`NO_COLOR\` is
set.

## Exit codes
| code | meaning |
| --- | --- |
| 0 | done |
| 1 | refused, or failed; \`quorate status\`: something is wrong that needs somebody now |
| 2 | the command line or the configuration is not valid |
| 130, 143 | ended by SIGINT (Ctrl-C) or SIGTERM; \`node\`, \`router\` and \`demo\`, for which that is the ordinary end, answer 0 |
`;

export function renderReference(): string {
  const shown = commands.filter((each) => each.path[0] !== 'help');
  return [introduction, keyTable(), commonOptions(), '## Commands', ...[root, ...shown].map(renderCommand)].join('\n');
}

function renderCommand(command: Command): string {
  const title = command === root ? 'quorate' : commandLine(command.path);
  const help = renderHelp(command, commands, { width: 100, bold: (text) => text, groups: ['Options'] });
  const json = command.jsonShape === undefined ? '' : `\nWith \`--json\`: ${command.jsonShape}\n`;
  return `### ${title}\n\`\`\`text\n${help.trimEnd()}\n\`\`\`\n${json}`;
}

/** Keys of the config file, with the commands that read them. */
function keyTable(): string {
  const readers = new Map<string, { setting: Setting<unknown>; names: string[] }>();
  for (const command of commands) {
    for (const setting of allSettings(command)) {
      if (setting.key === undefined) continue;
      const known = readers.get(setting.key) ?? { setting, names: [] };
      known.names.push(command.path.join(' '));
      readers.set(setting.key, known);
    }
  }
  const rows = [...readers].map(([key, { setting, names }]) => {
    const who = names.length > 3 ? 'all that connect' : names.map((name) => `\`${name}\``).join(', ');
    return `| \`${key}\` | ${setting.describe} | ${setting.flag === undefined ? '' : `\`--${setting.flag}\``} | ${who} |`;
  });
  return [
    '## Keys of the config file',
    '| key | what | flag | commands |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

/** What many commands take, once: by the example of one that takes all of it. */
function commonOptions(): string {
  const example = commands.find((each) => each.path[0] === 'status') ?? root;
  const rows = allSettings(example).flatMap((each) => {
    if (each.group === 'Options' || each.flag === undefined) return [];
    const form = `--${each.flag}${each.placeholder === undefined ? '' : ` ${each.placeholder}`}`;
    return [`| \`${form}\` | ${describeSetting(each)} |`];
  });
  return [
    '## Common options',
    'Every command takes `--json`, `--quiet`, `--no-color`, `--config` and `--help`; those that connect to NATS take all of these (`node` and `router` without `--as` and `--timeout`):',
    '',
    '| option | what |',
    '| --- | --- |',
    ...rows,
    '',
  ].join('\n');
}
