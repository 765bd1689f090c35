/** The one workflow that runs where there is no leader: a survivor goes on alone. Killed at each step, it starts whole. */

import { copyOf } from '../operator/directories.js';
import { checkoutRoot } from '../support/checkout.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { type RunningProcess, runQuorate, startProcess, startQuorate } from '../support/process.js';
import { eventually } from '../support/wait.js';
import type { Cell } from './cells.js';
import type { Row } from './round.js';
import { patienceMs } from './world.js';

const survivor = 'n3';
const written = 20;

export class RecoverWorld {
  private constructor(
    private readonly cluster: TestCluster,
    /** Of the survivor, as the others left it. */
    private readonly directory: string,
    private readonly acknowledged: readonly string[],
  ) {}

  static async start(): Promise<RecoverWorld> {
    const cluster = await startCluster();
    const acknowledged = Array.from({ length: written }, (_, number) => `w${number}`);
    for (const id of acknowledged)
      await cluster.api.request('model.create', { kind: 'service', id, name: id, spec: {} }, { timeoutMs: patienceMs });
    await cluster.agrees(patienceMs);
    await Promise.all(['n1', 'n2', 'n3'].map((id) => cluster.kill(id)));
    return new RecoverWorld(cluster, copyOf(cluster.node(survivor).dataDirectory), acknowledged);
  }

  async play(cell: Cell): Promise<Row> {
    const beganAt = performance.now();
    const problems: string[] = [];
    const directory = copyOf(this.directory, `recover-${cell.at}`);
    const child = await this.#survivor(directory, cell);
    let outcome = 'no end';
    let again: RunningProcess | undefined;
    try {
      await this.#untilItIsAlone();
      const terminal = await startQuorate(this.#recover, { name: 'terminal', env: this.#env });
      if (cell.victim === 'terminal') {
        await child.waitForLog(`"step":"${cell.at}"`, patienceMs);
        await terminal.kill('SIGKILL');
        again = child;
      } else {
        const { signal } = await child.waitForExit(patienceMs);
        if (signal !== 'SIGKILL') problems.push(`the survivor ended with ${signal}`);
        // It would wait for its answer for half a minute more.
        await terminal.kill();
        again = await this.#survivor(directory, undefined);
      }
      outcome = await this.#outcome();
      // As it was, it is asked for again; recovered, there is nothing to do.
      if (outcome !== 'done') {
        const { code, stderr } = await runQuorate(this.#recover, { env: this.#env, timeoutMs: patienceMs });
        if (code !== 0) problems.push(`asked for again, it was refused: ${stderr}`);
      }
      problems.push(...(await this.#judge()));
    } catch (error) {
      problems.push(String(error));
    } finally {
      await Promise.all([child, again].map((each) => each?.isRunning() === true && each.stop()));
    }
    return { cell, outcome, tookMs: performance.now() - beganAt, longestGapMs: 0, problems };
  }

  readonly #recover = ['recover', '--yes', '--i-understand', survivor, '--json'];

  get #env() {
    return { QUORATE_NATS: this.cluster.natsUrl, QUORATE_CLUSTER: this.cluster.name };
  }

  #survivor(directory: string, cell: Cell | undefined): Promise<RunningProcess> {
    const step = cell?.victim === 'target' ? cell.at : 'none';
    const child = `${checkoutRoot}/dist/test/workflow-kills/recover-child.js`;
    const { natsUrl, name } = this.cluster;
    return startProcess(process.execPath, [child, natsUrl, name, survivor, directory, step], { name: survivor });
  }

  async #untilItIsAlone(): Promise<void> {
    await eventually(
      async () => {
        const status = await this.#status();
        return status.state === 'member' && status.raft?.leader === null;
      },
      { what: 'the survivor to hear no leader', timeoutMs: patienceMs },
    );
  }

  #status() {
    return this.cluster.api.request('status.get', {}, { node: survivor, timeoutMs: patienceMs });
  }

  /** Which of the two it is, when it has settled. */
  async #outcome(): Promise<string> {
    return eventually(
      async () => {
        const { raft, state, position } = await this.#status();
        if (state !== 'member') return false;
        if (raft?.role === 'leader') return position?.timeline.epoch === 1_001 && 'done';
        return position?.timeline.epoch === 1 && raft?.leader === null && 'taken back: it started as it was before';
      },
      { what: 'the survivor to be one or the other', timeoutMs: patienceMs },
    );
  }

  async #judge(): Promise<readonly string[]> {
    const { api } = this.cluster;
    await api.request('model.create', { kind: 'service', name: 'after', spec: {} }, { timeoutMs: patienceMs });
    const { entities } = await api.request('model.list', { kind: 'service', limit: 1_000 }, { timeoutMs: patienceMs });
    const held = new Set(entities.map(({ id }) => id));
    const lost = this.acknowledged.filter((id) => !held.has(id));
    const { raft, position } = await this.#status();
    const record = await eventually(
      async () => {
        const { operations } = await api.request('operation.list', {}, { timeoutMs: patienceMs });
        return operations.find(
          ({ parameters, finishedAt }) => parameters.workflow === 'recover' && finishedAt !== null,
        );
      },
      { what: 'the record of the recovery to end', timeoutMs: patienceMs },
    );
    return [
      ...(record.state === 'done' ? [] : [`its record says ${record.state}`]),
      ...(lost.length === 0 ? [] : [`lost: ${lost.join(', ')}`]),
      ...(raft?.configuration.voters.length === 1 ? [] : ['it is not the only voter']),
      ...(position?.timeline.epoch === 1_001 ? [] : [`it stands on epoch ${position?.timeline.epoch}`]),
    ];
  }

  async end(): Promise<void> {
    await this.cluster.end();
  }
}
