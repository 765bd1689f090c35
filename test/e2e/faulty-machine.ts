/**
 * Loaded before a controller, it makes the machine look as `QUORATE_TEST_MACHINE` says: what a check measures is then measured
 * on a real controller by the real code, and not handed in.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** Sleeps with the whole process, as a disk or a scheduler would make it. */
function block(durationMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);
}

switch (process.env['QUORATE_TEST_MACHINE']) {
  case 'slow-disk': {
    const { fdatasyncSync } = fs;
    fs.fdatasyncSync = (file) => {
      block(400);
      fdatasyncSync(file);
    };
    break;
  }
  case 'full-disk': {
    const { statfsSync } = fs;
    fs.statfsSync = ((...args: Parameters<typeof statfsSync>) =>
      Object.assign(statfsSync(...args), { bavail: 1 })) as typeof statfsSync;
    break;
  }
  case 'late-clock': {
    const { now } = Date;
    Date.now = () => now() - 60_000;
    break;
  }
  case 'busy':
    // Hardly ever there to answer.
    setInterval(() => block(300), 5).unref();
    break;
  default:
    break;
}
syncBuiltinESMExports();
