/**
 * From what OpenZiti exports (`ziti ops export`, JSON or YAML) to what this model holds. Pure.
 *
 * The file is one object of lists: `identities`, `edgeRouters`, `services`, `servicePolicies`, `edgeRouterPolicies`,
 * `serviceEdgeRouterPolicies`, and others that have no counterpart here. It holds no ids and no times: entities are named in
 * roles as `@name`, and the ids here are made from the names. What comes never opens more than it did there: a role that
 * finds nobody is dropped, which can only narrow a policy, and a policy that asked for posture checks is left out.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { identifierPattern } from '../../messaging/identifiers.js';
import { entityIdSchema } from '../../messaging/schemas/model.js';
import { invalidImport } from './export-file.js';
import { RouterRoles } from './openziti-routers.js';
import type { Remark, Source, Wanted } from './plan.js';

const strings = z
  .array(z.string())
  .nullish()
  .transform((given) => given ?? []);
const named = { name: z.string().min(1), tags: z.record(z.string(), z.unknown()).nullish() };
const semantic = z.enum(['AnyOf', 'AllOf']);

const identitySchema = z.looseObject({
  ...named,
  typeId: z.string().nullish(),
  roleAttributes: strings,
  externalId: z.string().nullish(),
  disabled: z.boolean().nullish(),
  isAdmin: z.boolean().nullish(),
  isDefaultAdmin: z.boolean().nullish(),
});
const edgeRouterSchema = z.looseObject({
  ...named,
  roleAttributes: strings,
  cost: z.number().nullish(),
  noTraversal: z.boolean().nullish(),
  disabled: z.boolean().nullish(),
  isTunnelerEnabled: z.boolean().nullish(),
});
const serviceSchema = z.looseObject({
  ...named,
  roleAttributes: strings,
  encryptionRequired: z.boolean().nullish(),
  terminatorStrategy: z.string().nullish(),
  configs: strings,
});
const servicePolicySchema = z.looseObject({
  ...named,
  type: z.enum(['Dial', 'Bind']),
  semantic,
  identityRoles: strings,
  serviceRoles: strings,
  postureCheckRoles: strings,
});
const edgeRouterPolicySchema = z.looseObject({ ...named, semantic, identityRoles: strings, edgeRouterRoles: strings });
const serviceEdgeRouterPolicySchema = z.looseObject({
  ...named,
  semantic,
  serviceRoles: strings,
  edgeRouterRoles: strings,
});

export type RouterPolicy = {
  readonly semantic: 'AnyOf' | 'AllOf';
  /** Of identities or of services. */
  readonly roles: readonly string[];
  readonly edgeRouterRoles: readonly string[];
};

/** Lists of the file that have no counterpart, and why. */
const withoutCounterpart: Readonly<Record<string, { readonly kind: string; readonly why: string }>> = {
  certificateAuthorities: { kind: 'certificate authority', why: 'identities do not enroll here' },
  externalJwtSigners: { kind: 'external JWT signer', why: 'identities are not authenticated here' },
  authPolicies: { kind: 'auth policy', why: 'identities are not authenticated here' },
  postureChecks: { kind: 'posture check', why: 'posture is not checked here' },
  configs: { kind: 'config', why: 'services carry no configuration here' },
  configTypes: { kind: 'config type', why: 'services carry no configuration here' },
};
const withCounterpart = [
  'identities',
  'edgeRouters',
  'services',
  'servicePolicies',
  'edgeRouterPolicies',
  'serviceEdgeRouterPolicies',
] as const;

const fileSchema = z.looseObject(
  Object.fromEntries(
    [...withCounterpart, ...Object.keys(withoutCounterpart)].map((key) => [key, z.array(z.unknown()).nullish()]),
  ),
);

const identityTypes: Readonly<Record<string, string>> = { User: 'user', Device: 'device', Service: 'service' };
const strategies = ['smartrouting', 'weighted', 'random', 'ha', 'sticky'];
const attributePattern = /^[A-Za-z0-9_.:-]{1,64}$/;
const tagKeyPattern = /^[A-Za-z0-9_.:/-]{1,128}$/;
const tagValueLengthMax = 1_024;
const rolesMax = 256;

