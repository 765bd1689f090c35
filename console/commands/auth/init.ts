/** `quorate auth init` and `quorate auth certificate`: a deployment's identities, and what its NATS servers read. */
import { z } from 'zod';
import { nodeIdSchema } from '../../../messaging/identifiers.js';
import { serverDays } from '../../auth/certificate.js';
import type { Deployment, ManagedRole } from '../../auth/deployment.js';
import { withIdentity } from '../../auth/deployment.js';
import { fileNames } from '../../auth/nats-config.js';
import { reload } from '../../auth/reload.js';
import type { AuthStore } from '../../auth/store.js';
import { connectionSettings, setting } from '../../config/common.js';
import { anyText, integer, list, path, text } from '../../config/setting.js';
import { defineCommand, defineGroup } from '../command.js';
import { connectionFlags, done, folderSetting, openStore } from './common.js';

const hostSchema = text(
  z
    .string()
    .regex(
      /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,45})$/,
      'is no name or address of a host',
    ),
);
const defaultHost = '127.0.0.1';
const defaultPort = 4222;

export const authGroup = defineGroup({
  path: ['auth'],
  summary: 'Who may connect to NATS, and what each may do there',
  description:
    'Keeps a folder with the identities of a deployment (NKeys: files of mode 0600, never shown) and a complete configuration of nats-server: TLS, one account, and for each identity exactly the subjects that its role needs. docs/security.md says how.',
  examples: [
    {
      comment: 'Begin',
      line: 'quorate auth init --cluster prod --nats-host nats1.example.com --controller-ids ctrl1,ctrl2,ctrl3',
    },
    { comment: 'Who may connect?', line: 'quorate auth list' },
  ],
});

export const authInitCommand = defineCommand({
  path: ['auth', 'init'],
  summary: 'Make the identities of a deployment, and the configuration of its NATS servers',
  description:
    'Makes an authority and a certificate for the NATS servers, an NKey for each controller and operator that is named, and in the folder nats/ all that goes to the hosts of the NATS servers. With several --nats-host they form one NATS cluster, all with the same folder. Nothing is written over.',
  settings: {
    directory: folderSetting,
    cluster: connectionSettings.cluster,
    hosts: setting({
      flag: 'nats-host',
      placeholder: 'HOST,...',
      repeatable: true,
      group: 'Options',
      describe: 'Names or addresses of the hosts of the NATS servers, as clients reach them',
      defaultText: defaultHost,
      schema: list(hostSchema).default([defaultHost]),
    }),
    port: setting({
      flag: 'nats-port',
      placeholder: 'PORT',
      group: 'Options',
      describe: 'Port of the NATS servers',
      defaultText: String(defaultPort),
      schema: integer(1, 65_535).default(defaultPort),
    }),
    controllers: setting({
      flag: 'controller-ids',
      placeholder: 'ID,...',
      repeatable: true,
      group: 'Options',
      describe: 'Ids of the controllers',
      defaultText: 'ctrl1,ctrl2,ctrl3',
      schema: list(text(nodeIdSchema)).default(['ctrl1', 'ctrl2', 'ctrl3']),
    }),
    operators: setting({
      flag: 'operator-names',
      placeholder: 'NAME,...',
      repeatable: true,
      group: 'Options',
      describe: 'Names of operators who may change everything',
      defaultText: 'admin',
      schema: list(text(nodeIdSchema)).default(['admin']),
    }),
    natsFolder: setting({
      flag: 'nats-folder',
      placeholder: 'DIR',
      group: 'Options',
      describe: 'Where the folder nats/ will lie on the hosts of the NATS servers',
      defaultText: 'where it is made',
      schema: path.optional(),
    }),
    reloadCommand: setting({
      flag: 'reload-command',
      placeholder: 'COMMAND',
      group: 'Options',
      describe:
        'Run by a shell after each change, to bring nats/accounts.conf to the hosts and have the servers read it',
      defaultText: 'SIGHUP to the nats-server of this machine',
      schema: anyText.optional(),
    }),
  },
  examples: [
    {
      comment: 'One NATS server on this machine',
      line: 'quorate auth init --cluster demo',
    },
    {
      comment: 'Three, which are told of changes by a script of yours',
      line: 'quorate auth init --cluster prod --nats-host nats1,nats2,nats3 --nats-folder /etc/nats --reload-command /usr/local/bin/push-nats-accounts',
    },
  ],
  jsonShape:
    '{ directory, cluster, configuration, authority, identities: [{ role, name, access, publicKey, seedFile }] }',
  async run({ out }, given) {
    const store = openStore(given.directory);
    const now = Date.now();
    store.create({
      ...{ cluster: given.cluster, hosts: given.hosts, port: given.port, now },
      reloadCommand: given.reloadCommand ?? null,
      natsFolder: given.natsFolder ?? null,
    });
    const deployment = await store.change(now, (empty) =>
      [
        ...given.controllers.map((name) => ({ role: 'controller' as const, name })),
        ...given.operators.map((name) => ({ role: 'operator' as const, name, access: 'admin' as const })),
      ].reduce((held, each) => added(store, held, each, now), empty),
    );
    const configuration = `${store.natsFolder}/${fileNames.server}`;
    const identities = deployment.identities.filter(({ role }) => role !== 'registrar');
    if (out.json) {
      out.printJson({
        ...{ directory: store.directory, cluster: deployment.cluster, configuration, authority: store.authorityFile },
        identities: identities.map((each) => ({
          ...{ role: each.role, name: each.name, access: each.access ?? null, publicKey: each.publicKey },
          seedFile: store.seedFile(each),
        })),
      });
      return;
    }
    const [controller, operator] = [given.controllers[0] ?? '', given.operators[0] ?? ''];
    const flagsOf = (role: ManagedRole, name: string): string =>
      connectionFlags(store, deployment, store.seedFile({ role, name }));
    out.print(
      [
        done(out, `${store.directory} holds ${identities.length} identities of the cluster ${deployment.cluster}`),
        `  the NATS server   nats-server -c ${configuration}`,
        `  a controller      quorate node --id ${controller} --data-dir DIR ${flagsOf('controller', controller)}`,
        `  an operator       quorate console --as ${operator} ${flagsOf('operator', operator)}`,
        `  a router          quorate auth enrol router NAME`,
        out.style('dim', `  Keep ${store.directory} where nobody else can read it: with it, one can do everything.`),
      ].join('\n'),
    );
  },
});

