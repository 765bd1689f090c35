/** The same model, counted in another way: what stays, what goes, what never goes back, and what is refused. */
import test from 'ava';
import { modelHash } from '../../node/model/index.js';
import { initialConfiguration } from '../../node/raft/index.js';
import { modeChange } from '../../node/server/mode-actions.js';
import { type ControllerStorage, openStorage } from '../../node/storage/index.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { change, entity } from './model-store-contract.js';
import { begin, identity, timeline, write } from './storage-contract.js';

const about = { clusterName: 'c', nodeId: 'n1', softwareVersion: 'test', now: () => 1_000 };

async function standalone(changes = 0): Promise<{ readonly directory: string; readonly storage: ControllerStorage }> {
  const directory = temporaryDirectory('mode');
  const storage = openStorage({ ...about, directory });
  await storage.initialiseStandalone({ identity, timeline, members: [] });
  append(storage, changes);
  return { directory, storage };
}

/** As a standalone controller applies. */
function append(storage: ControllerStorage, count: number): void {
  const { model } = storage;
  for (let made = 0; made < count; made += 1) {
    const meta = model.meta();
    if (meta === undefined) throw new Error('the model is blank');
    const index = meta.position.index + 1;
    const created = entity('service', `${meta.position.indexType}-${meta.position.timeline.epoch}-${index}`);
    model.transaction(() => {
      model.insert(created, []);
      model.appendJournal({ ...change(index, created), requestId: `request-${created.id}` });
      model.putMeta({ ...meta, position: { ...meta.position, index }, lastChangeIndex: index });
    });
  }
  model.commit();
}

async function turn(storage: ControllerStorage, indexType: 'legacy' | 'raft', epoch: number): Promise<void> {
  const meta = storage.model.meta();
  if (meta === undefined) throw new Error('the model is blank');
  const to = modeChange(meta, indexType, 'n1', { id: `timeline-${epoch}`, epoch }, storage.raft.hardState().term);
  (await storage.prepareModeChange(to)).commit();
}

test('to a cluster, back, and to a cluster again: entities and request ids stay, indexes and terms never meet', async (t) => {
  const { directory, storage } = await standalone(40);
  const first = storage.model.outcomeOf('request-legacy-1-1');
  t.is(first?.index, 1);

  await turn(storage, 'raft', 2);
  t.false(storage.raft.standalone());
  t.deepEqual(storage.model.meta()?.position, {
    timeline: { id: 'timeline-2', epoch: 2 },
    indexType: 'raft',
    index: 1,
  });
  t.deepEqual(storage.raft.compactionPoint(), { index: 1, term: 1, timeline: { id: 'timeline-2', epoch: 2 } });
  t.deepEqual(storage.raft.hardState(), { term: 1, vote: '', commit: 1 });
  t.is(storage.model.countsByKind()['service'], 40);
  t.true((storage.model.outcomeOf('request-legacy-1-1')?.index ?? 1) <= 0, 'known, and no change of this timeline');
  t.deepEqual(storage.model.changesAfter(0, 10), []);
  t.deepEqual(storage.model.meta()?.configuration, initialConfiguration(['n1']));
  storage.raft.persist({ hardState: { term: 7, vote: 'n1', commit: 1 } });

  await turn(storage, 'legacy', 3);
  t.true(storage.raft.standalone());
  t.is(storage.raft.lastIndex(), 0);
  t.is(storage.raft.hardState().term, 0);
  t.is(storage.model.meta()?.position.index, 40, 'goes on where legacy indexes ended');
  append(storage, 5);
  t.is(storage.model.meta()?.position.index, 45);

  await turn(storage, 'raft', 4);
  t.is(storage.raft.hardState().term, 8, 'a term that the earlier cluster never had');
  await turn(storage, 'legacy', 5);
  t.is(storage.model.meta()?.position.index, 45);
  t.is(storage.model.countsByKind()['service'], 45);
  for (const id of ['legacy-1-1', 'legacy-1-40', 'legacy-3-45'])
    t.true(storage.model.outcomeOf(`request-${id}`) !== undefined, id);
  const hash = modelHash(storage.model);
  storage.close();
  const again = openStorage({ ...about, directory });
  t.true(again.raft.standalone());
  t.is(modelHash(again.model), hash);
  again.close();
});

test('nothing is changed where something was written meanwhile, where others are members, or where it is so already', async (t) => {
  const { storage } = await standalone(3);
  const meta = storage.model.meta();
  if (meta === undefined) throw new Error('blank');
  const prepared = await storage.prepareModeChange(modeChange(meta, 'raft', 'n1', { id: 't2', epoch: 2 }, 0));
  append(storage, 1);
  t.throws(() => prepared.commit(), { code: 'behind' });
  t.true(storage.raft.standalone());
  t.is(storage.model.meta()?.position.indexType, 'legacy');
  await t.throwsAsync(turn(storage, 'legacy', 2), { code: 'ambiguous-state', message: /already/ });
  storage.close();

  const member = openStorage({ ...about, directory: temporaryDirectory('member') });
  await begin(member);
  write(member, 3);
  const held = member.model.meta();
  if (held === undefined) throw new Error('blank');
  member.model.transaction(() => member.model.putMeta({ ...held, configuration: initialConfiguration(['n1', 'n2']) }));
  await t.throwsAsync(turn(member, 'legacy', 2), { code: 'ambiguous-state', message: /other members: n2/ });
  member.close();
});

test('a follower of the second cluster is not given a snapshot of the first', async (t) => {
  const { storage } = await standalone(20);
  await turn(storage, 'raft', 2);
  append(storage, 10);
  t.is((await storage.snapshotForFollowers(5)).manifest.meta.position.timeline.epoch, 2);
  await turn(storage, 'legacy', 3);
  await turn(storage, 'raft', 4);
  t.is((await storage.snapshotForFollowers(1)).manifest.meta.position.timeline.epoch, 4);
  storage.close();
});
