/** The cluster at a glance: what needs attention, the controllers, the rates, the routers, what happened last. */
import { Box, useIsScreenReaderEnabled } from 'ink';
import { Heading, roomTaken } from '../components/heading.js';
import { justify, Line, type Span, type Spans } from '../components/line.js';
import { Lines } from '../components/lines.js';
import { chart, sparkline } from '../components/spark.js';
import { moreSpans, TableView } from '../components/table.js';
import { keyFor } from '../keys.js';
import { formatCount, formatDuration, formatLatency, formatRate, plural } from '../state/format.js';
import { overviewLayoutOf } from '../state/layout.js';
import { staleAfterMs } from '../state/limits.js';
import { configurationOf, leaderOf, membersOf } from '../state/members.js';
import { type Mend, mendsOf } from '../state/mends.js';
import { newest, slots } from '../state/series.js';
import type { State } from '../state/state.js';
import { glyphs } from '../theme.js';

const gapColumns = 3;

export function Overview({ state }: { readonly state: State }) {
  const { columns } = state.size;
  const layout = overviewLayoutOf(state);
  // What changes at every moment would be read out again and again; the screen of metrics has it.
  const spoken = useIsScreenReaderEnabled();
  const ratesWidth = layout.ratesPanel ? Math.floor(columns / 3) : 0;
  const membersWidth = layout.ratesPanel ? columns - ratesWidth - gapColumns : columns;
  return (
    <Box flexDirection="column">
      <Attention state={state} shown={layout.reasons} />
      <Box gap={gapColumns}>
        <Panel state={state} panel="members" width={membersWidth} height={layout.membersHeight} />
        {layout.ratesPanel && !spoken ? (
          <RatesPanel state={state} width={ratesWidth} height={layout.membersHeight + 2} />
        ) : null}
      </Box>
      <Line spans={[]} width={columns} />
      {layout.ratesPanel || spoken ? null : (
        <Lines lines={[ratesSpans(state, columns), []]} width={columns} height={2} />
      )}
      {layout.beside ? (
        <Box gap={gapColumns}>
          <Panel state={state} panel="routers" width={Math.floor((columns - gapColumns) / 2)} height={layout.routers} />
          <Panel state={state} panel="events" width={Math.ceil((columns - gapColumns) / 2)} height={layout.events} />
        </Box>
      ) : (
        <>
          <Panel state={state} panel="routers" width={columns} height={layout.routers} />
          <Line spans={[]} width={columns} />
          <Panel state={state} panel="events" width={columns} height={layout.events} titles={false} />
        </>
      )}
    </Box>
  );
}

interface PanelProps {
  readonly state: State;
  readonly panel: State['view']['panel'];
  readonly width: number;
  /** Rows of the list; without any there is only the heading. */
  readonly height: number;
  readonly titles?: boolean;
}

const panelTitles = { members: 'Controllers', routers: 'Routers', events: 'Events' } as const;
/** The screen that is the whole list. */
const panelScreens = { members: 2, routers: 3, events: 5 } as const;
const panelInfos = { members: membersInfo, routers: routersInfo, events: eventsInfo } as const;

function Panel({ state, panel, width, height, titles = true }: PanelProps) {
  const active = state.view.panel === panel;
  const info = panelInfos[panel](state);
  const room = width - roomTaken(panelTitles[panel], info);
  const more = moreSpans(state, `overview.${panel}`, height, panelScreens[panel], room);
  return (
    <Box flexDirection="column" width={width}>
      <Heading title={panelTitles[panel]} info={[...info, ...more]} width={width} active={active} />
      {height > 0 ? (
        <TableView
          state={state}
          name={`overview.${panel}`}
          width={width}
          height={height}
          titles={titles}
          active={active}
        />
      ) : null}
    </Box>
  );
}

function Attention({ state, shown }: { readonly state: State; readonly shown: number }) {
  if (shown === 0) return null;
  const width = state.size.columns;
  const mends = mendsOf(state);
  const hidden = mends.length - shown;
  const more: Spans[] =
    hidden === 0
      ? []
      : [
          [
            { text: `   … ${formatCount(hidden)} more (key `, tone: 'dim' },
            { text: keyFor(state.keymap, 'screen-7'), tone: 'key' },
            { text: ')', tone: 'dim' },
          ],
        ];
  const lines = [...mends.slice(0, shown).flatMap((mend) => reasonLines(state, mend)), ...more, []];
  return <Lines lines={lines} width={width} height={lines.length} />;
}

function reasonLines(state: State, { reason, number }: Mend): readonly Spans[] {
  const sentence: Spans = [
    { text: ` ${glyphs[reason.level]} `, tone: reason.level },
    { text: reason.sentence, tone: reason.level === 'info' ? 'plain' : reason.level },
  ];
  return [
    justify(sentence, mendSpans(state, number), state.size.columns),
    [{ text: `   ${reason.remedy === '' ? 'Nothing needs to be done.' : `→ ${reason.remedy}`}`, tone: 'dim' }],
  ];
}

/** The keys that mend it: the menu, and its number there. */
export function mendSpans({ keymap }: State, number: number | null): Spans {
  return number === null ? [] : [{ text: ` ${keyFor(keymap, 'mend')}${number} `, tone: 'key' }];
}

