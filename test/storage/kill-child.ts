/**
 * Runs until it is killed, doing all that storage can do, and says on standard output what it has been promised is on disk.
 * Arguments: a directory for a leader, and one for a follower that installs the leader's snapshots.
 */
import { writeSync } from 'node:fs';
import { openStorage, type Storage } from '../../node/storage/index.js';
import { begin, identity, transfer, write } from './storage-contract.js';

const [leaderDirectory = '', followerDirectory = ''] = process.argv.slice(2);
const about = { clusterName: 'c', softwareVersion: 'test', now: Date.now };

/** Straight to the file: what was said is said, however this process ends. */
const say = (line: string) => void writeSync(1, `${line}\n`);

const leader = openStorage({ ...about, directory: leaderDirectory, nodeId: 'n1' });
const follower = openStorage({ ...about, directory: followerDirectory, nodeId: 'n2' });
if (leader.model.meta() === undefined) await begin(leader);

/** What the log holds and the model does not: after a kill, as a member does. */
function catchUp(storage: Storage): void {
  const meta = storage.model.meta();
  const last = storage.raft.lastIndex();
  if (meta === undefined || meta.position.index >= last) return;
  storage.model.transaction(() => storage.model.putMeta({ ...meta, position: { ...meta.position, index: last } }));
}

catchUp(leader);
say('ready');
for (let round = 1; ; round++) {
  for (let batch = 1; batch <= 10; batch++) {
    write(leader, 1 + ((round * 7 + batch) % 20));
    say(`log ${leader.raft.lastIndex()}`);
  }
  const compaction = leader.compactLog(leader.raft.lastIndex() - 50);
  write(leader, 5);
  await compaction;
  say(`log ${leader.raft.lastIndex()}`);
  const file = await leader.snapshotForFollowers(leader.raft.lastIndex());
  const staged = await transfer(leader, file, follower, 20_000);
  await follower.install({ staged, identity: { ...identity, nodeId: 'n2' } });
  say(`installed ${staged.snapshot.index}`);
}
