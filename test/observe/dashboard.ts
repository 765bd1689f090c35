/** The dashboard that is shipped, as the expressions that it asks. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { checkoutRoot } from '../support/checkout.js';

const schema = z.object({
  panels: z.array(
    z.object({ title: z.string(), type: z.string(), targets: z.array(z.object({ expr: z.string() })).optional() }),
  ),
});

export interface Panel {
  readonly title: string;
  readonly expressions: readonly string[];
}

export function dashboardPanels(): readonly Panel[] {
  const text = readFileSync(path.join(checkoutRoot, 'deploy', 'grafana', 'quorate.json'), 'utf8');
  return schema
    .parse(JSON.parse(text))
    .panels.filter(({ type }) => type !== 'row')
    .map(({ title, targets = [] }) => ({ title, expressions: targets.map(({ expr }) => expr) }));
}
