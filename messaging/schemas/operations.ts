/** An operation: a workflow that was started, as it is kept in the model, published and shown. */
import { z } from 'zod';
import { wireErrorSchema } from '../errors.js';
import { identifierSchema, nodeIdSchema } from '../identifiers.js';
import { newerNameSchema, orNewer } from './newer.js';

/** SHA-256 of a file, in hexadecimal. */
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hexadecimal');

/** Routers that do not understand the indexes to come, and are to be refused from then on. */
const leaveBehind = { leaveBehind: z.array(identifierSchema).max(1_000).default([]) };

export const workflowParametersSchema = z.discriminatedUnion('workflow', [
  z.object({ workflow: z.literal('join'), node: nodeIdSchema, role: z.enum(['voter', 'learner']).default('voter') }),
  z.object({ workflow: z.literal('remove'), node: nodeIdSchema }),
  /** `node` goes, `with` comes. The leader fills in the role: that of the one that goes. */
  z.object({
    workflow: z.literal('replace'),
    node: nodeIdSchema,
    with: nodeIdSchema,
    role: z.enum(['voter', 'learner']).default('voter'),
  }),
  z.object({ workflow: z.literal('promote'), node: nodeIdSchema }),
  z.object({ workflow: z.literal('demote'), node: nodeIdSchema }),
  /** One member, from what it ran before, which the leader fills in; null where it was not heard then. */
  z.object({
    workflow: z.literal('upgrade'),
    node: nodeIdSchema,
    from: z
      .object({ incarnation: z.int(), version: z.string().max(64), protocolMax: z.int() })
      .nullable()
      .default(null),
  }),
  /** Without a target the leader chooses the voter that has caught up furthest. */
  z.object({ workflow: z.literal('transfer'), to: nodeIdSchema.nullable().default(null) }),
  /** Of a file that the leader, or a member that it can fetch it from, was given before: see `restore.stage`. */
  z.object({
    workflow: z.literal('restore'),
    sha256: sha256Schema,
    sizeBytes: z.int().min(1),
    /** What the operator calls the file: for titles only. */
    name: z.string().min(1).max(255),
  }),
  /** A standalone controller becomes the first member of a cluster. Without `node`: the one that runs it. */
  z.object({ workflow: z.literal('migrate'), node: nodeIdSchema.nullable().default(null), ...leaveBehind }),
  /** A cluster becomes a standalone controller again; the other members are removed. Without `node`: the leader stays. */
  z.object({ workflow: z.literal('rollback'), node: nodeIdSchema.nullable().default(null), ...leaveBehind }),
]);
export type WorkflowParameters = z.infer<typeof workflowParametersSchema>;
export type WorkflowName = WorkflowParameters['workflow'];

/** What begins a history where nobody leads: nobody can be asked for it as for a workflow; its record comes with the new timeline. */
const beginnings = [
  /** The quorum is lost for good: `node` goes on alone, also without what those hold that are left behind. */
  z.object({
    workflow: z.literal('recover'),
    node: nodeIdSchema,
    leaveBehind: z.array(nodeIdSchema).max(128).default([]),
  }),
  /** The cluster is gone: `node` begins a new one on the model of a file. */
  z.object({
    workflow: z.literal('new-cluster'),
    node: nodeIdSchema,
    sha256: sha256Schema,
    sizeBytes: z.int().min(1),
    /** The file, as it was called. */
    name: z.string().min(1).max(255),
  }),
] as const;

/** What a record may be about: a workflow that was asked for, or what began the history that it stands in. */
export const operationParametersSchema = z.discriminatedUnion('workflow', [
  ...workflowParametersSchema.options,
  ...beginnings,
]);
export type OperationParameters = z.infer<typeof operationParametersSchema>;
/** What began a history. */
export type Beginning = Exclude<OperationParameters, WorkflowParameters>;

/** Whether it was asked of a leader, and could be asked for again. */
export function isAsked(parameters: OperationParameters): parameters is WorkflowParameters {
  return parameters.workflow !== 'recover' && parameters.workflow !== 'new-cluster';
}

