/** `quorate reset`: a stopped controller's data directory becomes blank again. */
import { basename, resolve } from 'node:path';
import { QuorateError } from '../../messaging/errors.js';
import { formatPosition } from '../../messaging/position.js';
import { shellWord } from '../../messaging/shell-word.js';
import { dataDirectorySetting, setting } from '../config/common.js';
import { anyText, onOff } from '../config/setting.js';
import { confirm } from '../output/confirm.js';
import type { Output } from '../output/output.js';
import { type CommandContext, defineCommand } from './command.js';

/** Loaded when it is needed: `--help` must not wait for SQLite. */
const loadStorage = () => import('../../node/storage/index.js');
type Contents = ReturnType<Awaited<ReturnType<typeof loadStorage>>['contentsOf']>;

export const resetCommand = defineCommand({
  path: ['reset'],
  summary: 'Make the data directory of a stopped controller blank again',
  description:
    'Says what the directory holds, and asks for the id of its controller to be typed (where the directory cannot tell: its own name). What was there is moved to backups/reset-TIME inside it, unless --no-backup is given; snapshots stay where they are. Ended at any moment, it leaves the directory as it was, or blank. A member is removed from its cluster first: `quorate members remove ID`. Exit code 1 where nothing was reset, but for a directory that is blank already.',
  settings: {
    dataDirectory: dataDirectorySetting,
    dryRun: setting({
      flag: 'dry-run',
      group: 'Options',
      describe: 'Say what the directory holds, and change nothing',
      schema: onOff,
    }),
    noBackup: setting({
      flag: 'no-backup',
      group: 'Options',
      describe: 'Delete what was there instead of moving it away',
      schema: onOff,
    }),
    yes: setting({
      flag: 'yes',
      alias: 'y',
      group: 'Options',
      describe: 'Do not ask for confirmation; needs --i-understand',
      schema: onOff,
    }),
    understood: setting({
      flag: 'i-understand',
      placeholder: 'NODE',
      group: 'Options',
      describe: 'Id of the controller whose directory it is, in the place of typing it',
      schema: anyText.optional(),
    }),
  },
  examples: [
    { comment: 'What is in it?', line: 'quorate reset --data-dir /var/lib/quorate --dry-run' },
    { comment: 'Make it blank, after a typed confirmation', line: 'quorate reset --data-dir /var/lib/quorate' },
    { comment: 'In a script', line: 'quorate reset --data-dir /var/lib/quorate --yes --i-understand ctrl1' },
  ],
  jsonShape:
    '{ directory, found: { cluster, clusterId, node, membership, position, voters, damage }, warnings, confirmation, reset, backup }; reset is false with --dry-run and where it was blank already, backup null where nothing was kept',
  async run(context, given) {
    const { out } = context;
    const directory = resolve(given.dataDirectory);
    const storage = await loadStorage();
    // The first look makes nothing, not even the file of the lock.
    const first = storage.inspectDirectory(directory);
    if (!first.exists) throw noSuchDirectory(directory);
    if (first.locked) throw inUse(directory);
    const isPending = storage.pendingReset(directory) !== undefined;
    const found = storage.contentsOf(first);
    if (given.dryRun || (found.membership === 'blank' && !isPending)) {
      tell(out, directory, found, { reset: false, backup: null });
      return 0;
    }
    const lock = storage.lockDirectory(directory);
    try {
      if (isPending) {
        const backup = storage.finishReset(lock) ?? null;
        tell(out, directory, found, { reset: true, backup });
        return 0;
      }
      // What is confirmed must still be true when it is done.
      const held = storage.contentsOf(storage.inspectDirectory(directory, { lockedByUs: true }));
      await confirmReset(context, given, directory, held);
      const backup = storage.resetDirectory(lock, { keep: !given.noBackup, now: Date.now() });
      tell(out, directory, held, { reset: true, backup });
      return 0;
    } finally {
      lock.release();
    }
  },
});

export function noSuchDirectory(directory: string): QuorateError {
  return new QuorateError('invalid-config', `there is no directory ${directory}`, {
    remedy: 'Name the data directory of a controller with --data-dir.',
  });
}

export function inUse(directory: string): QuorateError {
  return new QuorateError('data-dir-locked', `a process uses the data directory ${directory}`, {
    remedy: 'Stop that controller first.',
  });
}

