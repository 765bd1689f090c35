/**
 * A controller that ends itself with SIGKILL as soon as its log says that a recovery has come to a step, in the middle of which
 * nothing of it is tidied up: NATS_URL CLUSTER ID DIRECTORY STEP
 */
import { runController } from '../../node/server/main.js';

const [url = '', cluster = '', nodeId = '', dataDirectory = '', last = ''] = process.argv.slice(2);
const mark = `"step":"${last}"`;

const { write } = process.stderr;
process.stderr.write = ((...args: Parameters<typeof write>): boolean => {
  if (String(args[0]).includes('"recovering"') && String(args[0]).includes(mark)) process.kill(process.pid, 'SIGKILL');
  return write.apply(process.stderr, args);
}) as typeof write;

const controller = await runController({
  cluster,
  nodeId,
  name: nodeId,
  dataDirectory,
  nats: { servers: [url] },
  advertise: [url],
  bootstrap: false,
  restoreFrom: null,
  logLevel: 'info',
  logPretty: false,
});
process.once('SIGTERM', () => void controller.stop().then(() => process.exit(0)));
