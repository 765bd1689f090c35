/** Help, made from the commands as data. */
import { configSetting, outputSettings } from '../config/common.js';
import type { Setting, SettingGroup, SettingTable } from '../config/setting.js';
import { cells, fitted, wrap } from '../state/text.js';
import { type Command, commandLine } from './command.js';

export interface HelpOptions {
  readonly width: number;
  readonly bold: (text: string) => string;
  /** Default: all. */
  readonly groups?: readonly SettingGroup[];
}

const indent = 2;
const groups: readonly SettingGroup[] = ['Options', 'Connection', 'Output'];

/** Every setting that a command takes, with those that all take. */
export function allSettings(command: Command): readonly Setting<unknown>[] {
  const table: SettingTable = { ...command.settings, ...outputSettings, config: configSetting };
  return Object.values(table);
}

export function renderHelp(command: Command, commands: readonly Command[], options: HelpOptions): string {
  const sections = [
    [command.summary.concat('.')],
    command.description === undefined
      ? []
      : command.description.split('\n').flatMap((line) => wrap(line, options.width)),
    section('Usage', usageLines(command, commands), options),
    section(
      'Commands',
      rows(
        childrenOf(command, commands).map((each) => [each.path.at(-1) ?? '', each.summary]),
        options.width,
      ),
      options,
    ),
    section(
      'Arguments',
      rows(
        Object.values(command.args).map((each) => [each.placeholder, each.describe]),
        options.width,
      ),
      options,
    ),
    ...(options.groups ?? groups).map((group) => section(group, settingRows(command, group, options.width), options)),
    section('Examples', exampleLines(command), options),
    footer(command, commands, options),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

export function childrenOf(command: Command, commands: readonly Command[]): readonly Command[] {
  const depth = command.path.length + 1;
  return commands.filter(
    (each) => each.path.length === depth && command.path.every((word, index) => each.path[index] === word),
  );
}

export function usageLines(command: Command, commands: readonly Command[]): readonly string[] {
  const line = commandLine(command.path);
  const words = Object.values(command.args).map((each) => {
    const name = each.repeatable === true ? `${each.placeholder}...` : each.placeholder;
    return each.required === true ? name : `[${name}]`;
  });
  const lines = command.execute === undefined ? [] : [[line, ...words, '[options]'].join(' ')];
  if (childrenOf(command, commands).length > 0) lines.push(`${line} COMMAND`);
  return lines;
}

export function describeSetting(setting: Setting<unknown>): string {
  const more: string[] = [];
  if (setting.required === true) more.push('required');
  if (setting.defaultText !== undefined) more.push(`default: ${setting.defaultText}`);
  if (setting.env !== undefined) more.push(`env: ${setting.env}`);
  return more.length === 0 ? setting.describe : `${setting.describe} [${more.join('; ')}]`;
}

export function flagText(setting: Setting<unknown>): string {
  const short = setting.alias === undefined ? '    ' : `-${setting.alias}, `;
  return `${short}--${setting.flag}${setting.placeholder === undefined ? '' : ` ${setting.placeholder}`}`;
}

export function visibleSettings(command: Command, group: SettingGroup): readonly Setting<unknown>[] {
  return allSettings(command).filter((each) => each.group === group && each.hidden !== true && each.flag !== undefined);
}

function settingRows(command: Command, group: SettingGroup, width: number): readonly string[] {
  if (command.execute === undefined && group !== 'Output') return [];
  const found: [string, string][] = visibleSettings(command, group).map((each) => [
    flagText(each),
    describeSetting(each),
  ]);
  if (group === 'Output') found.push(['-h, --help', 'Show this help']);
  return rows(found, width);
}

function exampleLines(command: Command): readonly string[] {
  return command.examples.flatMap(({ comment, line }) => [
    `${' '.repeat(indent)}# ${comment}`,
    `${' '.repeat(indent)}${line}`,
  ]);
}

function footer(command: Command, commands: readonly Command[], options: HelpOptions): readonly string[] {
  if (command.path.length > 0 && childrenOf(command, commands).length === 0) return [];
  return wrap(`\`${commandLine(command.path)} COMMAND --help\` says more about a command.`, options.width);
}

function section(title: string, lines: readonly string[], options: HelpOptions): readonly string[] {
  return lines.length === 0
    ? []
    : [
        options.bold(`${title}:`),
        ...lines.map((line) => (line.startsWith(' ') ? line : `${' '.repeat(indent)}${line}`)),
      ];
}

/** Two columns; where the first is too wide for its column, the second begins on the next line. */
function rows(pairs: readonly (readonly [string, string])[], width: number): readonly string[] {
  const left = Math.min(28, Math.max(0, ...pairs.map(([name]) => cells(name))));
  const margin = ' '.repeat(indent + left + 2);
  return pairs.flatMap(([name, describe]) => {
    const lines = wrap(describe, Math.max(20, width - margin.length));
    if (cells(name) > left) return [' '.repeat(indent) + name, ...lines.map((line) => margin + line)];
    const head = ' '.repeat(indent) + fitted(name, left);
    return lines.map((line, index) => (index === 0 ? `${head}  ${line}` : margin + line).trimEnd());
  });
}