interface Given {
  readonly yes: boolean;
  readonly understood: string | undefined;
  readonly noBackup: boolean;
}

async function confirmReset(context: CommandContext, given: Given, directory: string, held: Contents): Promise<void> {
  const { out, signal } = context;
  const word = confirmationOf(directory, held);
  const inScript = `--yes --i-understand ${shellWord(word)}`;
  if (given.understood !== undefined && given.understood !== word) {
    throw new QuorateError('not-confirmed', `the directory is not that of ${given.understood}; nothing was changed`, {
      remedy: `To reset ${directory}, give ${inScript}.`,
    });
  }
  if (given.yes && given.understood === undefined)
    throw new QuorateError('not-confirmed', '--yes alone does not reset a directory', { remedy: `Give ${inScript}.` });
  if (!given.yes && !out.canAsk) {
    throw new QuorateError('not-confirmed', 'nobody is there to confirm it: this is not a terminal', {
      remedy: `Run it in a terminal, or give ${inScript} when you are sure; --dry-run shows what the directory holds.`,
    });
  }
  if (!given.yes) out.note(`${contentLines(out, directory, held).join('\n')}\n`);
  const purpose = given.noBackup ? 'delete all of this' : 'make the directory blank';
  await confirm(out, { word, purpose, yes: given.yes, signal });
}

function confirmationOf(directory: string, { node }: Contents): string {
  return node ?? basename(directory);
}

function tell(
  out: Output,
  directory: string,
  found: Contents,
  { reset, backup }: { readonly reset: boolean; readonly backup: string | null },
): void {
  if (out.json) {
    out.printJson({
      directory,
      found,
      warnings: warningsOf(directory, found),
      confirmation: confirmationOf(directory, found),
      reset,
      backup,
    });
    return;
  }
  if (reset) {
    out.print(`${out.style('good', '✔')} ${directory} is blank`);
    if (backup !== null) out.print(`  ${out.style('dim', `what was there is in ${backup}`)}`);
    return;
  }
  out.print(contentLines(out, directory, found).join('\n'));
  out.note('Nothing was changed.');
}

function contentLines(out: Output, directory: string, found: Contents): readonly string[] {
  const lines: (readonly [string, string])[] = [['directory', directory]];
  if (found.cluster !== null) lines.push(['cluster', `${found.cluster} (${found.clusterId})`]);
  if (found.node !== null) lines.push(['controller', found.node]);
  lines.push(['holds', sentences[found.membership]]);
  if (found.position !== null) lines.push(['position', formatPosition(found.position)]);
  for (const sentence of found.damage) lines.push(['damage', sentence]);
  return [
    ...lines.map(([title, value]) => `${out.style('dim', title.padEnd(10))} ${value}`),
    ...warningsOf(directory, found).map((warning) => `${out.style('warn', '▲')} ${warning}`),
  ];
}

const sentences: Readonly<Record<Contents['membership'], string>> = {
  blank: 'nothing: it is blank',
  contacted: 'no history; a leader has begun to join it',
  joining: 'the identity of a member that has not got its model yet',
  voter: 'a voter, as far as this directory knows',
  learner: 'a learner, as far as this directory knows',
  removed: 'a member that was removed',
  standalone: 'the model of a standalone controller',
  unknown: 'something that cannot be read',
};

function warningsOf(directory: string, found: Contents): readonly string[] {
  const node = found.node ?? 'this controller';
  switch (found.membership) {
    case 'voter':
      return [
        found.voters === 1
          ? `${node} is the only voter: what it holds is the cluster. Without it nothing of the cluster is left but snapshots and backups.`
          : `${node} is one of ${found.voters} voters. Unless it was removed since, it goes on counting for the quorum: \`quorate members remove ${node}\`. Its id is never used again.`,
      ];
    case 'learner':
    case 'joining':
      return [`Unless ${node} was removed, remove it from its cluster: \`quorate members remove ${node}\`.`];
    case 'standalone':
      return ['It holds the only copy of its model, unless there is a snapshot.'];
    case 'unknown':
      return [
        `It may hold a member: \`quorate doctor --data-dir ${shellWord(directory)}\` says what is wrong with it.`,
      ];
    case 'blank':
    case 'contacted':
    case 'removed':
      return [];
  }
}
