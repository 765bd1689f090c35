/**
 * Examines the data directory of a controller that does not run, page by page and row by row, and says of everything it looks
 * at how it is, what that means, and what to do. It leaves every byte as it was. How the controller would start is asked of
 * the start-up table, which knows more than storage does: see `quorate doctor`.
 *
 * What it cannot see: a row of the model that was changed and is still well-formed. Only comparing members shows that
 * (`quorate verify`).
 */
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { QuorateError } from '../../messaging/errors.js';
import { fail, ok, warn } from '../../messaging/finding.js';
import { formatPosition } from '../../messaging/position.js';
import type { Finding } from '../../messaging/schemas/operations.js';
import { shellWord } from '../../messaging/shell-word.js';
import { readModel } from './check-model.js';
import { type DirectoryFacts, fitOf, inspectDirectory } from './directory.js';
import { sizeOf } from './files.js';
import { inspectSnapshot } from './inspect.js';
import { stagingFolderName } from './install.js';
import { type DirectoryLock, lockDirectory, lockFileName } from './lock.js';
import {
  backupsFolderName,
  modelFileName,
  raftFileName,
  restoreFolderName,
  snapshotsFolderName,
  transferFolderName,
} from './names.js';
import { contentsOf, type DirectoryContents, pendingReset } from './reset.js';
import { incomingName } from './staging.js';

export interface Examination {
  readonly contents: DirectoryContents;
  /** As a start finds them: it looks less closely, so that it is quick. */
  readonly factsAtStart: DirectoryFacts;
  readonly findings: readonly Finding[];
}

/** Less than this, and the next snapshot or install may not fit. */
const freeWarnFactor = 3;
const freeWarnMinBytes = 256 << 20;
/** Less than this, and writes are about to be refused. */
const freeFailBytes = 16 << 20;

/** Throws `data-dir-locked` where a process has the directory. It is locked meanwhile, where it has ever been in use. */
export function examineDirectory(directory: string): Examination {
  // A directory that was never opened has no lock, and none is made.
  const lock: DirectoryLock | undefined = existsSync(join(directory, lockFileName))
    ? lockDirectory(directory)
    : undefined;
  try {
    return leavingAsItWas(directory, () => examine(directory));
  } finally {
    lock?.release();
  }
}

function examine(directory: string): Examination {
  const factsAtStart = inspectDirectory(directory, { lockedByUs: true });
  const facts = inspectDirectory(directory, { lockedByUs: true, thorough: true });
  const contents = contentsOf(facts);
  const findings = [
    ...examineReset(directory),
    ...examineRaft(facts, contents),
    ...examineModel(facts, contents),
    ...examinePositions(facts, contents),
    ...examineMembership(facts),
    ...examineStaging(facts),
    ...examineRestore(directory),
    ...examineSnapshots(directory),
    examineSpace(facts),
  ];
  return { contents, factsAtStart, findings };
}

/** What a member does whose promises or data are lost: its place is taken by a new one. Where nobody else is left, what is whole counts. */
function replaceRemedy(
  { directory, model }: DirectoryFacts,
  contents: DirectoryContents,
  isModelWhole = model.damage.length === 0,
): string {
  const { node, cluster, voters, membership } = contents;
  const isAlone = voters === 1 || membership === 'standalone';
  if (!isAlone)
    return `Remove it from a member with \`quorate members remove ${node ?? 'ID'}\`, make it blank with \`quorate reset --data-dir ${shellWord(directory)}\`, and join it again under a new id.`;
  if (isModelWhole && membership !== 'standalone')
    return `Nobody else holds it, and the model is whole: \`quorate recover --data-dir ${shellWord(directory)}\` begins a new log behind it. Where it refuses, move raft.db away, with its -wal and -shm, and then: \`quorate recover --data-dir ${shellWord(directory)} --id ${node ?? 'ID'} --owner-cluster ${cluster ?? 'CLUSTER'}\`.`;
  return `Nobody else holds it. Make it blank with \`quorate reset --data-dir ${shellWord(directory)}\` (what is there is moved aside), and begin on the newest whole snapshot: \`quorate restore --from FILE --id ${node ?? 'ID'} --data-dir ${shellWord(directory)}\`.`;
}

// ------------------------------------------------------------------------------------------------------------- databases

function examineReset(directory: string): readonly Finding[] {
  if (pendingReset(directory) === undefined) return [];
  return [
    warn(
      'reset',
      'A reset was committed and not finished: the directory counts as blank.',
      `The next start finishes it, and so does \`quorate reset --data-dir ${shellWord(directory)}\`.`,
    ),
  ];
}

