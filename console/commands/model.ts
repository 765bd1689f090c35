/** `quorate model`: reading and changing the replicated data. */
import type { ApiClient } from '../../messaging/api-client.js';
import { QuorateError } from '../../messaging/errors.js';
import type { ApiResult } from '../../messaging/schemas/api.js';
import { type Entity, entityIdSchema, entityKindSchema, entityNameSchema } from '../../messaging/schemas/model.js';
import { clientSettings, setting } from '../config/common.js';
import { anyText, integer, onOff } from '../config/setting.js';
import type { Output } from '../output/output.js';
import { didYouMean } from '../output/suggest.js';
import { type Column, renderTable } from '../output/table.js';
import { entityYaml } from '../state/entity-document.js';
import { formatCount, formatTime } from '../state/format.js';
import { readCluster } from './cluster-view.js';
import { argument, defineCommand, defineGroup } from './command.js';
import { withSession } from './session.js';

export type Written = ApiResult<'model.create'>;

export const kinds = ['router', 'service', 'identity', 'policy'] as const;
export const kindArgument = argument({
  placeholder: 'KIND',
  required: true,
  choices: kinds,
  describe: 'Kind of entity: router, service, identity or policy',
  schema: entityKindSchema,
});
export const refArgument = argument({
  placeholder: 'NAME',
  required: true,
  completes: 'entity',
  describe: 'Name or id of the entity',
  schema: entityNameSchema,
});
const staleSetting = setting({
  flag: 'stale',
  group: 'Options',
  describe: 'Do not ask for the newest state; answers sooner, may be behind',
  schema: onOff,
});

export const modelGroup = defineGroup({
  path: ['model'],
  summary: 'Read and change the model: routers, services, identities, policies',
  examples: [
    { comment: 'What is there', line: 'quorate model list' },
    { comment: 'Add a service', line: 'quorate model create service --name web --set terminatorStrategy=weighted' },
  ],
});

export const modelListCommand = defineCommand({
  path: ['model', 'list'],
  summary: 'List the entities of a kind; without a kind, count them',
  args: {
    kind: argument({
      placeholder: 'KIND',
      choices: kinds,
      describe: 'Kind of entity: router, service, identity or policy',
      schema: entityKindSchema.optional(),
    }),
  },
  settings: {
    filter: setting({
      flag: 'filter',
      placeholder: 'TEXT',
      group: 'Options',
      describe: 'Only entities whose name or id holds this text',
      schema: anyText.optional(),
    }),
    limit: setting({
      flag: 'limit',
      placeholder: 'N',
      group: 'Options',
      describe: 'At most so many',
      defaultText: 'all',
      schema: integer(1, 10_000_000).optional(),
    }),
    stale: staleSetting,
    ...clientSettings,
  },
  examples: [
    { comment: 'How many of each kind', line: 'quorate model list' },
    { comment: 'The services', line: 'quorate model list service' },
    {
      comment: 'How each chooses its terminators',
      line: "quorate model list service --json | jq '.entities[] | {name, strategy: .spec.terminatorStrategy}'",
    },
  ],
  jsonShape: '{ entities: [entity], position }; without a kind { counts: { kind: number } }',
  async run(context, given) {
    return withSession(context, given, async ({ client }) => {
      const { out } = context;
      const { kind } = given;
      if (kind === undefined) return listKinds(out, client, given.cluster);
      const { entities, position } = await out.during('Asking the leader', listAll(client, { ...given, kind }));
      if (entities.length === 0 && !isKnownKind(kind)) {
        throw new QuorateError('unknown-kind', `there is no kind "${kind}"`, { remedy: didYouMean(kind, kinds) });
      }
      if (out.json) out.printJson({ entities, position });
      else if (entities.length === 0)
        out.note(`There is no ${kind}${given.filter === undefined ? '' : ` that holds "${given.filter}"`}.`);
      else out.print(renderTable(entities, columns(out), out.columns, (title) => out.style('dim', title)).join('\n'));
    });
  },
});

