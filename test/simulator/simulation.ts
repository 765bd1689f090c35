/** Runs one plan from beginning to end: faults, then peace, then the questions that can only be asked at the end. */
import { byCodeUnit, modelHash } from '../../node/model/index.js';
import type { Violation } from './checker.js';
import type { SimulatedController } from './controller.js';
import { type Coverage, count } from './coverage.js';
import { checkEntityHistory, describeHistory, type EntityOperation } from './entity-history.js';
import { Faults, isSpoilt } from './faults.js';
import type { Recovery } from './logs.js';
import type { Plan } from './plan.js';
import type { RestoreRecord } from './restores.js';
import { World, type WorldOptions } from './world.js';

export interface Outcome {
  readonly seed: number;
  readonly violation: Violation | undefined;
  readonly coverage: Coverage;
  readonly events: number;
  readonly virtualMs: number;
  readonly operations: number;
}

/** Once faults have ended, everybody agrees within so many of the longest election timeouts. */
const convergenceTimeouts = 40;
const convergenceMinMs = 2_000;
/** Or so many times as long, while members still apply what they lack. */
const slowestTimeouts = 4;
const stepMs = 40;
/** The longest that an operation waits for a single thing, a few times over. */
const operationsMaxMs = 200_000;
/** Hashing whole models is dear; a share of the schedules is enough, for outcomes are compared in all. */
const hashedShare = 0.1;
const searchStepsMax = 50_000;

export async function simulate(plan: Plan, options: WorldOptions = {}): Promise<Outcome> {
  const world = new World(plan, options);
  const faults = new Faults(world);
  world.onElected = () => faults.elected();
  world.onFetch = (fetcher) => faults.fetches(fetcher);
  faults.schedule();
  await world.run(plan.faultsMs);
  let operations: readonly EntityOperation[] = [];
  if (world.violation === undefined) {
    faults.end();
    const agree = await converge(world, faults);
    if (world.violation === undefined) operations = judge(world, agree, faults.restores.records);
  }
  return {
    seed: plan.seed,
    violation: world.violation,
    coverage: world.coverage,
    events: world.events,
    virtualMs: world.queue.now,
    operations: operations.length,
  };
}

/** Whether all came to stand at the same place; false only where too much was lost for that to be promised. */
async function converge(world: World, faults: Faults): Promise<boolean> {
  const { tickMs, electionTimeoutTicks } = world.plan.timing;
  const timeoutMs = Math.max(convergenceMinMs, convergenceTimeouts * 2 * tickMs * electionTimeoutTicks);
  const endsAt = world.queue.now + (world.hasOperations ? operationsMaxMs : slowestTimeouts * timeoutMs);
  let deadline = world.queue.now + timeoutMs;
  let appliedBefore = 0;
  const probe = world.clients[0];
  let isProbed = false;
  let reason: string | undefined = 'nothing was looked at';
  while (world.violation === undefined && reason !== undefined) {
    await world.run(world.queue.now + stepMs);
    reason = unfinished(world, faults);
    if (reason === undefined && !isProbed) {
      // Now that all is well, a write and a read go through.
      isProbed = true;
      probe?.request('final', { type: 'create', value: world.nextValue() }, () => undefined);
      probe?.request('final', { type: 'get' }, () => undefined);
      reason = 'the last requests';
    }
    // With the smallest windows, hundreds of entries take their time: whoever gets on is given it.
    const applied = world.controllers.reduce((sum, each) => sum + (each.member?.appliedIndex ?? 0), 0);
    if (applied > appliedBefore || world.isOperating) deadline = Math.min(endsAt, world.queue.now + timeoutMs);
    appliedBefore = Math.max(applied, appliedBefore);
    if (world.queue.now < deadline || reason === undefined || world.violation !== undefined) continue;
    if (isHopeless(world)) {
      count(world.coverage, 'end: a majority is lost for good');
      return false;
    }
    world.violate('liveness', `${Math.round(timeoutMs)} ms after the last fault: ${reason}`);
  }
  if (world.violation === undefined) count(world.coverage, 'end: all agree');
  return world.violation === undefined;
}