function examineRaft(facts: DirectoryFacts, contents: DirectoryContents): readonly Finding[] {
  const { directory, raft } = facts;
  const path = join(directory, raftFileName);
  if (raft.schema === 'none') return [ok('raft.db', 'raft.db: nothing has been written to it.')];
  if (raft.schema === 'newer') return [newerSchema('raft.db', raft.schemaVersion)];
  const damage = raft.damage.map((sentence) => fail('raft.db', sentence, replaceRemedy(facts, contents)));
  if (damage.length > 0) return damage;
  const { compactionPoint: point, lastIndex, hardState, incarnation } = raft;
  const last = (raft.droppable[0] ?? lastIndex + 1) - 1;
  const entries =
    last === point.index
      ? `no entries after ${point.index}`
      : `entries ${point.index + 1} to ${last}, without a gap, each as its checksum says`;
  return [
    ok('raft.db', `raft.db is whole (${sizeOf(path)} bytes): ${entries}.`),
    ...examineTail(raft),
    ok(
      'promises',
      `It stands in term ${hardState.term}, has voted for ${hardState.vote === '' ? 'nobody' : hardState.vote}, knows entries up to ${hardState.commit} to be committed, and was started ${incarnation} times.`,
    ),
    ...olderSchema('raft.db', raft.schema, raft.schemaVersion),
  ];
}

/** Damage that heals: whoever has the entries has to be there for it. */
function examineTail({ droppable, debt, hardState, lastIndex }: DirectoryFacts['raft']): readonly Finding[] {
  const [first] = droppable;
  const healing =
    'Start it while the other voters run: there is nothing else to do. Should it happen again, examine the disk, and replace the controller: `quorate members replace ID NEW`.';
  const findings: Finding[] = [];
  if (first !== undefined)
    findings.push(
      warn(
        'log-tail',
        `Entries above what is known to be committed (${hardState.commit}) do not fit their checksums: ${droppable.join(', ')}. The next start drops ${first} to ${lastIndex} and asks the others for them again; until it holds them, it gives no vote.`,
        healing,
      ),
    );
  if (debt !== null)
    findings.push(
      warn(
        'debt',
        `Damaged entries of its log were dropped, which ended at ${debt.index} in term ${debt.term}: it gives no vote before it holds them again.`,
        healing,
      ),
    );
  return findings;
}

function examineModel(facts: DirectoryFacts, contents: DirectoryContents): readonly Finding[] {
  const { directory, raft, model } = facts;
  const staged =
    raft.pendingInstall === null ? undefined : join(directory, stagingFolderName, raft.pendingInstall.file);
  const path = staged !== undefined && existsSync(staged) ? staged : join(directory, modelFileName);
  if (model.schema === 'none') return [ok('model.db', 'model.db: nothing has been written to it.')];
  if (model.schema === 'newer') return [newerSchema('model.db', model.schemaVersion)];
  const damage = model.damage.map((sentence) => fail('model.db', sentence, replaceRemedy(facts, contents)));
  if (damage.length > 0) return damage;
  const { sentence, wrong } = readModel(path);
  return [
    ok('model.db', `model.db is whole (${sizeOf(path)} bytes): ${sentence}.`),
    ...wrong.map((each) => fail('model-contents', each, replaceRemedy(facts, contents, false))),
    ...olderSchema('model.db', model.schema, model.schemaVersion),
    ...(raft.pendingInstall === null
      ? []
      : [
          warn(
            'install',
            `A snapshot at index ${raft.pendingInstall.index} was being installed; the file is there.`,
            'The next start finishes it: there is nothing to do.',
          ),
        ]),
  ];
}

function newerSchema(check: string, version: number): Finding {
  return fail(
    check,
    `${check} has schema version ${version}, which a newer version wrote; what is in it was not looked at.`,
    'Examine and start it with that version.',
  );
}

function olderSchema(check: string, age: string, version: number): readonly Finding[] {
  if (age !== 'older') return [];
  return [
    warn(check, `${check} has schema version ${version}, of an older version.`, 'The next start brings it up to date.'),
  ];
}

// -------------------------------------------------------------------------------------------------- how they fit together

function examinePositions(facts: DirectoryFacts, contents: DirectoryContents): readonly Finding[] {
  const { raft, model } = facts;
  const meta = model.meta;
  const damaged = contents.damage.length > 0;
  if (meta === null || damaged || raft.schema === 'newer' || model.schema === 'newer') return [];
  const { index, timeline } = meta.position;
  const stands = `The model stands at ${formatPosition(meta.position)}, on timeline ${timeline.id} (epoch ${timeline.epoch})`;
  const remedy = replaceRemedy(facts, contents);
  const point = raft.compactionPoint;
  switch (fitOf(facts)) {
    case 'fits': {
      if (raft.identity === null) return [ok('positions', `${stands}.`)];
      const behind = Math.max(0, Math.min(raft.hardState.commit, raft.lastIndex) - index);
      const replayed =
        behind === 0 ? 'nothing is left to apply' : `${behind} entries will be applied again at the start`;
      return [
        ok('positions', `${stands}; the log begins after ${point.index} and ends at ${raft.lastIndex}: ${replayed}.`),
      ];
    }
    case 'model-behind-log':
      return [
        fail('positions', `${stands}, and the log begins only after ${point.index}: what is between is lost.`, remedy),
      ];
    case 'model-ahead-of-log':
      return [
        fail('positions', `${stands}, and the log ends at ${raft.lastIndex}: what it had promised is lost.`, remedy),
      ];
    case 'other-timeline':
      return [
        fail('positions', `${stands}; the log goes on from another timeline (epoch ${point.timeline?.epoch}).`, remedy),
      ];
    case 'other-cluster':
      return [
        fail('positions', `The model is of cluster ${meta.clusterId}, the log of ${raft.identity?.clusterId}.`, remedy),
      ];
  }
}