function membersInfo(state: State): Spans {
  const rows = membersOf(state);
  const configuration = configurationOf(state)?.configuration;
  const learners = configuration?.learners.length ?? 0;
  const blank = rows.filter(
    (row) => row.membership === 'none' && row.record?.status.state === 'blank' && !row.silent,
  ).length;
  const leader = leaderOf(state);
  const standalone = rows.filter((row) => row.record?.status.state === 'standalone' && !row.silent).length;
  const parts = [
    ...(configuration === undefined ? [] : [plural(configuration.voters.length, 'voter')]),
    ...(standalone === 0 ? [] : [`${formatCount(standalone)} standalone`]),
    ...(learners === 0 ? [] : [plural(learners, 'learner')]),
    ...(blank === 0 ? [] : [`${formatCount(blank)} blank`]),
    ...(leader === null ? [] : [`term ${formatCount(leader.raft.term)}`]),
  ];
  const moving = leader?.raft.transferringTo ?? null;
  return [
    ...(parts.length === 0 ? [] : [{ text: parts.join(', '), tone: 'dim' as const }]),
    ...(moving === null ? [] : [{ text: `  ${glyphs.warn} handing leadership to ${moving}`, tone: 'warn' as const }]),
  ];
}

export function routersInfo(state: State): Spans {
  const { views, readAt, error } = state.routers;
  if (readAt === null) {
    if (error !== null) return [{ text: `${glyphs.warn} ${error.message}`, tone: 'warn' }];
    const routers = leaderOf(state)?.record.status.routers;
    return routers === undefined
      ? []
      : [{ text: `${formatCount(routers.online)} of ${formatCount(routers.known)} online`, tone: 'dim' }];
  }
  const { online, inSync, refused } = countRouters(views);
  const well = online === views.length && inSync === views.length;
  const counts: Span[] = [
    {
      text: `${formatCount(online)} of ${formatCount(views.length)} online, ${formatCount(inSync)} in sync`,
      tone: well ? 'dim' : 'warn',
    },
  ];
  if (refused > 0) counts.push({ text: `  ${glyphs.bad} ${formatCount(refused)} refused`, tone: 'bad' });
  return [...counts, ...ageSpans(state, readAt, error?.message ?? null)];
}

interface RouterCounts {
  readonly online: number;
  readonly inSync: number;
  readonly refused: number;
}

/** Counted once for each list that was read, not for each frame. */
const routerCounts = new WeakMap<State['routers']['views'], RouterCounts>();

function countRouters(views: State['routers']['views']): RouterCounts {
  const known = routerCounts.get(views);
  if (known !== undefined) return known;
  const counts = {
    online: views.filter((view) => view.online).length,
    inSync: views.filter((view) => view.inSync).length,
    refused: views.filter((view) => view.refused !== null).length,
  };
  routerCounts.set(views, counts);
  return counts;
}

/** Says how old something is as soon as that is more than two seconds, and why it was not read again. */
export function ageSpans(state: State, readAt: number, problem: string | null): Spans {
  const age = state.now - readAt;
  if (age <= staleAfterMs) return [];
  return [{ text: `  ${formatDuration(age)} old${problem === null ? '' : `: ${problem}`}`, tone: 'warn' }];
}

function eventsInfo(state: State): Spans {
  const { rows } = state.events;
  return rows.length === 0 ? [] : [{ text: `newest first, ${formatCount(rows.length)} kept`, tone: 'dim' }];
}

interface Rate {
  readonly title: string;
  readonly values: (count: number) => readonly (number | null)[];
  readonly now: number | null;
}

function ratesOf(state: State): readonly Rate[] {
  // The second that runs now is not over: the last whole one is the newest shown.
  const second = Math.floor(state.now / 1_000) - 1;
  const commits = leaderOf(state)?.record.measured.series.commits ?? [];
  const { perSecond } = state.events;
  return [
    { title: 'Commits/s', values: (count) => slots(commits, second, count), now: newest(commits, second) },
    { title: 'Events/s', values: (count) => slots(perSecond, second, count), now: newest(perSecond, second) },
  ];
}

function latencySpans(state: State): Spans {
  const latency = leaderOf(state)?.record.status.latency;
  return [
    { text: 'Commit p50 ', tone: 'dim' },
    { text: formatLatency(latency?.commitP50Ms ?? null) },
    { text: '  p99 ', tone: 'dim' },
    { text: `${formatLatency(latency?.commitP99Ms ?? null)} ` },
  ];
}

/** What the row of rates takes beside its bars. */
const ratesTextWidth = 70;

/** One row: each rate as a sparkline of what was measured, and its newest value. */
function ratesSpans(state: State, width: number): Spans {
  const points = Math.min(60, Math.max(5, Math.floor((width - ratesTextWidth) / 2)));
  const left = ratesOf(state).flatMap((rate): Span[] => [
    { text: ` ${rate.title} `, tone: 'dim' },
    { text: sparkline(rate.values(points)), tone: 'chart' },
    { text: ` ${rate.now === null ? '-' : formatRate(rate.now)}`.padEnd(8) },
  ]);
  return justify(left, latencySpans(state), width);
}

function RatesPanel({
  state,
  width,
  height,
}: {
  readonly state: State;
  readonly width: number;
  readonly height: number;
}) {
  const rows = Math.max(1, Math.floor((height - 3) / 2) - 1);
  const lines = ratesOf(state).flatMap((rate): readonly Spans[] => [
    justify(
      [{ text: rate.title, tone: 'dim' }],
      [{ text: rate.now === null ? '-' : formatRate(rate.now), tone: 'strong' }],
      width,
    ),
    ...chart(rate.values(width), rows).map((row): Spans => [{ text: row, tone: 'chart' }]),
  ]);
  return (
    <Box flexDirection="column" width={width}>
      <Heading title="Rates" info={[{ text: `the last ${width} seconds`, tone: 'dim' }]} width={width} />
      <Lines lines={[...lines, [], latencySpans(state)]} width={width} height={height - 1} />
    </Box>
  );
}