/** Those after which things are not as before, whatever is done: in scripts they are confirmed by name. */
const dangerousWorkflows: ReadonlySet<WorkflowName> = new Set(['remove', 'replace', 'restore', 'migrate', 'rollback']);

export function isDangerous(workflow: WorkflowName): boolean {
  return dangerousWorkflows.has(workflow);
}

export const findingSchema = z.object({
  /** Stable name of the check, e.g. `candidate-is-blank`. */
  check: z.string(),
  outcome: orNewer(z.enum(['ok', 'warn', 'fail'])),
  sentence: z.string(),
  /** What to do; empty where the outcome is ok. */
  remedy: z.string(),
});
export type Finding = z.infer<typeof findingSchema>;

/** What the cluster is, and would be: for `--dry-run` and for the confirmation. */
export const impactSchema = z.object({
  voters: z.int(),
  healthyVoters: z.int(),
  quorum: z.int(),
  /** How many more voters may fail before writes stop. */
  failuresSurvived: z.int(),
});
export type Impact = z.infer<typeof impactSchema>;

export const stepRecordSchema = z.object({
  step: z.string(),
  /** One sentence for people. */
  title: z.string(),
  state: orNewer(z.enum(['pending', 'running', 'done', 'failed', 'skipped'])),
  detail: z.string(),
  startedAt: z.number().nullable(),
  finishedAt: z.number().nullable(),
});
export type StepRecord = z.infer<typeof stepRecordSchema>;

/** Where a request came from, as the client says of itself; nothing proves it. */
export const originSchema = z.string().max(256);

/** A workflow, or something of one, that a newer version brought: it can be read and shown, and not be run. */
const newerParametersSchema = z.looseObject({ workflow: newerNameSchema });

/** A record as those take it who only read it: whatever it is about. */
export const operationViewSchema = z.object({
  id: identifierSchema,
  parameters: z.union([operationParametersSchema, newerParametersSchema]),
  /** Name of the operator: the token of the subject, which permissions bind. */
  requestedBy: z.string(),
  /** Where the request came from, as the client says: user and machine. */
  origin: originSchema.nullable().optional(),
  state: orNewer(z.enum(['running', 'rolling-back', 'done', 'failed', 'cancelled'])),
  startedAt: z.number(),
  updatedAt: z.number(),
  finishedAt: z.number().nullable(),
  /** The controller that runs it now. */
  runner: z.string(),
  findings: z.array(findingSchema),
  before: impactSchema,
  after: impactSchema,
  steps: z.array(stepRecordSchema),
  verifications: z.array(stepRecordSchema),
  error: wireErrorSchema.nullable(),
  /** It was asked to be cancelled, and may be: what was done is taken back. */
  cancellation: z.object({ by: z.string(), origin: originSchema.nullable(), at: z.number() }).optional(),
  /** Each time that it failed and was let go on. */
  resumptions: z
    .array(
      z.object({
        requestId: z.string(),
        by: z.string(),
        origin: originSchema.nullable(),
        at: z.number(),
        /** From the beginning; on from where it failed; or on with taking back what was done. */
        how: orNewer(z.enum(['anew', 'forward', 'back'])),
        /** How it had failed. */
        after: wireErrorSchema.nullable(),
      }),
    )
    .optional(),
});
export type OperationView = z.infer<typeof operationViewSchema>;
export type ParametersView = OperationView['parameters'];

/** Whether this version knows what it is about, whoever it was heard from. */
export function isKnown(parameters: ParametersView): parameters is OperationParameters {
  return operationParametersSchema.safeParse(parameters).success;
}

/** A record as a leader keeps it, and runs it. */
export const operationSchema = operationViewSchema.extend({ parameters: operationParametersSchema });
export type Operation = z.infer<typeof operationSchema>;

/** What a dry run answers. */
export const operationPlanSchema = z.object({
  parameters: workflowParametersSchema,
  findings: z.array(findingSchema),
  before: impactSchema,
  after: impactSchema,
  steps: z.array(z.object({ step: z.string(), title: z.string() })),
  /** False where a check failed. */
  mayRun: z.boolean(),
  /** What must be typed to confirm, e.g. the controller's id. */
  confirmation: z.string(),
});
export type OperationPlan = z.infer<typeof operationPlanSchema>;
