/**
 * A controller that ends itself with SIGKILL at one step of a migration or of the way back, in the middle of which nothing of
 * it is tidied up: NATS_URL DIRECTORY [STEP]. Steps of the exchange of the model are met at once (`commit`), those of the
 * operation when their record says that they run.
 */
import { connectNats, operationSchema } from '../../messaging/index.js';
import { runController } from '../../node/server/main.js';

const [url = '', dataDirectory = '', last] = process.argv.slice(2);

const end = (): void => void process.kill(process.pid, 'SIGKILL');

if (last !== undefined) {
  const connection = await connectNats({ servers: [url], name: 'migration-child' });
  connection.subscribe('quorate.test.operations.*', {
    callback: (_error, message) => {
      const { steps, verifications } = operationSchema.parse(message.json());
      if ([...steps, ...verifications].some(({ step, state }) => step === last && state === 'running')) end();
    },
  });
  await connection.flush();
}
const controller = await runController({
  cluster: 'test',
  nodeId: 'n1',
  name: 'n1',
  dataDirectory,
  nats: { servers: [url] },
  advertise: [url],
  bootstrap: false,
  restoreFrom: null,
  standalone: true,
  logLevel: 'info',
  logPretty: false,
  routerHeartbeatMs: 500,
  onModeStep: (step) => {
    if (step === last) end();
  },
});
process.once('SIGTERM', () => void controller.stop().then(() => process.exit(0)));
