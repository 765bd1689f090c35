/** The configuration of nats-server, from what is known of a deployment. Pure. */
import { permissionsOf, speakerOf } from '../../messaging/permissions.js';
import { isLoopback } from '../../messaging/security.js';
import { type Deployment, principalsOf } from './deployment.js';

export const fileNames = {
  server: 'nats-server.conf',
  accounts: 'accounts.conf',
  certificate: 'server.pem',
  privateKey: 'server.key',
  authority: 'ca.pem',
  pid: 'nats-server.pid',
} as const;

/** Where NATS servers meet each other. */
const clusterPort = 6222;

/**
 * Written once, and the operator's from then on. The same on every host: a server that finds itself among the routes passes
 * it over.
 */
export function serverConfiguration({ cluster, hosts, port }: Deployment, folder: string): string {
  const at = (name: string): string => JSON.stringify(`${folder}/${name}`);
  const tls = [
    `cert_file: ${at(fileNames.certificate)}`,
    `key_file: ${at(fileNames.privateKey)}`,
    `ca_file: ${at(fileNames.authority)}`,
  ];
  const routes = hosts.map((host) => `    "nats-route://${host.includes(':') ? `[${host}]` : host}:${clusterPort}"`);
  return [
    `# The NATS servers of the Quorate cluster ${cluster}: made by \`quorate auth init\`, and yours to change.`,
    '# After a change: nats-server --signal reload=PID, or systemctl reload nats-server.',
    // One that is reached from its own machine only need not be reached from others.
    hosts.length === 1 && isLoopback(hosts[0] ?? '')
      ? `listen: ${JSON.stringify(`${hosts[0]}:${port}`)}`
      : `port: ${port}`,
    `pid_file: ${at(fileNames.pid)}`,
    'max_payload: 1MB',
    '# What a client has not read yet; who is further behind is cut off.',
    'max_pending: 64MB',
    '',
    'tls {',
    ...tls.map((line) => `  ${line}`),
    '  timeout: 5',
    '}',
    '',
    '# Who may connect, and what each may do: rewritten by `quorate auth`. There is nobody else.',
    'accounts {',
    `  include ./${fileNames.accounts}`,
    '}',
    ...(hosts.length === 1
      ? []
      : [
          '',
          'cluster {',
          `  name: ${JSON.stringify(`quorate-${cluster}`)}`,
          `  port: ${clusterPort}`,
          '  # Who shows no certificate of this authority is no server of this cluster.',
          '  tls {',
          ...tls.map((line) => `    ${line}`),
          '    verify: true',
          '    timeout: 5',
          '  }',
          '  routes: [',
          ...routes,
          '  ]',
          '}',
        ]),
    '',
  ].join('\n');
}

/** One account, so that nothing else on the same servers can be heard in it; in it, a user for each key. */
export function accountsConfiguration(deployment: Deployment): string {
  const users = principalsOf(deployment).map(({ key, principal }) => {
    const { publish, subscribe } = permissionsOf(deployment.cluster, principal);
    return [
      `    # ${speakerOf(principal)} ${principal.name}`,
      `    { nkey: ${key}, permissions: {`,
      `      publish: { allow: ${listOf(publish)} }`,
      `      subscribe: { allow: ${listOf(subscribe)} }`,
      '    } }',
    ].join('\n');
  });
  return [
    '# Made by `quorate auth`, which writes it anew: do not change it.',
    `${JSON.stringify(`quorate-${deployment.cluster}`)}: {`,
    '  users: [',
    ...users,
    '  ]',
    '}',
    '',
  ].join('\n');
}

function listOf(subjects: readonly string[]): string {
  return `[${subjects.map((subject) => JSON.stringify(subject)).join(', ')}]`;
}
