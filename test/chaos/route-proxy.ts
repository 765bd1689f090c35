/**
 * A stretch of network between two nats-servers, which can be cut (connections end, new ones are refused) or stalled
 * (connections stay, and nothing passes until it is mended: what was sent meanwhile arrives late, in order).
 */
import { createServer, connect as openSocket, type Socket } from 'node:net';

export type Direction = 'both' | 'there' | 'back';

export interface RouteProxy {
  readonly port: number;
  /** Connections that lead through it now. */
  readonly connections: number;
  cut(): void;
  /** `there`: from whoever connects to the target; `back`: the other way. */
  stall(direction: Direction): void;
  mend(): void;
  close(): Promise<void>;
}

type State = 'whole' | 'cut' | Direction;

/** Both ends of one connection. */
interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

export async function startRouteProxy(targetPort: number): Promise<RouteProxy> {
  const pairs = new Set<Pair>();
  let state: State = 'whole';
  const isStalled = (direction: 'there' | 'back'): boolean => state === 'both' || state === direction;

  function forward(from: Socket, to: Socket, direction: 'there' | 'back'): void {
    from.on('data', (chunk) => {
      if (to.write(chunk)) return;
      from.pause();
      to.once('drain', () => {
        if (!isStalled(direction)) from.resume();
      });
    });
    // A socket whose data nobody takes never says that it has ended: so a stall hides that, as a network does.
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  }

  function applyStall({ near, far }: Pair): void {
    if (isStalled('there')) near.pause();
    else near.resume();
    if (isStalled('back')) far.pause();
    else far.resume();
  }

  const server = createServer((near) => {
    if (state === 'cut') return void near.destroy();
    const far = openSocket(targetPort, '127.0.0.1');
    const pair = { near, far };
    pairs.add(pair);
    forward(near, far, 'there');
    forward(far, near, 'back');
    far.on('close', () => pairs.delete(pair));
    applyStall(pair);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');

  const end = (): void => {
    for (const { near, far } of pairs) {
      near.destroy();
      far.destroy();
    }
  };
  return {
    port: address.port,
    get connections() {
      return pairs.size;
    },
    cut() {
      state = 'cut';
      end();
    },
    stall(direction) {
      state = direction;
      for (const pair of pairs) applyStall(pair);
    },
    mend() {
      state = 'whole';
      for (const pair of pairs) applyStall(pair);
    },
    async close() {
      state = 'cut';
      end();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
