/** `quorate context`: several clusters, each by a name. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { QuorateError } from '../../messaging/errors.js';
import { clientSettings, setting } from '../config/common.js';
import {
  type Context,
  type ContextKey,
  contextNameSchema,
  contextsPath,
  readContexts,
  writeContexts,
} from '../config/contexts.js';
import { onOff, type Setting } from '../config/setting.js';
import { type Column, renderTable } from '../output/table.js';
import { argument, type CommandContext, defineCommand, defineGroup, usageError } from './command.js';

const nameArgument = argument({
  placeholder: 'NAME',
  required: true,
  describe: 'Name of the context',
  schema: contextNameSchema,
});

const knownName = argument({ ...nameArgument, completes: 'context' });

export const contextGroup = defineGroup({
  path: ['context'],
  summary: 'Several clusters, each by a name: how it is reached, and as whom',
  description:
    'A context holds what would otherwise be given as --nats, --cluster, --creds-file and so on. Credentials are referred to by the file that holds them, and never kept or shown. The context in use counts where no config file is there; --context or QUORATE_CONTEXT names another one.',
  examples: [
    { comment: 'Which are there?', line: 'quorate context list' },
    { comment: 'One command on another cluster', line: 'quorate status --context staging' },
  ],
});

/** As the setting is, but only as a flag, and nothing where it is not given. */
function asFlag<T>(from: Setting<T>): Setting<T | undefined> {
  const { env: _env, key: _key, defaultText: _default, required: _required, ...rest } = from;
  // Not `.optional()`: that would give the default where nothing is given.
  return { ...rest, schema: z.union([z.undefined(), from.schema]) };
}

const given = {
  nats: asFlag(clientSettings.nats),
  cluster: asFlag(clientSettings.cluster),
  user: asFlag(clientSettings.user),
  passwordFile: asFlag(clientSettings.passwordFile),
  tokenFile: asFlag(clientSettings.tokenFile),
  nkeySeedFile: asFlag(clientSettings.nkeySeedFile),
  credsFile: asFlag(clientSettings.credsFile),
  tlsCa: asFlag(clientSettings.tlsCa),
  tlsCert: asFlag(clientSettings.tlsCert),
  tlsKey: asFlag(clientSettings.tlsKey),
  as: asFlag(clientSettings.as),
} as const;

export const contextAddCommand = defineCommand({
  path: ['context', 'add'],
  summary: 'Add a context, from the connection options that are given',
  description: 'The first one is in use at once.',
  args: { name: nameArgument },
  settings: {
    ...given,
    replace: setting({
      flag: 'replace',
      group: 'Options',
      describe: 'Take the place of one that has this name',
      schema: onOff,
    }),
  },
  examples: [
    {
      comment: 'With credentials made by nsc',
      line: 'quorate context add prod --nats tls://nats.example.com:4222 --cluster prod --creds-file ~/.nsc/alice.creds',
    },
    {
      comment: 'With a user whose password is in a file',
      line: 'quorate context add staging --nats tls://10.0.0.9:4222 --cluster staging --user alice --password-file ~/.secrets/staging',
    },
  ],
  jsonShape: '{ name, current, context }; the context by keys of the config file',
  async run({ out, env }, values) {
    if (values.nats === undefined && values.cluster === undefined)
      throw usageError(
        'a context needs at least --nats or --cluster',
        'Give the address of the NATS server and the name of the cluster.',
      );
    const path = contextsPath(env);
    const contexts = readContexts(path);
    if (contexts.byName[values.name] !== undefined && !values.replace)
      throw usageError(`there is a context ${values.name} already`, 'Give --replace to put this one in its place.');
    const context = contextFrom(values);
    const current = contexts.current ?? values.name;
    writeContexts(path, { current, byName: { ...contexts.byName, [values.name]: context } });
    if (out.json) out.printJson({ name: values.name, current: current === values.name, context });
    else out.print(`Context ${values.name} is kept in ${path}${current === values.name ? ', and in use' : ''}.`);
  },
});

type Given = {
  readonly [Name in keyof typeof given]: (typeof given)[Name] extends Setting<infer Value> ? Value : never;
};

