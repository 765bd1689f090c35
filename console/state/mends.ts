/** What mends what needs attention: for each reason the command of the palette that does it, or shows more of it. */
import { judgeHealth } from './health.js';
import type { Reason } from './health-reasons.js';
import { membersOf } from './members.js';
import type { State } from './state.js';

export interface Mend {
  readonly reason: Reason;
  /** Id of a command; null: from here nothing can be done about it. */
  readonly command: string | null;
  /** Its number in the menu of `m`; several reasons may be mended by the same. */
  readonly number: number | null;
}

/** What has a key of its own in the menu. */
export const mendsMax = 9;

/** In the order of the reasons: worst first. */
export function mendsOf(state: State): readonly Mend[] {
  const numbers = new Map<string, number>();
  return judgeHealth(state).reasons.map((reason) => {
    const command = commandFor(state, reason);
    if (command !== null && !numbers.has(command) && numbers.size < mendsMax) numbers.set(command, numbers.size + 1);
    return { reason, command, number: command === null ? null : (numbers.get(command) ?? null) };
  });
}

/** The commands in the menu of `m`, in the order of their numbers. */
export function mendCommands(state: State): readonly string[] {
  const commands = mendsOf(state).flatMap(({ command, number }) =>
    command === null || number === null ? [] : [command],
  );
  return [...new Set(commands)];
}

function commandFor(state: State, { code, node }: Reason): string | null {
  switch (code) {
    case 'console-cut-off':
    case 'nobody-heard':
    case 'all-silent':
      return null;
    case 'waits-to-join':
      return `join ${node}`;
    case 'single-voter':
    case 'even-voters': {
      const blank = membersOf(state).find((row) => row.record?.status.state === 'blank' && !row.silent);
      return blank === undefined ? 'members' : `join ${blank.id}`;
    }
    case 'standalone':
      return `migrate ${node}`;
    case 'joint':
      return 'operations';
    default:
      if (code.startsWith('backup')) return 'backups';
      if (code.startsWith('router')) return 'routers';
      return node === null ? 'members' : `actions ${node}`;
  }
}
