import test from 'ava';
import { startShell } from '../../console/shell.js';
import { keyFrameMs } from '../../console/state/limits.js';
import { QuorateError } from '../../messaging/index.js';
import { eventually } from '../support/wait.js';
import { type Answerer, fakeCluster } from './fake-cluster.js';
import {
  changeEvent,
  clusterEvent,
  entityOf,
  fiveRouters,
  freshState,
  joinPlan,
  runningJoin,
  statusOf,
} from './fixtures.js';

function shellOn(answer: Answerer, collected = () => [statusOf('n1'), statusOf('n2'), statusOf('n3')]) {
  const cluster = fakeCluster(answer, collected);
  const copied: string[] = [];
  let quits = 0;
  const shell = startShell({
    initial: { ...freshState(), now: Date.now(), startedAt: Date.now() },
    client: cluster.client,
    connection: cluster.connection,
    quit: () => {
      quits += 1;
    },
    copy: (text) => copied.push(text),
    edit: async (_fileName, text) => text.replace('name: billing', 'name: accounting'),
    save: async (fileName) => `/tmp/${fileName}`,
    exportModel: async (fileName) => `/tmp/${fileName}`,
    remember: () => undefined,
  });
  const press = (...names: readonly string[]) => {
    for (const name of names)
      shell.act({ type: 'key', name, text: name.length === 1 ? name : name === 'space' ? ' ' : '' });
  };
  return { ...cluster, shell, press, copied, quits: () => quits };
}

const routersOnly: Answerer = (verb) => {
  if (verb === 'routers.list') return { routers: fiveRouters, more: false };
  if (verb === 'operation.list') return { operations: [] };
  throw new QuorateError('unknown-verb');
};

test('a shell asks for what it needs and shows what it hears', async (t) => {
  const { shell, status, event } = shellOn(routersOnly);
  t.teardown(shell.stop);
  await eventually(() => shell.state().nodes.size === 3, { what: 'three controllers' });
  await eventually(() => shell.state().routers.views.length === 5, { what: 'five routers' });
  status(statusOf('n4', { state: 'blank', raft: null }));
  event(clusterEvent('leadership.gained', 0));
  await eventually(() => shell.state().nodes.size === 4, { what: 'the fourth controller' });
  await eventually(() => shell.state().events.rows.length === 1, { what: 'the event' });
  t.is(shell.state().nodes.get('n4')?.status.state, 'blank');
});

test('a thousand events at once are one step', async (t) => {
  const { shell, event } = shellOn(routersOnly);
  t.teardown(shell.stop);
  await eventually(() => shell.state().routers.views.length === 5, { what: 'five routers' });
  let steps = 0;
  shell.subscribe(() => {
    steps += shell.state().events.heard > 0 ? 1 : 0;
  });
  for (let index = 1; index <= 1_000; index += 1) event(changeEvent(index, entityOf('service', `s${index}`), 0));
  await eventually(() => shell.state().events.heard === 1_000, { what: 'all events' });
  t.true(steps <= 2, `${steps} steps`);
});

test('a key is drawn at once, and keys that are faster than frames may be are drawn together', async (t) => {
  const { shell, press, event } = shellOn(routersOnly);
  t.teardown(shell.stop);
  await eventually(() => shell.state().routers.views.length === 5, { what: 'five routers' });
  let draws = 0;
  shell.subscribe(() => {
    draws += 1;
  });
  const began = performance.now();
  press('5');
  t.is(draws, 1, 'drawn before the call returns');
  for (let index = 1; index <= 200; index += 1) {
    event(changeEvent(index, entityOf('service', `s${index}`), 0));
    press(index % 2 === 0 ? '5' : '3');
  }
  await eventually(() => shell.state().events.heard === 200 && draws >= 2, { what: 'the last of the keys' });
  const most = 1 + Math.ceil((performance.now() - began) / keyFrameMs);
  t.true(draws <= most, `${draws} frames, of ${most} that may be`);
});

test('a refusal becomes what the screen shows, with its remedy', async (t) => {
  const { shell, press } = shellOn((verb, ...rest) => {
    if (verb === 'operation.plan') throw new QuorateError('operation-running');
    return routersOnly(verb, ...rest);
  });
  t.teardown(shell.stop);
  await eventually(() => shell.state().nodes.size === 3, { what: 'three controllers' });
  press(':', ...'transfer', 'space', 'n', '2', 'enter');
  await eventually(
    () => {
      const { overlay } = shell.state().view;
      return (
        overlay?.kind === 'workflow' &&
        overlay.phase.step === 'refused' &&
        overlay.phase.error.code === 'operation-running'
      );
    },
    { what: 'the dialog' },
  );
  t.pass();
});

test('the request id of a start is the one that the reducer made', async (t) => {
  const ids: (string | undefined)[] = [];
  const { shell, press } = shellOn((verb, params, requestId) => {
    if (verb === 'operation.plan')
      return { ...joinPlan, parameters: { workflow: 'transfer', to: 'n2' }, confirmation: 'n2' };
    if (verb === 'operation.start') {
      ids.push(requestId);
      return runningJoin;
    }
    return routersOnly(verb, params, requestId);
  });
  t.teardown(shell.stop);
  await eventually(() => shell.state().nodes.size === 3, { what: 'three controllers' });
  press(':', ...'transfer', 'space', 'n', '2', 'enter');
  await eventually(
    () => {
      const { overlay } = shell.state().view;
      return overlay?.kind === 'workflow' && overlay.phase.step === 'planned';
    },
    { what: 'the dialog' },
  );
  press('n', '2', 'enter');
  await eventually(() => ids.length === 1, { what: 'the start' });
  t.regex(ids[0] ?? '', /^test-console-\d+$/);
});

test('NATS lost and found again is seen, and everyone is asked anew', async (t) => {
  let asked = 0;
  const { shell, connectionStatus } = shellOn(routersOnly, () => {
    asked += 1;
    return [statusOf('n1')];
  });
  t.teardown(shell.stop);
  await eventually(() => asked === 1, { what: 'the first statuses' });
  connectionStatus('disconnect');
  await eventually(() => !shell.state().connection.up, { what: 'the console to be cut off' });
  connectionStatus('reconnect');
  await eventually(() => shell.state().connection.up, { what: 'the console to be connected' });
  await eventually(() => asked === 2, { what: 'the statuses after it' });
  t.true(shell.state().nodes.has('n1'));
});

test('the whole model is exported by its word, and the screen says where to', async (t) => {
  const { shell, press } = shellOn(routersOnly);
  t.teardown(shell.stop);
  await eventually(() => shell.state().nodes.size === 3, { what: 'three controllers' });
  press(':', ...'export', 'enter');
  await eventually(
    () => /^Written to \/tmp\/quorate-demo-model-.*\.json$/u.test(shell.state().view.flash?.sentence ?? ''),
    {
      what: 'the path of the file',
    },
  );
  t.pass();
});

test('quitting and copying reach the terminal; after the end nothing does', async (t) => {
  const { shell, press, copied, quits, status } = shellOn(routersOnly);
  await eventually(() => shell.state().routers.views.length === 5, { what: 'five routers' });
  press('3', 'y', 'q');
  t.is(JSON.parse(copied[0] ?? '{}').id, 'edge-ams-1');
  t.is(quits(), 1);
  shell.stop();
  const last = shell.state();
  status(statusOf('n9'));
  press('j');
  t.is(shell.state(), last);
});
