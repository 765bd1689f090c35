/**
 * Namespaces for the whole run: of the network, so that nothing that it makes is seen by this machine or by another run; and of
 * mounts, so that its hosts' names are its own. Whoever is not root is root in there, where the kernel lets users have that.
 */
import { spawnSync } from 'node:child_process';

/** Set for what runs inside. */
export const insideMark = 'QUORATE_HOSTS_INSIDE';

const script = 'mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up && exec "$@"';

/** What runs `command` in there. */
export function isolated(command: readonly string[]): readonly [string, ...string[]] {
  const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  return ['unshare', ...asRoot, '--net', '--mount', 'sh', '-c', script, 'sh', ...command];
}

/** Why it cannot be done on this machine, or null. */
export function isolationRefused(): string | null {
  if (process.platform !== 'linux') return 'namespaces are Linux’s';
  const [program, ...args] = isolated(['true']);
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (error !== undefined) return `\`unshare\` is missing: ${error.message}`;
  return status === 0 ? null : `this machine gives no namespaces of the network: ${stderr.trim()}`;
}
