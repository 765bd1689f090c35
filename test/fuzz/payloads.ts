/** What a hostile sender may put into a message: from a seed, so that a run can be repeated. */
import { encode } from '@msgpack/msgpack';
import type { Random } from '../support/random.js';

export const payloadKinds = [
  'random-bytes',
  'wrong-shape-json',
  'wrong-shape-messagepack',
  'deep-nesting',
  'huge-values',
  'wrong-version',
  'changed-real',
  'replay',
  'spoofed-sender',
  'broken-text',
  'max-payload',
  'over-max-payload',
] as const;
export type PayloadKind = (typeof payloadKinds)[number];

/** How often each is drawn; what is large is rare, or the run would measure the network. */
const weights: Readonly<Record<PayloadKind, number>> = {
  'random-bytes': 180,
  'wrong-shape-json': 160,
  'wrong-shape-messagepack': 100,
  'deep-nesting': 2,
  'huge-values': 8,
  'wrong-version': 100,
  'changed-real': 160,
  replay: 150,
  'spoofed-sender': 100,
  'broken-text': 60,
  'max-payload': 1,
  // Each is a connection of its own.
  'over-max-payload': 0.5,
};
const weightsSum = Object.values(weights).reduce((sum, each) => sum + each, 0);

export function drawKind(random: Random): PayloadKind {
  let left = random.next() * weightsSum;
  for (const kind of payloadKinds) {
    left -= weights[kind];
    if (left < 0) return kind;
  }
  return 'random-bytes';
}

const text = new TextEncoder();
const names = [
  'v',
  'ok',
  'node',
  'router',
  'params',
  'requestId',
  'position',
  'timeline',
  '__proto__',
  'constructor',
  '',
];
const numbers = [0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, Number.MIN_VALUE, 99_999_999_999];
const strings = [
  '',
  '*',
  '>',
  'a.b',
  '../../etc/passwd',
  '\u0000',
  '\ud800',
  '🦀'.repeat(50),
  'x'.repeat(5_000),
  'NaN',
];

export function randomBytes(random: Random, lengthMax: number): Uint8Array {
  const bytes = new Uint8Array(random.between(0, lengthMax));
  for (let place = 0; place < bytes.length; place += 1) bytes[place] = random.between(0, 255);
  return bytes;
}

/** Any value at all, `depth` levels at most. */
export function randomValue(random: Random, depth = 3): unknown {
  switch (random.between(0, depth > 0 ? 7 : 4)) {
    case 0:
      return null;
    case 1:
      return random.pick(numbers);
    case 2:
      return random.pick(strings);
    case 3:
      return random.chance(0.5);
    case 4:
      return random.between(-1000, 1000);
    case 5:
      return Array.from({ length: random.between(0, 6) }, () => randomValue(random, depth - 1));
    default:
      return randomObject(random, depth);
  }
}

export function randomObject(random: Random, depth = 3): Record<string, unknown> {
  const entries = Array.from({ length: random.between(0, 6) }, () => [
    random.pick(names),
    randomValue(random, depth - 1),
  ]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}

/** Text that JSON's reader has to climb down into, or MessagePack's. */
export function deep(random: Random): Uint8Array {
  const levels = random.pick([1_000, 20_000, 200_000]);
  if (random.chance(0.5)) return new Uint8Array(levels).fill(0x91);
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
  ] as const);
  const isWhole = random.chance(0.5);
  return text.encode(
    open.repeat(Math.min(levels, 150_000)) + (isWhole ? `1${close.repeat(Math.min(levels, 150_000))}` : ''),
  );
}

export function huge(random: Random, honest: Record<string, unknown>): Uint8Array {
  const big = random.pick<() => unknown>([
    () => 'x'.repeat(random.between(10_000, 100_000)),
    () => Array.from({ length: random.between(1_000, 10_000) }, (_, place) => place),
    () => Object.fromEntries(Array.from({ length: random.between(1_000, 5_000) }, (_, place) => [`k${place}`, place])),
    () => random.pick(numbers),
  ])();
  const key = random.pick([...Object.keys(honest), ...names]);
  return text.encode(JSON.stringify({ ...honest, [key]: big }));
}

/** One field is something else, is missing, or is one too many. */
export function changed(random: Random, honest: Record<string, unknown>): Record<string, unknown> {
  const keys = Object.keys(honest);
  const key = keys.length === 0 ? 'v' : random.pick(keys);
  const inside = honest[key];
  if (random.chance(0.4) && typeof inside === 'object' && inside !== null && !Array.isArray(inside))
    return { ...honest, [key]: changed(random, inside as Record<string, unknown>) };
  if (random.chance(0.3)) return Object.fromEntries(Object.entries(honest).filter(([each]) => each !== key));
  return { ...honest, [key]: randomValue(random) };
}

/** What was real once, with bytes exchanged, cut off, or text that is no UTF-8. */
export function broken(random: Random, real: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(real);
  for (let times = random.between(1, 8); times > 0 && bytes.length > 0; times -= 1)
    bytes[random.between(0, bytes.length - 1)] = random.between(0, 255);
  return random.chance(0.3) ? bytes.subarray(0, random.between(0, bytes.length)) : bytes;
}

export function json(value: unknown): Uint8Array {
  return text.encode(JSON.stringify(value) ?? 'null');
}

export function messagePack(value: unknown): Uint8Array {
  return encode(value);
}