function examineMembership({ directory, raft }: DirectoryFacts): readonly Finding[] {
  if (raft.removed === null) return [];
  return [
    warn(
      'removed',
      `It was removed from its cluster (${raft.removed.by} said so, index ${raft.removed.index}) and serves nobody.`,
      `To use the machine again: \`quorate reset --data-dir ${shellWord(directory)}\`, then join it under a new id.`,
    ),
  ];
}

// ----------------------------------------------------------------------------------------------------- snapshots and space

function examineStaging({ directory, raft }: DirectoryFacts): readonly Finding[] {
  const bytes = sizeOf(join(directory, stagingFolderName, incomingName));
  if (bytes === 0 || raft.pendingInstall !== null) return [];
  return [ok('staging', `A snapshot was on its way in (${bytes} bytes of it are there): it goes on where it stopped.`)];
}

/** What a restore, or its dry run, has brought here. */
function examineRestore(directory: string): readonly Finding[] {
  const bytes = sizeOf(join(directory, restoreFolderName, incomingName));
  if (bytes === 0) return [];
  return [
    ok('restore', `A file to be restored lies there (${bytes} bytes): the next restore uses it, or throws it away.`),
  ];
}

function examineSnapshots(directory: string): readonly Finding[] {
  const findings: Finding[] = [];
  let whole = 0;
  for (const folder of [backupsFolderName, snapshotsFolderName, transferFolderName]) {
    for (const path of filesIn(join(directory, folder))) {
      try {
        inspectSnapshot(path);
        whole += 1;
      } catch (error) {
        const sentence = error instanceof Error ? error.message : String(error);
        const isNewer = error instanceof QuorateError && error.code === 'newer-schema';
        if (isNewer) findings.push(warn('snapshots', sentence, 'Verify it with that version.'));
        else if (folder === transferFolderName)
          findings.push(warn('snapshots', sentence, 'The next start throws it away: there is nothing to do.'));
        else
          findings.push(
            fail('snapshots', sentence, 'Do not rely on it; write another one: `quorate snapshot create`.'),
          );
      }
    }
  }
  if (whole > 0)
    findings.unshift(ok('snapshots', `${whole} snapshot${whole === 1 ? '' : 's'} in it, whole and undamaged.`));
  return findings;
}

/** What a writer left unfinished has a name that begins with a dot; side files belong to their databases. */
function filesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((each) => each.isFile() && !each.name.startsWith('.') && !/-(wal|shm|journal)$/.test(each.name))
    .map((each) => join(folder, each.name));
}

function examineSpace({ directory }: DirectoryFacts): Finding {
  const { bavail, bsize } = statfsSync(directory);
  const free = bavail * bsize;
  const held = sizeOf(join(directory, modelFileName)) + sizeOf(join(directory, raftFileName));
  const wanted = Math.max(freeWarnMinBytes, freeWarnFactor * held);
  const sentence = `${mebibytes(free)} are free where it lies; ${mebibytes(wanted)} leave room for the log, a snapshot, and one on its way in.`;
  if (free < freeFailBytes) return fail('free-space', sentence, 'Free space before it is started.');
  return free < wanted ? warn('free-space', sentence, 'Free or add space.') : ok('free-space', sentence);
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / (1 << 20))} MiB`;
}

// ----------------------------------------------------------------------------------------------------- leaving no trace

/**
 * Reading a database whose write-ahead log was left behind makes SQLite write its index of that log anew, into `-shm`. It
 * holds no data; but who examines a directory may want to examine it again, byte by byte.
 */
function leavingAsItWas<Result>(directory: string, work: () => Result): Result {
  const databases = [raftFileName, modelFileName].map((name) => join(directory, name));
  const staging = join(directory, stagingFolderName);
  const all = [...databases, ...filesIn(staging)];
  const before = all.map((path) => ({ path, index: indexOf(`${path}-shm`), hadLog: existsSync(`${path}-wal`) }));
  try {
    return work();
  } finally {
    for (const { path, index, hadLog } of before) {
      const shared = `${path}-shm`;
      if (index === undefined) rmSync(shared, { force: true });
      else if (existsSync(shared) && !readFileSync(shared).equals(index.bytes)) {
        writeFileSync(shared, index.bytes);
        utimesSync(shared, index.changedAt, index.changedAt);
      }
      if (!hadLog && sizeOf(`${path}-wal`) === 0) rmSync(`${path}-wal`, { force: true });
    }
  }
}

function indexOf(path: string): { readonly bytes: Buffer; readonly changedAt: Date } | undefined {
  return existsSync(path) ? { bytes: readFileSync(path), changedAt: statSync(path).mtime } : undefined;
}
