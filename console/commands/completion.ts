/** Shell completion: the shells ask `quorate __complete WORDS...`, and the answer is made from the commands as data. */

import type { Setting } from '../config/setting.js';
import { choice } from '../config/setting.js';
import { argument, type Command, defineCommand } from './command.js';
import { allSettings, childrenOf } from './help.js';

const shells = ['bash', 'zsh', 'fish'] as const;

export const completionCommand = defineCommand({
  path: ['completion'],
  summary: 'Print a script that completes commands, options and values',
  args: {
    shell: argument({
      placeholder: 'SHELL',
      required: true,
      choices: shells,
      describe: 'bash, zsh or fish',
      schema: choice(shells),
    }),
  },
  settings: {},
  examples: [
    {
      comment: 'bash: for this user, from the next shell on',
      line: 'quorate completion bash > ~/.local/share/bash-completion/completions/quorate',
    },
    { comment: 'zsh: into a folder of $fpath', line: 'quorate completion zsh > ~/.zfunc/_quorate' },
    { comment: 'fish', line: 'quorate completion fish > ~/.config/fish/completions/quorate.fish' },
  ],
  async run({ out }, { shell }) {
    out.print(scripts[shell]);
  },
});

/** Stands in an answer for "complete names of files here". */
const filesMark = ':files';
const directoriesMark = ':directories';

const scripts: Readonly<Record<(typeof shells)[number], string>> = {
  bash: `# bash completion for quorate
_quorate() {
  local word=\${COMP_WORDS[COMP_CWORD]} answer
  answer=$(quorate __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  case $answer in
    ${filesMark}) compopt -o default; COMPREPLY=() ;;
    ${directoriesMark}) compopt -o dirnames -o nospace; COMPREPLY=() ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$answer" -- "$word") ;;
  esac
}
complete -F _quorate quorate`,
  zsh: `#compdef quorate
# zsh completion for quorate
_quorate() {
  local answer
  answer=$(quorate __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  case $answer in
    ${filesMark}) _files ;;
    ${directoriesMark}) _files -/ ;;
    *) compadd -- \${(f)answer} ;;
  esac
}
# In a folder of $fpath this file is the function itself, and is called for the first completion; sourced, it only says who completes.
if [ "$funcstack[1]" = _quorate ]; then _quorate "$@"; else compdef _quorate quorate; fi`,
  fish: `# fish completion for quorate
function __quorate_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l answer (quorate __complete $words[2..-1] 2>/dev/null)
  switch "$answer"
    case '${filesMark}'
      __fish_complete_path (commandline -ct)
    case '${directoriesMark}'
      __fish_complete_directories (commandline -ct)
    case '*'
      printf '%s\\n' $answer
  end
end
complete -c quorate -f -a '(__quorate_complete)'`,
};

/** What may stand in the place of the last of the words. */
export function completeWords(
  words: readonly string[],
  root: Command,
  commands: readonly Command[],
): readonly string[] {
  const typed = words.at(-1) ?? '';
  const { command, count } = placeOf(words.slice(0, -1), root, commands);
  const settings = allSettings(command).filter((each) => each.hidden !== true && each.flag !== undefined);
  const before = settings.find((each) => each.placeholder !== undefined && namesOf(each).includes(words.at(-2) ?? ''));
  if (before !== undefined) return valuesOf(before, typed);
  if (typed.startsWith('-'))
    return [...settings.map((each) => `--${each.flag}`), '--help'].filter((each) => each.startsWith(typed));
  const children = childrenOf(command, commands);
  if (children.length > 0)
    return children.map((each) => each.path.at(-1) ?? '').filter((each) => each.startsWith(typed));
  const places = Object.values(command.args);
  const place = places[count] ?? places.findLast((each) => each.repeatable === true);
  return place === undefined ? [] : valuesOf(place, typed);
}

/** The command that the words name, and how many arguments of it are there already. */
function placeOf(
  words: readonly string[],
  root: Command,
  commands: readonly Command[],
): { command: Command; count: number } {
  let command = root;
  let count = 0;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word.startsWith('-')) {
      const known = commands.flatMap(allSettings).find((each) => namesOf(each).includes(word));
      if (known?.placeholder !== undefined) index += 1;
      continue;
    }
    const child = childrenOf(command, commands).find((each) => each.path.at(-1) === word);
    if (child === undefined) count += 1;
    else command = child;
  }
  return { command, count };
}

function namesOf(setting: Setting<unknown>): readonly string[] {
  return [`--${setting.flag}`, ...(setting.alias === undefined ? [] : [`-${setting.alias}`])];
}

interface Completes {
  readonly choices?: readonly string[];
  readonly completes?: 'file' | 'directory';
}

function valuesOf({ choices, completes }: Completes, typed: string): readonly string[] {
  if (choices !== undefined) return choices.filter((each) => each.startsWith(typed));
  if (completes === undefined) return [];
  return [completes === 'file' ? filesMark : directoriesMark];
}
