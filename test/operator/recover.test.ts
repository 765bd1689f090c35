/** `quorate recover`, as an operator meets it: over NATS, on a directory, and when two have recovered what was one cluster. */
import path, { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import Database from 'better-sqlite3';
import { type Operation, type OperationView, operationSchema, type QuorateEvent } from '../../messaging/index.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { runQuorate } from '../support/process.js';
import { findTool, startTerminal } from '../support/tmux.js';
import { eventually } from '../support/wait.js';
import { bytesOf, copyOf, writeEntities } from './directories.js';

const main = join(import.meta.dirname, '..', '..', 'console', 'main.js');
const withTerminal = findTool('tmux') === undefined ? test.serial.skip : test.serial;

let cluster: TestCluster;
/** Of n1 and n2, as they were when they were killed. */
let lost: Readonly<Record<'n1' | 'n2', string>>;

test.before(async () => {
  cluster = await startCluster();
  await writeEntities(cluster, 10);
  await cluster.agrees();
});

const recover = async (...args: readonly string[]) => {
  const reach = ['--nats', cluster.natsUrl, '--cluster', cluster.name, '--json'];
  const { code, stdout, stderr } = await runQuorate(['recover', ...args, ...reach], { timeoutMs: 90_000 });
  return {
    code,
    told: stdout === '' ? undefined : JSON.parse(stdout),
    error: stderr === '' ? undefined : JSON.parse(stderr).error,
  };
};

/** As the record lies in the directory of a controller that does not run. */
function recordsIn(directory: string): readonly Operation[] {
  const database = new Database(path.join(directory, 'model.db'), { readonly: true });
  try {
    const rows = database.prepare("SELECT value FROM records WHERE bucket = 'operation'").pluck().all();
    return rows.map((row) => operationSchema.parse(JSON.parse(String(row)).operation));
  } finally {
    database.close();
  }
}

/** Who, from where, when, what, and each answer. */
function assertRecord(
  t: ExecutionContext,
  record: OperationView | undefined,
  parameters: Partial<OperationView['parameters']>,
) {
  t.like(record?.parameters, parameters);
  t.regex(record?.requestedBy ?? '', /./);
  t.regex(record?.origin ?? '', /@/);
  t.true((record?.startedAt ?? 0) > Date.now() - 3_600_000);
  t.deepEqual(
    record?.findings.map(({ check }) => check),
    ['quorum-is-lost', 'is-a-voter', 'holds-the-newest', 'others-promise', 'acknowledged-kept'],
  );
  t.deepEqual(
    record?.steps.map(({ step, state }) => [step, state]),
    [
      ['back-up', 'done'],
      ['apply-log', 'done'],
      ['begin-timeline', 'done'],
    ],
  );
}

test.serial('with a quorum there is nothing to recover', async (t) => {
  const { code, error } = await recover('--dry-run');
  t.is(code, 1);
  t.is(error.code, 'quorum-present');
});

test.serial(
  'it shows what the survivor holds and what may be lost, and changes nothing before it is confirmed',
  async (t) => {
    t.timeout(240_000);
    await Promise.all([cluster.kill('n1'), cluster.kill('n2')]);
    lost = { n1: copyOf(cluster.node('n1').dataDirectory), n2: copyOf(cluster.node('n2').dataDirectory) };
    await cluster.waitUntil((all) => all.get('n3')?.raft?.leader === null, 'n3 to hear no leader', 60_000);
    const { code, told } = await recover('--dry-run');
    t.is(code, 0);
    t.like(told, { node: 'n3', recovered: false, missing: ['n1', 'n2'], position: null });
    t.like(told.survivors[0], { node: 'n3', membership: 'voter' });
    t.true(told.survivors[0].lastIndex > 10);
    t.regex(told.mayBeLost[0], /only on n1 and n2 are lost/);
    t.is((await recover('--yes')).error.code, 'not-confirmed');
    t.is((await recover('--yes', '--i-understand', 'n1')).error.code, 'not-confirmed');
    t.is((await recover()).error.code, 'not-confirmed');
    t.is((await recover('n1', '--yes', '--i-understand', 'n1')).error.code, 'not-found');
    t.is(cluster.statuses().get('n3')?.position?.timeline.epoch, 1);

    const done = await recover('--yes', '--i-understand', 'n3');
    t.is(done.code, 0);
    t.like(done.told, { node: 'n3', recovered: true, removed: ['n1', 'n2'] });
    t.is(done.told.position.timeline.epoch, 1_001);
    const [record] = (await cluster.api.request('operation.list', {})).operations;
    assertRecord(t, record, { workflow: 'recover', node: 'n3' });
    t.is(record?.state, 'done');
    t.deepEqual(record?.before, { voters: 3, healthyVoters: 1, quorum: 2, failuresSurvived: 0 });
    t.like(record?.findings.at(-1), { check: 'acknowledged-kept', outcome: 'warn' });
    t.deepEqual(
      record?.verifications.map(({ step, state }) => [step, state]),
      [['leads-alone', 'done']],
    );
    const shown = await runQuorate(['operations', '--nats', cluster.natsUrl, '--cluster', cluster.name]);
    t.regex(shown.stdout, /Go on with n3 alone/);
    // What a failed verification would leave is not begun again.
    const again = await t.throwsAsync(cluster.api.request('operation.resume', { id: record?.id ?? '' }));
    t.like(again, { code: 'not-resumable' });
    await writeEntities(cluster, 3, 'after');
    t.is((await recover('--dry-run')).error.code, 'quorum-present');
  },
);

test.serial(
  'on a directory: the same, without a cluster; and two timelines of one epoch raise the alarm on both sides',
  async (t) => {
    t.timeout(240_000);
    const n2 = cluster.node('n2').dataDirectory;
    const before = bytesOf(n2, (path) => path.endsWith('-shm'));
    const dry = await recover('--data-dir', n2, '--dry-run');
    t.like(dry.told, { node: 'n2', recovered: false, missing: ['n1', 'n3'] });
    t.deepEqual(
      bytesOf(n2, (path) => path.endsWith('-shm')),
      before,
    );
    t.is((await recover('--data-dir', cluster.node('n3').dataDirectory, '--dry-run')).error.code, 'data-dir-locked');
    const done = await recover('--data-dir', n2, '--yes', '--i-understand', 'n2');
    t.is(done.code, 0);
    t.like(done.told, { node: 'n2', recovered: true, removed: ['n1', 'n3'] });
    const [record] = recordsIn(n2).filter(({ parameters }) => parameters.workflow === 'recover');
    assertRecord(t, record, { workflow: 'recover', node: 'n2' });
    t.is(record?.state, 'running', 'when it leads it says whether it does so alone');
    t.like(record?.findings[0], { check: 'quorum-is-lost', outcome: 'warn' });

    const events: QuorateEvent[] = [];
    const stop = cluster.api.watchEvents((event) => events.push(event), 'cluster.timeline.conflict');
    await cluster.connection.flush();
    await cluster.restart('n2');
    const alarmed = (id: string): boolean =>
      cluster
        .statuses()
        .get(id)
        ?.alarms.some((alarm) => alarm.code === 'timeline-conflict') ?? false;
    await cluster.waitUntil(() => alarmed('n2') && alarmed('n3'), 'both to raise the alarm', 60_000);
    await eventually(() => events.length > 0, { what: 'the event', timeoutMs: 60_000 });
    stop();
    t.is(cluster.statuses().get('n3')?.raft?.role, 'leader');
    // Who does not answer within half a second, as on a busy machine, is not judged: then there is one history for the eye.
    const stdout = await eventually(
      async () => {
        const asked = await runQuorate(['status', '--nats', cluster.natsUrl, '--cluster', 'test', '--json'], {
          timeoutMs: 60_000,
        });
        return asked.code === 1 && asked.stdout;
      },
      { what: 'the status to tell of both', timeoutMs: 60_000 },
    );
    const { health } = JSON.parse(stdout);
    t.true(
      health.reasons.some((reason: { sentence: string }) => reason.sentence.includes('two histories')),
      stdout,
    );

    // The operator decides for n3: n2 is made blank, and the alarm goes.
    await cluster.stop('n2');
    t.is(
      (await runQuorate(['reset', '--data-dir', n2, '--yes', '--i-understand', 'n2'], { timeoutMs: 60_000 })).code,
      0,
    );
    await cluster.restart('n2');
    await cluster.waitUntil(
      (all) => all.get('n2')?.state === 'blank' && !alarmed('n3'),
      'the alarm to be taken back',
      60_000,
    );
  },
);

test.serial('a directory that was left behind, and one without a model, are refused with what to do', async (t) => {
  t.timeout(120_000);
  await cluster.restart('n1');
  await cluster.waitUntil((all) => all.get('n1')?.state === 'removed', 'n1 to know that it is removed', 60_000);
  await cluster.stop('n1');
  const { error } = await recover('--data-dir', cluster.node('n1').dataDirectory, '--dry-run');
  t.is(error.code, 'removed');
  t.is((await recover('--data-dir', '/does/not/exist', '--dry-run')).error.code, 'invalid-config');
});

withTerminal('on a terminal the id is typed; anything else changes nothing', async (t) => {
  t.timeout(120_000);
  const directory = copyOf(lost.n2);
  const start = () => startTerminal([process.execPath, main, 'recover', '--data-dir', directory], { columns: 150 });
  const wrong = await start();
  await wrong.waitForText('Type n2 to go on with n2 alone');
  await wrong.type('yes');
  await wrong.sendKeys('Enter');
  t.is(await wrong.waitForExit(), 1);
  await wrong.kill();
  t.is((await recover('--data-dir', directory, '--dry-run')).told.position, null);
  const right = await start();
  await right.waitForText('Type n2 to go on with n2 alone');
  await right.type('n2');
  await right.sendKeys('Enter');
  t.is(await right.waitForExit(), 0);
  await right.kill();
  t.is((await recover('--data-dir', directory, '--dry-run')).told.survivors[0].timeline.epoch, 1_001);
});
