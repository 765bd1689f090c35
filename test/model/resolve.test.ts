import test from 'ava';
import { selectedBy, viewForRouter } from '../../node/model/index.js';
import { Model } from './support.js';

function fleet(): Model {
  const model = new Model();
  model.create('identity', 'ann', { roleAttributes: ['sales', 'eu'] });
  model.create('identity', 'bob', { roleAttributes: ['sales'] });
  model.create('identity', 'cid');
  model.create('service', 'billing', { roleAttributes: ['money'] });
  model.create('service', 'wiki');
  model.create('router', 'r1', { roleAttributes: ['eu'] });
  model.create('router', 'r2', { roleAttributes: ['us'] });
  return model;
}

function selected(model: Model, roles: readonly string[], semantic = 'AnyOf'): readonly string[] {
  model.create('policy', `p${model.index}`, { type: 'Dial', semantic, identityRoles: roles });
  const policy = model.store.list('policy', { limit: 100 }).at(-1);
  return policy === undefined ? [] : [...selectedBy(model.store, policy, 'identityRoles')].map(({ id }) => id);
}

test('roles select by any attribute, by all attributes, by id, or everybody; an empty list selects nobody', (t) => {
  t.deepEqual(selected(fleet(), ['#sales']), ['ann', 'bob']);
  t.deepEqual(selected(fleet(), ['#sales', '#eu']), ['ann', 'bob']);
  t.deepEqual(selected(fleet(), ['#sales', '#eu'], 'AllOf'), ['ann']);
  t.deepEqual(selected(fleet(), ['@cid', '@ann']), ['ann', 'cid']);
  t.deepEqual(selected(fleet(), ['#sales', '#eu', '@cid'], 'AllOf'), ['ann', 'cid']);
  t.deepEqual(selected(fleet(), ['#all'], 'AllOf'), ['ann', 'bob', 'cid']);
  t.deepEqual(selected(fleet(), ['#nobody']), []);
  t.deepEqual(selected(fleet(), []), []);
});

test('more entities than one page holds are all looked at', (t) => {
  const model = new Model();
  for (let at = 0; at < 1_203; at += 1)
    model.create('identity', `i${at}`, { roleAttributes: at % 3 === 0 ? ['third'] : [] });
  t.is(selected(model, ['#third']).length, 401);
});

test('a router sees the policies that select it, and what they join there', (t) => {
  const model = fleet();
  model.create('policy', 'p-eu', {
    type: 'Dial',
    identityRoles: ['#sales'],
    serviceRoles: ['#money'],
    routerRoles: ['#eu'],
  });
  model.create('policy', 'p-all', {
    type: 'Bind',
    identityRoles: ['@cid'],
    serviceRoles: ['@wiki'],
    routerRoles: ['#all'],
  });
  // Not finished yet: it must not be anywhere, least of all everywhere.
  model.create('policy', 'p-draft', {
    type: 'Dial',
    semantic: 'AllOf',
    identityRoles: ['#sales'],
    serviceRoles: ['#money'],
  });
  const view = (id: string) => {
    const router = model.store.get('router', id);
    if (router === undefined) throw new Error(`no router ${id}`);
    const { policies, services, identities } = viewForRouter(model.store, router);
    return [policies, services, identities].map((list) => list.map((each) => each.id));
  };
  t.deepEqual(view('r1'), [
    ['p-all', 'p-eu'],
    ['billing', 'wiki'],
    ['ann', 'bob', 'cid'],
  ]);
  t.deepEqual(view('r2'), [['p-all'], ['wiki'], ['cid']]);
});
