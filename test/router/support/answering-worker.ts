/** Answers every hello at once, in a thread of its own: also while the thread that asked stands still. */
import { parentPort, workerData } from 'node:worker_threads';
import { connectNats, subjectsOf } from '../../../messaging/index.js';
import { clusterName } from './fake-cluster.js';

const connection = await connectNats({ servers: [String(workerData)], name: 'answerer' });
connection.subscribe(subjectsOf(clusterName).routerRequests('hello'), {
  callback: (_error, message) => message.respond(JSON.stringify({ ok: true })),
});
await connection.flush();
parentPort?.once('message', () => void connection.close());
parentPort?.postMessage('answers');
