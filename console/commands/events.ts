/** `quorate events`: what happens, as it happens; model changes also from the past. */
import type { ApiClient } from '../../messaging/api-client.js';
import { QuorateError } from '../../messaging/errors.js';
import { formatPosition, type Position } from '../../messaging/position.js';
import { protocolVersion } from '../../messaging/protocol.js';
import type { EntityChangeEvent, QuorateEvent } from '../../messaging/schemas/events.js';
import { entityTypeOfKind, type ModelChange } from '../../messaging/schemas/model.js';
import { clientSettings, setting } from '../config/common.js';
import { anyText, choice, integer, list, onOff } from '../config/setting.js';
import type { Output, Style } from '../output/output.js';
import { eventRowOf } from '../state/event-row.js';
import { formatTime } from '../state/format.js';
import { fitted } from '../state/text.js';
import type { Level } from '../theme.js';
import { defineCommand, usageError } from './command.js';
import { type Session, withSession } from './session.js';
import { aborted } from './signals.js';

const namespaces = ['cluster', 'router', 'entityChange', 'alert'] as const;

export const eventsCommand = defineCommand({
  path: ['events'],
  summary: 'Follow what happens: cluster, routers, model, alerts',
  description:
    'Follows until Ctrl-C. Events that were published twice are shown once. --since begins with the changes of the model after an index, without a gap to what follows; other events are not kept by the controllers.',
  settings: {
    namespaces: setting({
      flag: 'namespace',
      alias: 'n',
      placeholder: 'NAME,...',
      repeatable: true,
      group: 'Options',
      choices: namespaces,
      describe: 'Only these: cluster, router, entityChange, alert',
      schema: list(choice(namespaces)).optional(),
    }),
    types: setting({
      flag: 'type',
      alias: 't',
      placeholder: 'TYPE,...',
      repeatable: true,
      group: 'Options',
      describe: 'Only these types, as leadership.gained, router-online or created',
      schema: list(anyText).optional(),
    }),
    routers: setting({
      flag: 'router',
      placeholder: 'ID,...',
      repeatable: true,
      group: 'Options',
      completes: 'router',
      describe: 'Only events about these routers',
      schema: list(anyText).optional(),
    }),
    since: setting({
      flag: 'since',
      placeholder: 'INDEX',
      group: 'Options',
      describe: 'Begin with the changes of the model after this index; 0 is the oldest that is kept',
      schema: integer(0, Number.MAX_SAFE_INTEGER).optional(),
    }),
    count: setting({
      flag: 'count',
      placeholder: 'N',
      group: 'Options',
      describe: 'End after so many events',
      schema: integer(1, Number.MAX_SAFE_INTEGER).optional(),
    }),
    once: setting({
      flag: 'no-follow',
      group: 'Options',
      describe: 'With --since: end when the present is reached',
      schema: onOff,
    }),
    ...clientSettings,
  },
  examples: [
    { comment: 'Everything', line: 'quorate events' },
    { comment: 'Elections and changes of membership', line: 'quorate events --namespace cluster' },
    { comment: 'Wait for the next router to come online', line: 'quorate events --type router-online --count 1' },
    {
      comment: 'The changes of the model since index 1200, as JSON lines',
      line: 'quorate events --since 1200 --no-follow --json',
    },
  ],
  jsonShape: 'one event a line, as it is published (docs/protocol.md)',
  async run(context, given) {
    if (given.once && given.since === undefined)
      throw usageError(
        '--no-follow without --since has nothing to show',
        'Give --since INDEX, or leave --no-follow out.',
      );
    return withSession(context, given, async (session) => {
      const { out, signal } = context;
      const done = new AbortController();
      const end = (): void => done.abort();
      signal.addEventListener('abort', end);
      const show = eventPrinter(out, given, end);
      await (given.since === undefined
        ? follow(session, show, done.signal)
        : replay(session, given.since, given.once, show, done.signal));
    });
  },
});

interface Wanted {
  readonly namespaces: readonly string[] | undefined;
  readonly types: readonly string[] | undefined;
  readonly routers: readonly string[] | undefined;
  readonly count: number | undefined;
}

/** Keys of events that were shown, to know a duplicate by; the oldest are forgotten beyond this many. */
const keysMax = 10_000;

