/** A process that resets a directory and ends itself with SIGKILL after the given number of steps: DIRECTORY keep|delete STEPS */
import { lockDirectory, type ResetStep, resetDirectory } from '../../node/storage/index.js';

const [directory = '', keep, steps = '0'] = process.argv.slice(2);
let taken = 0;
const die = (step: ResetStep): void => {
  taken += 1;
  process.stdout.write(`${step}\n`);
  if (taken === Number(steps)) process.kill(process.pid, 'SIGKILL');
};
resetDirectory(lockDirectory(directory), { keep: keep === 'keep', now: 0, onStep: die });
