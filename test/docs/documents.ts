/**
 * The documents, and the parts of documents, that are made from the code: `docs/errors.md`, and in `docs/protocol.md`
 * whatever stands between `<!-- made from the code: NAME -->` and `<!-- end -->`. `fresh.test.ts` fails while one is stale.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { type ErrorCode, errorCodes, errorTable, wireErrorSchema } from '../../messaging/errors.js';
import { identifierPattern } from '../../messaging/identifiers.js';
import { type Principal, permissionsOf, readOnlyVerbs } from '../../messaging/permissions.js';
import { positionSchema, timelineSchema } from '../../messaging/position.js';
import { versionRangeSchema } from '../../messaging/protocol.js';
import { raftLayouts, raftMessagesNeed } from '../../messaging/raft-codec.js';
import { apiRequestSchema, apiResponseSchema, apiVerbs } from '../../messaging/schemas/api.js';
import {
  alertEventSchema,
  clusterEventSchema,
  clusterEventTypes,
  entityChangeEventSchema,
  routerEventSchema,
} from '../../messaging/schemas/events.js';
import {
  entityDraftSchema,
  entityPatchSchema,
  entitySchema,
  modelChangeSchema,
} from '../../messaging/schemas/model.js';
import {
  findingSchema,
  impactSchema,
  operationPlanSchema,
  operationViewSchema,
  stepRecordSchema,
  workflowParametersSchema,
} from '../../messaging/schemas/operations.js';
import {
  endpointListSchema,
  endpointSchema,
  heartbeatSchema,
  helloReplySchema,
  helloRequestSchema,
  routerAlertReplySchema,
  routerAlertSchema,
  routerDirectSchema,
  routerViewSchema,
  syncReplySchema,
  syncRequestSchema,
} from '../../messaging/schemas/router.js';
import {
  alarmSchema,
  configurationSchema,
  memberSchema,
  nodeStatusSchema,
  progressSchema,
} from '../../messaging/schemas/status.js';
import { subjectPatternsOf } from '../../messaging/subjects.js';
import { laneOf } from '../../node/cluster/transport.js';
import { kinds } from '../../node/model/kinds/index.js';
import type { Message } from '../../node/raft/index.js';
import { logsDocument } from '../observe/logs-document.js';
import { metricsDocument } from '../observe/metrics-document.js';
import { checkoutRoot } from '../support/checkout.js';
import { type NamedSchema, SchemaTables } from './schema-tables.js';

/** By their names in the source. */
const named = {
  timelineSchema: { title: 'Timeline', schema: timelineSchema },
  positionSchema: { title: 'Position', schema: positionSchema },
  versionRangeSchema: { title: 'Version range', schema: versionRangeSchema },
  wireErrorSchema: { title: 'Error', schema: wireErrorSchema },
  entitySchema: { title: 'Entity', schema: entitySchema },
  entityDraftSchema: { title: 'Entity draft', schema: entityDraftSchema },
  entityPatchSchema: { title: 'Entity patch', schema: entityPatchSchema },
  modelChangeSchema: { title: 'Model change', schema: modelChangeSchema },
  endpointSchema: { title: 'Endpoint', schema: endpointSchema },
  endpointListSchema: { title: 'Endpoint list', schema: endpointListSchema },
  routerViewSchema: { title: 'Router view', schema: routerViewSchema },
  nodeStatusSchema: { title: 'Status', schema: nodeStatusSchema },
  configurationSchema: { title: 'Configuration', schema: configurationSchema },
  progressSchema: { title: 'Progress', schema: progressSchema },
  memberSchema: { title: 'Member', schema: memberSchema },
  alarmSchema: { title: 'Alarm', schema: alarmSchema },
  workflowParametersSchema: { title: 'Workflow parameters', schema: workflowParametersSchema },
  findingSchema: { title: 'Finding', schema: findingSchema },
  impactSchema: { title: 'Impact', schema: impactSchema },
  stepRecordSchema: { title: 'Step record', schema: stepRecordSchema },
  operationViewSchema: { title: 'Operation', schema: operationViewSchema },
  operationPlanSchema: { title: 'Operation plan', schema: operationPlanSchema },
} as const satisfies Record<string, NamedSchema>;

