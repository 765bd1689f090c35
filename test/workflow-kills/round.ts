/**
 * One operation, asked for by a real command line, with one victim killed by SIGKILL in the moment in which the record says that
 * the step runs: it ends as done, or is taken back, or says why not and what to do; it is never half, and writes go on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isAsked, isKnown, type OperationView, type StepRecord } from '../../messaging/index.js';
import { workflows } from '../../node/workflows/index.js';
import { type RunningProcess, startQuorate, tailOf } from '../support/process.js';
import { eventually, within } from '../support/wait.js';
import { type Cell, nameOf } from './cells.js';
import { type Prepared, scenarios } from './scenarios.js';
import { patienceMs, type World } from './world.js';

export interface Row {
  readonly cell: Cell;
  /** `done`; `taken back` with why; `failed`, with why, where there is no way back. */
  readonly outcome: string;
  readonly tookMs: number;
  readonly longestGapMs: number;
  /** There should be none. */
  readonly problems: readonly string[];
}

/** Of a cell whose cluster could not be made ready for it, nothing was seen. */
export const isPlayed = ({ outcome }: Row): boolean => outcome !== notPlayedOutcome;
export const notPlayedOutcome = 'not played';

const downMs = 500;
const stateOf = (operation: OperationView, name: string): StepRecord['state'] =>
  [...operation.steps, ...operation.verifications].find(({ step }) => step === name)?.state ?? 'pending';

export async function playRound(
  world: World,
  cell: Cell & { readonly workflow: keyof typeof scenarios },
): Promise<Row> {
  const prepared = await scenarios[cell.workflow].prepare(world);
  const beganAt = performance.now();
  world.longestGapMs = 0;
  const terminal = new Terminal(world, prepared);
  const strike = new Strike(world, cell, prepared, terminal);
  const stop = world.api.watchOperations((operation) => strike.hear(operation));
  await world.cluster.connection.flush();
  const problems: string[] = [];
  let ended: OperationView | undefined;
  try {
    await terminal.start();
    await strike.begun();
    ended = await strike.ended();
    await strike.over();
    if (!strike.hasStruck) problems.push(`it never came to ${cell.at}`);
    problems.push(...(await judge(world, cell, prepared, ended, terminal)));
  } catch (error) {
    problems.push(`${String(error)}\n${terminal.said()}`);
  } finally {
    stop();
    await strike.over().catch((error: unknown) => problems.push(String(error)));
    await prepared.tidy?.();
  }
  const { longestGapMs } = world;
  return { cell, outcome: outcomeOf(ended), tookMs: performance.now() - beganAt, longestGapMs, problems };
}

async function judge(
  world: World,
  cell: Cell,
  prepared: Prepared,
  ended: OperationView,
  terminal: Terminal,
): Promise<readonly string[]> {
  const { cluster } = world;
  const problems: string[] = [];
  if (ended.state !== 'done' && ended.state !== 'failed') problems.push(`it ended as ${ended.state}`);
  if (ended.state === 'failed' && (ended.error?.remedy ?? '').length < 10) problems.push('it says not what to do');
  if (cell.victim !== 'terminal') problems.push(...(await terminal.agreesWith(ended)));
  if (cluster.statuses().get('n1')?.state !== 'standalone') await cluster.settles(patienceMs);
  problems.push(...(await prepared.problems(ended)));
  await world.progress(3);
  const { operations } = await world.api.request('operation.list', { limit: 20 }, { timeoutMs: patienceMs });
  const open = operations.filter(({ finishedAt }) => finishedAt === null);
  if (open.length > 0) problems.push(`still under way: ${open.map(({ id }) => id).join(', ')}`);
  const lost = await world.lost();
  if (lost.length > 0) problems.push(`${lost.length} acknowledged writes are lost: ${lost.slice(0, 5).join(', ')}`);
  problems.push(...world.failures.splice(0));
  return problems;
}

function outcomeOf(ended: OperationView | undefined): string {
  if (ended === undefined) return 'no end';
  if (ended.state === 'done') return 'done';
  const { parameters } = ended;
  const steps = isKnown(parameters) && isAsked(parameters) ? workflows[parameters.workflow].steps : [];
  const isBeyond = steps.some(({ name, noReturn }) => noReturn !== undefined && stateOf(ended, name) === 'done');
  const isWhole = !isBeyond && ended.error?.details?.['takenBack'] !== false;
  return `${isWhole ? 'taken back' : 'failed'}: ${ended.error?.message ?? ended.state}`;
}

