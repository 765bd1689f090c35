/** What of OpenZiti's export is taken, what is left out and why, and that nothing opens more than it did there. */
import test from 'ava';
import { parse, stringify } from 'yaml';
import { parseFile } from '../../console/exchange/export-file.js';
import { isOpenZiti, readOpenZiti } from '../../console/exchange/openziti.js';
import { planImport, type Source } from '../../console/exchange/plan.js';
import { entityDraftSchema } from '../../messaging/index.js';
import { prepareCreate } from '../../node/model/index.js';
import { Model, stamp } from '../model/support.js';
import { openZitiFile } from './openziti-fixture.js';

const read = (file: unknown): Source => readOpenZiti([file], 'the file');
const whole = read(openZitiFile);
const taken = (source: Source, name: string) => source.wanted.find((each) => each.name === name);
const why = (remarks: readonly { readonly name: string; readonly why: string }[], name: string) =>
  remarks
    .filter((each) => each.name === name)
    .map((each) => each.why)
    .join('; ');

test('identities, edge routers, services and service policies are taken, each with what the model holds of it', (t) => {
  t.deepEqual(
    Object.fromEntries([...Map.groupBy(whole.wanted, ({ kind }) => kind)].map(([kind, all]) => [kind, all.length])),
    { router: 3, service: 3, identity: 4, policy: 3 },
  );
  t.deepEqual(taken(whole, 'edge-south')?.spec, { roleAttributes: ['south', 'public'], noTraversal: true });
  t.deepEqual(taken(whole, 'edge-south')?.tags, { rack: 'r1' });
  t.deepEqual(taken(whole, 'edge west')?.spec, { roleAttributes: ['west'], disabled: true, cost: 65_535 });
  t.deepEqual(taken(whole, 'scada')?.spec, {
    roleAttributes: ['control'],
    encryptionRequired: true,
    terminatorStrategy: 'weighted',
  });
  t.like(taken(whole, 'olga')?.spec, { type: 'user', externalId: 'olga@plant.example' });
  t.deepEqual(taken(whole, 'pump 7')?.tags, { site: 'hall 3', floor: '2' });
  t.like(taken(whole, 'meter/9')?.spec, { disabled: true });
});

test('ids are made from the names: the name where it fits, else one that is the same each time and like no other', (t) => {
  t.is(taken(whole, 'edge-north')?.id, 'edge-north');
  t.regex(taken(whole, 'pump 7')?.id ?? '', /^pump-7-[0-9a-f]{8}$/);
  t.is(taken(read(openZitiFile), 'pump 7')?.id, taken(whole, 'pump 7')?.id);
  const similar = read({ identities: ['a b', 'a-b', 'a/b', 'ä', '!'].map((name) => ({ name })) });
  t.is(new Set(similar.wanted.map(({ id }) => id)).size, 5);
  t.regex(why(whole.changed, 'edge west'), /its id here is edge-west-[0-9a-f]{8}: start it with that one/);
});

test('what has no counterpart is left out, with why', (t) => {
  t.deepEqual(
    whole.leftOut.map(({ kind, name }) => [kind, name]),
    [
      ['identity', 'root'],
      ['policy', 'only patched'],
      ['certificate authority', 'plant CA'],
      ['external JWT signer', 'login'],
      ['auth policy', 'with a second factor'],
      ['posture check', 'patched'],
      ['config', 'scada-host'],
      ['config type', 'host.v9'],
    ],
  );
  t.true(whole.leftOut.every((each) => each.why !== ''));
  t.regex(why(whole.changed, 'scada'), /without its configs/);
  t.regex(why(whole.changed, 'camera'), /sticky-2 is not known here/);
  t.regex(why(whole.changed, 'olga'), /administrator/);
  t.regex(why(whole.changed, 'edge-north'), /tunneler/);
  t.true(whole.notes.some((note) => /"night shift" is called night-shift-[0-9a-f]{8}/.test(note)));
  t.true(whole.notes.some((note) => /posture checks, and some versions/.test(note)));
  t.deepEqual(read({ identities: [], terminators: [{}, {}] }).notes, ['terminators (2) is not known, and left out']);
});

