/** A process that recovers a directory and ends itself with SIGKILL after the given step: DIRECTORY STEP */
import { openStorage } from '../../node/storage/index.js';
import { about, request } from './recover-support.js';

const [directory = '', last] = process.argv.slice(2);
const storage = openStorage({ ...about, directory });
await storage.recover({
  ...request,
  onStep: (step) => {
    process.stdout.write(`${step}\n`);
    if (step === last) process.kill(process.pid, 'SIGKILL');
  },
});
