/** Going on alone with what one directory holds: what becomes of it, and that a crash leaves the old state or the new one. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { decideStart } from '../../node/cluster/decide-start.js';
import { applyBatch, modelHash } from '../../node/model/index.js';
import { inspectDirectory, openStorage, type RecoverStep } from '../../node/storage/index.js';
import { inspectSnapshot } from '../../node/storage/inspect.js';
import { startProcess } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { about, createOf, firstTimeline, leave, nextTimeline, request, survivor } from './recover-support.js';

const reopen = (directory: string) => openStorage({ ...about, directory });
const start = (directory: string) =>
  decideStart(inspectDirectory(directory, { thorough: true }), {
    clusterName: 'c',
    nodeId: 'n1',
    bootstrap: false,
    restoreFrom: null,
    recover: false,
  });

test('what the log holds is kept, also above the commit index; a new timeline begins after it', async (t) => {
  const directory = temporaryDirectory('recover');
  const storage = await survivor(directory);
  const { meta, lastIndex, uncommittedKept } = await storage.recover(request);
  t.deepEqual([lastIndex, uncommittedKept], [42, 11]);
  t.deepEqual(meta.position, { timeline: nextTimeline, indexType: 'raft', index: 43 });
  t.deepEqual(meta.logTimeline, nextTimeline);
  t.is(meta.clusterId, 'id-1');
  t.is(meta.term, 6, 'a term in which nobody has voted');
  t.is(storage.model.countsByKind()['service'], 40);
  t.truthy(storage.model.get('service', 's41'));
  t.deepEqual(storage.raft.hardState(), { term: 6, vote: '', commit: 43 });
  t.is(storage.raft.lastIndex(), 43);
  t.is(storage.raft.firstIndex(), 44);
  t.deepEqual(storage.raft.identity(), { clusterName: 'c', clusterId: 'id-1', nodeId: 'n1' });
  const hash = modelHash(storage.model);
  storage.close();
  t.is(start(directory).outcome, 'start-member');
  const again = reopen(directory);
  t.is(modelHash(again.model), hash);
  again.close();
});

test('it is the only member left; all others, also those of an entry that nobody committed, are removed', async (t) => {
  const storage = await survivor(temporaryDirectory('members'));
  const { meta } = await storage.recover({ ...request, leftBehind: ['n9', 'n1'] });
  t.deepEqual(meta.configuration, {
    voters: ['n1'],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
    removed: ['n2', 'n3', 'n4', 'n9'],
  });
  t.deepEqual(
    storage.model.records('member').map(({ key }) => key),
    ['n1'],
  );
  storage.close();
});

test('a request that is sent again after the recovery gets its first outcome; the history before is not read as the new one', async (t) => {
  const storage = await survivor(temporaryDirectory('requests'));
  const { meta } = await storage.recover(request);
  t.is(meta.journalStart, 43);
  const [first, second] = applyBatch(storage.model, [createOf(44, 7), { ...createOf(45, 7) }]);
  t.is(first?.type, 'changed');
  t.is(second?.type, 'changed');
  const repeated = { ...createOf(2, 7), index: 46 };
  t.like(applyBatch(storage.model, [repeated])[0], { type: 'changed', repeated: true, change: { index: 2 } });
  t.deepEqual(
    storage.model.changesAfter(meta.journalStart, 10).map(({ index, previousIndex }) => [index, previousIndex]),
    [
      [44, 0],
      [45, 44],
    ],
  );
  storage.close();
});

test('a snapshot of the state before is kept: without what was not known to be committed', async (t) => {
  const directory = temporaryDirectory('backup');
  const storage = await survivor(directory);
  const { backup } = await storage.recover(request);
  const { manifest } = inspectSnapshot(backup);
  t.is(manifest.origin, 'automatic');
  t.deepEqual(manifest.meta.position, { timeline: firstTimeline, indexType: 'raft', index: 21 });
  t.is(manifest.countByKind['service'], 20);
  t.deepEqual(manifest.meta.configuration.voters, ['n1', 'n2', 'n3']);
  t.deepEqual(readdirSync(join(directory, 'staging')), []);
  storage.close();
});

test('an operation that was running ends as failed', async (t) => {
  const storage = await survivor(temporaryDirectory('operation'));
  const impact = { voters: 3, healthyVoters: 3, quorum: 2, failuresSurvived: 1 };
  const step = { title: 'x', detail: '', startedAt: 1, finishedAt: null };
  const running = {
    id: 'op-1',
    parameters: { workflow: 'remove', node: 'n2' },
    requestedBy: 'olga',
    state: 'running',
    startedAt: 1,
    updatedAt: 1,
    finishedAt: null,
    runner: 'n2',
    findings: [],
    before: impact,
    after: impact,
    steps: [
      { ...step, step: 'one', state: 'running' },
      { ...step, step: 'two', state: 'pending' },
    ],
    verifications: [],
    error: null,
  } as const;
  storage.model.transaction(() =>
    storage.model.putRecord('operation', 'op-1', {
      revision: 4,
      operation: { ...running, steps: [...running.steps], findings: [], verifications: [] },
    }),
  );
  await storage.recover(request);
  const record = storage.model.record('operation', 'op-1');
  t.is(record?.revision, 5);
  t.like(record?.operation, { state: 'failed', finishedAt: 5_000, error: { code: 'operation-failed' } });
  t.deepEqual(
    record?.operation.steps.map(({ state }) => state),
    ['failed', 'pending'],
  );
  storage.close();
});

test('a removed member, one that is no voter, and a blank one are refused, and nothing changes', async (t) => {
  const directory = temporaryDirectory('refused');
  const storage = await survivor(directory);
  const before = modelHash(storage.model);
  await t.throwsAsync(storage.recover({ ...request, nodeId: 'n7' }), { code: 'not-a-member' });
  storage.raft.markRemoved({ by: 'n2', index: 3 });
  await t.throwsAsync(storage.recover(request), { code: 'removed' });
  t.is(modelHash(storage.model), before);
  storage.close();
  const blank = openStorage({ ...about, directory: temporaryDirectory('blank') });
  await t.throwsAsync(blank.recover(request), { code: 'not-a-member' });
  blank.close();
});

// Before the commit: as it was. After it: recovered.
const steps: readonly (readonly [RecoverStep, 'old' | 'new'])[] = [
  ['backup', 'old'],
  ['copy', 'old'],
  ['apply', 'old'],
  ['begin', 'old'],
  ['commit', 'new'],
  ['exchange', 'new'],
  ['done', 'new'],
];
const child = fileURLToPath(new URL('./recover-process.js', import.meta.url));

for (const [step, expected] of steps) {
  test(`a process that is killed after the step "${step}" leaves the ${expected} state, whole`, async (t) => {
    const directory = temporaryDirectory('killed');
    const storage = await survivor(directory);
    const before = modelHash(storage.model);
    leave(storage);
    const running = await startProcess(process.execPath, [child, directory, step], { name: 'recover' });
    await running.waitForExit();
    t.true(running.stdout().endsWith(`${step}\n`), running.logs());
    t.is(start(directory).outcome, 'start-member');
    const found = reopen(directory);
    const meta = found.model.meta();
    if (expected === 'old') {
      t.is(modelHash(found.model), before);
      t.is(found.raft.lastIndex(), 42);
      t.deepEqual(found.raft.hardState(), { term: 5, vote: 'n2', commit: 31 });
      // And it can be asked again.
      await found.recover({ ...request, now: 6_000 });
    } else {
      t.deepEqual(meta?.position, { timeline: nextTimeline, indexType: 'raft', index: 43 });
      t.is(found.raft.firstIndex(), 44);
    }
    t.is(found.model.countsByKind()['service'], 40);
    t.deepEqual(found.model.meta()?.configuration.voters, ['n1']);
    found.close();
  });
}
