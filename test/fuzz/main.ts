/** `npm run fuzz -- --messages N --seed S`: hostile messages on every subject, against a real cluster. */
import { readOptions } from '../support/options.js';
import { describeFuzz } from './report.js';
import { runFuzz, startFuzzCluster } from './run.js';

const values = readOptions(
  {
    command: 'npm run fuzz',
    purpose: 'Sends hostile messages to every subject that somebody listens on; no process may end, and writes go on.',
    examples: [
      ['--messages 1000000', 'a million'],
      ['--seed 4711 --messages 100000', 'the same messages again'],
    ],
  },
  {
    messages: { type: 'string', number: 'whole', default: '1000000', describe: 'how many' },
    seed: { type: 'string', number: 'whole', default: String(Date.now() % 1_000_000_000), describe: 'repeats a run' },
  },
);

const fuzzed = await startFuzzCluster();
const report = await runFuzz(fuzzed, {
  messages: Number(values.messages),
  seed: Number(values.seed),
  say: (line) => process.stdout.write(`${line}\n`),
});
await fuzzed.cluster.end();
process.stdout.write(`${describeFuzz(report).join('\n')}\n`);
process.exit(report.problems.length === 0 ? 0 : 1);
