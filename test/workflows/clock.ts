/** Time that passes only when a test lets it: timers fire in order, as fast as the machine can. */
export class VirtualClock {
  private timeMs = 1_000_000;
  /** The next one last. */
  private readonly timers: { readonly at: number; readonly fire: () => void }[] = [];

  now(): number {
    return this.timeMs;
  }

  /** Resolves after the time, or as soon as the signal aborts. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      this.at(this.timeMs + durationMs, resolve);
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  at(timeMs: number, fire: () => void): void {
    let low = 0;
    let high = this.timers.length;
    // Before all that are due earlier or, being older, at the same time.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.timers[middle]?.at ?? 0) > timeMs) low = middle + 1;
      else high = middle;
    }
    this.timers.splice(low, 0, { at: timeMs, fire });
  }

  /** Lets time pass until it is so. @throws when it is not so within the time */
  async until(isSo: () => boolean, what: string, withinMs = 7_200_000): Promise<void> {
    const deadline = this.timeMs + withinMs;
    for (;;) {
      // Every promise that can settle without time passing does so first.
      await new Promise((resolve) => setImmediate(resolve));
      if (isSo()) return;
      const timer = this.timers.pop();
      if (timer === undefined || timer.at > deadline)
        throw new Error(`not so within ${withinMs} ms of virtual time: ${what}`);
      this.timeMs = Math.max(this.timeMs, timer.at);
      timer.fire();
    }
  }

  async pass(durationMs: number): Promise<void> {
    let over = false;
    this.at(this.timeMs + durationMs, () => {
      over = true;
    });
    await this.until(() => over, 'time passes');
  }
}
