/**
 * Takes the pictures of docs/pictures: real controllers and routers, the console on them in a real terminal.
 * `npm run docs -- --pictures`.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createModel, demoDrafts } from '../../console/commands/demo/model-data.js';
import type { ApiClient } from '../../messaging/index.js';
import { checkoutRoot } from '../support/checkout.js';
import { startCluster } from '../support/cluster.js';
import { startTerminal, type Terminal } from '../support/tmux.js';
import { eventually } from '../support/wait.js';
import { renderSvg } from './svg.js';

const columns = 120;
const rows = 36;
/** Taken on whatever machine is at hand. */
const patienceMs = 120_000;
const folder = path.join(checkoutRoot, 'docs', 'pictures');
/** So long the load runs before the first picture: the console shows rates of the last minute. */
const loadMs = 50_000;
/** Controllers show where they write: not where the machine that the pictures are taken on keeps its temporary files. */
const dataFolder = '/tmp/quorate-pictures';
const routers = ['edge-berlin-1', 'edge-lagos-1', 'edge-osaka-1', 'edge-quito-1', 'edge-tromso-1'];

function directoryOf(id: string): string {
  const directory = path.join(dataFolder, id);
  mkdirSync(directory, { recursive: true });
  return directory;
}

export async function takePictures(): Promise<void> {
  mkdirSync(folder, { recursive: true });
  rmSync(dataFolder, { recursive: true, force: true });
  const cluster = await startCluster({ name: 'demo', directoryOf });
  await Promise.all(routers.map((id) => cluster.startRouter(id)));
  const stop = new AbortController();
  await createModel(cluster.api, demoDrafts(routers), stop.signal);
  const pace = { pauseMs: 250 };
  const working = work(cluster.api, pace, stop.signal);
  const terminal = await openConsole(cluster.natsUrl);
  try {
    await terminal.waitForText('5 of 5 online', patienceMs);
    await sleep(loadMs);
    pace.pauseMs = 3_000;
    await cluster.transfer('n2');
    await cluster.restart('edge-osaka-1');
    await eventually(() => allInSync(cluster.api), { what: 'all routers to be in sync', timeoutMs: patienceMs });
    await terminal.waitForText('5 in sync', patienceMs);
    await sleep(loadMs / 10);
    await take(terminal, 'overview', 'The overview: health in one line, controllers, rates, routers and events');

    await takeScreens(terminal);

    await cluster.startBlank('n4');
    await command(terminal, 'join n4');
    await passedChecks(terminal);
    const planned = 'Joining a controller: each check with its answer, what will change, and a typed confirmation';
    await take(terminal, 'join', planned);
    await startJoin(terminal);
    await terminal.waitForText('Done and verified', patienceMs);
    await sleep(loadMs / 20);
    await take(
      terminal,
      'joined',
      'The controller has joined: each step, and what was verified before success was said',
    );
    await terminal.sendKeys('Escape');

    await cluster.kill(await cluster.leader());
    await terminal.waitForText('DEGRADED', patienceMs);
    await sleep(loadMs / 20);
    const killed = 'The leader was killed: another one leads, and the first line says what is left and what to do';
    await take(terminal, 'leader-killed', killed);
  } finally {
    stop.abort();
    await working;
    await terminal.kill();
    await cluster.end();
  }
}

/** On a machine that has much to do a check of times may fail, and passes a moment later. */
async function passedChecks(terminal: Terminal): Promise<void> {
  for (;;) {
    const screen = await terminal.waitForText(/Type n4|A check failed/u, patienceMs);
    if (screen.includes('Type n4')) return;
    await terminal.sendKeys('r');
    await sleep(2_000);
  }
}

async function startJoin(terminal: Terminal): Promise<void> {
  for (;;) {
    await passedChecks(terminal);
    await terminal.type('n4');
    await terminal.waitForText('then enter: n4', patienceMs);
    await terminal.sendKeys('Enter');
    const screen = await terminal.waitForText(/was refused|Steps/u, patienceMs);
    if (screen.includes('Steps')) return;
    await terminal.sendKeys('r');
    await sleep(2_000);
  }
}

interface ScreenPicture {
  readonly name: string;
  readonly keys: readonly string[];
  /** On the screen when all of it is there. */
  readonly shown: string | RegExp;
  readonly description: string;
}