/** What is not yet as it should be; undefined when all is. */
function unfinished(world: World, faults: Faults): string | undefined {
  const leader = world.leader();
  const member = leader?.life?.member;
  if (leader === undefined || member === undefined) return 'there is no leader';
  const { commit, lastIndex, configuration, applied } = member.status();
  if (configuration.votersOutgoing.length > 0) {
    if (!configuration.autoLeave) faults.propose(leader, { changes: [], transition: 'leave-joint' });
    return `${leader.id} leads a joint configuration`;
  }
  if (applied < lastIndex || commit < lastIndex)
    return `${leader.id} leads, and has committed ${commit} and applied ${applied} of ${lastIndex} entries`;
  for (const id of [...configuration.voters, ...configuration.learners]) {
    const each = world.byId.get(id);
    if (each === undefined || each.standing === 'refused' || each.disk.logLost) continue;
    if (each.life === undefined) return `${id} is a member and does not run: ${each.standing}`;
    if (each.life.member.appliedIndex < applied)
      return `${id} has applied ${each.life.member.appliedIndex} of ${applied} entries`;
  }
  const priority = (id: string) => world.priorities.get(id) ?? 0;
  const preferred = configuration.voters.find((id) => priority(id) > priority(leader.id) && isWell(world, id));
  if (preferred !== undefined) return `${leader.id} leads, and ${preferred} has the higher priority`;
  for (const each of world.controllers) {
    if (each.life === undefined || each.knowsRemoved || !configuration.removed.includes(each.id)) continue;
    const known = each.disk.model.meta()?.configuration;
    // Only who was a voter, and may still hope to lead, speaks and so is told.
    if (
      known?.voters.includes(each.id) &&
      known.voters.some((id) => id !== each.id && configuration.voters.includes(id))
    )
      return `${each.id} was removed and does not know it`;
  }
  const lost = world.controllers.find(
    ({ isAlive, isLeftBehind, logTimeline }) =>
      isAlive && !isLeftBehind && logTimeline !== null && logTimeline.id !== world.log.timeline.id,
  );
  if (lost !== undefined) return `${lost.id} still stands on the log that a recovery left behind`;
  if (faults.restores.isUnderWay) return 'a restore is under way';
  const operation = leader === undefined ? undefined : faults.operations.underWay(leader.disk.model);
  world.isOperating = operation !== undefined;
  if (operation !== undefined) return `${operation.id} is ${operation.state}: ${JSON.stringify(operation.steps)}`;
  if (!world.clients.every((each) => each.isIdle)) return 'clients still wait';
  const { tickMs, electionTimeoutTicks } = world.plan.timing;
  const silent = world.unanswered(world.queue.now - 4 * tickMs * electionTimeoutTicks - 100);
  return silent === undefined ? undefined : `${silent.id} owes an answer`;
}

function isWell({ byId }: World, id: string): boolean {
  const controller = byId.get(id);
  return controller?.life !== undefined && !isSpoilt(controller);
}

/** Disks were spoilt, and nobody who is left has a majority by what it knows of the membership: no liveness is promised then. */
function isHopeless({ controllers, byId }: World): boolean {
  const runs = (id: string) => byId.get(id)?.life !== undefined;
  const hasMajority = (voters: readonly string[]) =>
    2 * voters.filter(runs).length > voters.length || voters.length === 0;
  const mayLead = (each: SimulatedController): boolean => {
    const configuration = each.disk.model.meta()?.configuration;
    if (each.life === undefined || configuration === undefined) return false;
    return hasMajority(configuration.voters) && hasMajority(configuration.votersOutgoing);
  };
  return controllers.some(isSpoilt) && !controllers.some(mayLead);
}

/** Each log by itself: what its members answered, and what they came to. */
function judge(world: World, agree: boolean, restores: readonly RestoreRecord[]): readonly EntityOperation[] {
  if (agree) {
    checkModels(world);
    checkAcknowledged(world);
  }
  for (const { checker } of world.logs)
    for (const requestId of checker.furtherEffects) for (const each of world.clients) each.noteFurtherEffect(requestId);
  const histories = world.logs.map((log) => [
    ...(log.begun === undefined ? [] : statesAt(log.begun)),
    ...world.clients.flatMap((each) => each.historyIn(log)),
    ...restores.filter((each) => each.log === log).flatMap(historyOf),
  ]);
  for (const history of histories) checkLinearizability(world, history, 'history');
  for (const { begun } of world.logs) if (begun !== undefined) checkBridge(world, begun, restores);
  return histories.flat();
}

function checkLinearizability(world: World, history: readonly EntityOperation[], what: string): void {
  const verdict = checkEntityHistory(history, searchStepsMax);
  count(world.coverage, `${what}: ${verdict.verdict}`);
  if (verdict.verdict !== 'not-linearizable') return;
  const ofKey = history.filter((each) => each.key === verdict.key);
  world.violate(
    'linearizability',
    `the ${what} of ${verdict.key} could not have happened one at a time:\n${describeHistory(ofKey)}`,
  );
}

