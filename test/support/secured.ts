/** A nats-server that lets in nobody but those whom `quorate auth` knows, with the configuration that it makes. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Deployment, withEnrolment, withIdentity } from '../../console/auth/deployment.js';
import { AuthStore } from '../../console/auth/store.js';
import { type ConnectionOptions, connectNats, type NatsConnection } from '../../messaging/connection.js';
import type { Principal } from '../../messaging/permissions.js';
import { subjectsOf } from '../../messaging/subjects.js';
import { toolPath } from './checkout.js';
import { type RunningProcess, startProcess, tailOf } from './process.js';
import { temporaryDirectory } from './temporary-directory.js';
import { eventually } from './wait.js';

export interface SecuredServer {
  readonly url: string;
  readonly port: number;
  readonly process: RunningProcess;
  readonly store: AuthStore;
  /** How one that has an identity in `store` connects. */
  credentials(who: Pick<Principal, 'role' | 'name'>, cluster?: string): Omit<ConnectionOptions, 'name'>;
  connect(who: Pick<Principal, 'role' | 'name'>): Promise<NatsConnection>;
}

export interface SecuredOptions {
  readonly cluster: string;
  readonly identities: readonly Principal[];
  /** Another deployment on the same server, with an account of its own. */
  readonly beside?: { readonly cluster: string; readonly identities: readonly Principal[] };
}

/** A folder of `quorate auth` with these identities. */
export async function makeStore(cluster: string, identities: readonly Principal[]): Promise<AuthStore> {
  const store = new AuthStore(path.join(temporaryDirectory('auth'), cluster));
  const now = Date.now();
  store.create({ cluster, hosts: ['127.0.0.1'], port: 4222, reloadCommand: null, natsFolder: null, now });
  await store.change(now, (empty) => {
    let held: Deployment = empty;
    for (const who of identities) {
      const { role, name } = who;
      if (role === 'registrar') continue;
      if (role === 'enrolment') {
        const publicKey = store.newSeed('router', `token-${name}`);
        held = withEnrolment(held, { router: name, publicKey, expiresAt: now + 3_600_000 }, now);
        continue;
      }
      const access = who.role === 'operator' ? who.access : undefined;
      held = withIdentity(held, { role, name, access, publicKey: store.newSeed(role, name), createdAt: now });
    }
    return held;
  });
  return store;
}

export async function startSecuredServer({ cluster, identities, beside }: SecuredOptions): Promise<SecuredServer> {
  const store = await makeStore(cluster, identities);
  const other = beside && (await makeStore(beside.cluster, beside.identities));
  const configuration = path.join(store.natsFolder, 'nats-server.conf');
  const made = readFileSync(configuration, 'utf8');
  // A free port; and the account of the other deployment.
  const changed = made
    .replace(/^listen: .*$/m, `listen: "127.0.0.1:-1"\nports_file_dir: ${JSON.stringify(store.natsFolder)}`)
    .replace(
      /^accounts \{$/m,
      other === undefined
        ? '$&'
        : `$&\n  include ${path.relative(store.natsFolder, path.join(other.natsFolder, 'accounts.conf'))}`,
    );
  writeFileSync(configuration, changed);
  const running = await startProcess(toolPath('nats-server'), ['-c', configuration]);
  const portsFile = path.join(store.natsFolder, `nats-server_${running.pid}.ports`);
  const found = await eventually(() => readPorts(portsFile) ?? (running.isRunning() ? undefined : 'ended'), {
    what: 'nats-server to listen',
    show: () => tailOf(running.logs()),
  });
  if (found === 'ended') throw new Error(`nats-server did not start:\n${tailOf(running.logs())}`);
  const port = Number(new URL(found).port);
  const url = `tls://127.0.0.1:${port}`;
  const credentials = ({ role, name }: Pick<Principal, 'role' | 'name'>, of = cluster) => ({
    servers: [url],
    nkeySeedFile: (of === cluster ? store : (other ?? store)).seedFile(
      role === 'enrolment' ? { role: 'router', name: `token-${name}` } : { role, name },
    ),
    tls: { caFile: store.authorityFile },
    inbox: subjectsOf(of).inbox(role, name),
  });
  return {
    ...{ url, port, process: running, store, credentials },
    connect: (who) => connectNats({ ...credentials(who), name: `${who.role} ${who.name}` }),
  };
}

function readPorts(file: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { nats: string[] }).nats[0];
  } catch {
    return undefined;
  }
}
