/** Makes docs/metrics.md from the tables of metrics and conditions, and from the rules that are shipped. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { conditionMeanings } from '../../node/server/observe/health.js';
import { type Metric, metricGroups } from '../../node/server/observe/metric.js';
import { metrics } from '../../node/server/observe/metrics.js';
import { checkoutRoot } from '../support/checkout.js';

export const rulesPath = path.join(checkoutRoot, 'deploy', 'prometheus', 'quorate.rules.yaml');

const rulesSchema = z.object({
  groups: z.array(
    z.object({
      name: z.string(),
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          for: z.string().optional(),
          labels: z.object({ severity: z.string() }),
          annotations: z.object({ summary: z.string(), description: z.string(), remedy: z.string() }),
        }),
      ),
    }),
  ),
});

export type AlertRule = z.infer<typeof rulesSchema>['groups'][number]['rules'][number];

export function alertRules(): readonly AlertRule[] {
  return rulesSchema.parse(parse(readFileSync(rulesPath, 'utf8'))).groups.flatMap(({ rules }) => rules);
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ').trim();

function conditionTable(): string {
  const rows = Object.entries(conditionMeanings).flatMap(([probe, conditions]) =>
    Object.entries(conditions).map(([name, meaning]) => `| \`/${probe}\` | \`${name}\` | ${meaning} |`),
  );
  return ['| probe | condition | met when |', '| --- | --- | --- |', ...rows].join('\n');
}

function metricTable(group: string): string {
  const row = (metric: Metric): string => {
    const labels = metric.type === 'histogram' ? [] : (metric.labels ?? []);
    return `| \`${metric.name}\` | ${metric.type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${cell(metric.help)} |`;
  };
  const rows = metrics.filter((metric) => metric.group === group).map(row);
  return [`### ${group}`, '', '| metric | type | labels | what it is |', '| --- | --- | --- | --- |', ...rows].join(
    '\n',
  );
}

/** Where it is taken from the alarm itself, a template stands there. */
const severityText = (severity: string): string => (severity.includes('{{') ? 'critical or warning' : severity);

function alertTable(): string {
  const row = ({ alert, labels, for: wait, annotations }: AlertRule): string =>
    `| <a id="${alert.toLowerCase()}"></a>\`${alert}\` | ${severityText(labels.severity)} | ${wait ?? 'at once'} | ${cell(annotations.summary.replaceAll(/\{\{[^}]*\}\}/g, '…'))} | ${cell(annotations.remedy.replaceAll(/\{\{[^}]*\}\}/g, '…'))} |`;
  return [
    '| alert | severity | after | what it says | what to do |',
    '| --- | --- | --- | --- | --- |',
    ...alertRules().map(row),
  ].join('\n');
}

export function metricsDocument(): string {
  return `# Health and metrics
<!-- Made from node/server/observe and deploy/prometheus by \`npm run docs\`. -->

Each controller serves three addresses over HTTP, from before it has found a NATS server until it has stopped:

| address | what it answers |
| --- | --- |
| \`/livez\` | 200 \`ok\` while the process is alive: a restart would mend nothing else |
| \`/readyz\` | 200 \`ok\` while it can serve; else 503, one line for each condition, the failing ones in words |
| \`/metrics\` | every metric below, in Prometheus' text format |

\`\`\`sh
curl -s 'http://127.0.0.1:4280/readyz?verbose'
\`\`\`

\`\`\`
[+]nats ok
[+]state ok
[-]leader failed: no leader is known in term 7: an election is under way, or the quorum is lost (\`quorate members\`)
[+]model ok
[+]storage ok
readyz check failed
\`\`\`

\`?verbose\` shows the lines also where all is well; \`?exclude=NAME\` leaves a condition out, as Kubernetes' own probes do.

${conditionTable()}

## Where it listens
On loopback, on the first free port from 4280 to 4299: so several controllers share a machine, and none refuses to start because of this. The status says which
one it is (\`quorate status --json\`, field \`http\`), and so does the first line of the log. Where the port has to be known beforehand, as for Prometheus, give it:
\`quorate node --http 127.0.0.1:4280\` (\`QUORATE_HTTP\`, \`node.http\`); an address that is given and in use is refused with
[\`address-in-use\`](errors.md#address-in-use). \`--http off\` serves nothing.

There is no authentication and no TLS: what is told is no secret, but who may ask is for the network to say. On an address that others reach, put a proxy in front,
or a firewall around it. At most 64 connections are held, and only GET and HEAD are answered. Metrics are made at most ten times a second, however many ask.

## Prometheus
\`\`\`yaml
scrape_configs:
  - job_name: quorate        # the rules look for this name
    scrape_interval: 15s
    static_configs:
      - targets: ['10.0.0.1:4280', '10.0.0.2:4280', '10.0.0.3:4280']
rule_files:
  - quorate.rules.yaml       # deploy/prometheus/quorate.rules.yaml of the package
\`\`\`

The dashboard for Grafana is \`deploy/grafana/quorate.json\` in the package: import it, and choose the data source.
Every sample has the labels \`cluster\` and \`node\`. Scrape all controllers: some things only the leader knows, and who leads changes.

### Alerts
${alertTable()}

## Metrics
A metric that has no value now is left out: a blank controller has no term, and only a leader knows how far its followers are. Counters begin at 0 with the process.

${metricGroups.map(metricTable).join('\n\n')}
`;
}
