/** Time as it is handed in: real in production, virtual in the simulator. */
export interface Clock {
  /** Milliseconds since 1970: for people, and for stamps in commands. Never used to decide an order. */
  now(): number;
  /** Milliseconds since some moment; never jumps. */
  monotonicMs(): number;
  /** Calls once. Returns how to cancel. */
  after(delayMs: number, call: () => void): () => void;
  /** Calls again and again; calls that were missed while the process was busy are not made up for. */
  every(intervalMs: number, call: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, call) {
    const timer = setTimeout(call, delayMs);
    return () => clearTimeout(timer);
  },
  every(intervalMs, call) {
    const timer = setInterval(call, intervalMs);
    return () => clearInterval(timer);
  },
};

/**
 * When one turn of a member's loop runs. `turn` gathers all input that is already there before the turn begins, so that one
 * turn is one disk write; `afterSend` lets what was just sent leave the process before the disk is written.
 */
export interface Scheduler {
  turn(call: () => void): void;
  afterSend(call: () => void): void;
}

export const eventLoopScheduler: Scheduler = {
  // After the poll phase, in which the sockets were read.
  turn: (call) => void setImmediate(call),
  // The NATS client writes to its socket in a microtask of its own, which was queued before this one.
  afterSend: (call) => queueMicrotask(call),
};