/** The operator's command line, as a process of its own. */
class Terminal {
  #process: RunningProcess | undefined;

  constructor(
    private readonly world: World,
    private readonly prepared: Prepared,
  ) {}

  async start(): Promise<void> {
    const { natsUrl, name } = this.world.cluster;
    const env = { QUORATE_NATS: natsUrl, QUORATE_CLUSTER: name, QUORATE_AS: 'terminal' };
    this.#process = await startQuorate([...this.prepared.args, '--json'], { name: 'terminal', env });
  }

  async kill(): Promise<void> {
    await this.#process?.kill('SIGKILL');
  }

  isRunning(): boolean {
    return this.#process?.isRunning() === true;
  }

  said(): string {
    return tailOf(this.#process?.logs() ?? '');
  }

  /** It lived through it, and says what the record says. */
  async agreesWith(ended: OperationView): Promise<readonly string[]> {
    const { code } = (await this.#process?.waitForExit(patienceMs)) ?? { code: null };
    const expected = ended.state === 'done' ? 0 : 1;
    return code === expected ? [] : [`the terminal ended with ${code}, not ${expected}: ${this.said()}`];
  }
}

/** Waits for its moment, kills once, and starts again what was killed. */
class Strike {
  hasStruck = false;
  #latest: OperationView | undefined;
  readonly #from = Date.now();
  #work: Promise<unknown> = Promise.resolve();
  #awaited: string | undefined;

  constructor(
    private readonly world: World,
    private readonly cell: Cell,
    private readonly prepared: Prepared,
    private readonly terminal: Terminal,
  ) {}

  hear(operation: OperationView): void {
    if (operation.parameters.workflow !== this.cell.workflow || operation.startedAt < this.#from - clockSlackMs) return;
    this.#latest = operation;
    // A record that was not heard does not let the moment pass.
    if (!this.hasStruck && stateOf(operation, this.cell.at) !== 'pending') {
      this.hasStruck = true;
      this.#then(() => this.#kill(operation));
    }
    const { assist } = this.prepared;
    if (assist !== undefined) this.#then(() => assist(operation));
  }

  #then(work: () => Promise<void>): void {
    this.#work = this.#work.then(work);
  }

  async #kill({ runner }: OperationView): Promise<void> {
    const { cluster } = this.world;
    const { victim } = this.cell;
    if (victim === 'terminal') return this.terminal.kill();
    const id = victim === 'leader' ? runner : this.prepared.target;
    await cluster.kill(id);
    if (victim === 'target for good') {
      this.#awaited = id;
      return;
    }
    await sleep(downMs);
    await cluster.restart(id);
  }

  /** Where leadership moves by itself in this moment, a check may refuse it: then nothing was changed, and it is asked again. */
  async begun(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      await eventually(() => this.#latest !== undefined || !this.terminal.isRunning(), {
        what: 'the operation to begin',
        timeoutMs: patienceMs,
      });
      if (this.#latest !== undefined) return;
      if (attempt === attemptsMax) throw new Error(`it was not begun: ${this.terminal.said()}`);
      await this.world.cluster.settles(patienceMs).catch(() => undefined);
      await this.terminal.start();
    }
  }

  /** Resolves to the record as it ended. */
  async ended(): Promise<OperationView> {
    const id = this.#latest?.id ?? '';
    return eventually(
      async () => {
        const operation = await this.world.api.request('operation.get', { id }, { timeoutMs: patienceMs });
        return operation.finishedAt !== null && operation;
      },
      { what: `the end of ${nameOf(this.cell)}`, timeoutMs: 2 * patienceMs, intervalMs: 50 },
    );
  }

  /** When all that was killed runs again. */
  async over(): Promise<void> {
    await within(this.#work, 'what was killed to be started again', patienceMs);
    if (this.#awaited === undefined) return;
    const id = this.#awaited;
    this.#awaited = undefined;
    await this.world.cluster.restart(id);
  }
}

const attemptsMax = 4;
/** Between the clocks of two processes of one machine. */
const clockSlackMs = 50;
