/** What was measured over minutes, as one controller has it: each metric as a chart of the highest values, gaps left as gaps. */
import { headingSpans } from '../components/heading.js';
import { justify, type Spans, widthOf } from '../components/line.js';
import { chart } from '../components/spark.js';
import { formatCount, formatLatency, formatRate } from '../state/format.js';
import { bodyRows } from '../state/layout.js';
import { leaderOf } from '../state/members.js';
import { inColumns, type MetricKey, metricKeys, metrics, windowsMinutes } from '../state/metrics.js';
import { newest, type Series } from '../state/series.js';
import type { NodeRecord, State } from '../state/state.js';
import { glyphs } from '../theme.js';
import { ageSpans } from './overview.js';
import { sentenceLines, TextScreen } from './text.js';

const gapColumns = 3;
const secondsPerColumnMin = 2;
const chartHeightMax = 16;

export function Metrics({ state }: { readonly state: State }) {
  const { columns } = state.size;
  const wanted = state.view.metricsOf;
  const leader = leaderOf(state)?.record;
  const record = wanted === null ? leader : state.nodes.get(wanted);
  const minutes = windowsMinutes[state.view.metricsWindow] ?? windowsMinutes[0];
  if (record === undefined) {
    const sentence =
      wanted === null
        ? 'No leader is heard: tab shows what each controller said of itself.'
        : `${wanted} has not been heard.`;
    return <TextScreen state={state} lines={sentenceLines(glyphs.warn, sentence, columns, 'warn')} />;
  }
  const across = columns >= 160 ? 3 : 2;
  const width = Math.floor((columns - (across - 1) * gapColumns) / across);
  const seconds = minutes * 60;
  // A status comes each second, and not quite: of two seconds one at least was measured.
  const points = Math.min(width, seconds / secondsPerColumnMin);
  const each = Math.ceil(seconds / points);
  const who = `${record.status.node}${record === leader ? ', the leader' : ''}`;
  const title = headingSpans({
    title: `Metrics of ${who}`,
    info: [
      { text: minutes === 1 ? 'the last minute' : `the last ${minutes} minutes`, tone: 'dim' },
      { text: `, each bar the highest of ${each} s`, tone: 'dim' },
      ...ageSpans(state, record.heardAt, null),
    ],
    width: columns,
  });
  const height = chartHeight(bodyRows(state) - 1, across);
  const cells = metricKeys.map((key) => cellLines(state, record, key, { width, points, seconds, height }));
  return <TextScreen state={state} lines={[title, ...beside(cells, across, width)]} />;
}

/** As high as the screen allows, so that all of them are seen at once; never less than can be read. */
function chartHeight(body: number, across: number): number {
  const rows = Math.ceil(metricKeys.length / across);
  const room = Math.floor(body / rows);
  return Math.max(2, Math.min(chartHeightMax, room >= 5 ? room - 2 : room - 1));
}

interface CellSize {
  readonly width: number;
  readonly points: number;
  readonly seconds: number;
  readonly height: number;
}

function cellLines(state: State, record: NodeRecord, key: MetricKey, size: CellSize): readonly Spans[] {
  const { title, explains } = metrics[key];
  const series: Series = record.measured.series[key] ?? [];
  // The second that runs now is not over: the last whole one is the newest shown.
  const second = Math.floor(state.now / 1_000) - 1;
  const values = inColumns(series, second, size.seconds, size.points);
  const measured = values.filter((value) => value !== null);
  const now = newest(series, Math.floor(state.now / 1_000));
  const right: Spans =
    measured.length === 0
      ? [{ text: 'not measured', tone: 'dim' }]
      : [
          { text: now === null ? '-' : valueText(key, now), tone: 'strong' },
          { text: `  max ${valueText(key, Math.max(...measured))}`, tone: 'dim' },
        ];
  const left: Spans = [{ text: title }, { text: `  ${explains}`, tone: 'dim' }];
  const heading = widthOf(left) + widthOf(right) + 3 > size.width ? left.slice(0, 1) : left;
  const broad = Array.from(
    { length: size.width },
    (_, at) => values[Math.floor((at * size.points) / size.width)] ?? null,
  );
  const rows = chart(broad, size.height).map((row): Spans => [{ text: row, tone: 'chart' }]);
  return [justify(heading, right, size.width), ...rows, ...(size.height > 2 ? [[]] : [])];
}

function valueText(key: MetricKey, value: number): string {
  switch (metrics[key].kind) {
    case 'rate':
      return formatRate(value);
    case 'milliseconds':
      return formatLatency(value);
    case 'entries':
    case 'count':
      return formatCount(value);
  }
}

function beside(cells: readonly (readonly Spans[])[], across: number, width: number): readonly Spans[] {
  const lines: Spans[] = [];
  for (let at = 0; at < cells.length; at += across) {
    const row = cells.slice(at, at + across);
    const height = Math.max(...row.map((cell) => cell.length));
    for (let line = 0; line < height; line += 1) {
      lines.push(
        row.flatMap((cell, index) => {
          const spans = cell[line] ?? [];
          const last = index === row.length - 1;
          return last ? spans : [...spans, { text: ' '.repeat(Math.max(0, width - widthOf(spans)) + gapColumns) }];
        }),
      );
    }
  }
  return lines;
}