/** Each screen, as an operator comes to it from the overview. */
const screens: readonly ScreenPicture[] = [
  {
    name: 'controllers',
    keys: ['2'],
    shown: 'as n2 has it',
    description: 'The controllers, with what the leader knows of each',
  },
  {
    name: 'controller',
    keys: ['2', 'j', 'Enter', '1'],
    shown: 'Followers',
    description: 'One controller: its Raft state, its followers, rates, storage and backups',
  },
  { name: 'routers', keys: ['3'], shown: 'in sync', description: 'The routers, and how far each is with the model' },
  {
    name: 'router',
    keys: ['3', 'j', 'Enter'],
    shown: 'List of controllers',
    description: 'One router: where its copy of the model stands, its list of controllers, what it counted',
  },
  { name: 'model', keys: ['4', 'Tab'], shown: 'billing', description: 'The model by kind' },
  { name: 'entity', keys: ['4', 'Enter'], shown: 'spec:', description: 'One entity as YAML; e opens it in an editor' },
  { name: 'events', keys: ['5'], shown: 'heard', description: 'What happens, as it happens' },
  { name: 'operations', keys: ['6'], shown: 'transfer leadership to n2', description: 'Operations that ran' },
  {
    name: 'operation',
    keys: ['6', 'Enter'],
    shown: 'Verified',
    description: 'One operation: its steps, what verified it, its checks',
  },
  {
    name: 'attention',
    keys: ['7'],
    shown: 'Attention',
    description: 'What needs attention, with the keys that mend it',
  },
  { name: 'metrics', keys: ['8', 't', 't'], shown: 'the last minute', description: 'What was measured, over a minute' },
  {
    name: 'backups',
    keys: ['9'],
    shown: '.snapshot',
    description: 'When each controller writes backups, and the snapshots that are there',
  },
  {
    name: 'palette',
    keys: [':', 't', 'r'],
    shown: 'Transfer leadership',
    description: 'Everything that can be done, by its words',
  },
  { name: 'help', keys: ['?'], shown: 'what works here', description: 'The keys that work here' },
];

async function takeScreens(terminal: Terminal): Promise<void> {
  await terminal.type(':snapshot n2');
  await terminal.waitForText('Take a snapshot on n2', patienceMs);
  await terminal.sendKeys('Enter');
  for (const { name, keys, shown, description } of screens) {
    await terminal.sendKeys('Escape', '1');
    await terminal.waitForText('Overview', patienceMs);
    for (const key of keys) {
      await terminal.sendKeys(key);
      await sleep(300);
    }
    await terminal.waitForText(shown, patienceMs);
    await sleep(1_500);
    await take(terminal, name, description);
    await terminal.sendKeys('Escape');
  }
  await terminal.sendKeys('Escape', '1');
}

/** Enter in the same breath as the words would be taken for a part of them. */
async function command(terminal: Terminal, words: string): Promise<void> {
  await terminal.type(`:${words}`);
  await terminal.waitForText('...', patienceMs);
  await terminal.sendKeys('Enter');
}

async function openConsole(natsUrl: string): Promise<Terminal> {
  const main = path.join(checkoutRoot, 'dist', 'console', 'main.js');
  return startTerminal(
    [process.execPath, main, 'console', '--nats', natsUrl, '--cluster', 'demo', '--as', 'alice', '--theme', 'dark'],
    { columns, rows, env: { COLORTERM: 'truecolor', FORCE_COLOR: '3', USER: 'alice' } },
  );
}

async function take(terminal: Terminal, name: string, description: string): Promise<void> {
  const captured = await terminal.captureWithEscapes();
  const title = 'quorate console';
  writeFileSync(path.join(folder, `${name}.svg`), renderSvg(captured, { columns, rows, title, description }));
}

/** Something to be seen: writes at a pace that rises and falls, and now and then one that leaves an event worth reading. */
async function work(api: ApiClient, pace: { readonly pauseMs: number }, signal: AbortSignal): Promise<void> {
  for (let turn = 0; !signal.aborted; turn += 1) {
    await change(api, turn).catch(() => undefined);
    const pauseMs = pace.pauseMs * (1 + 0.8 * Math.sin(performance.now() / 3_500));
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

async function allInSync(api: ApiClient): Promise<boolean> {
  const answer = await api.request('routers.list', {});
  return answer.routers.length === routers.length && answer.routers.every(({ online, inSync }) => online && inSync);
}

async function change(api: ApiClient, turn: number): Promise<void> {
  const tags = { turn: String(turn) };
  const visitor = `visitor-${100 + Math.floor(turn / 5)}`;
  switch (turn % 5) {
    case 0:
      await api.request('model.create', { kind: 'identity', id: visitor, name: visitor, tags });
      return;
    case 1:
      await api.request('model.update', { kind: 'service', id: turn % 2 === 0 ? 'billing' : 'video', patch: { tags } });
      return;
    case 2:
      await api.request('model.update', { kind: 'policy', id: 'staff-dial', patch: { tags } });
      return;
    case 3:
      await api.request('model.update', { kind: 'router', id: routers[turn % routers.length] ?? '', patch: { tags } });
      return;
    default:
      await api.request('model.delete', { kind: 'identity', id: visitor });
  }
}
