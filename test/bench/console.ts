/**
 * `npm run bench:console`: how soon the console shows something useful, how soon a key has its effect, how many frames it
 * draws and how much memory it holds, with ten thousand routers and a thousand events a second, in a real pseudo-terminal.
 */

import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatCount } from '../../console/state/format.js';
import { checkoutRoot } from '../support/checkout.js';
import { startNatsServer } from '../support/nats.js';
import { readOptions } from '../support/options.js';
import { startProcess } from '../support/process.js';
import { openPseudoTerminal, type PseudoTerminal } from './pseudo-terminal.js';

const given = readOptions(
  {
    command: 'npm run bench:console',
    purpose: 'How fast the console starts and answers, in a pseudo-terminal.',
    examples: [['--routers 100 --starts 3', 'a small one']],
  },
  {
    routers: { type: 'string', number: 'whole', default: '10000', describe: 'how many routers' },
    events: { type: 'string', number: 'whole', default: '1000', describe: 'events a second' },
    starts: { type: 'string', number: 'whole', default: '10', describe: 'times the console is started' },
    keys: { type: 'string', number: 'whole', default: '300', describe: 'keys that are pressed' },
    seconds: { type: 'string', number: 'any', default: '60', describe: 'that memory and frames are watched for' },
    size: { type: 'string', default: '120x40', describe: 'of the terminal' },
    json: { type: 'boolean', default: false, describe: 'for machines' },
  },
);
const [columns = 120, rows = 40] = given.size.split('x').map(Number);
const clusterName = 'bench';
/** On a machine that others use too. */
const worldStartMs = 60_000;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
  /** Percent of them that took no longer than an operator notices. */
  readonly unnoticed: number;
}

/** What a key may take to its effect. */
const noticedAfterMs = 50;

function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
  return {
    p50: round(at(0.5)),
    p99: round(at(0.99)),
    most: round(sorted.at(-1) ?? Number.NaN),
    unnoticed: round((100 * sorted.filter((value) => value <= noticedAfterMs).length) / Math.max(1, sorted.length)),
  };
}

const spreadText = ({ p50, p99, most, unnoticed }: Spread): string =>
  `p50 ${p50} ms, p99 ${p99} ms, most ${most} ms; ${unnoticed} % within ${noticedAfterMs} ms`;

const round = (value: number): number => Math.round(value * 10) / 10;

/** A synchronized update is one frame. */
const frameMark = /\\033\[\?2026h/gu;

function framesIn(terminal: PseudoTerminal): { readonly frames: number; readonly kilobytes: number } {
  const text = terminal
    .takeOutputs()
    .map((output) => output.text)
    .join('');
  return { frames: text.match(frameMark)?.length ?? 0, kilobytes: text.length / 1_024 };
}

function residentMegabytes(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/u.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? Number.NaN) / 1_024;
}

/** What the process has computed so far, in all its threads: on a machine that others use too, the steadier figure. */
function processorMs(pid: number): number {
  const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  const [user = 0, system = 0] = fields.split(' ').slice(11, 13).map(Number);
  const ticksPerSecond = 100;
  return ((user + system) * 1_000) / ticksPerSecond;
}

async function measureStarts(terminal: PseudoTerminal, command: readonly string[], count: number) {
  const times: number[] = [];
  const worked: number[] = [];
  for (let start = 0; start < count; start += 1) {
    const began = terminal.start(command);
    times.push((await terminal.whenShown((screen) => screen.includes('Healthy: 3 of 3 voters'))) - began);
    worked.push(processorMs(await terminal.pid()));
    // What was compiled is kept between runs: the first start is not counted.
    if (start === 0) [times.length, worked.length] = [0, 0];
  }
  return { ...spreadOf(times), processorMs: spreadOf(worked) };
}

