/** Each rule of the start-up table on a real directory and with a real process: it starts as the table says, or is refused whole. */
import test from 'ava';
import { ruleFor, type Situation, type StartAction, startRules } from '../../node/cluster/decide-start.js';
import { lockDirectory, openStorage } from '../../node/storage/index.js';
import { directoryFor, everySituation, impossible, wishFor } from '../cluster/situations.js';
import { bytesOf } from '../operator/directories.js';
import { begin, write } from '../storage/storage-contract.js';
import { type NatsServer, startNatsServer } from '../support/nats.js';
import { runQuorate, startQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

let nats: NatsServer;
let snapshot: string;

test.before(async () => {
  nats = await startNatsServer();
  const directory = temporaryDirectory('source');
  const storage = openStorage({ directory, clusterName: 'c', nodeId: 'n1', softwareVersion: 'test', now: () => 0 });
  await begin(storage);
  write(storage, 5);
  snapshot = (await storage.createSnapshot()).path;
  storage.close();
});

/** The first situation that can be, for each rule that any can reach. */
function examples(): ReadonlyMap<string, Situation> {
  const found = new Map<string, Situation>();
  for (const situation of everySituation()) {
    const { name } = ruleFor(situation);
    if (!found.has(name) && impossible(situation) === undefined) found.set(name, situation);
  }
  return found;
}

function argumentsFor(situation: Situation, directory: string): readonly string[] {
  const { clusterName, nodeId, bootstrap, standalone, restoreFrom, recover } = wishFor(situation);
  if (recover) return ['recover', '--data-dir', directory, '--dry-run', '--id', nodeId, '--owner-cluster', clusterName];
  return [
    ...['node', '--id', nodeId, '--cluster', clusterName, '--data-dir', directory, '--nats', nats.url],
    ...(bootstrap ? ['--bootstrap'] : []),
    ...(standalone === true ? ['--standalone'] : []),
    ...(restoreFrom === null ? [] : ['--restore-from', snapshot]),
  ];
}

/** What the controller says that it has started as. */
const startedAs: Readonly<Record<Exclude<StartAction, 'recover'>, string>> = {
  'start-blank': 'blank',
  bootstrap: 'bootstrap',
  'begin-standalone': 'begin-standalone',
  'start-member': 'member',
  'start-standalone': 'start-standalone',
  'serve-as-removed': 'removed',
  restore: 'restore',
};

const possible = examples();

for (const rule of startRules) {
  const situation = possible.get(rule.name);
  // The table is complete without asking what can be; a rule that no directory reaches has no process to show.
  if (situation === undefined) continue;
  const { outcome } = rule;
  test.serial(`${rule.name}: ${typeof outcome === 'string' ? outcome : outcome.code}`, async (t) => {
    t.timeout(90_000);
    const directory = await directoryFor(situation);
    const lock = situation.lock === 'held' ? lockDirectory(directory) : undefined;
    const args = argumentsFor(situation, directory);
    if (typeof outcome !== 'string') {
      const before = bytesOf(directory, (path) => /-shm$|^lock\.db/.test(path));
      const { code, stderr } = await runQuorate(args, { timeoutMs: 60_000 });
      t.is(code, outcome.code === 'invalid-config' ? 2 : 1, stderr);
      t.true(stderr.includes(`(${outcome.code})`), stderr);
      t.deepEqual(
        bytesOf(directory, (path) => /-shm$|^lock\.db/.test(path)),
        before,
        'it was refused untouched',
      );
    } else if (outcome === 'recover') {
      const { code, stdout, stderr } = await runQuorate(args, { timeoutMs: 60_000 });
      t.is(code, 0, stderr);
      t.regex(stdout, /recommended/);
    } else {
      const controller = await startQuorate(args, { name: rule.name.replaceAll(/\W+/g, '-') });
      await controller.waitForLog(`"message":"started"`, 60_000);
      t.regex(controller.logs(), new RegExp(`"how":"${startedAs[outcome]}"`));
      await controller.stop();
    }
    lock?.release();
  });
}

test.serial('the table says more than directories can show only where it must', (t) => {
  const unreachable = startRules.filter(({ name }) => !possible.has(name)).map(({ name }) => name);
  t.deepEqual(unreachable, ['an owner without raft state']);
});
