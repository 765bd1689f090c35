/** Where the checkout and what set-up left in it are. */
import { existsSync } from 'node:fs';
import path from 'node:path';

export type ToolName = 'nats-server' | 'tmux' | 'etcd' | 'promtool' | 'prometheus';

/** The root of the checkout; this file runs as `dist/test/support/checkout.js`. */
export const checkoutRoot: string = path.resolve(import.meta.dirname, '..', '..', '..');

/** The program that set-up found or fetched, or undefined where this machine has none. */
export function findTool(name: ToolName): string | undefined {
  const file = path.join(checkoutRoot, '.tools', 'bin', name);
  return existsSync(file) ? file : undefined;
}

/** Like {@link findTool}; throws where there is none. */
export function toolPath(name: ToolName): string {
  const file = findTool(name);
  if (file === undefined) throw new Error(`${name} is not here: run "npm run setup" once in ${checkoutRoot}`);
  return file;
}

/** The folder with the cases that etcd publishes for its Raft core, or undefined where they could not be fetched. */
export function etcdCasesFolder(): string | undefined {
  const folder = path.join(checkoutRoot, '.tools', 'etcd-cases', 'raft');
  return existsSync(folder) ? folder : undefined;
}
