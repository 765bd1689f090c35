/**
 * Operations as operators start them, while faults happen: the service that runs them on a leader, its engine and workflows are
 * the production's (`node/server/operations.ts`, `node/workflows`). What they would publish on NATS goes nowhere here.
 */

import { toQuorateError } from '../../messaging/errors.js';
import { isAsked, type Operation, type WorkflowParameters } from '../../messaging/index.js';
import { supportedVersions } from '../../messaging/protocol.js';
import { subjectsOf } from '../../messaging/subjects.js';
import type { Member } from '../../node/cluster/member.js';
import type { SnapshotServer } from '../../node/cluster/snapshot-transfer.js';
import { isUnderWay, type ModelStore } from '../../node/model/index.js';
import { membersOf, type Term } from '../../node/raft/index.js';
import { OperationService } from '../../node/server/operations.js';
import type { WorkflowSources } from '../../node/server/workflow-actions.js';
import type { SimulatedController } from './controller.js';
import { clusterName } from './names.js';
import type { Office, OfficeSurroundings } from './office.js';
import { silentLog } from './office.js';
import type { Action } from './plan.js';
import type { World } from './world.js';

type OperationAction = Extract<Action, { readonly type: 'operation' }>;

export interface DeskSurroundings extends OfficeSurroundings {
  readonly server: SnapshotServer;
  readonly office: Office;
}

/** The service of one member. */
export function operationServiceOf(
  world: World,
  { id }: SimulatedController,
  replica: Member,
  { storage, transport, clock, server, office }: DeskSurroundings,
): OperationService {
  const sources = {
    ...{ nodeId: id, cluster: clusterName, replica, storage, transport, clock, log: silentLog },
    ...{ snapshotServer: server, board: office.board, alarms: office.alarms, protocol: supportedVersions },
    connection: { publish: () => undefined },
    subjects: subjectsOf(clusterName),
    tickMs: world.plan.timing.tickMs,
    events: { cluster: (eventType: string) => world.cover(`event: ${eventType}`) },
    onChange: () => office.changed(),
    routers: () => undefined,
    // The workflows that need more than this (restores, migrations) are not started here.
    mode: {},
    restoreFiles: {},
  };
  return new OperationService(sources as unknown as WorkflowSources);
}

const retryMs = 120;
const attemptsMax = 6;
/** Not known, or not now: asked again with the same request id. */
const passing = new Set<string>(['timeout', 'leadership-lost', 'no-leader', 'not-leader', 'overloaded', 'stopping']);

export class Operations {
  readonly #world: World;
  readonly #judged = new Set<string>();
  readonly #runners = new Map<string, string>();
  /** In which each began. */
  readonly #terms = new Map<string, number>();
  #made = 0;

  constructor(world: World) {
    this.#world = world;
    world.onOperation = (model, term) => this.#changed(model, term);
  }

  /** What still runs, by what this model says. */
  underWay(model: ModelStore): Operation | undefined {
    return model
      .records('operation')
      .map(({ value }) => value.operation)
      .find(isUnderWay);
  }

  begin(action: OperationAction): void {
    const parameters = this.#draw(action);
    if (parameters === undefined) return;
    this.#made += 1;
    this.#ask(parameters, `operation-${this.#made}`, attemptsMax);
  }

