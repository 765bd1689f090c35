/** Where the golden frames are kept, and what is in them now. */
import path from 'node:path';
import { frameOf } from './frame.js';
import { scenes, sizes } from './scenes.js';

export const goldenDirectory = path.join(process.cwd(), 'test/console/golden');

export interface Golden {
  readonly file: string;
  readonly scene: string;
  readonly size: (typeof sizes)[number];
  readonly frame: string;
}

/** Every scene at every size; spaces at the ends of lines are not kept. */
export function goldens(): readonly Golden[] {
  return Object.entries(scenes).flatMap(([scene, make]) =>
    sizes.map((size) => ({
      file: `${scene}-${size.columns}x${size.rows}.txt`,
      scene,
      size,
      frame: frameOf(make(size)),
    })),
  );
}

export function kept(frame: string): string {
  return `${frame
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`;
}
