/**
 * Restoring into a running cluster, as the state machine sees it. One committed entry puts the entities of a file in the
 * place of the present ones. What belongs to the cluster and not to the file stays: who the members are, the records of
 * operations (that of the restore itself among them), the cluster's id. A new timeline begins at the entry, and the journal
 * with it: changes of the old one can no longer be asked for, and request ids of the old one are forgotten, so a retry that
 * comes after a restore is judged anew, by what was restored.
 *
 * Judging is pure and done here; the data is storage's, and is exchanged apart from the batches (`node/cluster/restore-switch.ts`).
 */
import type { Operation, OperationParameters } from '../../messaging/index.js';
import type { Entry } from '../raft/index.js';
import { decodeCommand, type RestoreCommand, restoreMark } from './commands.js';
import { isUnderWay } from './operations.js';
import type { ModelMeta, ModelStore } from './store.js';
import { beginTimeline } from './timeline.js';

/** Names of the steps of the restore that the state machine goes by; they are replicated with the operation's record. */
export const pauseStep = 'pause-writes';
export const switchStep = 'switch';
export const resumeStep = 'resume-writes';

const pausingWorkflows: ReadonlySet<OperationParameters['workflow']> = new Set(['restore', 'migrate', 'rollback']);

/**
 * Whether changes of entities are refused because of this operation: from the record that says that the pause begins, to the
 * record that says that it ends or that the operation has. A leader that dies leaves nothing paused that its successor does not know of.
 */
export function pausesWrites(operation: Operation): boolean {
  if (!pausingWorkflows.has(operation.parameters.workflow) || !isUnderWay(operation)) return false;
  const stateOf = (name: string) => operation.steps.find(({ step }) => step === name)?.state ?? 'pending';
  return stateOf(pauseStep) !== 'pending' && stateOf(resumeStep) === 'pending';
}

/** The restore that this entry asks for; undefined for every other entry. */
export function restoreIn(entry: Entry): RestoreCommand | undefined {
  if (entry.type !== 'normal' || !startsWith(entry.data, restoreMark)) return undefined;
  const command = decodeCommand(entry.data);
  return command.type === 'model.restore' ? command : undefined;
}

/** On the path of every entry: nothing but the first bytes are looked at. */
function startsWith(data: Uint8Array, mark: Uint8Array): boolean {
  for (let at = 0; at < mark.length; at += 1) if (data[at] !== mark[at]) return false;
  return true;
}

export type RestoreVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: string; readonly message: string };

/**
 * Whether a restore may happen where the model stands now: once, and only while its operation has come to that step. One that
 * was proposed by a leader that died, and is committed after its operation was given up, is refused on every member alike.
 */
export function judgeRestore(
  store: Pick<ModelStore, 'record'>,
  meta: ModelMeta,
  command: RestoreCommand,
): RestoreVerdict {
  if (meta.position.indexType !== 'raft')
    return { ok: false, code: 'standalone', message: 'a standalone controller has no log that a restore could be in' };
  const { epoch } = meta.position.timeline;
  if (command.timeline.epoch <= epoch) {
    const message = `a timeline of epoch ${command.timeline.epoch} cannot follow one of epoch ${epoch}`;
    return { ok: false, code: 'invalid-request', message };
  }
  const operation = store.record('operation', command.operation)?.operation;
  const step = operation?.steps.find((each) => each.step === switchStep);
  if (operation?.state !== 'running' || step?.state !== 'running') {
    return {
      ok: false,
      code: 'invalid-request',
      message: `the operation ${command.operation} is not at the step ${switchStep}`,
    };
  }
  return { ok: true };
}

/** What the model's meta is when the entry has been applied. `meta`: as it is just before. */
export function metaAfterRestore(meta: ModelMeta, entry: Entry, command: RestoreCommand): ModelMeta {
  const begun = beginTimeline(meta, {
    clusterId: meta.clusterId,
    timeline: command.timeline,
    logTimeline: meta.logTimeline,
    indexType: meta.position.indexType,
    index: entry.index,
    term: entry.term,
    configuration: meta.configuration,
  });
  return meta.writesPausedBy === undefined ? begun : { ...begun, writesPausedBy: meta.writesPausedBy };
}