  #draw({ workflow, nth }: OperationAction): WorkflowParameters | undefined {
    const world = this.#world;
    const { voters = [], learners = [] } = world.leader()?.disk.model.meta()?.configuration ?? {};
    const pick = (ids: readonly string[]): string | undefined => ids[nth % Math.max(1, ids.length)];
    const node = pick(workflow === 'promote' ? learners : workflow === 'remove' ? [...voters, ...learners] : voters);
    switch (workflow) {
      case 'join':
      case 'replace': {
        const candidate = world.addController()?.id;
        if (candidate === undefined || node === undefined) return undefined;
        world.byId.get(candidate)?.awaitJoining();
        const role = nth % 2 === 0 ? 'voter' : 'learner';
        return workflow === 'join' ? { workflow, node: candidate, role } : { workflow, node, with: candidate, role };
      }
      case 'transfer':
        return { workflow, to: nth % 3 === 0 ? null : (node ?? null) };
      default:
        return node === undefined ? undefined : { workflow, node };
    }
  }

  /** Of whoever leads now. Who dies in the midst of it answers nothing, and is asked again. */
  #ask(parameters: WorkflowParameters, requestId: string, attemptsLeft: number): void {
    const world = this.#world;
    if (!world.isFaulty || attemptsLeft === 0) return;
    const leader = world.leader();
    let isAnswered = false;
    world.queue.schedule(retryMs, () => {
      if (!isAnswered) this.#ask(parameters, requestId, attemptsLeft - 1);
    });
    const number = leader?.processNumber;
    if (leader === undefined || number === undefined) return;
    leader.inLife(number, () => {
      const began = leader.life?.operations?.start(parameters, { requestId, from: 'operator', origin: null });
      began?.then(
        () => {
          isAnswered = true;
          world.cover('operation: begun');
        },
        (error: unknown) => {
          const { code } = toQuorateError(error);
          isAnswered = !passing.has(code);
          world.cover(`operation: refused, ${code}`);
        },
      );
    });
  }

  /** A record was written, and this is the first model that holds it. */
  #changed(model: ModelStore, term: Term): void {
    for (const { value } of model.records('operation')) {
      const { operation } = value;
      const { id, runner, parameters, state } = operation;
      const before = this.#runners.get(id);
      this.#runners.set(id, runner);
      if (before !== undefined && before !== runner) this.#world.cover('operation: gone on with by another leader');
      if (before === undefined) this.#terms.set(id, term);
      if (this.#judged.has(id)) {
        if (isUnderWay(operation)) this.#world.violate('operation', `${id} had ended, and goes on`);
        continue;
      }
      if (isUnderWay(operation)) continue;
      this.#judged.add(id);
      this.#world.cover(`operation: ${parameters.workflow}, ${state}`);
      const missing = state === 'done' ? this.#missing(operation, model) : undefined;
      if (missing !== undefined) this.#world.violate('operation', `${id} says that it is done: ${missing}`);
    }
  }

  #missing({ id, parameters }: Operation, model: ModelStore): string | undefined {
    // Recoveries of these worlds are asked for by nobody, and leave no record.
    if (!isAsked(parameters)) return undefined;
    if (parameters.workflow !== 'transfer') return missingEffect(parameters, model);
    const since = this.#terms.get(id) ?? 0;
    const led = [...this.#world.checker.leaders].some(([later, leader]) => later > since && leader === parameters.to);
    return led ? undefined : `${parameters.to} has led no term after ${since}`;
  }
}

/** Nothing else changes the membership in such a world, so that it must be there the moment that success is said. */
function missingEffect(parameters: WorkflowParameters, model: ModelStore): string | undefined {
  const configuration = model.meta()?.configuration;
  if (configuration === undefined) return 'there is no configuration';
  const { voters, learners, removed } = configuration;
  const has = (node: string, role: 'voter' | 'learner'): boolean =>
    (role === 'voter' ? voters : learners).includes(node);
  const isGone = (node: string): boolean => removed.includes(node) && !membersOf(configuration).includes(node);
  switch (parameters.workflow) {
    case 'join':
      return has(parameters.node, parameters.role) ? undefined : `${parameters.node} is no ${parameters.role}`;
    case 'promote':
      return has(parameters.node, 'voter') ? undefined : `${parameters.node} is no voter`;
    case 'demote':
      return has(parameters.node, 'learner') ? undefined : `${parameters.node} is no learner`;
    case 'remove':
      return isGone(parameters.node) ? undefined : `${parameters.node} is not removed`;
    case 'replace':
      return isGone(parameters.node) && membersOf(configuration).includes(parameters.with)
        ? undefined
        : `${parameters.with} is not in the place of ${parameters.node}`;
    default:
      return undefined;
  }
}
