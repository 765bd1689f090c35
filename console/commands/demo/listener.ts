/** What each controller of a demo said last, and waiting for what one is to say. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../../messaging/api-client.js';
import { QuorateError } from '../../../messaging/errors.js';
import type { NodeStatus } from '../../../messaging/schemas/status.js';
import { type Child, whileRunning } from './processes.js';

/** A controller that has not come so far by then never will. */
const waitMaxMs = 30_000;

export class StatusListener {
  readonly #statuses = new Map<string, NodeStatus>();
  readonly #looks = new Set<() => void>();

  constructor(client: ApiClient) {
    client.watchStatus((status) => {
      this.#statuses.set(status.node, status);
      for (const look of this.#looks) look();
    });
  }

  statusOf(id: string): NodeStatus | undefined {
    return this.#statuses.get(id);
  }

  /**
   * @param what completes the sentence "ctrl1 did not ..."
   * @throws QuorateError `process-ended` where the controller ends first, `timeout` after half a minute.
   */
  async until(child: Child, id: string, condition: (status: NodeStatus) => boolean, what: string): Promise<void> {
    const done = new AbortController();
    const met = new Promise<void>((resolve) => {
      const look = (): void => {
        const status = this.#statuses.get(id);
        if (status !== undefined && condition(status)) resolve();
      };
      this.#looks.add(look);
      done.signal.addEventListener('abort', () => this.#looks.delete(look));
      look();
    });
    const late = sleep(waitMaxMs, undefined, { signal: done.signal }).then((): never => {
      const remedy = `Its log, ${child.logFile}, ends with:\n${child.lastLines()}`;
      throw new QuorateError('timeout', `${id} did not ${what} within ${waitMaxMs / 1000} s`, { remedy });
    });
    late.catch(() => undefined);
    try {
      await whileRunning(child, Promise.race([met, late]));
    } finally {
      done.abort();
    }
  }
}