/** Messages that a section of their own describes. */
const messages = {
  apiRequestSchema,
  apiResponseSchema,
  helloRequestSchema,
  helloReplySchema,
  heartbeatSchema,
  syncRequestSchema,
  syncReplySchema,
  routerAlertSchema,
  routerAlertReplySchema,
  routerDirectSchema,
  clusterEventSchema,
  routerEventSchema,
  entityChangeEventSchema,
  alertEventSchema,
} as const satisfies Record<string, z.ZodType>;

const fromRouters: readonly string[] = [
  'apiRequestSchema',
  'helloRequestSchema',
  'heartbeatSchema',
  'syncRequestSchema',
  'routerAlertSchema',
];

const tables = new SchemaTables(named, identifierPattern.source);

/** Of what is read, not sent: for documents of their own. */
export function tableOf(source: string, schema: z.ZodType): string {
  return table(source, schema, 'output');
}

function table(source: string, schema: z.ZodType, io: 'input' | 'output'): string {
  return tables.of(schema, source, io);
}

// --------------------------------------------------------------------------------------------------------------- parts

const sections: Readonly<Record<string, () => string>> = {
  verbs: () =>
    [
      '| verb | ask | changes something | |',
      '| --- | --- | --- | --- |',
      ...Object.entries(apiVerbs).map(
        ([verb, { summary, to, changes }]) =>
          `| [\`${verb}\`](#${verb.replaceAll('.', '')}) | ${to === 'node' ? 'the controller concerned' : to === 'any' ? 'any member' : 'the leader'} | ${changes ? 'yes' : 'no'} | ${summary} |`,
      ),
    ].join('\n'),
  'verb details': () =>
    Object.entries(apiVerbs)
      .map(([verb, { params, result }]) =>
        [
          `### ${verb}`,
          `Parameters:\n\n${table(verb, params, 'input')}`,
          `Result:\n\n${table(verb, result, 'output')}`,
        ].join('\n\n'),
      )
      .join('\n\n'),
  permissions: () => {
    const principals: readonly (readonly [string, Principal])[] = [
      ['controller `N`', { role: 'controller', name: 'N' }],
      ['router `R`', { role: 'router', name: 'R' }],
      ['operator `O`', { role: 'operator', name: 'O', access: 'admin' }],
      ['operator `O` who only looks', { role: 'operator', name: 'O', access: 'read-only' }],
      ['registrar', { role: 'registrar', name: 'registrar' }],
      ['router `R` with its one-time token', { role: 'enrolment', name: 'R' }],
    ];
    const listed = (subjects: readonly string[]): string => {
      const verbs = readOnlyVerbs.map((verb) => subjectPatternsOf('C').api('*', 'O', verb));
      const isReadOnly = verbs.every((each) => subjects.includes(each));
      const shown = isReadOnly
        ? ['quorate.C.api.*.O.VERB', ...subjects.filter((each) => !verbs.includes(each))]
        : subjects;
      return shown.map((each) => `\`${each}\``).join(', ');
    };
    return [
      '| role | publish | subscribe |',
      '| --- | --- | --- |',
      ...principals.map(([title, principal]) => {
        const { publish, subscribe } = permissionsOf('C', principal);
        return `| ${title} | ${listed(publish)} | ${listed(subscribe)} |`;
      }),
    ].join('\n');
  },
  types: () =>
    Object.entries(named)
      .map(
        ([source, { title, schema }]) =>
          `### ${title}\n\n${tables.named(schema, source, /Draft|Patch|Parameters/.test(source) ? 'input' : 'output')}`,
      )
      .join('\n\n'),
  'cluster event types': () => clusterEventTypes.map((type) => `\`${type}\``).join(', '),
  kinds: () =>
    kinds
      .map(({ kind, plural, summary, fields }) =>
        [
          `### ${kind}`,
          `${summary} In events its \`entityType\` is \`${plural}\`.`,
          table(kind, z.object({ ...fields }), 'input'),
        ].join('\n\n'),
      )
      .join('\n\n'),
  'raft messages': () =>
    [
      '| number | kind | lane | fields after the term, in order |',
      '| --- | --- | --- | --- |',
      ...Object.entries(raftLayouts).map(
        ([kind, fields], number) =>
          `| ${number} | ${kind} | ${laneOf({ type: kind } as Message)} | ${fields.map(([name, type]) => `\`${name}\` ${type}`).join(', ') || 'none'} |`,
      ),
      '',
      `\`needs\` is ${raftMessagesNeed} in all of them.`,
    ].join('\n'),
  ...Object.fromEntries(
    Object.entries(messages).map(([source, schema]) => [
      source,
      () => table(source, schema, fromRouters.includes(source) ? 'input' : 'output'),
    ]),
  ),
};

