/** NKeys, as NATS proves by them who connects: Ed25519 pairs of which a server is told the public half only. */
import { nkeys as library } from 'nats';

/** What of nkeys.js is used here; the NATS client brings it, and types it as `any`. */
interface Library {
  createUser(): { getPublicKey(): string; getSeed(): Uint8Array };
  fromSeed(seed: Uint8Array): { getPublicKey(): string };
  fromPublic(key: string): { getPublicKey(): string };
}
const nkeys: Library = library;

export interface KeyPair {
  /** Begins with U. */
  readonly publicKey: string;
  /** The secret half, begins with SU. Into a file of mode 0600, and nowhere else. */
  readonly seed: string;
}

export function createKeyPair(): KeyPair {
  const pair = nkeys.createUser();
  return { publicKey: pair.getPublicKey(), seed: new TextDecoder().decode(pair.getSeed()) };
}

/** Null where it is no seed. */
export function publicKeyOf(seed: string): string | null {
  try {
    return nkeys.fromSeed(new TextEncoder().encode(seed.trim())).getPublicKey();
  } catch {
    return null;
  }
}

export function isPublicUserKey(text: string): boolean {
  if (!/^U[A-Z2-7]{55}$/.test(text)) return false;
  try {
    return nkeys.fromPublic(text).getPublicKey() === text;
  } catch {
    return false;
  }
}
