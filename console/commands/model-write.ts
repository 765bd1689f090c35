/** `quorate model create|update|edit|delete`: changing the replicated data. */
import { formatPosition } from '../../messaging/position.js';
import { type EntityPatch, entityIdSchema, entityKindSchema, entityNameSchema } from '../../messaging/schemas/model.js';
import { clientSettings, setting } from '../config/common.js';
import {
  anyText,
  integer,
  onOff,
  path,
  repeated,
  type SettingTable,
  type SettingValues,
  text,
} from '../config/setting.js';
import { confirm } from '../output/confirm.js';
import { type EntityDocument, entityYaml, parseDocuments, patchOf } from '../state/entity-document.js';
import { argument, type CommandContext, defineCommand, usageError } from './command.js';
import { editText } from './edit.js';
import { getEntity, kindArgument, kinds, refArgument, type Written } from './model.js';
import { parseSets, parseTags, readDocuments } from './model-input.js';
import { withSession } from './session.js';

const optionalKind = argument({
  placeholder: 'KIND',
  choices: kinds,
  describe: 'Kind of entity; without it, as the file says',
  schema: entityKindSchema.optional(),
});
const versionSetting = setting({
  flag: 'if-version',
  placeholder: 'N',
  group: 'Options',
  describe: 'Only if the entity still has this version',
  schema: integer(1, Number.MAX_SAFE_INTEGER).optional(),
});
const inputSettings = {
  name: setting({
    flag: 'name',
    placeholder: 'NAME',
    group: 'Options',
    describe: 'Name of the entity, unique in its kind',
    schema: text(entityNameSchema).optional(),
  }),
  tags: setting({
    flag: 'tag',
    placeholder: 'KEY=VALUE',
    repeatable: true,
    group: 'Options',
    describe: 'Tag to set; KEY- takes it away',
    schema: repeated(anyText),
  }),
  sets: setting({
    flag: 'set',
    placeholder: 'KEY=VALUE',
    repeatable: true,
    group: 'Options',
    describe:
      'Field of the spec to set, as disabled=true or roleAttributes=[a,b]; the value is YAML, null takes it away',
    schema: repeated(anyText),
  }),
  file: setting({
    flag: 'file',
    alias: 'f',
    placeholder: 'FILE',
    group: 'Options',
    completes: 'file',
    describe: 'Read entities from this YAML or JSON file; - is standard input',
    schema: path.optional(),
  }),
} as const satisfies SettingTable;
type Input = SettingValues<typeof inputSettings>;

const writtenShape = '{ entity, position }; with --file and several documents, one such object a line';

export const modelCreateCommand = defineCommand({
  path: ['model', 'create'],
  summary: 'Create an entity, from flags or from a file',
  args: { kind: optionalKind },
  settings: {
    ...inputSettings,
    id: setting({
      flag: 'id',
      env: undefined,
      placeholder: 'ID',
      group: 'Options',
      describe: 'Id of the entity',
      defaultText: 'one is made',
      schema: text(entityIdSchema).optional(),
    }),
    ...clientSettings,
  },
  examples: [
    {
      comment: 'From flags',
      line: "quorate model create service --name web --tag site=berlin --set terminatorStrategy=weighted --set 'roleAttributes=[public]'",
    },
    { comment: 'From a file, which may hold several documents', line: 'quorate model create -f services.yaml' },
    { comment: 'From standard input', line: 'echo \'{"kind":"identity","name":"alice"}\' | quorate model create -f -' },
  ],
  jsonShape: writtenShape,
  async run(context, given) {
    const documents = await documentsOf(given, { id: given.id });
    const drafts = documents.map((each) => {
      const kind = kindOf(each, given.kind);
      if (each.name === undefined)
        throw usageError(`a new ${kind} needs a name`, 'Give it with --name, or as `name:` in the file.');
      return { kind, id: each.id, name: each.name, tags: withoutNulls(each.tags ?? {}), spec: each.spec ?? {} };
    });
    return withSession(context, given, async ({ client }) => {
      for (const draft of drafts)
        report(
          context,
          'created',
          await context.out.during(`Creating ${draft.kind} ${draft.name}`, client.request('model.create', draft)),
          drafts.length,
        );
    });
  },
});

export const modelUpdateCommand = defineCommand({
  path: ['model', 'update'],
  summary: 'Change an entity, from flags or from a file',
  description:
    'Only what is given changes: fields of the spec and tags are merged by key, and null takes a key away. A `version` in the file makes it a compare-and-set, as --if-version does.',
  args: {
    kind: optionalKind,
    ref: argument({
      placeholder: 'NAME',
      completes: 'entity',
      describe: 'Name or id of the entity; without it, as the file says',
      schema: entityNameSchema.optional(),
    }),
  },
  settings: { ...inputSettings, version: versionSetting, ...clientSettings },
  examples: [
    { comment: 'One field', line: 'quorate model update service web --set terminatorStrategy=random' },
    { comment: 'A new name, and a tag taken away', line: 'quorate model update service web --name shop --tag site-' },
    { comment: 'From a file', line: 'quorate model update -f web.yaml' },
  ],
  jsonShape: writtenShape,
  async run(context, given) {
    const documents = await documentsOf(given, {});
    return withSession(context, given, async ({ client }) => {
      for (const each of documents) {
        const kind = kindOf(each, given.kind);
        const ref = given.ref ?? each.id ?? each.name;
        if (ref === undefined)
          throw usageError(`which ${kind} is to be changed?`, 'Name it after the kind, or give its id in the file.');
        const { entity } = await getEntity(client, kind, ref);
        const patch: EntityPatch = {
          name: each.name === entity.name ? undefined : each.name,
          tags: each.tags === undefined ? undefined : { ...each.tags },
          spec: each.spec,
        };
        const version = given.version ?? each.version;
        report(
          context,
          'updated',
          await context.out.during(
            `Updating ${kind} ${entity.name}`,
            client.request('model.update', { kind, id: entity.id, version, patch }),
          ),
          documents.length,
        );
      }
    });
  },
});

