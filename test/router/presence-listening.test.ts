/**
 * What waits in a controller's queue is not silence: a service on a connection of which the test moves every byte, with a
 * clock of its own. Its timers fire before what has arrived is handled, as those of a process that was busy do.
 */
import test from 'ava';
import type { Msg, NatsConnection } from '../../messaging/connection.js';
import { type Heartbeat, subjectsOf } from '../../messaging/index.js';
import { createRouterService, type RouterServiceEvent } from '../../node/server/routers/index.js';

const subjects = subjectsOf('test');
const heartbeatMs = 5_000;
const tickMs = heartbeatMs / 4;
const position = { timeline: { id: 'a', epoch: 1 }, indexType: 'raft', index: 1 } as const;

/** Delivers in order, and only when told to. */
class SlowConnection {
  readonly #handlers = new Map<string, (error: null, message: Msg) => void>();
  #queue: (() => void)[] = [];

  subscribe(subject: string, { callback }: { callback: (error: null, message: Msg) => void }) {
    this.#handlers.set(subject, callback);
    return { unsubscribe: () => undefined };
  }

  publish(): void {}

  async *status() {
    await new Promise(() => undefined);
    yield { type: 'never' };
  }

  flush(): Promise<void> {
    return new Promise((resolve) => this.#queue.push(resolve));
  }

  arrive(router: string): void {
    const heartbeat: Heartbeat = {
      v: 1,
      router,
      incarnation: 1,
      position,
      endpoints: position,
      controller: 'n1',
      protocolVersion: 1,
      version: '1',
      counters: {},
    };
    const data = new TextEncoder().encode(JSON.stringify(heartbeat));
    const message = { subject: subjects.routerRequest(router, 'heartbeat'), data, json: () => heartbeat };
    this.#queue.push(() => this.#handlers.get(subjects.routerRequests('heartbeat'))?.(null, message as unknown as Msg));
  }

  async deliver(): Promise<void> {
    const arrived = this.#queue;
    this.#queue = [];
    for (const handle of arrived) handle();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** `readMs`: so long each look at the clock takes, and so long at least each message. */
function busyController(routers: number, readMs = 0) {
  const connection = new SlowConnection();
  const events: RouterServiceEvent[] = [];
  let nowMs = 0;
  let lookedMs = 0;
  let tick = (): void => undefined;
  let tickedMs = 0;
  const gone = new Set<string>();
  const service = createRouterService({
    connection: connection as unknown as NatsConnection,
    subjects,
    nodeId: 'n1',
    model: {
      position: () => position,
      kinds: () => [],
      entity: () => undefined,
      entities: () => [],
      changesAfter: () => [],
    },
    serves: () => true,
    isLeader: () => true,
    isCurrent: () => true,
    endpoints: () => null,
    publishEvent: (event) => events.push(event),
    log: () => undefined,
    heartbeatMs,
    now: () => {
      lookedMs += readMs;
      return nowMs + lookedMs;
    },
    every: (_intervalMs, work) => {
      tick = work;
      return () => undefined;
    },
  });
  const ids = Array.from({ length: routers }, (_, index) => `r${index}`);
  /** Lets time pass for everybody but the controller: routers speak, each at a moment of its own. */
  const pass = (durationMs: number): void => {
    const stepMs = 50;
    for (const until = nowMs + durationMs; nowMs < until; nowMs += stepMs)
      for (const [place, id] of ids.entries())
        if (!gone.has(id) && (nowMs + ((place * 37) % 100) * stepMs) % heartbeatMs === 0) connection.arrive(id);
  };
  const runs = async (durationMs: number): Promise<void> => {
    for (const until = nowMs + durationMs; nowMs < until; ) {
      pass(50);
      if (nowMs - tickedMs >= tickMs) {
        tickedMs = nowMs;
        tick();
      }
      await connection.deliver();
    }
  };
  return {
    service,
    gone,
    events,
    runs,
    /** It is busy for so long: its timers come late, and before what has arrived meanwhile. */
    async stalls(durationMs: number): Promise<void> {
      pass(durationMs);
      tickedMs = nowMs;
      tick();
    },
    /** Its timers come in time; what arrives waits behind other work. */
    lags(durationMs: number): void {
      for (const until = nowMs + durationMs; nowMs < until; ) {
        pass(tickMs);
        tick();
      }
      tickedMs = nowMs;
    },
    deliver: () => connection.deliver(),
    /** Time for a tick, and none for a router to speak. */
    ticks(): void {
      nowMs += tickMs;
      tickedMs = nowMs;
      tick();
    },
    offline: () =>
      events.flatMap((event) =>
        event.namespace === 'router' && event.event_type === 'router-offline' ? [event.router_id] : [],
      ),
    now: () => nowMs,
  };
}

test('heartbeats that wait in the queue of a busy controller make no router offline', async (t) => {
  const controller = busyController(200);
  await controller.runs(6_000);
  t.is(controller.service.presence().online, 200);
  for (const busyMs of [9_900, 14_000, 16_000, 40_000]) {
    await controller.stalls(busyMs);
    await controller.deliver();
    controller.lags(busyMs);
    await controller.deliver();
    await controller.runs(2_500);
    t.deepEqual(controller.offline(), [], `busy for ${busyMs} ms`);
  }
  // One stall after the other, hardly anything between: so it is on a machine with far too much to do.
  for (let round = 0; round < 20; round += 1) {
    await controller.stalls(4_900);
    await controller.deliver();
  }
  t.deepEqual(controller.offline(), []);
  t.is(controller.service.presence().online, 200);
  controller.service.stop();
});

test('nor do those that it has received, and reads some milliseconds at a time', async (t) => {
  const controller = busyController(200, 1);
  await controller.runs(6_000);
  t.is(controller.service.presence().online, 200);
  await controller.stalls(14_000);
  // The server has answered long ago; what it had before is still being read, a few messages in each turn.
  for (let turn = 0; turn < 30; turn += 1) {
    await controller.deliver();
    controller.ticks();
  }
  t.deepEqual(controller.offline(), []);
  t.is(controller.service.presence().online, 200);
  controller.service.stop();
});

test('a router that is silent is called offline within four heartbeats, however many others speak', async (t) => {
  const controller = busyController(50);
  await controller.runs(6_000);
  controller.gone.add('r7');
  const goneAtMs = controller.now();
  while (controller.offline().length === 0 && controller.now() < goneAtMs + 60_000) await controller.runs(50);
  t.deepEqual(controller.offline(), ['r7']);
  t.true(controller.now() - goneAtMs > 2 * heartbeatMs);
  t.true(controller.now() - goneAtMs <= 4 * heartbeatMs, `${controller.now() - goneAtMs} ms`);
  controller.service.stop();
});
