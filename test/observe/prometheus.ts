/**
 * `npm run prometheus`: a real Prometheus scrapes a real cluster. A killed leader and a lost quorum each raise their alert,
 * and clear it when what was killed is back; everything that the dashboard asks is answered.
 */
import { startCluster, type TestCluster } from '../support/cluster.js';
import { readOptions } from '../support/options.js';
import { eventually } from '../support/wait.js';
import { dashboardPanels } from './dashboard.js';
import { type Alert, type Prometheus, startPrometheus } from './prometheus-server.js';

readOptions(
  {
    command: 'npm run prometheus',
    purpose:
      'Tries the alert rules and the dashboard: a real Prometheus on a real cluster, of which a leader and a quorum are killed.',
    examples: [['', 'takes about two minutes']],
  },
  {},
);

const waitMs = 180_000;
/** Nothing was refused, no backup was scheduled, no alarm is active: these have no series in a cluster that is well. */
const emptyPanels: ReadonlySet<string> = new Set(['Rejected messages', 'Age of the last backup']);

const beganAt = performance.now();
function say(line: string): void {
  console.log(`${((performance.now() - beganAt) / 1_000).toFixed(1).padStart(6)} s  ${line}`);
}

function must(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(what);
}

/** Each life of a controller is asked at the address of its first. */
const addresses = new Map<string, string>();
const restart = (cluster: TestCluster, id: string): Promise<void> =>
  cluster.restart(id, { env: { QUORATE_HTTP: addresses.get(id) ?? 'off' } });

const shown = (alerts: readonly Alert[]): string =>
  alerts
    .map(({ name, state, labels }) => `${name} ${state} ${labels['instance'] ?? labels['cluster'] ?? ''}`)
    .join('; ');

async function raised(prometheus: Prometheus, name: string, about: Readonly<Record<string, string>>): Promise<void> {
  let alerts: readonly Alert[] = [];
  await eventually(
    async () => {
      alerts = await prometheus.alerts();
      return alerts.some((alert) => isAbout(alert, name, about) && alert.state === 'firing');
    },
    { what: `the alert ${name}`, timeoutMs: waitMs, intervalMs: 500, show: () => shown(alerts) },
  );
  say(`raised: ${name} (${Object.values(about).join(', ')})`);
}

const isAbout = ({ name, labels }: Alert, wanted: string, about: Readonly<Record<string, string>>): boolean =>
  name === wanted && Object.entries(about).every(([label, value]) => labels[label] === value);

async function allClear(prometheus: Prometheus): Promise<void> {
  let alerts: readonly Alert[] = [];
  await eventually(
    async () => {
      alerts = await prometheus.alerts();
      return alerts.length === 0;
    },
    { what: 'all alerts to be cleared', timeoutMs: waitMs, intervalMs: 500, show: () => shown(alerts) },
  );
  say('no alert is raised or pending');
}

async function tryDashboard(prometheus: Prometheus, cluster: string): Promise<void> {
  let count = 0;
  for (const { title, expressions } of dashboardPanels()) {
    const answers = await Promise.all(
      expressions.map((expression) => prometheus.query(expression.replaceAll('$cluster', cluster))),
    );
    count += expressions.length;
    must(emptyPanels.has(title) || answers.every((series) => series.length > 0), `the panel "${title}" shows nothing`);
  }
  say(`${count} expressions of the dashboard were answered`);
}

async function run(cluster: TestCluster, prometheus: Prometheus): Promise<void> {
  await eventually(async () => (await prometheus.up()).length === addresses.size, {
    what: 'all controllers to be scraped',
    timeoutMs: waitMs,
  });
  say(`${addresses.size} controllers are scraped`);
  for (let count = 0; count < 200; count += 1)
    await cluster.api.request('model.create', {
      kind: 'service',
      id: `s${count}`,
      name: `s${count}`,
      tags: {},
      spec: {},
    });
  // Rates need two scrapes, and the quantiles over them.
  await eventually(
    async () =>
      (await prometheus.query('histogram_quantile(0.99, rate(quorate_commit_duration_seconds_bucket[1m])) > 0'))
        .length > 0,
    { what: 'a rate of commits', timeoutMs: waitMs, intervalMs: 500 },
  );
  await tryDashboard(prometheus, cluster.name);
  await allClear(prometheus);

  const leader = await cluster.leader();
  await cluster.kill(leader);
  say(`killed the leader, ${leader}`);
  await raised(prometheus, 'QuorateControllerDown', { instance: addresses.get(leader) ?? '' });
  await raised(prometheus, 'QuorateNoFailureTolerated', { cluster: cluster.name });
  must(!(await prometheus.alerts()).some(({ name }) => name === 'QuorateNoLeader'), 'another one leads');
  await restart(cluster, leader);
  say(`started ${leader} again`);
  await allClear(prometheus);

  const [one = '', other = ''] = await cluster.followers();
  await Promise.all([cluster.kill(one), cluster.kill(other)]);
  say(`killed ${one} and ${other}: the quorum is lost`);
  await raised(prometheus, 'QuorateNoLeader', { cluster: cluster.name });
  await Promise.all([restart(cluster, one), restart(cluster, other)]);
  say('started both again');
  await allClear(prometheus);

  const broken = await prometheus.brokenRules();
  must(broken.length === 0, `rules that cannot be evaluated: ${broken.join('; ')}`);
  const [slowest] = await prometheus.query('max(max_over_time(scrape_duration_seconds[10m]))');
  say(`the longest scrape took ${((slowest?.value ?? 0) * 1_000).toFixed(0)} ms`);
}

async function main(): Promise<void> {
  const cluster = await startCluster({ routers: 2, env: { QUORATE_HTTP: '127.0.0.1:0' } });
  try {
    for (const [id, { http }] of cluster.statuses()) addresses.set(id, http ?? '');
    const prometheus = await startPrometheus([...addresses.values()]);
    try {
      await run(cluster, prometheus);
    } finally {
      await prometheus.end();
    }
  } finally {
    await cluster.end();
  }
}

try {
  await main();
  console.log('nothing is wrong');
} catch (error) {
  console.log(`WRONG: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