export function isOpenZiti(documents: readonly unknown[]): boolean {
  const [only, ...others] = documents;
  if (others.length > 0 || typeof only !== 'object' || only === null || Array.isArray(only)) return false;
  return withCounterpart.some((key) => key in only) || Object.keys(withoutCounterpart).some((key) => key in only);
}

/** @throws QuorateError `import-invalid` where a list does not have the form that OpenZiti gives it */
export function readOpenZiti(documents: readonly unknown[], where: string): Source {
  const file = fileSchema.safeParse(documents[0]);
  if (!file.success) throw malformed(where, file.error);
  return new Translation(file.data, where).source();
}

class Translation {
  readonly #file: Readonly<Record<string, unknown>>;
  readonly #where: string;
  readonly #wanted: Wanted[] = [];
  readonly #leftOut: Remark[] = [];
  readonly #changed: Remark[] = [];
  readonly #notes: string[] = [];
  readonly #renamedAttributes = new Map<string, string>();
  /** By name. */
  readonly #ids = {
    identity: new Map<string, string>(),
    service: new Map<string, string>(),
    router: new Map<string, string>(),
  };

  constructor(file: Readonly<Record<string, unknown>>, where: string) {
    this.#file = file;
    this.#where = where;
  }

  source(): Source {
    for (const router of this.#list('edgeRouters', edgeRouterSchema)) this.#takeRouter(router);
    for (const service of this.#list('services', serviceSchema)) this.#takeService(service);
    for (const identity of this.#list('identities', identitySchema)) this.#takeIdentity(identity);
    this.#takePolicies();
    for (const [key, { kind, why }] of Object.entries(withoutCounterpart))
      for (const { name } of this.#list(key, z.looseObject({ name: z.string() })))
        this.#leftOut.push({ kind, name, why });
    for (const [key, value] of Object.entries(this.#file))
      if (!(key in withoutCounterpart) && !withCounterpart.some((each) => each === key))
        this.#notes.push(`${key} (${Array.isArray(value) ? value.length : 'not a list'}) is not known, and left out`);
    for (const [was, is] of this.#renamedAttributes)
      this.#notes.push(`the role attribute "${was}" is called ${is} here, wherever it stands`);
    return {
      title: 'an export of OpenZiti',
      wanted: this.#wanted,
      leftOut: this.#leftOut,
      changed: this.#changed,
      notes: this.#notes,
      entitiesSha256: null,
    };
  }

  #list<Schema extends z.ZodType>(key: string, schema: Schema): readonly z.output<Schema>[] {
    const parsed = z.array(schema).nullish().safeParse(this.#file[key]);
    if (!parsed.success) throw malformed(`${this.#where}: ${key}`, parsed.error);
    return parsed.data ?? [];
  }

  #takeRouter(router: z.output<typeof edgeRouterSchema>): void {
    const { name, cost, noTraversal, disabled } = router;
    const id = this.#idOf('router', name, identifierPattern);
    if (id === null) return;
    if (id !== name) this.#change('router', name, `its id here is ${id}: start it with that one`);
    if (router.isTunnelerEnabled === true) this.#change('router', name, 'a tunneler of its own is not known here');
    const spec = {
      roleAttributes: this.#attributes('router', name, router.roleAttributes),
      ...(disabled === true ? { disabled } : {}),
      ...(noTraversal === true ? { noTraversal } : {}),
      ...(typeof cost === 'number' && cost > 0 ? { cost: Math.min(65_535, Math.round(cost)) } : {}),
    };
    this.#take('router', id, name, router.tags, spec);
  }

  #takeService(service: z.output<typeof serviceSchema>): void {
    const { name, configs, terminatorStrategy, encryptionRequired } = service;
    const id = this.#idOf('service', name);
    if (id === null) return;
    if (configs.length > 0) this.#change('service', name, 'without its configs, which services do not carry here');
    const isKnown = terminatorStrategy == null || strategies.includes(terminatorStrategy);
    if (!isKnown)
      this.#change('service', name, `the terminator strategy ${terminatorStrategy} is not known here: smartrouting`);
    this.#take('service', id, name, service.tags, {
      roleAttributes: this.#attributes('service', name, service.roleAttributes),
      ...(encryptionRequired == null ? {} : { encryptionRequired }),
      ...(terminatorStrategy == null || !isKnown ? {} : { terminatorStrategy }),
    });
  }

  #takeIdentity(identity: z.output<typeof identitySchema>): void {
    const { name, typeId, externalId, disabled } = identity;
    const leaveOut = (why: string): void => void this.#leftOut.push({ kind: 'identity', name, why });
    if (identity.isDefaultAdmin === true) return leaveOut('it is the default administrator of that controller');
    if (typeId === 'Router') return leaveOut('it is the identity of an edge router, which needs none here');
    const id = this.#idOf('identity', name);
    if (id === null) return;
    if (identity.isAdmin === true) this.#change('identity', name, 'it was an administrator, which means nothing here');
    const type = identityTypes[typeId ?? ''];
    this.#take('identity', id, name, identity.tags, {
      roleAttributes: this.#attributes('identity', name, identity.roleAttributes),
      ...(type === undefined ? {} : { type }),
      ...(externalId == null || externalId === '' ? {} : { externalId }),
      ...(disabled === true ? { disabled } : {}),
    });
  }

  // ------------------------------------------------------------------------------------------------------------ policies

  #takePolicies(): void {
    const toRouters = this.#routerRoles();
    for (const policy of this.#list('servicePolicies', servicePolicySchema)) {
      const { name, type } = policy;
      const leaveOut = (why: string): void => void this.#leftOut.push({ kind: 'policy', name, why });
      if (policy.postureCheckRoles.length > 0) {
        leaveOut('it asks for posture checks, which are not made here: it would open more than it did');
        continue;
      }
      const identityRoles = this.#roles('identity', policy.identityRoles, name);
      const serviceRoles = this.#roles('service', policy.serviceRoles, name);
      const routers = toRouters.of({ semantic: policy.semantic, identityRoles, serviceRoles });
      if ([identityRoles, serviceRoles, routers.roles].some((roles) => roles.length > rolesMax)) {
        leaveOut(`it would name more than ${rolesMax} roles on one side`);
        continue;
      }
      const id = this.#idOf('policy', name);
      if (id === null) continue;
      if (routers.remark !== '') this.#change('policy', name, routers.remark);
      for (const [side, roles] of Object.entries({ identities: identityRoles, services: serviceRoles }))
        if (roles.length === 0) this.#change('policy', name, `it selects no ${side}, and so opens nothing`);
      const { semantic: how } = policy;
      const spec = { type, semantic: how, identityRoles, serviceRoles, routerRoles: [...routers.roles] };
      this.#take('policy', id, name, policy.tags, spec);
    }
    if (this.#list('postureChecks', z.unknown()).length > 0)
      this.#notes.push(
        'the file holds posture checks, and some versions of OpenZiti do not write which policies ask for them: look at the policies before you rely on them',
      );
  }

  #routerRoles(): RouterRoles {
    const policies = (
      key: string,
      roles: 'identityRoles' | 'serviceRoles',
      kind: 'identity' | 'service',
    ): RouterPolicy[] =>
      this.#list(key, kind === 'identity' ? edgeRouterPolicySchema : serviceEdgeRouterPolicySchema).map((policy) => ({
        semantic: policy.semantic,
        roles: this.#roles(kind, strings.parse(policy[roles]), null),
        edgeRouterRoles: this.#roles('router', policy.edgeRouterRoles, null),
      }));
    const having = (kind: string) =>
      this.#wanted
        .filter((wanted) => wanted.kind === kind)
        .map(({ id, spec }) => ({ id, attributes: strings.parse(spec['roleAttributes']) }));
    return new RouterRoles({
      identities: having('identity'),
      services: having('service'),
      routers: having('router'),
      forIdentities: policies('edgeRouterPolicies', 'identityRoles', 'identity'),
      forServices: policies('serviceEdgeRouterPolicies', 'serviceRoles', 'service'),
    });
  }

  /** `@name` becomes `@id`; one that finds nobody is dropped, and said of the policy, where that is one that comes. */
  #roles(kind: 'identity' | 'service' | 'router', roles: readonly string[], policy: string | null): string[] {
    const found = roles.flatMap((role) => {
      if (role.startsWith('#')) return [role === '#all' ? role : `#${this.#attribute(role.slice(1))}`];
      const name = role.startsWith('@') ? role.slice(1) : role;
      const id = this.#ids[kind].get(name);
      if (id !== undefined) return [`@${id}`];
      const isRouter = kind === 'identity' && this.#ids.router.has(name);
      const why = isRouter ? 'the identity of an edge router' : `no ${kind} of this file`;
      if (policy !== null) this.#change('policy', policy, `without the role ${role}: it names ${why}`);
      return [];
    });
    return [...new Set(found)];
  }

  // ------------------------------------------------------------------------------------------------------- what all share

  #take(kind: string, id: string, name: string, tags: z.output<typeof named.tags>, spec: Wanted['spec']): void {
    this.#wanted.push({ kind, id, name, tags: this.#tags(kind, name, tags ?? {}), spec, entity: null });
  }

  #change(kind: string, name: string, why: string): void {
    this.#changed.push({ kind, name, why });
  }

  /** Null where it cannot be taken: that is said. */
  #idOf(kind: 'identity' | 'service' | 'router' | 'policy', name: string, pattern?: RegExp): string | null {
    const leaveOut = (why: string): null => {
      this.#leftOut.push({ kind, name, why });
      return null;
    };
    if (name.length > 256 || name.trim() !== name || /\p{Cc}/u.test(name) || !name.isWellFormed())
      return leaveOut(
        'its name is longer than 256 characters, or begins or ends with a space, or holds control characters',
      );
    const id = madeFrom(name, pattern === undefined ? 128 : 64, (text) =>
      pattern === undefined ? entityIdSchema.safeParse(text).success : pattern.test(text),
    );
    if (kind === 'policy') return id;
    if (this.#ids[kind].has(name)) return leaveOut('there is another one of this name in the file');
    this.#ids[kind].set(name, id);
    return id;
  }

  #attributes(kind: string, name: string, attributes: readonly string[]): string[] {
    const distinct = [...new Set(attributes.map((attribute) => this.#attribute(attribute)))];
    if (distinct.length > 64) this.#change(kind, name, `with 64 of its ${distinct.length} role attributes`);
    return distinct.slice(0, 64);
  }

  #attribute(attribute: string): string {
    const made = madeFrom(attribute, 64, (text) => attributePattern.test(text));
    if (made !== attribute) this.#renamedAttributes.set(attribute, made);
    return made;
  }

  #tags(kind: string, name: string, tags: Readonly<Record<string, unknown>>): Record<string, string> {
    const taken: Record<string, string> = {};
    for (const [key, value] of Object.entries(tags)) {
      const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
      const fits = tagKeyPattern.test(key) && key !== '__proto__' && text.length <= tagValueLengthMax;
      if (value === null) continue;
      if (fits && !/\p{Cc}/u.test(text) && Object.keys(taken).length < 64) taken[key] = text;
      else this.#change(kind, name, `without the tag ${JSON.stringify(key)}, which does not fit here`);
    }
    return taken;
  }
}

/** The name itself where it fits; else what of it does, and enough of its hash that no two names become the same. */
function madeFrom(name: string, lengthMax: number, fits: (text: string) => boolean): string {
  if (fits(name)) return name;
  const mark = createHash('sha256').update(name).digest('hex').slice(0, 8);
  const kept = name
    .normalize('NFKD')
    .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, lengthMax - mark.length - 1);
  return kept === '' ? mark : `${kept}-${mark}`;
}

function malformed(where: string, error: z.ZodError): Error {
  const [issue] = error.issues;
  const path = issue?.path.map(String).join('.') ?? '';
  return invalidImport(
    `${where}: ${path === '' ? 'the whole' : path}: ${issue?.message ?? 'invalid'}`,
    'Give a file as `quorate export` or `ziti ops export` writes it.',
  );
}
