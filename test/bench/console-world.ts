/**
 * A cluster as the console hears it, with as many routers and events as are asked for: only what is said on NATS, so that the
 * benchmark measures the console. Run by `npm run bench:console` in a process of its own.
 */
import { connectNats } from '../../messaging/connection.js';
import { type QuorateEvent, type RouterView, subjectsOf } from '../../messaging/index.js';
import { eventSubjectType } from '../../messaging/schemas/events.js';
import { changeEvent, entityOf, progressOf, routerEvent, routerOf, services, statusOf } from '../console/fixtures.js';

const [url = '', cluster = '', routerCount = '0', eventsPerSecond = '0'] = process.argv.slice(2);
const connection = await connectNats({ servers: [url], name: 'world' });
const subjects = subjectsOf(cluster);
const controllers = ['n1', 'n2', 'n3'];
const tickMs = 20;
let commit = 20_000;
let sequence = 0;

const routers: readonly RouterView[] = Array.from({ length: Number(routerCount) }, (_, index) =>
  routerOf(`edge-${String(index + 1).padStart(5, '0')}`, { online: index % 97 !== 0, inSync: index % 31 !== 0 }),
);

function statusNow(node: string) {
  const at = Date.now();
  const progress = controllers.map((id) => progressOf(id, { match: commit, next: commit + 1 }));
  const raft = { commit, applied: commit, lastIndex: commit, ...(node === 'n1' ? { progress } : {}) };
  const online = routers.filter((router) => router.online).length;
  return statusOf(node, {
    cluster,
    at,
    startedAt: at - 60_000,
    sequence,
    raft,
    routers: { online, known: routers.length },
  });
}

function answerTo(verb: string, node: string, params: Readonly<Record<string, unknown>>): unknown {
  switch (verb) {
    case 'status.get':
      return statusNow(node);
    case 'routers.list': {
      const from = routers.findIndex((router) => router.id > String(params['after'] ?? ''));
      const page = from === -1 ? [] : routers.slice(from, from + 500);
      return { routers: page, more: from !== -1 && from + 500 < routers.length };
    }
    case 'operation.list':
      return { operations: [] };
    case 'model.list':
      return { entities: services, position: statusNow('n1').position, more: false };
    default:
      return {};
  }
}

for (const node of controllers) {
  const targets = node === 'n1' ? [node, 'all', 'leader'] : [node, 'all'];
  for (const target of targets) {
    connection.subscribe(subjects.apiTo(target), {
      callback: (error, message) => {
        if (error !== null) return;
        const verb = message.subject.split('.').slice(5).join('.');
        const { params } = message.json<{ params: Record<string, unknown> }>();
        message.respond(JSON.stringify({ v: 1, ok: true, node, result: answerTo(verb, node, params) }));
      },
    });
  }
}

setInterval(() => {
  sequence += 1;
  for (const node of controllers) connection.publish(subjects.status(node), JSON.stringify(statusNow(node)));
}, 1_000);

/** Most are changes of the model; some are routers that come and go. */
function eventNow(number: number): QuorateEvent {
  const timestamp = new Date().toISOString();
  if (number % 50 === 0) {
    const router = routers[number % Math.max(1, routers.length)];
    return { ...routerEvent(router?.id ?? 'edge-1', number % 100 === 0, 0), timestamp };
  }
  return { ...changeEvent(number, entityOf('service', `svc-${number % 5_000}`), 0), timestamp };
}

let owed = 0;
let last = performance.now();
setInterval(() => {
  const now = performance.now();
  owed += ((now - last) * Number(eventsPerSecond)) / 1_000;
  last = now;
  for (; owed >= 1; owed -= 1) {
    commit += 1;
    const event = eventNow(commit);
    connection.publish(subjects.event(eventSubjectType(event)), JSON.stringify(event));
  }
}, tickMs);

await connection.flush();
process.stdout.write('ready\n');
