/** Shell completion: the shells ask `quorate __complete WORDS...`, and the answer is made from the commands as data. */

import type { Asked, Completes, Setting } from '../config/setting.js';
import { choice } from '../config/setting.js';
import { argument, type Command, defineCommand } from './command.js';
import { allSettings, childrenOf } from './help.js';

const shells = ['bash', 'zsh', 'fish'] as const;

export const completionCommand = defineCommand({
  path: ['completion'],
  summary: 'Print a script that completes commands, options and values',
  description:
    'Ids of members, of blank controllers that may join, of operations and routers, names of snapshots and entities are asked of the running cluster, in at most a second and a half; where none answers, nothing is offered. Contexts are those that `quorate context list` shows.',
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
export const filesMark = ':files';
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

/** What only the contexts or the running cluster know. */
export interface Question {
  readonly asked: Asked;
  /** What was typed of it. */
  readonly typed: string;
  readonly command: Command;
  /** The words before it, without the option whose value it is. */
  readonly words: readonly string[];
}

export type Completion =
  | { readonly type: 'words'; readonly words: readonly string[] }
  | { readonly type: 'question'; readonly question: Question };

/** What may stand in the place of the last of the words. */
export function completeWords(words: readonly string[], root: Command, commands: readonly Command[]): Completion {
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const { command, count } = placeOf(before, root, commands);
  const settings = allSettings(command).filter((each) => each.hidden !== true && each.flag !== undefined);
  const option = settings.find((each) => each.placeholder !== undefined && namesOf(each).includes(before.at(-1) ?? ''));
  if (option !== undefined) return valuesOf(option, { typed, command, words: before.slice(0, -1) });
  if (typed.startsWith('-')) return listed([...settings.map((each) => `--${each.flag}`), '--help'], typed);
  const children = childrenOf(command, commands);
  if (children.length > 0)
    return listed(
      children.map((each) => each.path.at(-1) ?? ''),
      typed,
    );
  const places = Object.values(command.args);
  const place = places[count] ?? places.findLast((each) => each.repeatable === true);
  return place === undefined ? listed([], typed) : valuesOf(place, { typed, command, words: before });
}

export function listed(words: readonly string[], typed: string): Completion {
  return { type: 'words', words: words.filter((each) => each.startsWith(typed)) };
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

interface Completed {
  readonly choices?: readonly string[];
  readonly completes?: Completes;
}

function valuesOf({ choices, completes }: Completed, place: Omit<Question, 'asked'>): Completion {
  if (choices !== undefined) return listed(choices, place.typed);
  switch (completes) {
    case undefined:
      return listed([], place.typed);
    case 'file':
      return { type: 'words', words: [filesMark] };
    case 'directory':
      return { type: 'words', words: [directoriesMark] };
    default:
      return { type: 'question', question: { ...place, asked: completes } };
  }
}
