/**
 * Real processes, killed at any moment: what they were promised is on disk, and what they leave can always be opened.
 * `QUORATE_KILL_ROUNDS` makes it longer, `QUORATE_KILL_SEED` repeats the moments as far as a scheduler lets them repeat.
 */
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { decideStart } from '../../node/cluster/decide-start.js';
import { modelHash } from '../../node/model/hash.js';
import { inspectDirectory, openStorage } from '../../node/storage/index.js';
import { startProcess } from '../support/process.js';
import { seededRandom } from '../support/random.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const rounds = Number(process.env['QUORATE_KILL_ROUNDS'] ?? 6);
const seed = Number(process.env['QUORATE_KILL_SEED'] ?? Date.now());
const child = fileURLToPath(new URL('./kill-child.js', import.meta.url));

/** The highest number that was said after this word. */
function acknowledged(stdout: string, word: string): number {
  const numbers = [...stdout.matchAll(new RegExp(`^${word} (\\d+)$`, 'gm'))].map((match) => Number(match[1]));
  return Math.max(0, ...numbers);
}

test(`killed ${rounds} times while it writes, compacts, takes and installs snapshots, nothing acknowledged is lost`, async (t) => {
  t.timeout(60_000 + rounds * 10_000);
  t.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const leaderDirectory = temporaryDirectory('leader');
  const followerDirectory = temporaryDirectory('follower');
  const about = { clusterName: 'c', softwareVersion: 'test', now: () => 1_000 };
  const wish = { clusterName: 'c', bootstrap: false, restoreFrom: null, recover: false };
  let logged = 1;
  let installed = 0;
  for (let round = 1; round <= rounds; round++) {
    const lines = random.between(2, 40);
    const running = await startProcess(process.execPath, [child, leaderDirectory, followerDirectory], { name: 'kill' });
    await running.waitForLog((logs) => logs.split('\n').length > lines, 30_000);
    await running.kill();
    logged = Math.max(logged, acknowledged(running.stdout(), 'log'));
    installed = Math.max(installed, acknowledged(running.stdout(), 'installed'));

    const facts = inspectDirectory(leaderDirectory, { thorough: true });
    t.false(facts.locked, 'a process that was killed holds no lock');
    t.is(decideStart(facts, { ...wish, nodeId: 'n1' }).outcome, 'start-member');
    const leader = openStorage({ ...about, directory: leaderDirectory, nodeId: 'n1' });
    t.true(leader.raft.lastIndex() >= logged, `${leader.raft.lastIndex()} of ${logged}`);
    t.deepEqual(leader.raft.damagedEntries(), []);
    const position = leader.model.meta()?.position.index ?? 0;
    t.true(position >= leader.raft.firstIndex() - 1 && position <= leader.raft.lastIndex());
    t.is(leader.model.journalAfter(0, 1e6).at(-1)?.index ?? 1, leader.model.meta()?.lastChangeIndex || 1);

    const found = decideStart(inspectDirectory(followerDirectory, { thorough: true }), { ...wish, nodeId: 'n2' });
    t.true(found.outcome === 'start-member' || (installed === 0 && found.outcome === 'start-blank'), found.rule);
    const follower = openStorage({ ...about, directory: followerDirectory, nodeId: 'n2' });
    const standsAt = follower.model.meta()?.position.index ?? 0;
    t.true(standsAt >= installed, `${standsAt} of ${installed}`);
    t.is(follower.raft.compactionPoint().index, standsAt, 'log and model were exchanged together');
    if (follower.model.meta() !== undefined && standsAt === position)
      t.is(modelHash(follower.model), modelHash(leader.model));
    leader.close();
    follower.close();
  }
  t.true(logged > 1);
});
