/**
 * The leader is killed with SIGKILL at every step of a restore, in the moment in which its record says so: afterwards all
 * members hold the old model or all hold the new one, the operation has ended, and writes go on.
 */
import test from 'ava';
import type { Operation } from '../../messaging/index.js';
import { startCluster } from '../support/cluster.js';
import { type BackupFile, createServices, ended, fileAt, sameHashes, servicesOf, stage } from './support.js';

const slowMs = 120_000;

/** What of the record is waited for: a step, or a verification, that runs or has just been done. */
interface Moment {
  readonly step: string;
  readonly state: 'running' | 'done';
}

const steps = ['stage-file', 'pause-writes', 'back-up', 'switch', 'resume-writes', 'compact-log'];
const verifications = ['timeline-everywhere', 'models-agree'];
const moments: readonly Moment[] = [...steps, ...verifications].flatMap((step) => [
  { step, state: 'running' } as const,
  ...(step === 'back-up' || step === 'switch' ? [{ step, state: 'done' } as const] : []),
]);

function hasCome(operation: Operation, { step, state }: Moment): boolean {
  const record = [...operation.steps, ...operation.verifications].find((each) => each.step === step);
  // A record that was not heard does not let the moment pass.
  return record?.state === state || (state === 'running' && record?.state === 'done');
}

test('the old model or the new one, on all members, whenever the leader dies', async (t) => {
  t.timeout(900_000);
  const cluster = await startCluster();
  const { api } = cluster;
  const ids = ['n1', 'n2', 'n3'];
  const timedOut = { timeoutMs: slowMs };
  // Two files that differ, to be restored in turn; what is written between is in neither.
  const files: { readonly file: BackupFile; readonly services: readonly string[] }[] = [];
  for (const prefix of ['even', 'odd']) {
    await createServices(api, prefix, 200);
    await cluster.agrees(slowMs);
    const made = await api.request('snapshot.create', { name: `${prefix}.snapshot` }, { node: 'n1', ...timedOut });
    files.push({ file: fileAt(made.path), services: await servicesOf(cluster, 'n1') });
  }
  let epoch = 1;
  for (const [round, moment] of moments.entries()) {
    const said = `${moment.step} ${moment.state}`;
    const id = `written-${round}`;
    await api.request('model.create', { kind: 'service', id, name: id, spec: {} }, timedOut);
    const target = files[round % 2];
    if (target === undefined) throw new Error('there is no file');
    const before = await servicesOf(cluster, await cluster.leader(slowMs));
    const parameters = await stage(api, target.file);
    let killed: Promise<string> | undefined;
    const kill = async (runner: string): Promise<string> => {
      await cluster.kill(runner, 'SIGKILL');
      return runner;
    };
    const stop = api.watchOperations((operation) => {
      if (killed === undefined && hasCome(operation, moment)) killed = kill(operation.runner);
    });
    const operationId = `restore-round-${round}`;
    await api.request('operation.start', parameters, { requestId: operationId, ...timedOut });
    const operation = await ended(api, operationId, slowMs);
    stop();
    t.truthy(killed, `${said}: the leader was killed`);
    await cluster.restart((await killed) ?? '');
    await cluster.settles(slowMs);
    const hash = await sameHashes(api, ids);
    const models = await Promise.all(ids.map((each) => servicesOf(cluster, each)));
    t.true(operation.state === 'done' || operation.state === 'failed', said);
    const expected = operation.state === 'done' ? target.services : before;
    for (const model of models)
      t.deepEqual(model, expected, `${said}: ${operation.state}, ${operation.error?.message}`);
    if (operation.state === 'done') epoch += 1;
    const positions = await Promise.all(
      ids.map(async (node) => (await api.request('status.get', {}, { node })).position),
    );
    t.deepEqual([...new Set(positions.map((position) => position?.timeline.epoch))], [epoch], said);
    t.is(new Set(positions.map((position) => position?.timeline.id)).size, 1, said);
    t.log(
      `${said}: ${operation.state} under ${operation.runner}, ${hash.slice(0, 8)}, ${operation.error?.message ?? ''}`,
    );
  }
  await api.request('model.create', { kind: 'service', id: 'last', name: 'last', spec: {} }, timedOut);
  await cluster.agrees(slowMs);
  await cluster.end();
});
