/** The demo without screens: a line of status each second, and the events between. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Output } from '../../output/output.js';
import { formatClock } from '../../state/format.js';
import { glyphs } from '../../theme.js';
import { followCluster } from '../cluster-view.js';
import { eventLine } from '../events.js';
import type { RunningDemo } from './run.js';

export interface HeadlessOptions extends RunningDemo {
  readonly out: Output;
  readonly cluster: string;
  readonly signal: AbortSignal;
}

const everyMs = 1_000;

export async function showHeadless(options: HeadlessOptions): Promise<void> {
  const { out, client, connection, cluster, signal } = options;
  const stopEvents = client.watchEvents((event) => {
    if (out.json) out.printJsonLine({ type: 'event', event });
    else out.print(eventLine(out, event));
  });
  for (const child of [options.nats.child, ...options.controllers.values(), ...options.routers.values()])
    void child.ended.then(
      () => signal.aborted || out.warn(`${child.name} ended ${child.endedHow()}; its log is ${child.logFile}`),
    );
  const follower = await followCluster(client, connection, cluster);
  while (!signal.aborted) {
    const { facts, health } = follower.view();
    const routers = await client
      .request('routers.list', { limit: 1000 }, { timeoutMs: everyMs, signal })
      .then((answer) => ({
        known: answer.routers.length,
        online: answer.routers.filter((each) => each.online).length,
        inSync: answer.routers.filter((each) => each.online && each.inSync).length,
      }))
      .catch(() => null);
    if (signal.aborted) break;
    const controllers = [...facts.nodes.values()].map((record) => record.status);
    if (out.json) out.printJsonLine({ type: 'status', at: facts.now, health, routers, controllers });
    else
      out.print(
        `${out.style('dim', formatClock(facts.now))}  ${glyphs[health.level]} ${health.sentence}; ${routers === null ? 'routers unknown' : `${routers.inSync} of ${routers.known} routers in sync`}`,
      );
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
  follower.stop();
  stopEvents();
}
