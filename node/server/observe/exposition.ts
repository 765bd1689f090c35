/** Metrics as Prometheus reads them: its text format, version 0.0.4. Pure. */
import type { Facts } from './facts.js';
import type { Metric, Sample } from './metric.js';
import { metrics } from './metrics.js';

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

type Labels = Readonly<Record<string, string>>;

/** `common` stands on every sample: which controller of which cluster it is. */
export function exposition(facts: Facts, common: Labels): string {
  return metrics.map((metric) => familyOf(metric, facts, labelText(common))).join('');
}

function familyOf(metric: Metric, facts: Facts, common: string): string {
  const lines = linesOf(metric, facts, common);
  if (lines.length === 0) return '';
  const help = metric.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return `# HELP ${metric.name} ${help}\n# TYPE ${metric.name} ${metric.type}\n${lines.join('')}`;
}

function linesOf(metric: Metric, facts: Facts, common: string): readonly string[] {
  const { name } = metric;
  if (metric.type === 'histogram') {
    const histogram = metric.read(facts);
    if (histogram === null) return [];
    const { bounds, count, sum } = histogram;
    return [
      ...histogram
        .cumulative()
        .map((below, place) => line(`${name}_bucket`, `${common},le="${numberText(bounds[place] ?? 0)}"`, below)),
      line(`${name}_bucket`, `${common},le="+Inf"`, count),
      line(`${name}_sum`, common, sum),
      line(`${name}_count`, common, count),
    ];
  }
  const read = metric.read(facts);
  if (read === null) return [];
  const samples: readonly Sample[] = typeof read === 'number' ? [{ labels: {}, value: read }] : read;
  return samples.map(({ labels, value }) => {
    const own = labelText(labels);
    return line(name, own === '' ? common : `${common},${own}`, value);
  });
}

const line = (name: string, labels: string, value: number): string => `${name}{${labels}} ${numberText(value)}\n`;

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',');
}

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
