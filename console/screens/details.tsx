/** One router, entity or event in full; and all that needs attention. */
import type { WireError } from '../../messaging/errors.js';
import { formatPosition } from '../../messaging/position.js';
import type { RouterView } from '../../messaging/schemas/router.js';
import { headingSpans } from '../components/heading.js';
import { justify, type Spans } from '../components/line.js';
import { keyFor } from '../keys.js';
import { memberState, newestChange, routerBehind, routerState, routerSync } from '../state/columns.js';
import { entityYaml } from '../state/entity-document.js';
import { formatAge, formatCount, formatTime } from '../state/format.js';
import { modelPollMs } from '../state/limits.js';
import { leaderOf, membersOf } from '../state/members.js';
import { type Mend, mendsOf } from '../state/mends.js';
import type { EventRow, State } from '../state/state.js';
import { textLines, yamlLines } from '../state/yaml.js';
import { glyphs, levelWords } from '../theme.js';
import { section } from './member.js';
import { ageSpans, mendSpans } from './overview.js';
import { type Field, fieldLines, remedyLines, sentenceLines, TextScreen } from './text.js';

interface ScreenProps {
  readonly state: State;
}

export function errorLines(error: WireError | null, width: number): readonly Spans[] {
  if (error === null) return [];
  return [
    ...sentenceLines(glyphs.bad, `${error.message} (${error.code})`, width, 'bad'),
    ...remedyLines(error.remedy, width),
    [],
  ];
}

export function Router({ state, router }: ScreenProps & { readonly router: string }) {
  const width = state.size.columns;
  const view = state.routers.views.find((each) => each.id === router);
  const { readAt, error } = state.routers;
  if (view === undefined) {
    return (
      <TextScreen
        state={state}
        lines={sentenceLines(glyphs.warn, `Router ${router} is not in the list of routers any more.`, width, 'warn')}
      />
    );
  }
  const { text, tone } = routerState(view);
  const age = readAt === null ? [] : ageSpans(state, readAt, error?.message ?? null);
  const counters = Object.entries(view.counters).map(
    ([name, value]): Field => ({
      name,
      value: formatCount(value),
      tone: value > 0 && troubling.test(name) ? 'warn' : undefined,
    }),
  );
  const lines = [
    headingSpans({ title: router, info: [{ text, tone }, ...age], width }),
    ...errorLines(view.refused, width),
    ...fieldLines(routerFields(state, view), width),
    [],
    ...section('Controllers that routers are told of', width, fieldLines(toldOf(state), width)),
    ...section('Counters since its start', width, fieldLines(counters, width)),
  ];
  return <TextScreen state={state} lines={lines} />;
}

/** What a router counts when something was not taken, or not understood. */
const troubling = /refused|error|dropped|givenup|undecodable|overflow|conflict/iu;

/** The list that controllers publish is made of the members as the leader has them. */
function toldOf(state: State): readonly Field[] {
  const leader = leaderOf(state)?.record;
  if (leader === undefined) return [{ name: '-', value: 'no leader is heard', tone: 'warn' }];
  const rows = new Map(membersOf(state).map((row) => [row.id, row]));
  return leader.status.members.map(({ id, addresses }): Field => {
    const row = rows.get(id);
    const said = row === undefined ? null : memberState(row, state.connection.up);
    return {
      name: id,
      value: `${addresses.join(', ')}${said === null ? '' : `  ${said.text}`}`,
      tone: said?.tone === 'ok' ? undefined : said?.tone,
    };
  });
}

function routerFields(state: State, view: RouterView): readonly Field[] {
  const behind = routerBehind(view, newestChange(state));
  const { position } = view;
  const since = view.lastContactMs + Math.max(0, state.now - (state.routers.readAt ?? state.now));
  return [
    { name: 'Model', value: routerSync(view).text, tone: routerSync(view).tone },
    {
      name: 'Position',
      value: `${formatPosition(position)}${behind === null ? '' : `, ${formatCount(behind)} behind the newest change`}`,
    },
    { name: 'Holds', value: view.scope === 'own' ? 'its own part of the model' : 'the whole model' },
    {
      name: 'Index types',
      value: view.indexTypes === null ? 'it has not said' : view.indexTypes.join(', '),
    },
    { name: 'Timeline', value: position === null ? '-' : `${position.timeline.id}, epoch ${position.timeline.epoch}` },
    { name: 'List of controllers', value: `at index ${formatCount(view.endpointsIndex)}` },
    { name: 'Version', value: `${view.version}, protocol ${view.protocolVersion ?? 'not agreed'}` },
    { name: 'Hello answered by', value: view.connectedTo ?? '-' },
    { name: 'Last contact', value: `${formatAge(since)} ago` },
  ];
}

export function EntityScreen({ state, kind, id }: ScreenProps & { readonly kind: string; readonly id: string }) {
  const width = state.size.columns;
  const { entity, entityError } = state.model;
  const problem = errorLines(entityError, width);
  if (entity === null || entity.entity.id !== id || entity.entity.kind !== kind) {
    return (
      <TextScreen state={state} lines={problem.length > 0 ? problem : [[{ text: ' Reading ...', tone: 'dim' }]]} />
    );
  }
  const info: Spans = [
    { text: `at ${formatPosition(entity.position)}`, tone: 'dim' },
    ...ageSpans(state, entity.readAt + modelPollMs, entityError?.message ?? null),
  ];
  const title = headingSpans({ title: `${kind} ${entity.entity.name}`, info, width });
  return <TextScreen state={state} lines={[title, ...problem, ...textLines(entityYaml(entity.entity), width)]} />;
}

export function EventScreen({ state, row }: ScreenProps & { readonly row: EventRow }) {
  const width = state.size.columns;
  const info: Spans = [
    {
      text: `${glyphs[row.level]} ${levelWords[row.level]}  ${formatTime(row.at)}`,
      tone: row.level === 'info' ? 'dim' : row.level,
    },
  ];
  const title = headingSpans({ title: row.type, info, width });
  return (
    <TextScreen
      state={state}
      lines={[title, ...sentenceLines(' ', row.sentence, width, 'plain'), [], ...yamlLines(row.event, width)]}
    />
  );
}

export function Attention({ state }: ScreenProps) {
  const width = state.size.columns;
  const mends = mendsOf(state);
  const count =
    mends.length === 0
      ? 'nothing needs it'
      : `${mends.length}, worst first; ${keyFor(state.keymap, 'mend')} shows what mends`;
  const lines = mends.flatMap((mend): readonly Spans[] => mendLines(state, mend, width));
  return (
    <TextScreen
      state={state}
      lines={[headingSpans({ title: 'Attention', info: [{ text: count, tone: 'dim' }], width }), ...lines]}
    />
  );
}

/** The reason, its name and since when it is raised, what to do, and the keys that do it. */
function mendLines(state: State, { reason, number }: Mend, width: number): readonly Spans[] {
  const keys = mendSpans(state, number);
  const [first = [], ...rest] = sentenceLines(
    glyphs[reason.level],
    reason.sentence,
    width - 4,
    reason.level === 'info' ? 'plain' : reason.level,
    reason.level,
  );
  const since = reason.since == null ? '' : `, raised ${formatAge(Math.max(0, state.now - reason.since))} ago`;
  return [
    justify(first, keys, width),
    ...rest,
    ...remedyLines(reason.remedy === '' ? 'Nothing needs to be done.' : reason.remedy, width),
    [{ text: `   ${reason.code}${since}`, tone: 'dim' }],
    [],
  ];
}
