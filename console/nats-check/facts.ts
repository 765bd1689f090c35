/** What `quorate check nats` has found out; the judgement is made of it alone. */
import type { Certificate, ServerProbe } from './server-probe.js';

export type Role = (typeof checkedRoles)[number];
export const checkedRoles = ['controller', 'router', 'operator', 'read-only'] as const;

export interface ServerFacts {
  readonly url: string;
  readonly isLoopback: boolean;
  /** What it says to anybody. */
  readonly probe: { readonly ok: true; readonly value: ServerProbe } | { readonly ok: false; readonly reason: string };
  /** With the credentials that were given. */
  readonly connection:
    | {
        readonly ok: true;
        readonly roundTripMs: number;
        /** What it refused of what the role needs. */
        readonly denied: readonly string[];
        /** Where somebody listens. */
        readonly notTried: readonly string[];
      }
    | { readonly ok: false; readonly code: string; readonly reason: string }
    | null;
}

/** Whether a message that was given to one server came out of another. */
export interface RouteFacts {
  readonly from: string;
  readonly to: string;
  /** Null: it did not come. */
  readonly ms: number | null;
}

export interface NatsFacts {
  readonly now: number;
  readonly role: Role;
  readonly name: string;
  readonly servers: readonly ServerFacts[];
  /** Null: the credentials allow no subject on which it could be tried. */
  readonly routes: readonly RouteFacts[] | null;
  /** Those that were given: of a file, or of credentials. */
  readonly ownCertificates: readonly Certificate[];
}
