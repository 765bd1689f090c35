/**
 * `npm run chaos -- --minutes N --seed S`: rounds of chaos on one cluster of real processes, until the time is over or
 * something is wrong. The seed repeats which faults are planned and what clients ask; processes and the machine do the rest.
 */
import { readOptions } from '../support/options.js';
import { describeRound } from './report.js';
import { startChaos } from './rounds.js';

const values = readOptions(
  {
    command: 'npm run chaos',
    purpose:
      'Breaks five controllers and three nats-servers, all real processes, while clients write; then judges what clients saw.',
    examples: [
      ['--minutes 10', 'for ten minutes'],
      ['--minutes 10 --seed 4711', 'the same faults and the same requests again'],
    ],
  },
  {
    minutes: {
      type: 'string',
      number: 'any',
      default: '5',
      describe: 'how long; the round that is going on then is finished',
    },
    seed: { type: 'string', number: 'whole', describe: 'otherwise made from the time' },
    round: { type: 'string', number: 'any', default: '30', describe: 'seconds in which faults happen in each round' },
    quiet: { type: 'boolean', default: false, describe: 'does not tell of each fault' },
  },
);

async function main(): Promise<boolean> {
  const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
  const [minutes, roundMs] = [Number(values.minutes), Number(values.round) * 1_000];
  const beganAt = performance.now();
  const say = (line: string): void => {
    if (!values.quiet) console.log(`${((performance.now() - beganAt) / 1_000).toFixed(2).padStart(8)} s  ${line}`);
  };
  console.log(`seed ${seed}, ${minutes} minutes`);
  const chaos = await startChaos(seed, say);
  try {
    for (let round = 1; round === 1 || performance.now() - beganAt < minutes * 60_000; round += 1) {
      const report = await chaos.round(roundMs);
      console.log(`round ${round}: ${describeRound(report)}`);
      if (report.problems.length === 0) continue;
      for (const problem of report.problems) console.log(`WRONG: ${problem}`);
      console.log(`again: npm run chaos -- --seed ${seed} --minutes ${minutes} --round ${values.round}`);
      return false;
    }
    console.log('nothing is wrong');
    return true;
  } finally {
    await chaos.end();
  }
}

process.exitCode = (await main()) ? 0 : 1;
