/**
 * Worlds of the core alone, each from one seed. A failing seed is replayed with `SIMULATION_SEED=… npx ava …`; how many run
 * is set with `SIMULATION_SEEDS`.
 */
import test from 'ava';
import { type Coverage, Simulation } from './harness/simulation.js';

const stepsEach = 3000;
const seedsEach = 50;
const only = process.env.SIMULATION_SEED;
const count = Number(process.env.SIMULATION_SEEDS ?? 400);

/** What has to have happened over all seeds, or the simulation has become tame. */
const mustHappen = [
  'became leader',
  'leader crashed',
  'member restarted',
  'message lost',
  'message repeated',
  'member cut off',
  'configuration applied',
  'change proposed',
  'change change-pending',
  'change no-commit-in-term',
  'entered a joint configuration',
  'learned of its removal',
  'transfer begun',
  'snapshot installed',
  'snapshot not needed',
  'log compacted',
  'entries lost that may have been acknowledged',
  'read answered',
  'read not-leader',
  'proposal forwarded',
  'proposal overloaded',
  'proposal transferring',
  'came to rest',
] as const;

function run(seeds: readonly number[], coverage: Coverage): void {
  for (const seed of seeds) {
    const simulation = new Simulation({ seed, steps: stepsEach });
    try {
      simulation.run();
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
    for (const [what, times] of simulation.coverage) coverage.set(what, (coverage.get(what) ?? 0) + times);
  }
}

if (only !== undefined) {
  test(`seed ${only} is safe and comes to rest`, (t) => {
    t.notThrows(() => run([Number(only)], new Map()));
  });
} else {
  const coverage: Coverage = new Map();
  for (let from = 1; from <= count; from += seedsEach) {
    const seeds = Array.from({ length: Math.min(seedsEach, count - from + 1) }, (_, at) => from + at);
    test.serial(`seeds ${from} to ${seeds.at(-1)}: safe at every step, and in agreement at the end`, (t) => {
      t.notThrows(() => run(seeds, coverage));
    });
  }
  test.serial('everything that a simulation is for has happened in it', (t) => {
    const counts = [...coverage].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, times]) => `${what} ${times}`);
    t.log(`${count} seeds of ${stepsEach} steps: ${counts.join(', ')}`);
    for (const what of mustHappen) t.true((coverage.get(what) ?? 0) > 0, `never: ${what}`);
  });
}

test('the same seed is the same world', (t) => {
  const world = () => [...new Simulation({ seed: 7, steps: 500 }).run().coverage];
  t.deepEqual(world(), world());
});