test('a policy that asks for posture checks is left out: it would open more than it did', (t) => {
  t.is(taken(whole, 'only patched'), undefined);
  t.regex(why(whole.leftOut, 'only patched'), /posture checks/);
});

test('roles that name nobody are dropped and said; attributes keep one name wherever they stand', (t) => {
  const policy = taken(whole, 'offer metrics');
  const [, night] = (taken(whole, 'olga')?.spec['roleAttributes'] ?? []) as string[];
  t.deepEqual(policy?.spec['identityRoles'], [`@${taken(whole, 'pump 7')?.id}`, `#${night}`]);
  t.deepEqual(policy?.spec['serviceRoles'], ['@metrics']);
  t.regex(why(whole.changed, 'offer metrics'), /@edge-north: it names the identity of an edge router/);
  t.regex(why(whole.changed, 'offer metrics'), /@long gone: it names no service of this file/);
});

test('the routers of a policy: roles are taken over where they mean the same, else the routers of today are named, never more', (t) => {
  // The operators have one edge-router policy of their own, and services may go everywhere.
  t.deepEqual(taken(whole, 'operators dial control')?.spec['routerRoles'], ['#public']);
  // Two pumps with a policy each: only one router may serve both.
  t.deepEqual(taken(whole, 'pumps dial metrics')?.spec['routerRoles'], ['@edge-south']);
  t.regex(why(whole.changed, 'pumps dial metrics'), /of 2 that may serve some of them/);
  // The operators may not use the router of the pump.
  t.deepEqual(taken(whole, 'offer metrics')?.spec['routerRoles'], ['@edge-south']);

  const everywhere = [
    { name: 'all', semantic: 'AnyOf', identityRoles: ['#all'], serviceRoles: ['#all'], edgeRouterRoles: ['#all'] },
  ];
  const open = { ...openZitiFile, edgeRouterPolicies: [...openZitiFile.edgeRouterPolicies, ...everywhere] };
  t.deepEqual(taken(read(open), 'pumps dial metrics')?.spec['routerRoles'], ['#all']);
  const closed = read({ ...openZitiFile, serviceEdgeRouterPolicies: null });
  t.deepEqual(taken(closed, 'pumps dial metrics')?.spec['routerRoles'], []);
  t.regex(why(closed.changed, 'pumps dial metrics'), /selects no router, and so opens nothing/);
});

test('what is taken satisfies the rules of the model, in the order of the plan, and coming again changes nothing', (t) => {
  const model = new Model();
  const plan = planImport(whole, []);
  t.is(plan.create.length, whole.wanted.length);
  const held = plan.create.map(({ kind, id, name, tags, spec }) => {
    const outcome = model.apply(prepareCreate(entityDraftSchema.parse({ kind, id, name, tags, spec }), stamp()));
    if (outcome.type !== 'changed') throw new Error(`${name}: ${JSON.stringify(outcome)}`);
    return outcome.change.entity;
  });
  const again = planImport(whole, held);
  t.deepEqual([again.create.length, again.there.length], [0, whole.wanted.length]);
});

test('JSON and YAML say the same; a list that does not have its form is refused with its place', (t) => {
  t.deepEqual(parseFile(JSON.stringify(openZitiFile), 'f'), [openZitiFile]);
  const yaml = parseFile(stringify(openZitiFile), 'f');
  t.deepEqual(read(yaml[0]).wanted, whole.wanted);
  t.true(isOpenZiti(yaml));
  t.false(isOpenZiti([{ hello: 1 }]));
  t.false(isOpenZiti([parse('- a')]));
  t.throws(() => read({ identities: [{ roleAttributes: [] }] }), { message: /the file: identities: 0\.name/ });
  t.throws(() => read({ servicePolicies: [{ name: 'p', type: 'Both' }] }), { message: /servicePolicies: 0\.type/ });
  t.throws(() => read({ services: {} }), { message: /services/ });
});
