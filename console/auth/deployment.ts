/**
 * What `quorate auth` knows of a deployment: who may connect, by public key; who no longer may; who is about to enrol. Pure:
 * each change is a new value. Nothing here is secret.
 */
import { z } from 'zod';
import { QuorateError } from '../../messaging/errors.js';
import { identifierSchema, nodeIdSchema } from '../../messaging/identifiers.js';
import { operatorAccesses, type Principal } from '../../messaging/permissions.js';

export const managedRoles = ['controller', 'router', 'operator'] as const;
export type ManagedRole = (typeof managedRoles)[number];

const keySchema = z.string().regex(/^U[A-Z2-7]{55}$/);

const identitySchema = z.object({
  role: z.enum([...managedRoles, 'registrar']),
  name: identifierSchema,
  /** Of operators. */
  access: z.enum(operatorAccesses).optional(),
  publicKey: keySchema,
  /** The key before, while both are good. */
  previousKey: keySchema.nullable().default(null),
  /** Milliseconds since 1970. */
  createdAt: z.number(),
});
export type Identity = z.infer<typeof identitySchema>;

const revocationSchema = z.object({
  role: z.enum(managedRoles),
  name: identifierSchema,
  publicKey: keySchema,
  revokedAt: z.number(),
});
export type Revocation = z.infer<typeof revocationSchema>;

/** A one-time token that was given out; its key may connect, and do nothing but hand in another one. */
const enrolmentSchema = z.object({ router: identifierSchema, publicKey: keySchema, expiresAt: z.number() });
export type Enrolment = z.infer<typeof enrolmentSchema>;

export const deploymentSchema = z.object({
  version: z.literal(1),
  cluster: identifierSchema,
  /** Names and addresses of the hosts of the NATS servers. */
  hosts: z.array(z.string().min(1).max(253)).min(1).max(32),
  port: z.int().min(1).max(65_535),
  /** Run after each change in the place of a signal to the nats-server of this machine. */
  reloadCommand: z.string().nullable(),
  identities: z.array(identitySchema),
  revoked: z.array(revocationSchema),
  enrolments: z.array(enrolmentSchema),
});
export type Deployment = z.infer<typeof deploymentSchema>;

/** The newest are remembered, for people; who is not in the list of identities cannot connect in any case. */
const revocationsMax = 10_000;
const enrolmentsMax = 1_000;

/** Name of the one identity that takes enrolments. */
export const registrarName = 'registrar';

export function serversOf({ hosts, port }: Pick<Deployment, 'hosts' | 'port'>): readonly string[] {
  return hosts.map((host) => `tls://${host.includes(':') ? `[${host}]` : host}:${port}`);
}

export function identityOf(deployment: Deployment, role: ManagedRole, name: string): Identity | undefined {
  return deployment.identities.find((each) => each.role === role && each.name === name);
}

/** @throws QuorateError `already-exists`, where the name is taken: controllers and operators speak on the same subjects. */
export function withIdentity(deployment: Deployment, identity: Omit<Identity, 'previousKey'>): Deployment {
  const sharesNames = (role: Identity['role']): boolean => role !== 'router';
  const other = deployment.identities.find(
    (each) =>
      each.name === identity.name &&
      (each.role === identity.role || (sharesNames(each.role) && sharesNames(identity.role))),
  );
  if (other !== undefined)
    throw new QuorateError('already-exists', `there is ${other.role} ${other.name} already`, {
      remedy:
        other.role === identity.role
          ? `A new key: \`quorate auth rotate ${other.role} ${other.name}\`.`
          : 'Choose another name: controllers and operators share theirs.',
    });
  return { ...deployment, identities: [...deployment.identities, { ...identity, previousKey: null }] };
}

/** @throws QuorateError `not-found` */
export function withoutIdentity(deployment: Deployment, role: ManagedRole, name: string, now: number): Deployment {
  const identity = known(deployment, role, name);
  const revocation: Revocation = { role, name, publicKey: identity.publicKey, revokedAt: now };
  return {
    ...deployment,
    identities: deployment.identities.filter((each) => each !== identity),
    revoked: [...deployment.revoked, revocation].slice(-revocationsMax),
  };
}

