/**
 * Snapshots that lie on the controllers: listed while their screen is open, checked, and made ready to be restored. The restore
 * itself is a workflow like the others, with its checks and a name to be typed.
 */
import { QuorateError } from '../../messaging/errors.js';
import type { SnapshotView } from '../../messaging/schemas/api.js';
import { formatBytes } from './format.js';
import { pollTimeoutMs, preparingPollMs, snapshotsMax, snapshotsPollMs, snapshotTimeoutMs } from './limits.js';
import { membersOf } from './members.js';
import type { Answer, Effect, Request, Step } from './messages.js';
import { flash, flashed } from './navigation.js';
import { barredBy } from './offers.js';
import { type PreparingOverlay, placeOf, type SnapshotData, type State, withView } from './state.js';
import { beginWorkflow } from './workflow.js';

export interface SnapshotRow extends SnapshotView {
  /** The controller that it lies on. */
  readonly node: string;
  readonly id: string;
}

/** One list for one answer: rows made anew at each frame would be filtered and sorted anew. */
const rowsOf = new WeakMap<SnapshotData['byNode'], readonly SnapshotRow[]>();

/** Newest first. In a folder that controllers share, each file stands once: with the one that wrote it. */
export function snapshotRows({ snapshots }: State): readonly SnapshotRow[] {
  const known = rowsOf.get(snapshots.byNode);
  if (known !== undefined) return known;
  const all = [...snapshots.byNode].flatMap(([node, { views }]) =>
    views.map((view): SnapshotRow => ({ ...view, node, id: `${node}/${view.name}` })),
  );
  const ids = new Set(all.map((row) => row.id));
  const rows = all
    .filter((row) => row.createdBy === null || row.createdBy === row.node || !ids.has(`${row.createdBy}/${row.name}`))
    .sort((a, b) => (b.createdAt ?? 0) - (a.createdAt ?? 0) || (a.id < b.id ? -1 : 1))
    .slice(0, snapshotsMax);
  rowsOf.set(snapshots.byNode, rows);
  return rows;
}

/** Who holds files can say which; only while somebody looks. */
export function pollSnapshots(state: State): Step<State> {
  const { waiting, notBefore } = state.snapshots;
  if (placeOf(state).screen !== 'backups' || !state.connection.up || waiting > 0 || state.now < notBefore)
    return [state, []];
  const nodes = membersOf(state)
    .filter((row) => !row.silent && ['member', 'standalone'].includes(row.record?.status.state ?? ''))
    .map((row) => row.id);
  if (nodes.length === 0) return [state, []];
  const effects = nodes.map((node): Effect => {
    return { type: 'request', timeoutMs: pollTimeoutMs, request: { verb: 'snapshot.list', params: {}, node } };
  });
  const byNode = new Map([...state.snapshots.byNode].filter(([node]) => nodes.includes(node)));
  return [{ ...state, snapshots: { ...state.snapshots, byNode, waiting: nodes.length } }, effects];
}

export function takeSnapshots(state: State, { request, outcome }: Extract<Answer, { verb: 'snapshot.list' }>): State {
  const { snapshots } = state;
  const before = snapshots.byNode.get(request.node)?.views ?? [];
  const entry = outcome.ok ? { views: outcome.value.snapshots, error: null } : { views: before, error: outcome.error };
  const waiting = Math.max(0, snapshots.waiting - 1);
  return {
    ...state,
    snapshots: {
      byNode: new Map([...snapshots.byNode, [request.node, entry]]),
      waiting,
      readAt: waiting === 0 ? state.now : snapshots.readAt,
      notBefore: state.now + snapshotsPollMs,
    },
  };
}

export function verifySnapshot(state: State, { node, name }: SnapshotRow): Step<State> {
  const count = state.count + 1;
  const request: Request = { verb: 'snapshot.verify', node, params: { name }, requestId: `${state.nonce}-${count}` };
  return flashed({ ...state, count }, 'info', `${node} reads ${name} ...`, [
    { type: 'request', request, timeoutMs: snapshotTimeoutMs },
  ]);
}

