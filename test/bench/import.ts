/**
 * `npm run bench:import`: how long it takes to import and to export many entities, with real controllers and the real commands,
 * and whether what comes out is what went in: a generated file goes into one cluster, its export into another, and the exports
 * of both must have the same hash.
 */
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import path from 'node:path';
import { makeExport, writeExport } from '../../console/exchange/export-file.js';
import { type Entity, softwareVersion } from '../../messaging/index.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { readOptions } from '../support/options.js';
import { runQuorate } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { costOf, spentBetween } from './costs.js';

const given = readOptions(
  {
    command: 'npm run bench:import',
    purpose: 'The time of an import and of an export of many entities, and that nothing is lost on the way.',
    examples: [['--entities 100000', 'a hundred thousand entities, from one cluster of three to another']],
  },
  {
    entities: { type: 'string', number: 'whole', default: '100000', describe: 'how many' },
    json: { type: 'boolean', default: false, describe: 'for machines' },
  },
);
const count = Number(given.entities);
const patienceMs = 3_600_000;
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const results: Record<string, unknown> = {};

/** Services and identities, with versions and times of their own. */
function generated(): readonly Entity[] {
  return Array.from({ length: count }, (_, number) => {
    const kind = number % 4 === 3 ? 'identity' : 'service';
    const id = `${kind}-${String(number).padStart(8, '0')}`;
    return {
      ...{ kind, id, name: `${kind} number ${number}`, version: 1 + (number % 5) },
      ...{ createdAt: 1_700_000_000_000 + number, updatedAt: 1_700_000_000_000 + 2 * number },
      ...{ tags: { site: `site-${number % 50}` }, spec: { roleAttributes: [`group-${number % 100}`] } },
    };
  });
}

function writeGenerated(file: string): void {
  const position = { timeline: { id: 'generated', epoch: 1 }, indexType: 'raft', index: count } as const;
  const head = { cluster: 'generated', clusterId: 'generated', position, softwareVersion };
  const made = makeExport({ ...head, exportedAt: new Date().toISOString() }, generated());
  writeFileSync(file, [...writeExport(made, 'json')].join(''));
}

async function clusterOf(name: string): Promise<TestCluster> {
  const cluster = await startCluster({ controllers: 3, name });
  const isRaised = (gates: readonly string[]) => gates.includes('model-import');
  await cluster.waitUntil((all) => [...all.values()].every(({ gates }) => isRaised(gates)), 'imports', 60_000);
  return cluster;
}

/** Runs the command; says what it took, and what it cost the leader. Returns what it printed. */
async function timed(what: string, cluster: TestCluster, ...args: readonly string[]): Promise<Record<string, unknown>> {
  const pid = cluster.node(await cluster.leader()).process?.pid ?? 0;
  const before = costOf(pid);
  const load = loadavg()[0]?.toFixed(1);
  const startedAt = performance.now();
  const { code, stdout, stderr } = await runQuorate(
    [...args, '--json', '--cluster', cluster.name, '--nats', cluster.natsUrl],
    { timeoutMs: patienceMs },
  );
  if (code !== 0) throw new Error(`${what}: exit ${code}\n${stderr}`);
  const seconds = (performance.now() - startedAt) / 1000;
  const perSecond = Math.round(count / seconds);
  results[what] = { seconds, perSecond, load };
  say(
    `${what}: ${seconds.toFixed(1)} s in all, ${perSecond} entities a second; leader ${spentBetween(before, costOf(pid))}; load before ${load}`,
  );
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function main(): Promise<void> {
  const folder = temporaryDirectory('exchange');
  const [first, second, third] = ['generated', 'one', 'two'].map((name) => path.join(folder, `${name}.json`));
  if (first === undefined || second === undefined || third === undefined) throw new Error('there are three');
  writeGenerated(first);
  const one = await clusterOf('one');
  const imported = await timed(`import of ${count}`, one, 'import', first, '--yes');
  say(`    the requests alone: ${Number(imported['tookMs']) / 1000} s`);
  const exported = await timed('export', one, 'export', '--file', second);
  await one.end();
  const two = await clusterOf('two');
  await timed('import of that export', two, 'import', second, '--yes');
  const again = await timed('export of what was imported', two, 'export', '--file', third);
  await timed('the same import again, of which all is there', two, 'import', second, '--yes');
  await two.end();
  const hashes = [exported['entitiesSha256'], again['entitiesSha256']];
  if (hashes[0] !== hashes[1]) throw new Error(`the exports differ: ${hashes.join(' and ')}`);
  say(`both exports have the hash ${String(hashes[0])}`);
  if (given.json) process.stdout.write(`${JSON.stringify({ entities: count, ...results }, null, 2)}\n`);
}

await main();
