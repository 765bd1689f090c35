/**
 * The console on a cluster that is played, to look at it without controllers: `node dist/test/console/rehearse.js
 * [ROUTERS] [EVENTS_PER_SECOND]`. n4 waits to be joined; joining it goes through all its steps.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { runConsole } from '../../console/app.js';
import { type Operation, QuorateError } from '../../messaging/index.js';
import { fakeCluster } from './fake-cluster.js';
import {
  at,
  blankStatus,
  changeEvent,
  doneJoin,
  entityOf,
  fiveRouters,
  joinPlan,
  progressOf,
  recentEvents,
  removePlanThatFails,
  routerOf,
  runningJoin,
  services,
  startAt,
  statusOf,
} from './fixtures.js';

const [routerCount = 5, eventsPerSecond = 2] = process.argv.slice(2).map(Number);
const routers =
  routerCount === 5
    ? fiveRouters
    : Array.from({ length: routerCount }, (_, index) =>
        routerOf(`edge-${String(index).padStart(5, '0')}`, { online: index % 97 !== 0, inSync: index % 13 !== 0 }),
      );

function answer(verb: string, params: unknown): unknown {
  const given = params as { after?: string; limit?: number; kind?: string; node?: string; id?: string };
  switch (verb) {
    case 'routers.list': {
      const from = given.after === undefined ? 0 : routers.findIndex((router) => router.id === given.after) + 1;
      const limit = given.limit ?? 500;
      return { routers: routers.slice(from, from + limit), more: from + limit < routers.length };
    }
    case 'model.list':
      return { entities: given.kind === 'service' ? services : [], position: at(18_190), more: false };
    case 'model.get':
      return { entity: services.find((each) => each.id === given.id), position: at(18_190) };
    case 'operation.list':
      return { operations: [] };
    case 'operation.plan':
      if (given.node === 'n4') return joinPlan;
      if (given.node === 'n2') return removePlanThatFails;
      throw new QuorateError('operation-running');
    case 'operation.start':
      void playJoin();
      return now(runningJoin);
    default:
      throw new QuorateError('unknown-verb');
  }
}

const shift = Date.now() - startAt;
const later = (time: number | null) => (time === null ? null : time + shift);
function now(operation: Operation): Operation {
  const moved = (steps: Operation['steps']) =>
    steps.map((step) => ({ ...step, startedAt: later(step.startedAt), finishedAt: later(step.finishedAt) }));
  return {
    ...operation,
    startedAt: operation.startedAt + shift,
    updatedAt: operation.updatedAt + shift,
    finishedAt: later(operation.finishedAt),
    steps: moved(operation.steps),
    verifications: moved(operation.verifications),
  };
}

async function playJoin(): Promise<void> {
  await sleep(3_000);
  cluster.operation(now(doneJoin));
}

let commit = 18_204;
let sequence = 0;
const begun = Date.now();
function statuses() {
  const time = Date.now();
  sequence += 1;
  const n1 = statusOf('n1', {
    at: time,
    sequence,
    startedAt: begun,
    raft: {
      commit,
      applied: commit,
      lastIndex: commit,
      progress: [
        progressOf('n1'),
        progressOf('n2'),
        progressOf('n3', { lag: Math.round(Math.random() * 3), lastContactMs: 20 + Math.round(Math.random() * 20) }),
      ],
    },
  });
  const follower = (id: string) =>
    statusOf(id, { at: time, sequence, startedAt: begun, raft: { commit, applied: commit, lastIndex: commit } });
  return [n1, follower('n2'), follower('n3'), { ...blankStatus('n4'), at: time, sequence }];
}

const cluster = fakeCluster(answer, statuses);
const playing = [
  setInterval(() => {
    commit += Math.round(40 + 35 * Math.sin(Date.now() / 4_000));
    for (const status of statuses()) cluster.status(status);
  }, 1_000),
  setInterval(() => {
    const count = Math.max(1, Math.round(eventsPerSecond / 20));
    if (eventsPerSecond < 20 && Math.random() > eventsPerSecond / 20) return;
    for (let index = 0; index < count; index += 1) {
      commit += 1;
      const event = changeEvent(commit, entityOf('service', `svc-${commit}`), 0);
      cluster.event({ ...event, timestamp: new Date().toISOString() });
    }
  }, 50),
];
setTimeout(() => {
  for (const event of recentEvents) cluster.event(event);
}, 10);
await runConsole({
  client: cluster.client,
  connection: cluster.connection,
  cluster: 'demo',
  operator: 'alice',
  readOnly: false,
  version: '0.1.0',
});
for (const timer of playing) clearInterval(timer);
process.exit(0);
