/**
 * Every refusal that crosses a boundary: a code, one sentence saying what was wrong, one saying what to do. The table is the
 * only place where codes are made; docs/errors.md is generated from it.
 */
import { z } from 'zod';

interface ErrorEntry {
  readonly meaning: string;
  readonly remedy: string;
  /** Whether sending the same request again, with the same request id, may succeed without anything being mended. */
  readonly retry: boolean;
}

const entry = (meaning: string, remedy: string, retry = false): ErrorEntry => ({ meaning, remedy, retry });

export const errorTable = {
  // requests
  'invalid-request': entry(
    'The request does not have the form that its verb asks for.',
    'Correct the field that is named and send it again.',
  ),
  'invalid-config': entry(
    'The configuration is not valid.',
    'Correct the setting that is named; `--help` lists them all.',
  ),
  usage: entry(
    'The command line is not understood.',
    '`quorate --help` lists the commands, `quorate COMMAND --help` what one takes.',
  ),
  'program-missing': entry(
    'A program that is needed is not on this machine.',
    'Install it, or name it as the message says.',
  ),
  'process-ended': entry(
    'A process that was started ended when it should not have.',
    'See the lines of its log that are given.',
  ),
  'unknown-verb': entry(
    'There is no such verb.',
    'See the list of verbs in docs/protocol.md; the controller may be older than the client.',
  ),
  'unsupported-version': entry(
    'The message has a protocol version that this side does not understand.',
    'Upgrade the older side; `quorate status` shows the versions of the controllers.',
  ),
  'too-large': entry('The request is larger than a message may be.', 'Send less in one request.'),
  overloaded: entry(
    'The controllers have more work queued than they may hold.',
    'Wait a moment and retry with the same request id.',
    true,
  ),
  timeout: entry(
    'No answer came in time; the request may or may not have been carried out.',
    'Retry with the same request id: it is carried out at most once.',
    true,
  ),
  'no-responders': entry(
    'No controller answered.',
    'Check that controllers run and use this cluster name and NATS server: `quorate status`.',
    true,
  ),
  'nats-unreachable': entry(
    'The NATS server cannot be reached.',
    'Check the address given with --nats, the network, and the credentials.',
    true,
  ),
  'nats-refused': entry(
    'The NATS server refused the connection.',
    'Check the credentials (user, token, NKey seed or creds file) and the TLS settings.',
  ),
  insecure: entry(
    'The connection to NATS would be open to others: without authentication, or without TLS.',
    'Give a seed (--nkey-seed-file) and TLS (--tls-ca, tls:// addresses), as `quorate auth init` makes them; or --insecure, where nobody else can reach the network.',
  ),
  'enrolment-refused': entry(
    'The router may not enrol with what it gave.',
    'Ask for a new token: `quorate auth enrol router NAME`; each is good once, and for a time.',
  ),
  internal: entry(
    'Something failed that should not have failed.',
    'Look into the log of the controller that answered and report it.',
  ),
  // raft
  'not-leader': entry(
    'The controller that was asked does not lead the cluster.',
    'Ask the leader; clients of ours find it by themselves.',
    true,
  ),
  'no-leader': entry(
    'The cluster has no leader now.',
    'Wait for an election; if none succeeds, check which voters are away: `quorate members`.',
    true,
  ),
  'leadership-lost': entry(
    'Leadership was lost before the command was committed; it may or may not be carried out.',
    'Retry with the same request id: it is carried out at most once.',
    true,
  ),
  transferring: entry('Leadership is being handed over.', 'Retry in a moment.', true),
  'change-pending': entry(
    'Another change of membership is not finished.',
    'Wait until it is: `quorate members`.',
    true,
  ),
  'not-a-member': entry(
    'The controller is not a member of a cluster.',
    'Ask a member, or join it: `quorate members join ID`.',
  ),
  standalone: entry(
    'The controller is standalone: there is no cluster.',
    'Make it the first member of one with `quorate migrate`, then try again.',
  ),
  removed: entry(
    'The controller was removed from the cluster.',
    'Stop it, make it blank with `quorate reset --data-dir DIR`, and join it under a new id.',
  ),
  'id-used': entry(
    'The id belonged to a member that was removed and is never used again.',
    'Give the controller a new id.',
  ),
  stopping: entry('The controller is stopping.', 'Ask another controller.', true),
  paused: entry(
    'Writes are paused while another history of the model begins: a restore, a migration or the way back.',
    'Retry in a moment with the same request id; `quorate operations` shows how far it is.',
    true,
  ),
  // model
  'not-found': entry('There is no such entity.', 'List what there is: `quorate model list KIND`.'),
  'already-exists': entry(
    'An entity with this id exists already.',
    'Choose another id, or update the one that is there.',
  ),
  'name-taken': entry('Another entity of this kind has this name.', 'Choose another name.'),
  'version-mismatch': entry(
    'The entity has changed since the version that the request names.',
    'Read it again, apply the change to what it is now, and retry.',
  ),
  'still-referenced': entry('Other entities refer to this one.', 'Delete or change those first.'),
  'reference-missing': entry(
    'The entity refers to one that does not exist.',
    'Create that one first, or correct the reference.',
  ),
  'invalid-entity': entry('The entity does not satisfy the rules of its kind.', 'Correct the field that is named.'),
  'unknown-kind': entry('There is no such kind of entity.', 'The kinds are router, service, identity and policy.'),
  // import and export
  'import-invalid': entry(
    'The file cannot be imported.',
    'Give a file as `quorate export` or `ziti ops export` writes it, whole.',
  ),
  'import-incomplete': entry(
    'Not all of the file is in the model.',
    'See the entities that are named, mend what stands in their way, and run the same import again: what is there is passed over.',
  ),
  // versions
  'newer-command': entry(
    'The log or the model holds something of a newer version, which this controller does not understand; it stopped before it.',
    'Install the version that the other members run (`quorate members` shows it) and start it again on its directory: nothing was lost.',
  ),
  'undecodable-command': entry(
    'The log holds a command that cannot be decoded; the controller stopped before it rather than skip it.',
    'Report it; to go on without this member, remove it with `quorate members remove ID`, make it blank with `quorate reset --data-dir DIR`, and join it under a new id.',
  ),
  'gate-closed': entry(
    'The cluster does not use this feature yet: not every member understands it.',
    'Upgrade the members that run an older version (`quorate members`); the leader raises the gate by itself.',
  ),
  // start-up and storage
  'data-dir-locked': entry(
    'Another process uses the data directory.',
    'Stop that process, or give this controller a data directory of its own.',
  ),
  'address-in-use': entry(
    'Another process listens on the address that was given.',
    'Give another address with --http HOST:PORT (port 0: any that is free), or `--http off`; or end that process.',
  ),
  'not-blank': entry(
    'The data directory holds something already.',
    'Give a directory that is empty, or make this one blank: `quorate reset --data-dir DIR`.',
  ),
  'cluster-exists': entry(
    'A cluster of this name is already there; a second one beside it is not begun.',
    'Start the controller without --bootstrap and join it: `quorate members join ID`.',
  ),
  'wrong-cluster': entry(
    'The data directory belongs to another cluster.',
    'Use the cluster name that it was made for, or another data directory.',
  ),
  'wrong-node': entry(
    'The data directory belongs to another controller.',
    'Use the id that it was made for, or another data directory.',
  ),
  damaged: entry(
    'The data directory is damaged.',
    'See what is wrong with `quorate doctor --data-dir DIR`; remove the member with `quorate members remove ID`, make the directory blank with `quorate reset --data-dir DIR`, and join it under a new id.',
  ),
  'newer-schema': entry('The data directory was written by a newer version.', 'Run that version; nothing was changed.'),
  'ambiguous-state': entry(
    'What the data directory holds does not allow one safe way to start.',
    'Follow the command given with the message.',
  ),
  'storage-full': entry(
    'The disk of a controller is full.',
    'Free space where its data directory is; a controller that runs goes on by itself, one that ended is to be started again.',
    true,
  ),
  'snapshot-invalid': entry(
    'The file is not a whole, undamaged snapshot.',
    'Use another snapshot; `quorate snapshot inspect FILE` says what is in one.',
  ),
  // recovery
  'quorum-present': entry(
    'The quorum is not lost: a leader is heard, or enough voters to elect one.',
    'Wait for the election, see `quorate members`; a single member that is away is removed and replaced: `quorate members remove ID`.',
  ),
  'better-survivor': entry(
    'Another controller that is reachable holds more of the log than the one that was chosen.',
    'Recover on that one; to go on without what it holds, name it with --leave-behind.',
  ),
  'recovery-running': entry(
    'A controller of this cluster is being recovered, or has promised another one not to be.',
    'Wait until it has finished, then look again: `quorate recover --dry-run`.',
  ),
  // workflows
  'check-failed': entry(
    'A check before the operation failed; nothing was changed.',
    'Mend what the failed check names, then start the operation again.',
  ),
  'operation-running': entry('Another operation is running.', 'Wait for it: `quorate operations watch ID`.', true),
  'operation-failed': entry('The operation did not reach its goal.', 'See its steps: `quorate operations show ID`.'),
  'not-cancellable': entry(
    'The operation has come to a point from which it cannot be taken back.',
    'See how far it is: `quorate operations show ID`.',
  ),
  'not-resumable': entry('The operation cannot go on.', 'See how it ended: `quorate operations show ID`.'),
  'not-confirmed': entry(
    'The operation needs a confirmation that was not given.',
    'Confirm it as asked, or use --yes where that is allowed.',
  ),
  'models-differ': entry(
    'Members hold different models at the same position.',
    'Find out which is right with `quorate model list KIND`; replace the members that are wrong: `quorate members remove ID`, then `quorate reset --data-dir DIR`, and join under a new id.',
  ),
  // routers
  'hello-refused': entry('The controllers do not accept this router.', 'See the reason given with the refusal.'),
  'snapshot-required': entry(
    'The log no longer reaches back to the position asked for.',
    'Take the whole model again.',
  ),
  behind: entry(
    'The controller that was asked has not reached that position yet.',
    'Ask again; another controller may be further.',
    true,
  ),
  'timeline-conflict': entry(
    'Two histories of the model claim the same epoch.',
    'Find out which controllers belong to the cluster, and stop the others.',
  ),
  'endpoints-refused': entry(
    'A list of controllers was refused and the last good one kept.',
    'See which rule it broke; check the versions of the controllers.',
  ),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorTable;

export const errorCodes = Object.keys(errorTable) as readonly ErrorCode[];

/** How an error looks on the wire. Codes of newer versions are kept as they are. */
export const wireErrorSchema = z.object({
  code: z.string().max(64),
  message: z.string().max(4096),
  remedy: z.string().max(4096),
  details: z.record(z.string(), z.unknown()).optional(),
});
export type WireError = z.infer<typeof wireErrorSchema>;

export class QuorateError extends Error {
  override readonly name = 'QuorateError';
  readonly code: ErrorCode | (string & {});
  readonly remedy: string;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: ErrorCode,
    message: string = errorTable[code].meaning,
    options: { remedy?: string; details?: Readonly<Record<string, unknown>>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy ?? errorTable[code].remedy;
    this.details = options.details;
  }

  static fromWire(error: WireError): QuorateError {
    const known = isErrorCode(error.code) ? error.code : 'internal';
    const made = new QuorateError(known, error.message, { remedy: error.remedy, details: error.details });
    if (known !== error.code) Object.assign(made, { code: error.code });
    return made;
  }

  toWire(): WireError {
    return {
      code: this.code,
      message: this.message,
      remedy: this.remedy,
      ...(this.details === undefined ? {} : { details: { ...this.details } }),
    };
  }
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code);
}

/** Whether the same request, with the same request id, may be sent again without anything being mended first. */
export function isRetryable(error: unknown): boolean {
  return error instanceof QuorateError && isErrorCode(error.code) && errorTable[error.code].retry;
}

/** Anything thrown, as an error that can be shown: programmer's errors become `internal`. */
export function toQuorateError(error: unknown): QuorateError {
  if (error instanceof QuorateError) return error;
  return new QuorateError('internal', error instanceof Error ? error.message : String(error), { cause: error });
}

/** Validates `value`; a failure becomes an error with `code` that names the first field that is wrong. */
export function validate<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  code: ErrorCode,
  what: string,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = issue?.path.map(String).join('.') ?? '';
  const sentence = `${what}${path === '' ? '' : `: ${path}`}: ${issue?.message ?? 'invalid'}`;
  throw new QuorateError(code, sentence, { details: { path, issues: parsed.error.issues.length } });
}