function isKnownKind(kind: string): boolean {
  return kinds.some((each) => each === kind);
}

async function listKinds(out: Output, client: ApiClient, cluster: string): Promise<void> {
  const { rows } = await out.during('Asking the controllers', readCluster(client, cluster));
  const known = rows.find((row) => row.leads) ?? rows.find((row) => row.membership === 'voter' && !row.silent);
  if (known === undefined) await client.request('model.list', { kind: 'router', limit: 1 });
  const counts = { ...Object.fromEntries(kinds.map((kind) => [kind, 0])), ...known?.record?.status.storage?.entities };
  if (out.json) out.printJson({ counts });
  else
    out.print(
      renderTable(
        Object.entries(counts),
        [
          { title: 'KIND', value: ([kind]) => kind },
          { title: 'COUNT', value: ([, count]) => formatCount(count), align: 'right' },
        ],
        out.columns,
        (title) => out.style('dim', title),
      ).join('\n'),
    );
}

async function listAll(
  client: ApiClient,
  given: {
    readonly kind: string;
    readonly filter: string | undefined;
    readonly limit: number | undefined;
    readonly stale: boolean;
  },
): Promise<{ entities: readonly Entity[]; position: Written['position'] }> {
  const entities: Entity[] = [];
  const wanted = given.limit ?? Number.POSITIVE_INFINITY;
  for (;;) {
    const page = await client.request('model.list', {
      kind: given.kind,
      filter: given.filter,
      stale: given.stale,
      after: entities.at(-1)?.id,
      limit: Math.min(500, wanted - entities.length),
    });
    entities.push(...page.entities);
    if (!page.more || page.entities.length === 0 || entities.length >= wanted)
      return { entities, position: page.position };
  }
}

function columns(out: Output): readonly Column<Entity>[] {
  const inline = (value: Readonly<Record<string, unknown>>): string =>
    Object.entries(value)
      .map(([key, each]) => `${key}=${typeof each === 'string' ? each : JSON.stringify(each)}`)
      .join(' ');
  return [
    { title: 'NAME', value: (row) => row.name, widthMin: 10, paint: (_row, shown) => out.style('bold', shown) },
    { title: 'ID', value: (row) => row.id, widthMin: 10, dropOrder: 2 },
    { title: 'VERSION', value: (row) => String(row.version), align: 'right', dropOrder: 3 },
    { title: 'UPDATED', value: (row) => formatTime(row.updatedAt), dropOrder: 4 },
    { title: 'TAGS', value: (row) => inline(row.tags), widthMin: 6, dropOrder: 5 },
    { title: 'SPEC', value: (row) => inline(row.spec), widthMin: 10, dropOrder: 1 },
  ];
}

export const modelGetCommand = defineCommand({
  path: ['model', 'get'],
  summary: 'Show one entity, as YAML',
  args: { kind: kindArgument, ref: refArgument },
  settings: { stale: staleSetting, ...clientSettings },
  examples: [
    { comment: 'By name or by id', line: 'quorate model get service web' },
    { comment: 'Into a file, to be changed and given back', line: 'quorate model get service web > web.yaml' },
  ],
  jsonShape: '{ entity, position }',
  async run(context, given) {
    return withSession(context, given, async ({ client }) => {
      const { out } = context;
      const found = await out.during('Asking the leader', getEntity(client, given.kind, given.ref, given.stale));
      if (out.json) out.printJson(found);
      else out.print(entityYaml(found.entity).trimEnd());
    });
  },
});

/** By name, or where there is none of that name, by id. */
export async function getEntity(client: ApiClient, kind: string, ref: string, stale = false): Promise<Written> {
  try {
    return await client.request('model.get', { kind, name: ref, stale });
  } catch (error) {
    const isId = entityIdSchema.safeParse(ref).success;
    const isMissing = error instanceof Error && 'code' in error && error.code === 'not-found';
    if (!isId || !isMissing) throw error;
    return client.request('model.get', { kind, id: ref, stale });
  }
}
