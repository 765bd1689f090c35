/**
 * When frames are drawn: thirty a second at most. What is heard waits until nothing was drawn for a tenth of a second; what
 * the operator does is drawn at once, whatever was drawn just before, but a thirtieth of a second after the last such frame.
 */
import { frameMs, keyFrameMs } from './state/limits.js';

export interface Frames {
  readonly heard: () => void;
  readonly acted: () => void;
  readonly stop: () => void;
}

type Why = 'heard' | 'acted';

/** @param draw never called after `stop`; for what was heard never within the call that wants it. */
export function paceFrames(draw: (why: Why) => void): Frames {
  const timers: Record<Why, NodeJS.Timeout | null> = { heard: null, acted: null };
  let drawnAt = Number.NEGATIVE_INFINITY;
  let actedAt = Number.NEGATIVE_INFINITY;
  let stopped = false;

  function drawNow(why: Why): void {
    timers[why] = null;
    drawnAt = performance.now();
    if (why === 'acted') actedAt = drawnAt;
    draw(why);
  }

  function drawIn(waitMs: number, why: Why): void {
    timers[why] = setTimeout(() => drawNow(why), Math.max(0, waitMs));
  }

  return {
    heard: () => {
      if (stopped || timers.heard !== null) return;
      drawIn(drawnAt + frameMs - performance.now(), 'heard');
    },
    acted: () => {
      if (stopped || timers.acted !== null) return;
      const waitMs = actedAt + keyFrameMs - performance.now();
      if (waitMs <= 0) drawNow('acted');
      else drawIn(waitMs, 'acted');
    },
    stop: () => {
      stopped = true;
      for (const timer of Object.values(timers)) if (timer !== null) clearTimeout(timer);
    },
  };
}
