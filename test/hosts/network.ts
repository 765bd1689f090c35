/**
 * Three hosts on one machine: a network namespace each, with an address of its own, on one switch. A link is cut in one
 * direction by giving the sender a hardware address that nobody has, so that packets are lost in silence, as they are where a
 * switch or a firewall fails: no connection is closed, nobody is told.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

export type Host = 1 | 2 | 3;
/** From whom to whom packets are lost. */
export type Cut = readonly [from: Host, to: Host];

export const hosts: readonly Host[] = [1, 2, 3];
export const addressOf = (host: Host): string => `10.213.77.${host}`;
/** Whoever looks from outside: tests and their clients. Its links are never cut. */
const outside = '10.213.77.100';
const nowhere = '02:00:00:00:00:fe';
const prefix = 'quorate-host';
const switchName = 'quorate-switch';
const cable = 'qhosts0';

export class ThreeHosts {
  /** Inside the namespaces of `isolated.ts`. @throws Error where this is not Linux, or not root's. */
  static create(): ThreeHosts {
    if (process.platform !== 'linux' || process.getuid?.() !== 0)
      throw new Error('three hosts on one machine are network namespaces of Linux, which only root can make');
    if (!['/usr/sbin/ip', '/sbin/ip', '/usr/bin/ip', '/bin/ip'].some(existsSync))
      throw new Error('`ip` is missing: apt-get install iproute2');
    destroy();
    ip('netns', 'add', switchName);
    inside(switchName, 'link', 'add', 'name', 'bridge', 'type', 'bridge');
    inside(switchName, 'link', 'set', 'bridge', 'up');
    plug(cable, undefined, 'outside', `${outside}/24`);
    for (const host of hosts) {
      const name = `${prefix}${host}`;
      ip('netns', 'add', name);
      inside(name, 'link', 'set', 'lo', 'up');
      plug('eth0', name, `host${host}`, `${addressOf(host)}/24`);
    }
    return new ThreeHosts();
  }

  /** What runs a program on a host. */
  on(host: Host, command: string, args: readonly string[]): readonly [string, readonly string[]] {
    return ['ip', ['netns', 'exec', `${prefix}${host}`, command, ...args]];
  }

  cut(cuts: readonly Cut[]): void {
    for (const [from, to] of cuts)
      inside(
        `${prefix}${from}`,
        'neigh',
        'replace',
        addressOf(to),
        'lladdr',
        nowhere,
        'dev',
        'eth0',
        'nud',
        'permanent',
      );
  }

  heal(cuts: readonly Cut[]): void {
    for (const [from, to] of cuts) inside(`${prefix}${from}`, 'neigh', 'del', addressOf(to), 'dev', 'eth0');
  }

  destroy(): void {
    destroy();
  }
}

function plug(name: string, namespace: string | undefined, port: string, address: string): void {
  inside(switchName, 'link', 'add', port, 'type', 'veth', 'peer', 'name', `peer-${port}`);
  const place = namespace === undefined ? String(process.pid) : namespace;
  inside(switchName, 'link', 'set', `peer-${port}`, 'netns', place);
  inside(switchName, 'link', 'set', port, 'master', 'bridge');
  inside(switchName, 'link', 'set', port, 'up');
  const run = namespace === undefined ? ip : (...args: readonly string[]): void => inside(namespace, ...args);
  run('link', 'set', `peer-${port}`, 'name', name);
  run('addr', 'add', address, 'dev', name);
  run('link', 'set', name, 'up');
}

/** Also what an earlier run left behind. */
function destroy(): void {
  const names = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  for (const name of names.filter((each) => each === switchName || each.startsWith(prefix))) ip('netns', 'del', name);
}

function inside(namespace: string, ...args: readonly string[]): void {
  ip('-n', namespace, ...args);
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
