/** `quorate routers`: the routers as the controllers see them. */

import type { ApiClient } from '../../messaging/api-client.js';
import { formatPosition } from '../../messaging/position.js';
import type { RouterView } from '../../messaging/schemas/router.js';
import { clientSettings, setting } from '../config/common.js';
import { anyText, onOff } from '../config/setting.js';
import type { Output } from '../output/output.js';
import { type Column, renderTable } from '../output/table.js';
import { watch } from '../output/watch.js';
import { formatDuration, plural } from '../state/format.js';
import { defineCommand } from './command.js';
import { watchSetting } from './member-table.js';
import { withSession } from './session.js';

const pageLimit = 500;

export const routersCommand = defineCommand({
  path: ['routers'],
  summary: 'List the routers with their sync state',
  settings: {
    filter: setting({
      flag: 'filter',
      placeholder: 'TEXT',
      group: 'Options',
      describe: 'Only routers whose id or version holds this text',
      schema: anyText.optional(),
    }),
    offline: setting({
      flag: 'offline',
      group: 'Options',
      describe: 'Only routers that are offline, refused or not in sync',
      schema: onOff,
    }),
    watch: watchSetting,
    ...clientSettings,
  },
  examples: [
    { comment: 'All of them', line: 'quorate routers' },
    { comment: 'Those that need a look, again and again', line: 'quorate routers --offline --watch' },
    { comment: 'How many are in sync', line: "quorate routers --json | jq '[.routers[] | select(.inSync)] | length'" },
  ],
  jsonShape: '{ online, inSync, known, routers: [router] }; with --watch one such object a line',
  async run(context, given) {
    return withSession(context, given, async ({ client }) => {
      const { out, signal } = context;
      const show = async (): Promise<{ json: unknown; lines: readonly string[] }> =>
        shown(out, await allRouters(client), given);
      if (given.watch) {
        await watch(out, { signal, show });
        return;
      }
      const { json, lines } = await out.during('Asking the leader', show());
      if (out.json) out.printJson(json);
      else out.print(lines.join('\n'));
    });
  },
});

async function allRouters(client: ApiClient): Promise<readonly RouterView[]> {
  const found: RouterView[] = [];
  for (;;) {
    const page = await client.request('routers.list', { after: found.at(-1)?.id, limit: pageLimit });
    found.push(...page.routers);
    if (!page.more || page.routers.length === 0) return found;
  }
}

function shown(
  out: Output,
  all: readonly RouterView[],
  given: { readonly filter: string | undefined; readonly offline: boolean },
): { json: unknown; lines: readonly string[] } {
  const routers = all.filter(
    (each) =>
      (given.filter === undefined || `${each.id} ${each.version}`.includes(given.filter)) &&
      (!given.offline || !each.online || !each.inSync || each.refused !== null),
  );
  const online = all.filter((each) => each.online).length;
  const inSync = all.filter((each) => each.online && each.inSync).length;
  const json = { known: all.length, online, inSync, routers };
  const head =
    all.length === 0
      ? 'No router has been heard of.'
      : `${plural(all.length, 'router')}, ${online} online, ${inSync} in sync`;
  const table =
    routers.length === 0 ? [] : renderTable(routers, columns(out), out.columns, (title) => out.style('dim', title));
  return { json, lines: [head, ...(table.length === 0 ? [] : ['', ...table])] };
}

function columns(out: Output): readonly Column<RouterView>[] {
  return [
    { title: 'ID', value: (row) => row.id, widthMin: 8 },
    {
      title: 'STATE',
      value: stateOf,
      paint: (row, text) => out.style(row.refused !== null ? 'bad' : row.online ? 'good' : 'warn', text),
    },
    {
      title: 'SYNC',
      value: (row) => (row.inSync ? 'in sync' : 'behind'),
      paint: (row, text) => out.style(row.inSync ? 'good' : 'warn', text),
    },
    { title: 'POSITION', value: (row) => formatPosition(row.position), align: 'right' },
    { title: 'CONTACT', value: (row) => formatDuration(row.lastContactMs), align: 'right' },
    { title: 'CONTROLLER', value: (row) => row.connectedTo ?? '-', dropOrder: 2 },
    {
      title: 'PROTOCOL',
      value: (row) => (row.protocolVersion === null ? '-' : String(row.protocolVersion)),
      align: 'right',
      dropOrder: 4,
    },
    { title: 'VERSION', value: (row) => row.version, widthMin: 5, dropOrder: 3 },
    { title: 'REFUSED', value: (row) => row.refused?.message ?? '', widthMin: 10, dropOrder: 1 },
  ];
}

function stateOf(row: RouterView): string {
  if (row.refused !== null) return 'refused';
  return row.online ? 'online' : 'offline';
}