/** @throws QuorateError `already-exists` before a seed is written. */
export function added(
  store: AuthStore,
  held: Deployment,
  who: { readonly role: ManagedRole; readonly name: string; readonly access?: 'admin' | 'read-only' },
  now: number,
): Deployment {
  const placeholder = { ...who, publicKey: '', createdAt: now };
  withIdentity(held, placeholder);
  return withIdentity(held, { ...placeholder, publicKey: store.newSeed(who.role, who.name) });
}

export const authCertificateCommand = defineCommand({
  path: ['auth', 'certificate'],
  summary: 'Make a new certificate for the NATS servers',
  description: `Each is good for ${serverDays} days. The authority stays, so no client notices; with --nats-host the names and addresses of the hosts change too.`,
  settings: {
    directory: folderSetting,
    hosts: setting({
      flag: 'nats-host',
      placeholder: 'HOST,...',
      repeatable: true,
      group: 'Options',
      describe: 'Names or addresses of the hosts of the NATS servers, as clients reach them',
      defaultText: 'as before',
      schema: z.union([z.undefined(), list(hostSchema)]),
    }),
  },
  examples: [{ comment: 'Before the old one expires', line: 'quorate auth certificate' }],
  jsonShape: '{ hosts, days, certificate, reload: { done, sentence } }',
  async run({ out }, given) {
    const store = openStore(given.directory);
    const now = Date.now();
    const deployment = await store.change(now, (held) => {
      const changed = { ...held, hosts: given.hosts ?? held.hosts };
      store.renewCertificate(changed, now);
      return changed;
    });
    const told = await reload(store, deployment);
    const certificate = `${store.natsFolder}/${fileNames.certificate}`;
    if (out.json) out.printJson({ hosts: deployment.hosts, days: serverDays, certificate, reload: told });
    else
      out.print(
        [
          done(out, `${certificate} is good for ${serverDays} days, for ${deployment.hosts.join(', ')}`),
          `  ${told.done ? told.sentence : `${told.sentence}; ${fileNames.certificate} and ${fileNames.privateKey} go there too`}`,
        ].join('\n'),
      );
  },
});
