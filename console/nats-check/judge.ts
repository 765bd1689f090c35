/** What the facts mean for a deployment, as findings in the form of every other check. Pure. */
import { fail, ok, warn } from '../../messaging/finding.js';
import {
  maxPayloadNeededBytes,
  natsRoundTripFailMs,
  natsRoundTripWarnMs,
  natsServerVersionMin,
} from '../../messaging/nats-needs.js';
import type { Finding } from '../../messaging/schemas/operations.js';
import { formatBytes, listed, plural } from '../state/format.js';
import type { NatsFacts, ServerFacts } from './facts.js';
import type { ServerProbe } from './server-probe.js';

export const certificateWarnDays = 30;
export const certificateFailDays = 3;
const dayMs = 86_400_000;
const deniedShownMax = 5;

export function judgeNats(facts: NatsFacts): readonly Finding[] {
  const { servers } = facts;
  return [
    ...servers.map(connectionFinding),
    ...versionFindings(servers),
    countFinding(servers),
    ...routeFindings(facts),
    ...servers.flatMap(payloadFinding),
    ...servers.flatMap((server) => permissionFinding(server, facts)),
    ...servers.flatMap(roundTripFinding),
    ...servers.flatMap(tlsFinding),
    ...certificateFindings(facts),
  ];
}

const heard = (servers: readonly ServerFacts[]): readonly { readonly url: string; readonly probe: ServerProbe }[] =>
  servers.flatMap(({ url, probe }) => (probe.ok ? [{ url, probe: probe.value }] : []));

function connectionFinding({ url, probe, connection }: ServerFacts): Finding {
  const check = 'nats-connection';
  if (!probe.ok)
    return fail(
      check,
      `${url} does not answer: ${probe.reason}`,
      'Check the address, the server, and the network and firewalls on the way.',
    );
  const { version, server_name: name, server_id: id } = probe.value.info;
  // A server without a name of its own goes by its id.
  const server = `nats-server ${version}${name === '' || name === id ? '' : ` (${name})`}`;
  if (connection?.ok === false)
    return fail(
      check,
      `${url}, ${server}, answers and does not let us in: ${connection.reason}`,
      'Check the credentials (user, token, NKey seed or creds file) and the TLS settings.',
    );
  return ok(check, `${url} lets us in: ${server}`);
}

function versionFindings(servers: readonly ServerFacts[]): readonly Finding[] {
  const check = 'nats-version';
  const [majorMin, minorMin] = natsServerVersionMin;
  const all = heard(servers);
  const old = all.filter(({ probe }) => {
    const [major = 0, minor = 0] = probe.info.version.split('.').map(Number);
    return major < majorMin || (major === majorMin && minor < minorMin);
  });
  const oldFindings = old.map(({ url, probe }) =>
    fail(check, `${url} runs nats-server ${probe.info.version}`, `Quorate needs ${majorMin}.${minorMin} or later.`),
  );
  const versions = [...new Set(all.map(({ probe }) => probe.info.version))];
  if (versions.length > 1)
    return [
      ...oldFindings,
      warn(
        check,
        `the servers run different versions: ${listed(versions)}`,
        'End the upgrade of the NATS servers that was begun.',
      ),
    ];
  return old.length > 0 || versions.length === 0
    ? oldFindings
    : [ok(check, `nats-server ${versions[0]} on ${plural(all.length, 'server')}`)];
}

function countFinding(servers: readonly ServerFacts[]): Finding {
  const check = 'nats-servers';
  const given = servers.length;
  const known = new Set(heard(servers).flatMap(({ probe }) => probe.info.connect_urls));
  if (given === 1 && known.size < 2)
    return warn(
      check,
      'there is one NATS server: when it fails, all of Quorate stands still',
      'Run three as a NATS cluster, and name all of them with --nats.',
    );
  if (given === 1)
    return warn(
      check,
      `one server is named; its NATS cluster has ${known.size}`,
      `Name all of them, so that one that is down at the start is no hindrance: ${[...known].join(', ')}.`,
    );
  return ok(check, `${given} servers are named`);
}

function routeFindings({ servers, routes }: NatsFacts): readonly Finding[] {
  const check = 'nats-routes';
  const all = heard(servers);
  if (all.length < 2) return [];
  const ids = new Set(all.map(({ probe }) => probe.info.server_id));
  if (ids.size < all.length)
    return [warn(check, 'two of the addresses lead to the same server', 'Name each server once.')];
  if (routes === null) return [gossipFinding(all)];
  const broken = routes.filter(({ ms }) => ms === null);
  const slowest = Math.max(...routes.map(({ ms }) => ms ?? 0));
  if (broken.length === 0)
    return [
      ok(check, `what one server is given comes out of each other one, after ${slowest.toFixed(1)} ms at most (tried)`),
    ];
  return broken.map(({ from, to }) =>
    fail(
      check,
      `what is given to ${from} does not come out of ${to}`,
      'Let both be in one NATS cluster: look at `cluster { routes }` of their configurations, and at the account of the user on each.',
    ),
  );
}