/** A log that begins by recovery begins with what the survivor held. */
function statesAt({ states, at, by }: Recovery): EntityOperation[] {
  return [...states].map(([key, state]) => ({
    ...{ key, client: by, input: { type: 'restore', state }, output: { type: 'restored' } },
    ...{ calledAt: at, returnedAt: at },
  }));
}

/**
 * And that is what came of the old log, without what was lost: of its writes those that the survivor knew of. Who read from
 * the old log may have seen what was lost, and is not asked.
 */
function checkBridge(
  world: World,
  { parent, states, inherited, at, by }: Recovery,
  restores: readonly RestoreRecord[],
): void {
  const before: readonly EntityOperation[] = parent.begun === undefined ? [] : statesAt(parent.begun);
  const kept = world.clients.flatMap((each) => each.historyIn(parent, inherited));
  const restored = restores.filter(({ log }) => log === parent).flatMap(historyOf);
  // Whether the survivor had come to a restore, nobody says.
  const maybeRestored = restored.map((each) => ({ ...each, output: undefined, returnedAt: undefined }));
  const seen = [...states].map(([key, state]): EntityOperation => {
    const output = state === null ? ({ type: 'absent' } as const) : ({ type: 'entity', ...state } as const);
    return { key, client: by, input: { type: 'get' }, output, calledAt: at, returnedAt: at };
  });
  checkLinearizability(world, [...before, ...kept, ...maybeRestored, ...seen], 'history up to a recovery');
}

/** A restore does to each key what it does; whether it was applied anywhere is known. */
function historyOf({ timelineId, states, proposedAt, appliedAt }: RestoreRecord): EntityOperation[] {
  return [...states].map(([key, state]) => ({
    key,
    client: timelineId,
    input: { type: 'restore', state },
    output: appliedAt === undefined ? undefined : { type: 'restored' },
    calledAt: proposedAt,
    returnedAt: appliedAt,
  }));
}

function membersThatRun(world: World): SimulatedController[] {
  const configuration = world.checker.lastConfiguration;
  const ids = [...(configuration?.voters ?? []), ...(configuration?.learners ?? [])];
  return ids.flatMap((id) => world.byId.get(id) ?? []).filter((each) => each.life !== undefined);
}

function checkModels(world: World): void {
  const members = membersThatRun(world);
  const hashes = world.random.chance(hashedShare);
  const [first, ...others] = members.map((each) => ({
    id: each.id,
    digest: hashes ? modelHash(each.disk.model) : quickDigest(each),
  }));
  for (const each of others) {
    if (first !== undefined && each.digest !== first.digest)
      world.violate('equal models', `${each.id} and ${first.id} stand at the same index with different models`);
  }
  for (const each of members) {
    const own = each.life?.member.status().configuration;
    const known = each.disk.model.meta()?.configuration;
    if (own?.voters.join() !== known?.voters.join() || own?.learners.join() !== known?.learners.join())
      world.violate('core and model', `${each.id}: its core and its model hold different configurations`);
  }
}

function quickDigest({ disk: { model } }: SimulatedController): string {
  const meta = model.meta();
  const parts = [
    `${meta?.position.timeline.id} ${meta?.position.index} ${meta?.term} ${meta?.lastChangeIndex} ${meta?.configuration.voters.join()}`,
  ];
  for (const kind of Object.keys(model.countsByKind()).sort(byCodeUnit)) {
    for (const each of model.list(kind, { limit: 100 }))
      parts.push(`${each.id} ${each.version} ${each.updatedAt} ${String(each.spec['cost'])}`);
  }
  const rows = model.journalAfter(0, 1_000);
  parts.push(`${rows.length} ${rows.at(-1)?.index} ${rows.at(-1)?.requestId}`);
  return parts.join('\n');
}

/** Every write that a client was told of is in every member's model, unless a restore or a recovery has taken it back. */
function checkAcknowledged(world: World): void {
  const { log } = world;
  const { takenBack, requests } = log.checker;
  for (const each of membersThatRun(world)) {
    for (const client of world.clients) {
      for (const requestId of client.acknowledgedIn(log)) {
        const isTakenBack = takenBack.has(requestId) && !requests.has(requestId);
        if (!isTakenBack && each.disk.model.outcomeOf(requestId) === undefined)
          world.violate('acknowledged write lost', `${requestId} was acknowledged, and ${each.id} knows nothing of it`);
      }
    }
    for (const requestId of log.begun?.inherited.keys() ?? []) {
      if (requests.has(requestId) && each.disk.model.outcomeOf(requestId) === undefined)
        world.violate(
          'acknowledged write lost',
          `${requestId} outlived a recovery, and ${each.id} knows nothing of it`,
        );
    }
  }
}
