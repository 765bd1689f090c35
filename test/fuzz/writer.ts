/** A client of its own process, which writes without end until its input closes; then it says how it went. */
import { createApiClient } from '../../messaging/api-client.js';
import { connectNats } from '../../messaging/connection.js';

const [url = '', cluster = ''] = process.argv.slice(2);
const everyMs = 20;

const connection = await connectNats({ servers: [url], name: 'writer' });
const client = createApiClient({ connection, cluster, from: 'writer' });
let isStopped = false;
process.on('SIGTERM', () => {
  isStopped = true;
});
let [writes, longestGapMs, last] = [0, 0, performance.now()];
const failures: Record<string, number> = {};
while (!isStopped) {
  try {
    await client.request(
      'model.create',
      { kind: 'service', name: `fuzz-${process.pid}-${writes}` },
      { timeoutMs: 30_000 },
    );
    writes += 1;
    const now = performance.now();
    longestGapMs = Math.max(longestGapMs, now - last);
    last = now;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    failures[reason] = (failures[reason] ?? 0) + 1;
  }
  await new Promise((resolve) => setTimeout(resolve, everyMs));
}
await connection.close();
process.stdout.write(`${JSON.stringify({ writes, longestGapMs, failures })}\n`);