/** A schema by its name in the source. */
export function schemaNamed(source: string): z.ZodType | undefined {
  const all: Readonly<Record<string, z.ZodType>> = {
    ...messages,
    ...Object.fromEntries(Object.entries(named).map(([name, { schema }]) => [name, schema])),
  };
  return all[source];
}

export const sectionNames = Object.keys(sections);

const begin = (name: string): string => `<!-- made from the code: ${name} -->`;
const end = '<!-- end -->';
const marked = /<!-- made from the code: ([^>]+) -->\n[\s\S]*?<!-- end -->/g;

/** The document with its marked parts made anew. */
export function refreshed(document: string): string {
  return document.replace(marked, (_whole, name: string) => {
    const make = sections[name];
    if (make === undefined) throw new Error(`no part of a document is called ${name}`);
    return `${begin(name)}\n${make()}\n${end}`;
  });
}

// ----------------------------------------------------------------------------------------------------------- documents

function errorsDocument(): string {
  const row = (code: ErrorCode): string => {
    const { meaning, remedy, retry } = errorTable[code];
    return `| <a id="${code}"></a>\`${code}\` | ${meaning} | ${remedy} | ${retry ? 'yes' : 'no'} |`;
  };
  return `${[
    '# Errors',
    '<!-- Made from messaging/errors.ts by `npm run docs`. -->',
    'Every refusal, on the wire, on the command line and in the console, has one of these codes. The message that comes with it',
    'says what was wrong in this case; the remedy here is the general one, and a case may bring a better one of its own.',
    '',
    '**Retry** says whether the same request, with the same request id, may be sent again without anything being mended first:',
    'it is then carried out at most once ([how](protocol.md#request-ids-and-retries)). A client that meets a code it does not know takes it for one that may not be',
    'retried.',
    '',
    '| code | what it means | what to do | retry |',
    '| --- | --- | --- | --- |',
    ...errorCodes.map(row),
  ].join('\n')}\n`;
}

export interface MadeDocument {
  readonly name: string;
  readonly written: string;
  readonly wanted: string;
}

export function madeDocuments(): readonly MadeDocument[] {
  const read = (name: string): string => readFileSync(path.join(checkoutRoot, name), 'utf8');
  const protocol = read('docs/protocol.md');
  return [
    { name: 'docs/errors.md', written: readIfThere('docs/errors.md'), wanted: errorsDocument() },
    { name: 'docs/logs.md', written: readIfThere('docs/logs.md'), wanted: logsDocument() },
    { name: 'docs/metrics.md', written: readIfThere('docs/metrics.md'), wanted: metricsDocument() },
    { name: 'docs/protocol.md', written: protocol, wanted: refreshed(protocol) },
  ];
}

function readIfThere(name: string): string {
  try {
    return readFileSync(path.join(checkoutRoot, name), 'utf8');
  } catch {
    return '';
  }
}

/** Writes those that are stale, and returns their names. */
export function writeDocuments(): readonly string[] {
  const stale = madeDocuments().filter(({ written, wanted }) => written !== wanted);
  for (const { name, wanted } of stale) writeFileSync(path.join(checkoutRoot, name), wanted);
  return stale.map(({ name }) => name);
}
