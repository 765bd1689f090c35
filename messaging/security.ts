/** Whether others could read, or speak, on the connection to NATS. */
import { BlockList, isIP } from 'node:net';
import type { ConnectionOptions } from './connection.js';

/** What a connection lacks. */
export type Lack = (typeof lacks)[number];
export const lacks = ['authentication', 'tls'] as const;

/** `reached`: all addresses at which the servers are known to be reached. On one machine alone nothing is lacking. */
export function lacksOf(reached: readonly string[], credentials: Omit<ConnectionOptions, 'servers' | 'name'>): Lack[] {
  if (reached.every(isLoopback)) return [];
  const { user, token, nkeySeedFile, credsFile, tls } = credentials;
  const isAuthenticated = [user, token, nkeySeedFile, credsFile, tls?.certFile].some((each) => each !== undefined);
  const isEncrypted = tls !== undefined || reached.every((server) => server.startsWith('tls://'));
  return [...(isAuthenticated ? [] : ['authentication' as const]), ...(isEncrypted ? [] : ['tls' as const])];
}

export function lackSentence(missing: readonly Lack[]): string {
  const words = { authentication: 'without authentication', tls: 'without TLS' } as const;
  return missing.map((lack) => words[lack]).join(' and ');
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** A host, or the address of a server. */
export function isLoopback(server: string): boolean {
  const host = isIP(server) === 0 ? hostOf(server) : server;
  if (host === 'localhost') return true;
  const family = isIP(host);
  return family !== 0 && loopback.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

/** Without brackets. Empty where there is none. */
export function hostOf(server: string): string {
  const url = URL.parse(server.includes('://') ? server : `nats://${server}`);
  return (url?.hostname ?? '').replace(/^\[|\]$/g, '');
}
