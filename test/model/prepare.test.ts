import test from 'ava';
import { entityDraftSchema } from '../../messaging/index.js';
import {
  decodeCommand,
  encodeCommand,
  kinds,
  prepareCreate,
  prepareDelete,
  prepareUpdate,
} from '../../node/model/index.js';
import { refusal, stamp } from './support.js';

const create = (draft: Record<string, unknown>) =>
  prepareCreate(entityDraftSchema.parse({ name: 'x', ...draft }), stamp());
const patch = (kind: string, given: Parameters<typeof prepareUpdate>[0]['patch']) =>
  prepareUpdate({ kind, id: 'x', patch: given }, stamp());

test('an entity without an id gets that of the request, so that no retry can ever make a second one', (t) => {
  const command = prepareCreate(
    entityDraftSchema.parse({ kind: 'service', name: 'x' }),
    stamp({ requestId: 'request-of-mine' }),
  );
  t.is(command.id, 'request-of-mine');
});

for (const [title, draft, field] of [
  ['a field that is not there', { kind: 'service', spec: { roleAttribute: [] } }, 'roleAttribute'],
  ['a field of the wrong type', { kind: 'router', spec: { cost: '7' } }, 'cost'],
  ['a number out of range', { kind: 'router', spec: { cost: 70_000 } }, 'cost'],
  ['a missing field that has no default', { kind: 'policy', spec: {} }, 'type'],
  ['a malformed attribute', { kind: 'service', spec: { roleAttributes: ['two words'] } }, 'roleAttributes.0'],
  ['an attribute named twice', { kind: 'service', spec: { roleAttributes: ['eu', 'eu'] } }, 'roleAttributes'],
  [
    'too many attributes',
    { kind: 'service', spec: { roleAttributes: Array.from({ length: 65 }, (_, at) => `a${at}`) } },
    'roleAttributes',
  ],
  ['a role without its mark', { kind: 'policy', spec: { type: 'Dial', identityRoles: ['eu'] } }, 'identityRoles.0'],
  ['a broken character in a text', { kind: 'identity', spec: { externalId: 'a\ud800b' } }, 'externalId'],
  ['a control character in a text', { kind: 'identity', spec: { externalId: 'a\u0007b' } }, 'externalId'],
  ['a control character in a name', { kind: 'service', name: 'a\nb' }, 'name'],
  ['a name that begins with a space', { kind: 'service', name: ' a' }, 'name'],
  ['a malformed key of a tag', { kind: 'service', tags: { 'two words': 'x' } }, 'tags.two words'],
  ['a long value of a tag', { kind: 'service', tags: { a: 'x'.repeat(1_025) } }, 'tags.a'],
] as const) {
  test(`refused with the field named: ${title}`, (t) => {
    const { code, message } = refusal(() => create(draft));
    t.is(code, 'invalid-entity');
    t.true(message.includes(`${field}`), message);
  });
}

test('a key that decoders trip over never reaches the log', (t) => {
  const tags: Record<string, string> = JSON.parse('{"__proto__":"x"}');
  t.regex(
    refusal(() => prepareCreate({ kind: 'service', name: 'x', tags, spec: {} }, stamp())).message,
    /tags.__proto__/,
  );
  t.is(refusal(() => patch('service', { tags })).code, 'invalid-entity');
});

test('a patch is judged field by field', (t) => {
  t.deepEqual(patch('router', { spec: { cost: 7, disabled: null } }).patch.spec, { cost: 7, disabled: false });
  t.deepEqual(patch('identity', { spec: { externalId: null } }).patch.spec, { externalId: null });
  t.regex(refusal(() => patch('router', { spec: { cost: -1 } })).message, /router: cost/);
  t.regex(refusal(() => patch('router', { spec: { price: 1 } })).message, /router: price: there is no such field/);
  t.regex(refusal(() => patch('router', { spec: { constructor: 1 } })).message, /constructor: there is no such field/);
  t.regex(refusal(() => patch('policy', { spec: { type: null } })).message, /policy: type: is required/);
});

test('an unknown kind is refused with the kinds that there are', (t) => {
  for (const work of [
    () => create({ kind: 'gateway' }),
    () => patch('gateway', {}),
    () => prepareDelete({ kind: 'gateway', id: 'x' }, stamp()),
  ]) {
    t.is(refusal(work).code, 'unknown-kind');
  }
});

test('what was prepared comes out of the log as it went in', (t) => {
  for (const command of [
    create({ kind: 'identity', name: 'Zoë 🦊', tags: { 'a/b:c': 'ü', constructor: 'x', hasOwnProperty: 'y' } }),
    patch('identity', { name: 'n', tags: { a: null }, spec: { externalId: null, type: 'user' } }),
    prepareDelete({ kind: 'identity', id: 'x' }, stamp()),
  ]) {
    t.deepEqual(decodeCommand(encodeCommand(command)), JSON.parse(JSON.stringify(command)));
  }
});

test('every kind has defaults for all that a policy or a router reads, and a plural of its own', (t) => {
  t.is(new Set(kinds.map(({ plural }) => plural)).size, kinds.length);
  for (const kind of kinds.filter(({ kind: name }) => name !== 'policy'))
    t.deepEqual(kind.parseSpec({})['roleAttributes'], []);
});
