/** Keys that mend, mark, save; charts over minutes; keys from the operator's own file. */
import test from 'ava';
import { remapped } from '../../console/keys-file.js';
import { marksMax } from '../../console/state/limits.js';
import { mendsOf } from '../../console/state/mends.js';
import { inColumns } from '../../console/state/metrics.js';
import { offersOf } from '../../console/state/offers.js';
import { reduceAll } from '../../console/state/reduce.js';
import { placeOf } from '../../console/state/state.js';
import { dialogOf } from '../../console/state/workflow.js';
import { operationTitle } from '../../console/state/workflow-names.js';
import { QuorateError } from '../../messaging/index.js';
import { workflowParametersSchema } from '../../messaging/schemas/operations.js';
import { cutOffState, degradedState, freshState, healthyState, keys, stateAfter, statusOf, tick } from './fixtures.js';

test('each reason for concern has the keys that mend it', (t) => {
  t.deepEqual(
    mendsOf(degradedState()).map(({ reason, command, number }) => `${reason.code}: m${number} ${command}`),
    ['member-silent: m1 actions n3', 'waits-to-join: m2 join n4'],
  );
  t.deepEqual(
    mendsOf(cutOffState()).map(({ command }) => command),
    [null],
  );
});

test('m and a number open the checks, and change nothing by themselves', (t) => {
  const [state, effects] = reduceAll(degradedState(), keys('m', '2'));
  t.deepEqual(dialogOf(state)?.parameters, { workflow: 'join', node: 'n4', role: 'voter' });
  t.deepEqual(
    effects.flatMap((effect) => (effect.type === 'request' ? [effect.request.verb] : [])),
    ['operation.plan'],
  );
  const menu = stateAfter(degradedState(), ...keys('m', '1'));
  t.is(menu.view.overlay?.kind === 'menu' ? menu.view.overlay.title : '', 'n3');
  t.regex(stateAfter(healthyState(), ...keys('m')).view.flash?.sentence ?? '', /Nothing needs to be mended/);
});

test('marked rows are what is copied and saved; esc gives the marks up first', (t) => {
  const marked = stateAfter(degradedState(), ...keys('3', 'space', 'space'));
  t.deepEqual(marked.view.lists.routers.marks, ['edge-ams-1', 'edge-fra-1']);
  const [, [copy]] = reduceAll(marked, keys('y'));
  const copied: unknown = JSON.parse(copy?.type === 'copy' ? copy.text : '[]');
  t.is(Array.isArray(copied) ? copied.length : 0, 2);
  const [, [save]] = reduceAll(marked, keys('w'));
  t.is(save?.type === 'save' ? save.text.trimEnd().split('\n').length : 0, 2);
  const without = stateAfter(marked, ...keys('esc'));
  t.deepEqual(without.view.lists.routers.marks, []);
  t.is(placeOf(without).screen, 'routers');
  const [, [all]] = reduceAll(without, keys('w'));
  t.is(all?.type === 'save' ? all.text.trimEnd().split('\n').length : 0, 5);
});

test('marks are bounded', (t) => {
  const state = stateAfter(degradedState(), ...keys('3'));
  const full = Array.from({ length: marksMax }, (_, index) => `other-${index}`);
  const lists = { ...state.view.lists, routers: { ...state.view.lists.routers, marks: full } };
  const after = stateAfter({ ...state, view: { ...state.view, lists } }, ...keys('space'));
  t.is(after.view.lists.routers.marks.length, marksMax);
});

test('what was saved is said with its path, what was not with why', (t) => {
  const saved = stateAfter(healthyState(), { type: 'saved', outcome: { ok: true, value: '/tmp/x.jsonl' } });
  t.is(saved.view.flash?.sentence, 'Written to /tmp/x.jsonl');
  const error = new QuorateError('internal', 'no room').toWire();
  t.is(stateAfter(healthyState(), { type: 'saved', outcome: { ok: false, error } }).view.flash?.level, 'bad');
});

test('a chart keeps the peaks, and leaves what was not measured empty', (t) => {
  const series = [
    { second: 100, value: 1 },
    { second: 101, value: 9 },
    { second: 106, value: 2 },
  ];
  t.deepEqual(inColumns(series, 107, 8, 4), [9, null, null, 2]);
  t.deepEqual(inColumns([], 107, 8, 4), [null, null, null, null]);
});