/** The key before stays good where `keepOld` is set, until the next rotation without it. @throws QuorateError `not-found` */
export function withKey(
  deployment: Deployment,
  role: ManagedRole,
  name: string,
  publicKey: string,
  keepOld: boolean,
): Deployment {
  const identity = known(deployment, role, name);
  const changed = { ...identity, publicKey, previousKey: keepOld ? identity.publicKey : null };
  return { ...deployment, identities: deployment.identities.map((each) => (each === identity ? changed : each)) };
}

/** @throws QuorateError `not-found` */
export function withoutOldKey(deployment: Deployment, role: ManagedRole, name: string): Deployment {
  const identity = known(deployment, role, name);
  const changed = { ...identity, previousKey: null };
  return { ...deployment, identities: deployment.identities.map((each) => (each === identity ? changed : each)) };
}

/** A second token for a router takes the place of the first. @throws QuorateError `already-exists`, `overloaded` */
export function withEnrolment(deployment: Deployment, enrolment: Enrolment, now: number): Deployment {
  if (identityOf(deployment, 'router', enrolment.router) !== undefined)
    throw new QuorateError('already-exists', `router ${enrolment.router} has a key already`, {
      remedy: `Revoke it first: \`quorate auth revoke router ${enrolment.router}\`.`,
    });
  const others = withoutExpired(deployment, now).enrolments.filter((each) => each.router !== enrolment.router);
  if (others.length >= enrolmentsMax)
    throw new QuorateError('overloaded', `${others.length} tokens wait to be used`, {
      remedy: 'Wait until they are used, or have expired.',
    });
  return { ...deployment, enrolments: [...others, enrolment] };
}

export function withoutExpired(deployment: Deployment, now: number): Deployment {
  const enrolments = deployment.enrolments.filter(({ expiresAt }) => expiresAt > now);
  return enrolments.length === deployment.enrolments.length ? deployment : { ...deployment, enrolments };
}

/** The router has its own key now, and the token is used up. @throws QuorateError `enrolment-refused` */
export function enrolled(deployment: Deployment, router: string, publicKey: string, now: number): Deployment {
  const enrolment = deployment.enrolments.find((each) => each.router === router);
  if (enrolment === undefined || enrolment.expiresAt <= now)
    throw new QuorateError('enrolment-refused', `there is no token for router ${router} that is still good`);
  const isUsed = deployment.identities.some((each) => each.publicKey === publicKey || each.previousKey === publicKey);
  const isRevoked = deployment.revoked.some((each) => each.publicKey === publicKey);
  if (isUsed || isRevoked)
    throw new QuorateError('enrolment-refused', 'the key belongs to somebody else, or was revoked', {
      remedy: 'Let the router make a key of its own: `quorate router enrol` with an empty directory.',
    });
  const rest = { ...deployment, enrolments: deployment.enrolments.filter((each) => each !== enrolment) };
  return withIdentity(rest, { role: 'router', name: router, publicKey, createdAt: now });
}

/** Everybody who may connect, with the keys that prove it. */
export function principalsOf(
  deployment: Deployment,
): readonly { readonly key: string; readonly principal: Principal }[] {
  const known = deployment.identities.flatMap((identity) => {
    const principal = principalOf(identity);
    const keys = identity.previousKey === null ? [identity.publicKey] : [identity.publicKey, identity.previousKey];
    return keys.map((key) => ({ key, principal }));
  });
  const enrolling = deployment.enrolments.map(({ router, publicKey }) => ({
    key: publicKey,
    principal: { role: 'enrolment', name: router } as const,
  }));
  return [...known, ...enrolling];
}

function principalOf({ role, name, access }: Identity): Principal {
  return role === 'operator' ? { role, name, access: access ?? 'read-only' } : { role, name };
}

function known(deployment: Deployment, role: ManagedRole, name: string): Identity {
  const identity = identityOf(deployment, role, name);
  if (identity !== undefined) return identity;
  throw new QuorateError('not-found', `there is no ${role} ${name}`, { remedy: 'See `quorate auth list`.' });
}

/** What may be the name of one with this role. */
export function nameSchemaOf(role: ManagedRole): z.ZodType<string> {
  return role === 'router' ? identifierSchema : nodeIdSchema;
}
