/** What the commands of `quorate auth` share. */

import { z } from 'zod';
import type { ApiClient } from '../../../messaging/api-client.js';
import { createApiClient } from '../../../messaging/api-client.js';
import { connectNats } from '../../../messaging/connection.js';
import { QuorateError, toQuorateError } from '../../../messaging/errors.js';
import {
  type Deployment,
  type ManagedRole,
  managedRoles,
  nameSchemaOf,
  registrarName,
  serversOf,
} from '../../auth/deployment.js';
import { connectRegistrar } from '../../auth/registrar.js';
import { type Reload, reload } from '../../auth/reload.js';
import { AuthStore } from '../../auth/store.js';
import { connectionSettings, setting } from '../../config/common.js';
import { choice, path, text } from '../../config/setting.js';
import type { Output } from '../../output/output.js';
import { argument, usageError } from '../command.js';

export const folderSetting = setting({
  flag: 'dir',
  env: 'QUORATE_AUTH_DIR',
  key: 'auth.dir',
  placeholder: 'DIR',
  group: 'Options',
  completes: 'directory',
  describe: 'Folder that holds the seeds and what nats-server reads; whoever can read it can do everything',
  defaultText: './quorate-auth',
  schema: path.default('quorate-auth'),
});

/** Where the registrar, and the look at whether a change has taken effect, reach NATS. */
export const reachSetting = setting({
  ...connectionSettings.nats,
  defaultText: 'the hosts of the deployment',
  // Not `.optional()`: that would give the default where nothing is given.
  schema: z.union([z.undefined(), connectionSettings.nats.schema]),
});

export const roleArgument = argument({
  placeholder: 'ROLE',
  required: true,
  choices: [...managedRoles],
  describe: 'controller, router or operator',
  schema: choice(managedRoles),
});

export const nameArgument = argument({
  placeholder: 'NAME',
  required: true,
  describe: 'Id of the controller or router, name of the operator',
  schema: text(nameSchemaOf('router')),
});

/** @throws QuorateError `usage` */
export function checkName(role: ManagedRole, name: string): void {
  const checked = nameSchemaOf(role).safeParse(name);
  if (!checked.success)
    throw usageError(`NAME: "${name}" ${checked.error.issues[0]?.message ?? 'is not valid'}`, 'Choose another name.');
}

export interface Applied {
  readonly reload: Reload;
  /** Whether NATS was seen to know, or not to know, the key; null: it could not be tried from here. */
  readonly seen: boolean | null;
}

const effectMaxMs = 10_000;
const effectPollMs = 50;
const attemptMaxMs = 5_000;

/** Has the NATS servers read it anew, and looks whether the key in `seedFile` may connect now, or may not. */
export async function apply(
  store: AuthStore,
  deployment: Deployment,
  expected: {
    readonly seedFile: string | null;
    readonly accepted: boolean;
    readonly servers: readonly string[] | undefined;
  },
): Promise<Applied> {
  const done = await reload(store, deployment);
  if (!done.done || expected.seedFile === null) return { reload: done, seen: null };
  const deadline = performance.now() + effectMaxMs;
  for (;;) {
    const accepted = await mayConnect(store, expected.seedFile, expected.servers ?? serversOf(deployment));
    if (accepted === expected.accepted) return { reload: done, seen: true };
    // A server that has just read its configuration may be slow to answer once.
    if (performance.now() > deadline) return { reload: done, seen: accepted === null ? null : false };
    await new Promise((resolve) => setTimeout(resolve, effectPollMs));
  }
}

/** Null: no server could be asked. */
async function mayConnect(store: AuthStore, nkeySeedFile: string, servers: readonly string[]): Promise<boolean | null> {
  try {
    const connection = await connectNats({
      ...{ servers, nkeySeedFile, name: 'quorate auth', connectTimeoutMs: attemptMaxMs },
      tls: { caFile: store.authorityFile },
    });
    await connection.close();
    return true;
  } catch (error) {
    return toQuorateError(error).code === 'nats-refused' ? false : null;
  }
}

export function appliedSentence({ reload: { sentence }, seen }: Applied, effect: string): string {
  if (seen === true) return `${sentence}: ${effect}, as was tried just now`;
  return sentence;
}

/** @throws QuorateError `operation-failed` where the servers were told, and do as before. */
export function refuseWithoutEffect({ seen, reload: { sentence } }: Applied, what: string): void {
  if (seen !== false) return;
  throw new QuorateError('operation-failed', `${sentence}, but ${what}`, {
    remedy: 'Look into the log of nats-server; nats-server -t -c FILE says whether it understands its configuration.',
  });
}

/** Does `work` as the registrar, and says why where the cluster cannot be asked. */
export async function withController<T>(
  store: AuthStore,
  deployment: Deployment,
  servers: readonly string[] | undefined,
  work: (client: ApiClient) => Promise<T>,
): Promise<T | QuorateError> {
  try {
    const connection = await connectRegistrar(store, deployment, servers);
    try {
      return await work(createApiClient({ connection, cluster: deployment.cluster, from: registrarName }));
    } finally {
      await connection.close();
    }
  } catch (error) {
    return toQuorateError(error);
  }
}

/** How a process with this identity is told who it is. */
export function connectionFlags(store: AuthStore, deployment: Deployment, seedFile: string): string {
  return `--nats ${serversOf(deployment).join(',')} --cluster ${deployment.cluster} --nkey-seed-file ${seedFile} --tls-ca ${store.authorityFile}`;
}

export function done(out: Output, sentence: string): string {
  return `${out.style('good', '✔')} ${sentence}`;
}

export function openStore(directory: string): AuthStore {
  return new AuthStore(directory);
}
