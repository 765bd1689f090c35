/**
 * The folder that `quorate auth` keeps: what it knows, the seeds, the authority, and the folder `nats/` for the hosts of the
 * NATS servers. Every file is written beside and moved into its place; one process at a time changes it.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { QuorateError, validate } from '../../messaging/errors.js';
import { createKeyPair } from '../../messaging/nkeys.js';
import { reasonOf } from '../config/file.js';
import { makeAuthority, makeServerCertificate } from './certificate.js';
import {
  type Deployment,
  deploymentSchema,
  type Identity,
  registrarName,
  withIdentity,
  withoutExpired,
} from './deployment.js';
import { accountsConfiguration, fileNames, serverConfiguration } from './nats-config.js';

const secretMode = 0o600;
const lockMaxMs = 10_000;
const lockPollMs = 20;

export interface NewDeployment extends Pick<Deployment, 'cluster' | 'hosts' | 'port' | 'reloadCommand'> {
  /** Where the folder `nats/` will lie on the hosts; null: where it is made. */
  readonly natsFolder: string | null;
  readonly now: number;
}

export class AuthStore {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = resolve(directory);
  }

  get natsFolder(): string {
    return join(this.directory, 'nats');
  }

  get authorityFile(): string {
    return join(this.natsFolder, fileNames.authority);
  }

  seedFile({ role, name }: Pick<Identity, 'role' | 'name'>): string {
    return join(this.directory, 'seeds', `${role}-${name}.seed`);
  }

  /** @throws QuorateError `already-exists` where there is a deployment already. */
  create({ natsFolder, now, ...given }: NewDeployment): void {
    if (existsSync(this.#recordFile))
      throw new QuorateError('already-exists', `${this.directory} holds a deployment already`, {
        remedy: 'Choose another folder with --dir; `quorate auth list` shows who is in this one.',
      });
    for (const folder of [this.directory, join(this.directory, 'seeds'), this.natsFolder])
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    const authority = makeAuthority(authorityName(given.cluster), now);
    this.#write(this.#authorityKeyFile, authority.privateKey);
    this.#write(this.authorityFile, authority.certificate);
    const empty: Deployment = { version: 1, ...given, identities: [], revoked: [], enrolments: [] };
    this.renewCertificate(empty, now);
    this.#write(join(this.natsFolder, fileNames.server), serverConfiguration(empty, natsFolder ?? this.natsFolder));
    const registrar = {
      role: 'registrar',
      name: registrarName,
      publicKey: this.newSeed('registrar', registrarName),
      createdAt: now,
    } as const;
    this.#save(withIdentity(empty, registrar));
  }

  /** What the NATS servers show, anew, for the hosts that the deployment names. */
  renewCertificate({ cluster, hosts }: Pick<Deployment, 'cluster' | 'hosts'>, now: number): void {
    const authority = {
      name: authorityName(cluster),
      certificate: read(this.authorityFile),
      privateKey: read(this.#authorityKeyFile),
    };
    const server = makeServerCertificate(authority, hosts, now);
    this.#write(join(this.natsFolder, fileNames.privateKey), server.privateKey);
    this.#write(join(this.natsFolder, fileNames.certificate), server.certificate);
  }

  /** Makes a pair, keeps the seed, in the place of one that is there, and returns the public key. */
  newSeed(role: Identity['role'], name: string): string {
    const pair = createKeyPair();
    this.#write(this.seedFile({ role, name }), `${pair.seed}\n`);
    return pair.publicKey;
  }

  hasSeed(who: Pick<Identity, 'role' | 'name'>): boolean {
    return existsSync(this.seedFile(who));
  }

  removeSeed(role: Identity['role'], name: string): void {
    rmSync(this.seedFile({ role, name }), { force: true });
  }

  /** @throws QuorateError `invalid-config` where there is none, or it cannot be understood. */
  read(): Deployment {
    let found: unknown;
    try {
      found = JSON.parse(readFileSync(this.#recordFile, 'utf8'));
    } catch (error) {
      throw new QuorateError('invalid-config', `${this.#recordFile} cannot be read: ${reasonOf(error)}`, {
        remedy: 'Name the folder that `quorate auth init` made with --dir.',
        cause: error,
      });
    }
    return validate(deploymentSchema, found, 'invalid-config', this.#recordFile);
  }

  /**
   * Reads, changes and keeps it, while no other process does, and writes the accounts of nats-server. What throws changes nothing.
   * @throws QuorateError `overloaded` where another process does not come to an end.
   */
  async change(now: number, make: (deployment: Deployment) => Deployment | Promise<Deployment>): Promise<Deployment> {
    const unlock = await this.#lock();
    try {
      const changed = withoutExpired(await make(this.read()), now);
      this.#save(changed);
      return changed;
    } finally {
      unlock();
    }
  }

  #save(deployment: Deployment): void {
    this.#write(this.#recordFile, `${JSON.stringify(deployment, null, 2)}\n`);
    this.#write(join(this.natsFolder, fileNames.accounts), accountsConfiguration(deployment));
  }

  get #recordFile(): string {
    return join(this.directory, 'auth.json');
  }

  get #authorityKeyFile(): string {
    return join(this.directory, 'ca.key');
  }

  /** The mode is that of a new file: whoever could read the old one cannot read this. */
  #write(path: string, text: string): void {
    const beside = `${path}.${process.pid}`;
    rmSync(beside, { force: true });
    writeFileSync(beside, text, { mode: secretMode, flag: 'wx', flush: true });
    renameSync(beside, path);
  }

  async #lock(): Promise<() => void> {
    const path = join(this.directory, 'auth.lock');
    const deadline = performance.now() + lockMaxMs;
    for (;;) {
      try {
        writeFileSync(path, String(process.pid), { flag: 'wx', mode: secretMode });
        return () => rmSync(path, { force: true });
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw unwritable(path, error);
      }
      if (isLeftBehind(path)) rmSync(path, { force: true });
      else if (performance.now() > deadline)
        throw new QuorateError('overloaded', `another process changes ${this.directory}`, {
          remedy: `Wait for it. Where none does: rm ${path}`,
        });
      else await sleep(lockPollMs);
    }
  }
}

function authorityName(cluster: string): string {
  return `Quorate ${cluster}`;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new QuorateError('invalid-config', `${path} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}

function unwritable(path: string, error: unknown): QuorateError {
  return new QuorateError('invalid-config', `${path} cannot be written: ${reasonOf(error)}`, {
    remedy: 'Name a folder that `quorate auth init` made, and that you may write to, with --dir.',
    cause: error,
  });
}

/** Its process is gone; a file that is not written yet is young. */
function isLeftBehind(path: string): boolean {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    if (pid === 0) return Date.now() - statSync(path).mtimeMs > lockMaxMs;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}