test('the metrics of a controller are what its statuses said, second by second', (t) => {
  let state = freshState();
  for (let second = 0; second < 5; second += 1) {
    const at = 1_795_257_131_000 + second * 1_000;
    const status = statusOf('n1', {
      at,
      sequence: second + 1,
      counters: { proposals: second * 40 },
      latency: { commitP50Ms: 1 + second, commitP99Ms: null, syncP50Ms: null, syncP99Ms: 2 },
    });
    state = stateAfter(state, tick(at), { type: 'status', status });
  }
  const series = state.nodes.get('n1')?.measured.series;
  t.deepEqual(
    series?.proposals?.map(({ value }) => value),
    [40, 40, 40, 40],
  );
  t.deepEqual(
    series?.commitP50?.map(({ value }) => value),
    [1, 2, 3, 4, 5],
  );
  t.is(series?.commitP99, undefined, 'what was not said is not there');
});

test('a file of keys gives actions other keys, and takes theirs away', (t) => {
  const keymap = remapped(
    { list: { down: ['n', 'down'] }, everywhere: { quit: 'ctrl-q', 'screen-1': 0 } },
    'keys.yaml',
  );
  t.is(keymap.actionOf('n', ['list', 'everywhere']), 'down');
  t.is(keymap.actionOf('j', ['list', 'everywhere']), null);
  t.is(keymap.actionOf('q', ['everywhere']), null);
  t.is(keymap.actionOf('ctrl-q', ['everywhere']), 'quit');
  t.is(keymap.actionOf('0', ['everywhere']), 'screen-1');
  const state = stateAfter({ ...healthyState(), keymap }, ...keys('5', 'n'));
  t.is(state.view.lists.events.index, 1);
  t.is(remapped(null, 'keys.yaml').actionOf('j', ['list']), 'down', 'an empty file changes nothing');
});

test('a file of keys that would leave a key dead or with two meanings is refused, and says where', (t) => {
  const refused = (given: unknown): string => {
    const error = t.throws(() => remapped(given, 'keys.yaml'), { instanceOf: QuorateError });
    return `${error?.message} ${error?.remedy}`;
  };
  t.regex(refused({ lists: {} }), /no context "lists".*Did you mean "list"/);
  t.regex(refused({ list: { dwon: 'n' } }), /no action "dwon".*Did you mean "down"/);
  t.regex(refused({ list: { down: 'ctrl-shift-x' } }), /"ctrl-shift-x" is not a key/);
  t.regex(refused({ list: { down: 'k' } }), /"k" means both/);
  t.regex(refused({ list: { down: [] } }), /no key/);
  t.regex(refused('list'), /must hold contexts/);
});

test('every workflow of the contract has a name that people read, whatever its parameters', (t) => {
  const titles = [
    operationTitle({ workflow: 'replace', node: 'n3', with: 'n4', role: 'voter' }),
    operationTitle({ workflow: 'upgrade', node: 'n1', from: { incarnation: 3, version: '0.1.0', protocolMax: 2 } }),
    operationTitle({ workflow: 'migrate', node: 'n1', leaveBehind: ['edge-1', 'edge-2'] }),
    operationTitle({ workflow: 'rollback', node: null, leaveBehind: [] }),
    operationTitle({ workflow: 'restore', sha256: 'ab'.repeat(32), sizeBytes: 5, name: 'a.snapshot' }),
    operationTitle({ workflow: 'recover', node: 'n3', leaveBehind: ['n2'] }),
    operationTitle({ workflow: 'new-cluster', node: 'n1', sha256: 'ab'.repeat(32), sizeBytes: 5, name: 'a.snapshot' }),
  ];
  t.deepEqual(titles, [
    'replace n3 with n4 as voter',
    'upgrade n1',
    'migrate n1 to a cluster leaving behind edge-1, edge-2',
    'roll back to a standalone controller',
    'restore a.snapshot',
    'go on alone with n3 leaving behind n2',
    'begin a new cluster with n1 from a.snapshot',
  ]);
});

test('every workflow of the contract is offered where it makes sense', (t) => {
  const offered = new Set(
    [
      ...offersOf(degradedState()),
      ...offersOf(
        stateAfter(freshState(), { type: 'status', status: statusOf('n1', { state: 'standalone', raft: null }) }),
      ),
    ].map(({ parameters }) => parameters.workflow),
  );
  // A learner is made a voter, and a restore needs a file: those are offered by their own screens.
  const all = workflowParametersSchema.options.map((option) => option.shape.workflow.value);
  t.deepEqual(
    all.filter((workflow) => !offered.has(workflow)),
    ['promote', 'restore'],
  );
});