/** Servers tell of each other only while there is a route between them. */
function gossipFinding(all: readonly { readonly url: string; readonly probe: ServerProbe }[]): Finding {
  const check = 'nats-routes';
  const alone = all.filter(({ probe }) => probe.info.connect_urls.length < all.length);
  return alone.length === 0
    ? ok(check, 'each server knows of the others (not tried: the credentials allow no message to oneself)')
    : warn(
        check,
        `${listed(alone.map(({ url }) => url))} ${alone.length === 1 ? 'knows' : 'know'} of fewer servers than are named`,
        'Let all be in one NATS cluster: look at `cluster { routes }` of their configurations.',
      );
}

function payloadFinding({ url, probe }: ServerFacts): readonly Finding[] {
  if (!probe.ok) return [];
  const { max_payload: bytes } = probe.value.info;
  const said = `${url} carries messages of up to ${formatBytes(bytes)}`;
  return [
    bytes < maxPayloadNeededBytes
      ? fail(
          'nats-max-payload',
          `${said}; ${formatBytes(maxPayloadNeededBytes)} are needed`,
          `Set max_payload of that server to at least ${maxPayloadNeededBytes} bytes (the default is 1 MiB).`,
        )
      : ok('nats-max-payload', said),
  ];
}

function permissionFinding({ url, connection }: ServerFacts, { role, name }: NatsFacts): readonly Finding[] {
  if (connection === null || !connection.ok) return [];
  const { denied, notTried } = connection;
  const but = notTried.length === 0 ? '' : `, but for ${listed(notTried)}, where somebody would hear it`;
  const shown = denied.slice(0, deniedShownMax).join(', ');
  const more = denied.length > deniedShownMax ? `, and ${denied.length - deniedShownMax} more` : '';
  return [
    denied.length === 0
      ? ok('nats-permissions', `${url} allows what ${role} ${name} needs (tried${but})`)
      : fail(
          'nats-permissions',
          `${url} refused what ${role} ${name} needs: ${shown}${more}`,
          'Grant the NATS user these subjects; docs/protocol.md lists all that each role needs.',
        ),
  ];
}

function roundTripFinding({ url, connection }: ServerFacts): readonly Finding[] {
  if (connection === null || !connection.ok) return [];
  const said = `a round trip to ${url} takes ${connection.roundTripMs.toFixed(1)} ms`;
  const remedy = 'Put a NATS server nearer, or raise --election-timeout on all controllers.';
  if (connection.roundTripMs > natsRoundTripFailMs)
    return [fail('nats-round-trip', `${said}: longer than an election waits`, remedy)];
  if (connection.roundTripMs > natsRoundTripWarnMs)
    return [warn('nats-round-trip', `${said}: every commit waits for it`, remedy)];
  return [ok('nats-round-trip', said)];
}

function tlsFinding({ url, probe, isLoopback }: ServerFacts): readonly Finding[] {
  if (!probe.ok) return [];
  const { tls } = probe.value;
  if (tls === null)
    return isLoopback
      ? [ok('nats-tls', `${url} speaks no TLS, on loopback`)]
      : [
          warn(
            'nats-tls',
            `${url} speaks no TLS: whoever is on the way reads and changes what is said`,
            'Give the server a certificate (`tls { ... }` of its configuration), and clients --tls-ca.',
          ),
        ];
  return [
    tls.problem === null
      ? ok('nats-tls', `${url} speaks TLS, and its certificate is trusted`)
      : fail(
          'nats-tls',
          `the certificate of ${url} is not trusted: ${tls.problem}`,
          'Name the certificate that it was signed by with --tls-ca, and see that it is made out for this host name.',
        ),
  ];
}

function certificateFindings({ servers, ownCertificates, now }: NatsFacts): readonly Finding[] {
  const check = 'nats-certificates';
  const ofServers = heard(servers).flatMap(({ url, probe }) =>
    (probe.tls?.certificates ?? []).map(({ subject, expiresAt }) => ({ subject: `${subject} (of ${url})`, expiresAt })),
  );
  const all = [...ownCertificates, ...ofServers];
  const [first] = all.toSorted((one, other) => one.expiresAt - other.expiresAt);
  if (first === undefined) return [];
  const due = all.filter(({ expiresAt }) => expiresAt - now < certificateWarnDays * dayMs);
  if (due.length === 0)
    return [
      ok(
        check,
        `nothing expires before ${dateOf(first.expiresAt)}: ${plural(daysUntil(first.expiresAt, now), 'day')} (${first.subject})`,
      ),
    ];
  return due.map(({ subject, expiresAt }) => {
    const days = daysUntil(expiresAt, now);
    const said =
      days < 0
        ? `${subject} expired on ${dateOf(expiresAt)}`
        : `${subject} expires in ${plural(days, 'day')}, on ${dateOf(expiresAt)}`;
    const judge = days < certificateFailDays ? fail : warn;
    return judge(check, said, 'Renew it, and let the server or client read it again.');
  });
}

const daysUntil = (at: number, now: number): number => Math.floor((at - now) / dayMs);
const dateOf = (at: number): string => new Date(at).toISOString().slice(0, 10);
