/** Export and import between real clusters: the same entities, the same hash; interrupted, refused, run again. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import type { ExportHead } from '../../console/exchange/export-file.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { type FinishedProcess, runQuorate, startQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { openZitiFile } from './openziti-fixture.js';

const directory = temporaryDirectory('exchange');
const inDirectory = (name: string): string => path.join(directory, name);
let one: TestCluster;
let two: TestCluster;

test.before(async (t) => {
  t.timeout(120_000);
  one = await startCluster({ controllers: 3, name: 'one' });
  two = await startCluster({ controllers: 1, name: 'two', natsUrl: one.natsUrl });
  for (const cluster of [one, two])
    await cluster.waitUntil(
      (all) => [...all.values()].every(({ gates }) => gates.includes('model-import')),
      'the feature gate to be raised',
    );
  await fill(one, 600);
});

async function fill(cluster: TestCluster, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, at) => at);
  const create = (kind: string, id: string, spec: Record<string, unknown>) =>
    cluster.api.request('model.create', { kind, id, name: `${kind} ${id}`, tags: { of: id }, spec });
  await Promise.all(numbers.map((at) => create('service', `s${at}`, { roleAttributes: [`a${at % 7}`] })));
  await Promise.all(numbers.map((at) => create('identity', `i${at}`, { externalId: `ext-${at}` })));
  await Promise.all(
    numbers
      .slice(0, 50)
      .map((at) => create('policy', `p${at}`, { type: 'Dial', serviceRoles: [`@s${at}`], identityRoles: ['#all'] })),
  );
  for (const at of [3, 3, 3, 4])
    await cluster.api.request('model.update', { kind: 'service', id: `s${at}`, patch: { tags: { more: String(at) } } });
  await cluster.api.request('model.delete', { kind: 'identity', id: 'i0' });
}

const run = (cluster: TestCluster, ...args: readonly string[]): Promise<FinishedProcess> =>
  runQuorate(args, { env: environmentOf(cluster) });
const environmentOf = (cluster: TestCluster) => ({
  QUORATE_NATS: cluster.natsUrl,
  QUORATE_CLUSTER: cluster.name,
  QUORATE_AS: 'tester',
  XDG_CONFIG_HOME: directory,
});

function json<T>({ code, stdout, stderr }: FinishedProcess): T {
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

const entitiesHashOf = async (cluster: TestCluster, node = 'leader') =>
  (await cluster.api.request('model.hash', {}, { node })).entitiesSha256;

test.serial(
  'the export of one cluster, imported into an empty one, makes the same entities with the same hash',
  async (t) => {
    const written = json<ExportHead>(await run(one, 'export', '--file', inDirectory('one.yaml'), '--json'));
    t.deepEqual(written.counts, { identity: 599, policy: 50, service: 600 });
    t.is(written.entitiesSha256, (await entitiesHashOf(one)) ?? '');
    const plan = json<{ create: unknown; leftOut: unknown[] }>(
      await run(two, 'import', inDirectory('one.yaml'), '--dry-run', '--json'),
    );
    t.deepEqual(plan.create, written.counts);
    t.deepEqual(plan.leftOut, []);
    t.deepEqual(await two.modelOf('n1'), [], 'a dry run changes nothing');
    const done = await run(two, 'import', inDirectory('one.yaml'), '--yes');
    t.is(done.code, 0, done.stderr);
    t.regex(done.stdout, /✔ 1,249 imported, 0 were there already; position r\d+@1/);
    t.is(await entitiesHashOf(two), written.entitiesSha256);
    t.deepEqual(await two.modelOf('n1'), await one.modelOf('n1'), 'ids, names, versions and times');
    t.is((await two.api.request('model.get', { kind: 'service', id: 's3' })).entity.version, 4);
  },
);

test.serial(
  'the export of what was imported is the same but for its head; JSON comes on standard output',
  async (t) => {
    const both = await Promise.all([one, two].map((cluster) => run(cluster, 'export')));
    const [first, second] = both.map((each) => json<ExportHead & { entities: unknown[] }>(each));
    t.deepEqual(second?.entities, first?.entities);
    t.is(second?.entitiesSha256, first?.entitiesSha256);
    t.not(second?.clusterId, first?.clusterId);
  },
);

test.serial('run again it changes nothing; what was changed meanwhile is left out and not written over', async (t) => {
  const before = await entitiesHashOf(two);
  const again = await run(two, 'import', inDirectory('one.yaml'), '--yes');
  t.is(again.code, 0, again.stderr);
  t.regex(again.stdout, /✔ 0 imported, 1,249 were there already/);
  t.is(await entitiesHashOf(two), before);
  await two.api.request('model.update', { kind: 'service', id: 's9', patch: { name: 'renamed' } });
  await two.api.request('model.delete', { kind: 'service', id: 's99' });
  await two.api.request('model.create', { kind: 'service', id: 'other', name: 'service s99' });
  const { leftOut, there } = json<{ leftOut: { name: string; why: string }[]; there: Record<string, number> }>(
    await run(two, 'import', inDirectory('one.yaml'), '--yes', '--json'),
  );
  t.deepEqual(
    leftOut.map(({ name }) => name).sort((a, b) => a.localeCompare(b)),
    ['service s9', 'service s99'],
  );
  t.is(there['service'], 598);
  t.is((await two.api.request('model.get', { kind: 'service', id: 's9' })).entity.name, 'renamed');
});

test.serial('an import that is killed is run again, and goes on where it stopped', async (t) => {
  const three = await startCluster({ controllers: 1, name: 'three', natsUrl: one.natsUrl });
  await three.waitUntil((all) => [...all.values()].some(({ gates }) => gates.length > 0), 'the gate');
  const killed = await startQuorate(['import', inDirectory('one.yaml'), '--yes'], { env: environmentOf(three) });
  const count = async () => (await three.modelOf('n1')).length;
  await eventually(async () => (await count()) > 20, { what: 'some of it to be there', intervalMs: 1 });
  await killed.kill();
  const there = await count();
  const done = await run(three, 'import', inDirectory('one.yaml'), '--yes', '--json');
  const { imported, verified } = json<{ imported: number; verified: boolean }>(done);
  t.log(`${there} were there when it was killed, ${imported} came with the second run`);
  t.true(verified);
  t.true(imported <= 1_249 - there);
  t.is(await entitiesHashOf(three), await entitiesHashOf(one));
  await three.end();
});

test.serial(
  'a file that is damaged, foreign or not there is refused before anything is asked; nobody confirmed: nothing is done',
  async (t) => {
    const text = readFileSync(inDirectory('one.yaml'), 'utf8');
    const refused = async (name: string, content: string | null, ...more: readonly string[]) => {
      if (content !== null) writeFileSync(inDirectory(name), content);
      const { code, stderr } = await run(two, 'import', inDirectory(name), ...more);
      t.is(code, 1);
      return stderr;
    };
    t.regex(await refused('cut.yaml', text.slice(0, 20_000), '--yes'), /import-invalid/);
    t.regex(
      await refused('changed.yaml', text.replace('service s5\n', 'service 55\n'), '--yes'),
      /do not fit the checksum/,
    );
    t.regex(await refused('foreign.json', '{"hello":1}', '--yes'), /neither an export of ours nor of OpenZiti/);
    t.regex(await refused('missing.json', null, '--yes'), /cannot be read/);
    const before = await two.modelOf('n1');
    t.regex(await refused('ziti.json', JSON.stringify(openZitiFile)), /not-confirmed/);
    t.deepEqual(await two.modelOf('n1'), before);
  },
);

test.serial('a controller that serves alone gives and takes the same', async (t) => {
  const alone = await startCluster({ standalone: true, name: 'alone', natsUrl: one.natsUrl });
  await alone.waitUntil((all) => [...all.values()].some(({ gates }) => gates.length > 0), 'the gate');
  const done = await run(alone, 'import', inDirectory('one.yaml'), '--yes');
  t.is(done.code, 0, done.stderr);
  t.regex(done.stdout, /✔ 1,249 imported.*position l\d+@1/);
  const back = json<ExportHead>(await run(alone, 'export', '--file', inDirectory('alone.json'), '--json'));
  t.is(back.entitiesSha256, (await entitiesHashOf(one)) ?? '');
  await alone.end();
});

test.serial('what OpenZiti exported is shown first, and taken', async (t) => {
  const plan = await run(two, 'import', inDirectory('ziti.json'), '--dry-run');
  t.is(plan.code, 0, plan.stderr);
  t.regex(plan.stdout, /taken +3 router, 3 service, 4 identity, 3 policy/);
  t.regex(plan.stdout, /auth policy: identities are not authenticated here\n +with a second factor/);
  t.regex(plan.stdout, /Nothing was changed/);
  const done = await run(two, 'import', inDirectory('ziti.json'), '--yes');
  t.is(done.code, 0, done.stderr);
  t.regex(done.stdout, /✔ 13 imported/);
  t.regex((await run(two, 'import', inDirectory('ziti.json'), '--yes')).stdout, /✔ 0 imported, 13 were there already/);
  const policy = (await two.api.request('model.get', { kind: 'policy', name: 'operators dial control' })).entity;
  t.deepEqual(policy.spec['routerRoles'], ['#public']);
});