export const modelEditCommand = defineCommand({
  path: ['model', 'edit'],
  summary: 'Change an entity in your editor',
  description: 'Opens it in $VISUAL or $EDITOR. What was changed meanwhile by somebody else is not overwritten.',
  args: { kind: kindArgument, ref: refArgument },
  settings: clientSettings,
  examples: [{ comment: 'With nano', line: 'EDITOR=nano quorate model edit service web' }],
  jsonShape: writtenShape,
  async run(context, given) {
    return withSession(context, given, async ({ client }) => {
      const { entity } = await context.out.during('Asking the leader', getEntity(client, given.kind, given.ref));
      const before = entityYaml(entity);
      const after = await editText(before, `${given.kind}-${entity.id}.yaml`, context.env);
      if (after === before) {
        context.out.note('Nothing was changed.');
        return;
      }
      const [document] = parseDocuments(after, 'what you wrote');
      if (document === undefined) return;
      const patch = patchOf(entity, document);
      report(
        context,
        'updated',
        await client.request('model.update', { kind: entity.kind, id: entity.id, version: entity.version, patch }),
        1,
      );
    });
  },
});

export const modelDeleteCommand = defineCommand({
  path: ['model', 'delete'],
  summary: 'Delete an entity',
  args: { kind: kindArgument, ref: refArgument },
  settings: {
    yes: setting({ flag: 'yes', alias: 'y', group: 'Options', describe: 'Do not ask for confirmation', schema: onOff }),
    version: versionSetting,
    ...clientSettings,
  },
  examples: [
    { comment: 'Asks for the name to be typed', line: 'quorate model delete service web' },
    {
      comment: 'In a script, only if nobody has changed it',
      line: 'quorate model delete service web --yes --if-version 3',
    },
  ],
  jsonShape: '{ entity, position }; the entity is what it was',
  async run(context, given) {
    return withSession(context, given, async ({ client }) => {
      const { entity } = await context.out.during('Asking the leader', getEntity(client, given.kind, given.ref));
      await confirm(context.out, {
        word: entity.name,
        purpose: `delete this ${given.kind}`,
        yes: given.yes,
        signal: context.signal,
      });
      // What was confirmed is what is deleted: not what somebody made of it meanwhile.
      const version = given.version ?? (given.yes ? undefined : entity.version);
      report(
        context,
        'deleted',
        await context.out.during(
          'Deleting',
          client.request('model.delete', { kind: given.kind, id: entity.id, version }),
        ),
        1,
      );
    });
  },
});

async function documentsOf(
  given: Input,
  more: { readonly id?: string | undefined },
): Promise<readonly EntityDocument[]> {
  const hasFlags = given.name !== undefined || given.tags.length > 0 || given.sets.length > 0 || more.id !== undefined;
  if (given.file !== undefined) {
    if (hasFlags)
      throw usageError(
        '--file and flags that say the same are given',
        'Give either --file or --name, --id, --tag and --set.',
      );
    return readDocuments(given.file);
  }
  if (!hasFlags) throw usageError('nothing is given that could be written', 'Give --name, --tag and --set, or --file.');
  return [
    {
      ...more,
      name: given.name,
      tags: given.tags.length === 0 ? undefined : parseTags(given.tags),
      spec: given.sets.length === 0 ? undefined : parseSets(given.sets),
    },
  ];
}

function kindOf(document: EntityDocument, given: string | undefined): string {
  if (given !== undefined && document.kind !== undefined && given !== document.kind)
    throw usageError(
      `the file says ${document.kind}, the command line says ${given}`,
      'Leave the kind out on the command line, or correct the file.',
    );
  const kind = given ?? document.kind;
  if (kind === undefined)
    throw usageError('KIND is missing: kind of entity', `Give one of ${kinds.join(', ')}, or \`kind:\` in the file.`);
  return kind;
}

function withoutNulls(tags: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(tags).flatMap(([key, value]) => (value === null ? [] : [[key, value]])));
}

function report({ out }: CommandContext, verb: string, { entity, position }: Written, documents: number): void {
  if (out.json && documents === 1) out.printJson({ entity, position });
  else if (out.json) out.printJsonLine({ entity, position });
  else
    out.print(
      `${entity.kind} ${entity.name} ${verb}  ${out.style('dim', `id ${entity.id}, version ${entity.version}, position ${formatPosition(position)}`)}`,
    );
}
