/**
 * What a join measures and tries, on real controllers: each candidate is wrong in one thing, and exactly the check of that
 * thing does not pass. That every check judges rightly what was measured: `test/workflows/checks.test.ts`.
 */
import test, { type ExecutionContext } from 'ava';
import { checkoutRoot } from '../support/checkout.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { type RunningProcess, startQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';

const patienceMs = 60_000;
/** Everybody may everything, but for who comes as `weak`. */
const users = `
no_auth_user: all
authorization { users: [
  { user: all, password: all }
  { user: weak, password: weak, permissions: { publish: { deny: ["quorate.test.raft.>"] } } }
] }
`;

interface Candidate {
  /** `ok` where every check is to pass. */
  readonly check: string;
  readonly machine?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Of the sentence that is said. */
  readonly says: RegExp;
}

const candidates: readonly Candidate[] = [
  { check: 'candidate-disk-latency', machine: 'slow-disk', says: /takes 4\d\d ms: longer than an election waits/ },
  { check: 'candidate-disk-space', machine: 'full-disk', says: /are free, 256.0 MiB are needed/ },
  { check: 'candidate-clock', machine: 'late-clock', says: /6\d\.\d s behind the leader's/ },
  { check: 'candidate-nats-latency', machine: 'busy', says: /a round trip over NATS takes/ },
  { check: 'candidate-name-unique', args: ['--name', 'n1'], says: /the member n1 has the name n1 already/ },
  {
    check: 'candidate-credentials',
    args: ['--user', 'weak'],
    env: { QUORATE_PASSWORD: 'weak' },
    says: /NATS refused it: quorate\.test\.raft/,
  },
  {
    check: 'candidate-features',
    env: { QUORATE_PROTOCOL_MAX: '1' },
    says: /understands protocol versions up to 1; the cluster uses/,
  },
];

/** As an operator sees it: which checks do not pass before this join. */
async function notPassing(cluster: TestCluster, node: string) {
  const { findings } = await cluster.api.request(
    'operation.plan',
    { workflow: 'join', node },
    { timeoutMs: patienceMs },
  );
  // An even number of voters, and a version that is not the leader's, are warnings that say nothing of what was measured.
  return findings.filter(({ check, outcome }) => outcome !== 'ok' && check !== 'voters-odd-after');
}

async function startCandidate(cluster: TestCluster, id: string, given: Omit<Candidate, 'check' | 'says'>) {
  const preload = `--import=${checkoutRoot}/dist/test/e2e/faulty-machine.js`;
  const candidate = await startQuorate(
    [
      ...['node', '--cluster', cluster.name, '--id', id, '--nats', cluster.natsUrl],
      ...['--data-dir', temporaryDirectory(id), ...(given.args ?? [])],
    ],
    { name: id, env: { ...given.env, NODE_OPTIONS: preload, QUORATE_TEST_MACHINE: given.machine } },
  );
  await cluster.api
    .request('status.get', {}, { node: id, timeoutMs: patienceMs })
    .catch((error: unknown) => Promise.reject(new Error(`${id}: ${candidate.logs()}`, { cause: error })));
  return candidate;
}

async function isExactly(t: ExecutionContext, cluster: TestCluster, node: string, { check, says }: Candidate) {
  await eventually(
    async () => {
      const found = await notPassing(cluster, node);
      const [only] = found;
      if (found.length !== 1 || only?.check !== check || !says.test(only.sentence)) {
        throw new Error(JSON.stringify(found));
      }
      t.true(only.remedy.length > 10);
      return true;
    },
    // A machine that does much else may measure badly for a moment.
    { what: `exactly ${check} not to pass`, timeoutMs: patienceMs, intervalMs: 200 },
  );
}

let cluster: TestCluster;
test.before(async () => {
  cluster = await startCluster({ controllers: 1, natsConfig: users });
  await cluster.waitUntil((all) => (all.get('n1')?.gates.length ?? 0) > 0, 'the gates to be raised', patienceMs);
});

for (const [place, candidate] of candidates.entries()) {
  test.serial(`${candidate.check} is measured or tried, and alone does not pass`, async (t) => {
    t.timeout(4 * patienceMs);
    const id = `c${place}`;
    const running = await startCandidate(cluster, id, candidate);
    await isExactly(t, cluster, id, candidate);
    await running.kill();
  });
}

test.serial('candidate-id-unique: two processes under one id are told apart', async (t) => {
  t.timeout(4 * patienceMs);
  const both: RunningProcess[] = [];
  for (const _ of ['one', 'two']) both.push(await startCandidate(cluster, 'twin', {}));
  await isExactly(t, cluster, 'twin', { check: 'candidate-id-unique', says: /two processes speak as twin/ });
  await Promise.all(both.map((each) => each.kill()));
});

test.serial(
  'candidate-id-unused, target-reachable: a member that is away is removed, and its id is not joined again',
  async (t) => {
    t.timeout(4 * patienceMs);
    const gone = await startCandidate(cluster, 'gone', {});
    await cluster.run({ workflow: 'join', node: 'gone', role: 'learner' }, patienceMs);
    await cluster.run({ workflow: 'remove', node: 'gone' }, patienceMs);
    await gone.kill();
    const again = await startCandidate(cluster, 'gone', {});
    await isExactly(t, cluster, 'gone', { check: 'candidate-id-unused', says: /with the id gone was removed earlier/ });
    await again.kill();
  },
);

test.serial('candidate-max-payload: what NATS carries is what its server says', async (t) => {
  t.timeout(4 * patienceMs);
  const narrow = await startCluster({ controllers: 1, natsConfig: 'max_payload: 393216' });
  await narrow.startBlank('n2');
  await isExactly(t, narrow, 'n2', { check: 'candidate-max-payload', says: /up to 384.0 KiB, 512.0 KiB are needed/ });
  await narrow.end();
});