export function takeVerified(state: State, answer: Extract<Answer, { verb: 'snapshot.verify' }>): State {
  const { node, params } = answer.request;
  if (!answer.outcome.ok) return flash(state, 'bad', answer.outcome.error.message, answer.outcome.error.remedy);
  const { sizeBytes, sha256 } = answer.outcome.value;
  return flash(state, 'ok', `${params.name} on ${node} is whole and undamaged: ${formatBytes(sizeBytes)}.`, sha256);
}

// ------------------------------------------------------------------------------------------------------- before a restore

export function preparingOf(state: State): PreparingOverlay | null {
  return state.view.overlay?.kind === 'preparing' ? state.view.overlay : null;
}

function withPreparing(state: State, dialog: PreparingOverlay, change: Partial<PreparingOverlay>): State {
  return withView(state, { overlay: { ...dialog, ...change } });
}

/** The controller that has the file reads it, the leader fetches it; then come the checks. */
export function prepareRestore(
  state: State,
  { node, name }: { readonly node: string; readonly name: string },
): Step<State> {
  const barred = barredBy(state);
  if (barred !== null) return flashed(state, 'warn', `Nothing can be changed: ${barred}`);
  const number = state.count + 1;
  const overlay: PreparingOverlay = {
    kind: 'preparing',
    number,
    node,
    name,
    since: state.now,
    file: null,
    progress: `${node} reads it`,
    asking: true,
    notBefore: 0,
    error: null,
  };
  const request: Request = {
    verb: 'restore.take',
    node,
    params: { name },
    number,
    requestId: `${state.nonce}-${number}`,
  };
  return [
    withView({ ...state, count: number }, { overlay, prompt: null }),
    [{ type: 'request', request, timeoutMs: snapshotTimeoutMs }],
  ];
}

export function takeTaken(state: State, answer: Extract<Answer, { verb: 'restore.take' }>): Step<State> {
  const dialog = preparingOf(state);
  if (dialog === null || dialog.number !== answer.request.number || dialog.file !== null) return [state, []];
  if (!answer.outcome.ok) return [withPreparing(state, dialog, { asking: false, error: answer.outcome.error }), []];
  const { sha256, sizeBytes } = answer.outcome.value;
  return askStaged(state, { ...dialog, file: { sha256, sizeBytes }, progress: 'the leader fetches it' });
}

function askStaged(state: State, dialog: PreparingOverlay): Step<State> {
  const { file, number } = dialog;
  if (file === null) return [state, []];
  const count = state.count + 1;
  const request: Request = { verb: 'restore.stage', params: file, number, requestId: `${state.nonce}-${count}` };
  return [
    withPreparing({ ...state, count }, dialog, { asking: true }),
    [{ type: 'request', request, timeoutMs: pollTimeoutMs }],
  ];
}

export function takeStaged(state: State, answer: Extract<Answer, { verb: 'restore.stage' }>): Step<State> {
  const dialog = preparingOf(state);
  if (dialog === null || dialog.number !== answer.request.number || dialog.file === null) return [state, []];
  if (!answer.outcome.ok) return [withPreparing(state, dialog, { asking: false, error: answer.outcome.error }), []];
  const { state: staged, receivedBytes, node } = answer.outcome.value;
  if (staged === 'failed') {
    const error = new QuorateError('snapshot-invalid', `${node} could not read ${dialog.name} whole`).toWire();
    return [withPreparing(state, dialog, { asking: false, error }), []];
  }
  if (staged === 'ready') return beginWorkflow(state, { workflow: 'restore', ...dialog.file, name: dialog.name });
  const part = `${formatBytes(receivedBytes)} of ${formatBytes(dialog.file.sizeBytes)}`;
  const progress = staged === 'verifying' ? `${node} verifies it` : `${node} has ${part}`;
  return [
    withPreparing(state, dialog, { asking: false, progress, notBefore: state.now + preparingPollMs, error: null }),
    [],
  ];
}

export function pollPreparing(state: State): Step<State> {
  const dialog = preparingOf(state);
  if (dialog === null || dialog.asking || dialog.error !== null || state.now < dialog.notBefore) return [state, []];
  return askStaged(state, dialog);
}
