/** `quorate man`: the manual page, made from the commands as data. */
import { softwareVersion } from '../../messaging/version.js';
import type { Setting } from '../config/setting.js';
import { type Command, commandLine, defineCommand } from './command.js';
import { allSettings, describeSetting, flagText, usageLines, visibleSettings } from './help.js';

/** The page is about all commands, itself among them: they are asked for when it is printed. */
export function manCommand(all: () => { readonly root: Command; readonly commands: readonly Command[] }): Command {
  return defineCommand({
    path: ['man'],
    summary: 'Print the manual page, in the form that `man` reads',
    settings: {},
    examples: [
      { comment: 'Read it', line: 'quorate man | man -l -' },
      { comment: 'Install it', line: 'quorate man > /usr/local/share/man/man1/quorate.1' },
    ],
    async run({ out }) {
      const { root, commands } = all();
      out.print(renderMan(root, commands).trimEnd());
    },
  });
}

export function renderMan(root: Command, commands: readonly Command[]): string {
  const shown = commands.filter((each) => each.path[0] !== 'help' && each.execute !== undefined);
  const example = commands.find((each) => each.path[0] === 'status') ?? root;
  const common = allSettings(example).filter((each) => each.group !== 'Options' && each.flag !== undefined);
  return [
    `.TH QUORATE 1 "" "quorate ${softwareVersion}" "Quorate"`,
    '.SH NAME',
    `quorate \\- ${escaped(lowerFirst(root.summary))}`,
    '.SH SYNOPSIS',
    '.B quorate',
    '.I COMMAND',
    '[\\fIOPTION\\fR ...]',
    '.SH DESCRIPTION',
    escaped(root.description ?? ''),
    '.SH COMMANDS',
    ...shown.flatMap((command) => commandLines(command, commands)),
    '.SH COMMON OPTIONS',
    'Those that connect to NATS take all of these.',
    ...common.flatMap(settingLines),
    '.SH EXIT STATUS',
    ...exitCodes.flatMap(([code, meaning]) => ['.TP', `.B ${code}`, escaped(meaning)]),
    '.SH ENVIRONMENT',
    'Each option above names the environment variable that holds it too.',
    '.SH FILES',
    ...files.flatMap(([name, what]) => ['.TP', `.I ${escaped(name)}`, escaped(what)]),
    '',
  ].join('\n');
}

const exitCodes = [
  ['0', 'Done.'],
  ['1', 'Refused, or failed; of quorate status: something is wrong that needs somebody now.'],
  ['2', 'The command line or the configuration is not valid.'],
  ['130, 143', 'Ended by SIGINT or SIGTERM.'],
] as const;

const files = [
  ['./quorate.yaml, ~/.config/quorate/config.yaml', 'Settings; the first that is there is read, alone.'],
  ['~/.config/quorate/contexts.yaml', 'Clusters by name; see quorate context.'],
  ['~/.config/quorate/keys.yaml', 'Keys of the console.'],
] as const;

function commandLines(command: Command, commands: readonly Command[]): readonly string[] {
  const options = visibleSettings(command, 'Options');
  return [
    `.SS ${escaped(commandLine(command.path))}`,
    escaped(`${command.summary}.`),
    ...(command.description === undefined ? [] : ['.PP', escaped(command.description)]),
    '.PP',
    ...usageLines(command, commands).flatMap((line) => [`.B ${escaped(line)}`, '.br']),
    ...Object.values(command.args).flatMap((each) => [
      '.TP',
      `.I ${escaped(each.placeholder)}`,
      escaped(each.describe),
    ]),
    ...options.flatMap(settingLines),
    ...command.examples.flatMap(({ comment, line }) => [
      '.PP',
      `${escaped(comment)}:`,
      '.EX',
      `.RS 4`,
      escaped(line),
      '.RE',
      '.EE',
    ]),
  ];
}

function settingLines(setting: Setting<unknown>): readonly string[] {
  return ['.TP', `.B ${escaped(flagText(setting).trim())}`, escaped(describeSetting(setting))];
}

/** A line that begins with a dot or a quote would be a request, and a dash would be a hyphen. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .split('\n')
    .map((line) => (/^[.']/.test(line) ? `\\&${line}` : line))
    .join('\n.br\n');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