function eventPrinter(out: Output, wanted: Wanted, end: () => void): (event: QuorateEvent) => void {
  const seen = new Set<string>();
  let shown = 0;
  return (event) => {
    const row = eventRowOf(event, Date.now());
    if (seen.has(row.key) || !matches(event, wanted) || shown === wanted.count) return;
    seen.add(row.key);
    for (const oldest of seen) {
      if (seen.size <= keysMax) break;
      seen.delete(oldest);
    }
    if (out.json) out.printJsonLine(event);
    else out.print(eventLine(out, event));
    shown += 1;
    if (shown === wanted.count) end();
  };
}

function matches(event: QuorateEvent, { namespaces: names, types, routers }: Wanted): boolean {
  const type =
    event.namespace === 'router' ? event.event_type : event.namespace === 'alert' ? event.severity : event.eventType;
  return (
    (names?.includes(event.namespace) ?? true) &&
    (types?.includes(type) ?? true) &&
    (routers?.includes(routerOf(event) ?? '') ?? true)
  );
}

function routerOf(event: QuorateEvent): string | undefined {
  switch (event.namespace) {
    case 'router':
      return event.router_id;
    case 'alert':
      return event.alert_source_type === 'router' ? event.alert_source_id : event.related_entities['router'];
    case 'entityChange': {
      const entity = event.finalState ?? event.initialState;
      return entity?.kind === 'router' ? entity.id : undefined;
    }
    case 'cluster':
      return undefined;
  }
}

const styles: Readonly<Record<Level, Style>> = { ok: 'good', info: 'accent', warn: 'warn', bad: 'bad' };

export function eventLine(out: Output, event: QuorateEvent): string {
  const row = eventRowOf(event, Date.now());
  const time = out.isTerminal ? formatTime(row.at).slice(11) : new Date(row.at).toISOString();
  return `${out.style('dim', time)}  ${out.style(styles[row.level], fitted(row.type, 22))}  ${fitted(row.source, 12)}  ${row.sentence}`;
}

async function follow({ client }: Session, show: (event: QuorateEvent) => void, done: AbortSignal): Promise<void> {
  const stop = client.watchEvents(show);
  await aborted(done);
  stop();
}

/** Listens first and reads the past then, so that nothing falls between the two; the printer drops what comes twice. */
async function replay(
  { client }: Session,
  since: number,
  once: boolean,
  show: (event: QuorateEvent) => void,
  done: AbortSignal,
): Promise<void> {
  const waiting: QuorateEvent[] = [];
  let live = false;
  const stop = client.watchEvents((event) => {
    if (live) show(event);
    else waiting.push(event);
  });
  try {
    await readChanges(client, since, show, done);
    live = true;
    if (once) return;
    for (const event of waiting) show(event);
    await aborted(done);
  } finally {
    stop();
  }
}

const pageLimit = 500;

async function readChanges(
  client: ApiClient,
  since: number,
  show: (event: QuorateEvent) => void,
  done: AbortSignal,
): Promise<void> {
  let after = since === 0 ? null : await positionAt(client, since);
  while (!done.aborted) {
    const page = await client.request('model.changes', { after, limit: pageLimit }).catch(explainTooOld);
    for (const change of page.changes) show(asEvent(change));
    const last = page.changes.at(-1);
    if (!page.more || last === undefined) return;
    after = last.position;
  }
}

/** An index alone says nothing: it counts in the history that the controllers are in now. */
async function positionAt(client: ApiClient, index: number): Promise<Position> {
  const { position } = await client.request('model.changes', { after: null, limit: 1 });
  return { ...position, index };
}

function explainTooOld(error: unknown): never {
  if (!(error instanceof QuorateError) || error.code !== 'snapshot-required') throw error;
  throw new QuorateError('snapshot-required', 'the controllers do not keep the changes of so long ago', {
    remedy: 'Give a later index; --since 0 begins with the oldest change that is kept.',
    cause: error,
  });
}

/** A change read from the journal, in the form in which it was published. */
function asEvent(change: ModelChange): EntityChangeEvent {
  const { entity, position, previousIndex, type } = change;
  return {
    v: protocolVersion,
    namespace: 'entityChange',
    event_src_id: 'journal',
    event_id: formatPosition(position),
    eventId: formatPosition(position),
    timestamp: new Date(entity.updatedAt).toISOString(),
    eventType: type,
    entityType: entityTypeOfKind[entity.kind] ?? entity.kind,
    initialState: type === 'deleted' ? entity : null,
    finalState: type === 'deleted' ? null : entity,
    position,
    previousIndex,
  };
}