/** Each key moves the cursor by a row; its place in the list stands in the footer. */
async function measureKeys(terminal: PseudoTerminal, count: number): Promise<Spread> {
  const total = formatCount(Number(given.routers));
  terminal.press('3');
  await terminal.whenShown((screen) => screen.includes(`1 of ${total}`));
  const times: number[] = [];
  for (let key = 0; key < count; key += 1) {
    const place = (key % 500) + 2;
    // Not in step with the console's own frames.
    await sleep(20 + Math.random() * 60);
    const pressed = terminal.press('j');
    times.push((await terminal.whenShown((screen) => screen.includes(` ${place} of ${total}`))) - pressed);
    if (place === 501) {
      terminal.press('g');
      await terminal.whenShown((screen) => screen.includes(` 1 of ${total}`));
    }
  }
  return spreadOf(times);
}

/** A letter of a filter: all the routers are looked through again. */
async function measureFilter(terminal: PseudoTerminal, count: number): Promise<Spread> {
  const times: number[] = [];
  for (let key = 0; key < count; key += 1) {
    const text = String(key % 10);
    terminal.press('/');
    await terminal.whenShown((screen) => screen.includes('/▏'));
    await sleep(20 + Math.random() * 60);
    const pressed = terminal.press(text);
    times.push((await terminal.whenShown((screen) => screen.includes(`/${text}▏`))) - pressed);
    terminal.press('Escape');
    await terminal.whenShown((screen) => !screen.includes('▏'));
  }
  return spreadOf(times);
}

async function watchQuietly(terminal: PseudoTerminal, seconds: number) {
  const pid = await terminal.pid();
  const memory: number[] = [];
  const workedBefore = processorMs(pid);
  const perSecond: number[] = [];
  let kilobytes = 0;
  framesIn(terminal);
  for (let second = 0; second < seconds; second += 1) {
    await sleep(1_000);
    const drawn = framesIn(terminal);
    perSecond.push(drawn.frames);
    kilobytes += drawn.kilobytes;
    memory.push(residentMegabytes(pid));
  }
  return {
    framesPerSecond: spreadOf(perSecond),
    kilobytesPerSecond: round(kilobytes / seconds),
    processorMsPerSecond: round((processorMs(pid) - workedBefore) / seconds),
    memoryMegabytes: {
      first: round(memory[0] ?? 0),
      last: round(memory.at(-1) ?? 0),
      most: round(Math.max(...memory)),
    },
  };
}

const nats = await startNatsServer();
const world = await startProcess(process.execPath, [
  path.join(checkoutRoot, 'dist/test/bench/console-world.js'),
  nats.url,
  clusterName,
  given.routers,
  given.events,
]);
await world.waitForLog('ready', worldStartMs);
const terminal = await openPseudoTerminal({ columns, rows });
const main = path.join(checkoutRoot, 'dist/packed/quorate.js');
const command = [process.execPath, main, 'console', '--nats', nats.url, '--cluster', clusterName];

const load = [os.loadavg().map(round)];
say(`load ${load[0]?.join(' ')}, ${os.availableParallelism()} cores`);
const starts = await measureStarts(terminal, command, Number(given.starts) + 1);
say(`first useful screen    p50 ${starts.p50} ms, p99 ${starts.p99} ms; processor p50 ${starts.processorMs.p50} ms`);
const keys = await measureKeys(terminal, Number(given.keys));
say(`a key to its effect    ${spreadText(keys)}`);
const filter = await measureFilter(terminal, Math.ceil(Number(given.keys) / 3));
say(`a letter of a filter   ${spreadText(filter)}`);
terminal.press('1');
const quiet = await watchQuietly(terminal, Number(given.seconds));
say(
  `frames a second        p50 ${quiet.framesPerSecond.p50}, most ${quiet.framesPerSecond.most}, ${quiet.kilobytesPerSecond} kB/s`,
);
say(
  `memory                 ${quiet.memoryMegabytes.first} MB, after ${given.seconds} s ${quiet.memoryMegabytes.last} MB, most ${quiet.memoryMegabytes.most} MB`,
);
load.push(os.loadavg().map(round));
say(`load at the end        ${load[1]?.join(' ')}`);
if (given.json) process.stdout.write(`${JSON.stringify({ given, load, starts, keys, filter, ...quiet }, null, 2)}\n`);
await terminal.end();
process.exit(0);