/** Paths are made absolute: a context is used from any folder. */
function contextFrom(values: Partial<Given>): Context {
  const file = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(path));
  const all: Readonly<Record<ContextKey, string | readonly string[] | undefined>> = {
    nats: values.nats,
    cluster: values.cluster,
    user: values.user,
    passwordFile: file(values.passwordFile),
    tokenFile: file(values.tokenFile),
    nkeySeedFile: file(values.nkeySeedFile),
    credsFile: file(values.credsFile),
    'tls.caFile': file(values.tlsCa),
    'tls.certFile': file(values.tlsCert),
    'tls.keyFile': file(values.tlsKey),
    as: values.as,
    timeout: undefined,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

export const contextUseCommand = defineCommand({
  path: ['context', 'use'],
  summary: 'Use a context from now on',
  args: { name: knownName },
  settings: {},
  examples: [{ comment: 'From now on the staging cluster', line: 'quorate context use staging' }],
  jsonShape: '{ current }',
  async run(context, { name }) {
    const contexts = known(context, name);
    writeContexts(contextsPath(context.env), { ...contexts, current: name });
    if (context.out.json) context.out.printJson({ current: name });
    else context.out.print(`Context ${name} is in use.`);
  },
});

export const contextRemoveCommand = defineCommand({
  path: ['context', 'remove'],
  summary: 'Take a context away; what it refers to stays',
  args: { name: knownName },
  settings: {},
  examples: [{ comment: 'A cluster that is no more', line: 'quorate context remove staging' }],
  jsonShape: '{ removed, current }',
  async run(context, { name }) {
    const contexts = known(context, name);
    const { [name]: _removed, ...byName } = contexts.byName;
    const current = contexts.current === name ? null : contexts.current;
    writeContexts(contextsPath(context.env), { current, byName });
    if (context.out.json) context.out.printJson({ removed: name, current });
    else context.out.print(`Context ${name} is taken away${current === null ? '; none is in use now' : ''}.`);
  },
});

function known({ env }: CommandContext, name: string) {
  const contexts = readContexts(contextsPath(env));
  if (contexts.byName[name] !== undefined) return contexts;
  const names = Object.keys(contexts.byName);
  throw new QuorateError('invalid-config', `there is no context "${name}"`, {
    remedy: names.length === 0 ? '`quorate context add` adds one.' : `There are ${names.join(', ')}.`,
  });
}

export const contextListCommand = defineCommand({
  path: ['context', 'list'],
  summary: 'List the contexts, with the one in use marked',
  settings: {},
  examples: [{ comment: 'Which cluster would a command go to?', line: 'quorate context list' }],
  jsonShape: '{ current, contexts: { NAME: context } }; a context by keys of the config file',
  async run({ out, env }) {
    const { current, byName } = readContexts(contextsPath(env));
    if (out.json) {
      out.printJson({ current, contexts: byName });
      return;
    }
    const rows = Object.entries(byName).map(([name, context]) => ({ name, context, used: name === current }));
    if (rows.length === 0) out.note('There is no context yet: `quorate context add NAME --nats URL --cluster NAME`.');
    else out.print(renderTable(rows, columns, out.columns, (title) => out.style('dim', title)).join('\n'));
  },
});

interface Row {
  readonly name: string;
  readonly context: Context;
  readonly used: boolean;
}

const columns: readonly Column<Row>[] = [
  { title: '', value: (row) => (row.used ? '*' : '') },
  { title: 'NAME', value: (row) => row.name, widthMin: 6 },
  { title: 'CLUSTER', value: ({ context }) => text(context.cluster), widthMin: 6 },
  { title: 'NATS', value: ({ context }) => text(context.nats), widthMin: 12 },
  { title: 'AS', value: ({ context }) => text(context.as ?? context.user), dropOrder: 2 },
  { title: 'CREDENTIALS', value: ({ context }) => credentialsOf(context), widthMin: 10, dropOrder: 1 },
];

function text(value: string | readonly string[] | undefined): string {
  return value === undefined ? '-' : Array.isArray(value) ? value.join(',') : String(value);
}

/** By the file that holds them; what is in it is nobody's business here. */
function credentialsOf(context: Context): string {
  const files = [
    context.credsFile,
    context.nkeySeedFile,
    context.passwordFile,
    context.tokenFile,
    context['tls.keyFile'],
  ];
  return text(files.find((each) => each !== undefined));
}
