/** The command `import`: an entity comes as it was elsewhere, and coming twice is harmless. */
import test from 'ava';
import { type Entity, entitiesSha256, QuorateError } from '../../messaging/index.js';
import { everyEntity, modelHashes, prepareImport } from '../../node/model/index.js';
import { Model, stamp } from './support.js';

const web: Entity = {
  kind: 'service',
  id: 'web',
  name: 'web shop',
  version: 7,
  createdAt: 1_000,
  updatedAt: 2_000,
  tags: { site: 'berlin' },
  spec: { roleAttributes: ['public'], encryptionRequired: true, terminatorStrategy: 'random' },
};
const policy: Entity = {
  kind: 'policy',
  id: 'dial-web',
  name: 'dial web',
  version: 2,
  createdAt: 1_500,
  updatedAt: 1_600,
  tags: {},
  spec: { type: 'Dial', semantic: 'AnyOf', identityRoles: ['#all'], serviceRoles: ['@web'], routerRoles: ['#all'] },
};
const imported = (entity: Entity) => prepareImport(entity, stamp());

test('an imported entity keeps id, name, version and times, and its change is like any other', (t) => {
  const model = new Model();
  const outcome = model.apply(imported(web));
  t.like(outcome, { type: 'changed', repeated: false });
  t.deepEqual(model.store.get('service', 'web'), web);
  const [change] = model.store.changesAfter(0, 10);
  t.like(change, { type: 'created', previousIndex: 0, by: 'olga' });
  t.deepEqual(change?.entity, web);
  model.update('service', 'web', { tags: { site: null } });
  t.is(model.store.get('service', 'web')?.version, 8);
});

test('importing again what is there changes nothing, under whatever request id', (t) => {
  const model = new Model();
  const first = imported(web);
  model.apply(first);
  t.like(model.apply(first), { type: 'changed', repeated: true });
  t.like(model.apply(imported(web)), { type: 'unchanged', entity: web });
  t.is(model.store.changesAfter(0, 10).length, 1);
});

test('an import never writes over another entity, and refers only to what is there', (t) => {
  const model = new Model();
  t.like(model.apply(imported(policy)), { type: 'refused', code: 'reference-missing' });
  model.apply(imported(web));
  t.is(model.apply(imported(policy)).type, 'changed');
  t.like(model.apply(imported({ ...web, version: 8 })), { type: 'refused', code: 'already-exists' });
  t.like(model.apply(imported({ ...web, id: 'web-2' })), { type: 'refused', code: 'name-taken' });
  t.deepEqual(model.store.get('service', 'web'), web);
});

test('the form of what is imported is judged before it is proposed', (t) => {
  const refused = (entity: Entity) => t.throws(() => imported(entity), { instanceOf: QuorateError })?.code;
  t.is(refused({ ...web, spec: { colour: 'red' } }), 'invalid-entity');
  t.is(refused({ ...web, name: ' web' }), 'invalid-entity');
  t.is(refused({ ...web, tags: { 'a b': '' } }), 'invalid-entity');
  t.is(refused({ ...web, kind: 'planet' }), 'unknown-kind');
});

test('the hash of the entities is the same wherever a model stands and however it came there', (t) => {
  const one = new Model();
  one.create('service', 'other');
  one.delete('service', 'other');
  one.apply(imported(web), imported(policy));
  const other = new Model(undefined, ['a', 'b', 'c']);
  other.apply({ type: 'noop' }, imported(web), imported(policy));
  t.not(modelHashes(one.store).sha256, modelHashes(other.store).sha256);
  t.is(modelHashes(one.store).entitiesSha256, modelHashes(other.store).entitiesSha256);
  t.is(modelHashes(one.store).entitiesSha256, entitiesSha256([web, policy]), 'as an export computes it, in any order');
  other.update('service', 'web', { tags: { site: 'paris' } });
  t.not(modelHashes(one.store).entitiesSha256, modelHashes(other.store).entitiesSha256);
  t.is(
    modelHashes(other.store).entitiesSha256,
    entitiesSha256(['policy', 'service'].flatMap((kind) => [...everyEntity(other.store, kind)])),
  );
});
