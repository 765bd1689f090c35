/** `quorate check nats`: tries what a deployment needs of NATS, before it needs it. */
import { identifierSchema } from '../../messaging/identifiers.js';
import { clientSettings, connectionSettings, setting } from '../config/common.js';
import { choice, durationMs, text } from '../config/setting.js';
import { plural } from '../state/format.js';
import { defineCommand, defineGroup } from './command.js';
import { findingLines } from './operation-flow.js';
import { connectionOptions } from './session.js';

export const checkGroup = defineGroup({
  path: ['check'],
  summary: 'Try what Quorate needs of what is around it',
  examples: [
    {
      comment: 'Do the NATS servers give what is needed?',
      line: 'quorate check nats --as alice --nats tls://10.0.0.1:4222 --tls-ca ca.pem --nkey-seed-file alice.seed',
    },
  ],
});

export const checkNatsCommand = defineCommand({
  path: ['check', 'nats'],
  summary: 'Try whether the NATS servers give what a deployment needs',
  description:
    'Connects to each server that is named, with the credentials that are given, and tries: versions, routes between the servers (a message that is given to one must come out of the others), max_payload, every kind of subject that the role needs, round trips; and TLS with the days until certificates and credentials expire. Nothing that is sent reaches a controller or router; subjects where something would be heard are named and not tried. Exit code 1 where something fails.',
  settings: {
    role: setting({
      flag: 'role',
      placeholder: 'ROLE',
      group: 'Options',
      choices: ['controller', 'router', 'operator', 'read-only'],
      describe:
        'Whose permissions are tried: controller, router, operator, or read-only (an operator who changes nothing)',
      defaultText: 'operator',
      schema: choice(['controller', 'router', 'operator', 'read-only']).default('operator'),
    }),
    id: setting({
      flag: 'id',
      placeholder: 'NAME',
      group: 'Options',
      describe: 'Id of the controller or router, or name of the operator, whose credentials these are',
      defaultText: 'for an operator --as, else "check"',
      schema: text(identifierSchema).optional(),
    }),
    ...connectionSettings,
    as: clientSettings.as,
    context: clientSettings.context,
    timeoutMs: setting({
      ...clientSettings.timeoutMs,
      describe: 'How long to wait for each server',
      defaultText: '5s',
      schema: durationMs(1, 600_000).default(5_000),
    }),
  },
  examples: [
    {
      comment: 'What controller ctrl1 needs, of all three servers',
      line: 'quorate check nats --nats tls://10.0.0.1:4222,tls://10.0.0.2:4222,tls://10.0.0.3:4222 --role controller --id ctrl1 --tls-ca ca.pem --nkey-seed-file ctrl1.seed',
    },
    {
      comment: 'In a nightly script: what is wrong, or will be',
      line: 'quorate check nats --json | jq \'.findings[] | select(.outcome != "ok")\'',
    },
  ],
  jsonShape:
    '{ role, name, servers: [{ url, version, serverName, cluster, maxPayload, tls, roundTripMs }], findings: [{ check, outcome, sentence, remedy }] }; outcome of a finding: ok, warn or fail; what could not be learned is null',
  async run({ out }, given) {
    const [{ gatherNats }, { judgeNats }] = await Promise.all([
      import('../nats-check/gather.js'),
      import('../nats-check/judge.js'),
    ]);
    const { role } = given;
    const isOperator = role === 'operator' || role === 'read-only';
    const name = given.id ?? (isOperator ? given.as : 'check');
    const connection = connectionOptions(given);
    const facts = await out.during(
      `Trying ${plural(given.nats.length, 'NATS server')}`,
      gatherNats({ connection, cluster: given.cluster, role, name, timeoutMs: given.timeoutMs }),
    );
    const findings = judgeNats(facts);
    const wrong = findings.filter(({ outcome }) => outcome === 'fail').length;
    const doubtful = findings.filter(({ outcome }) => outcome === 'warn').length;
    if (out.json) {
      const servers = facts.servers.map(({ url, probe, connection: entered }) => {
        const value = probe.ok ? probe.value : null;
        return {
          url,
          version: value?.info.version ?? null,
          serverName: value?.info.server_name ?? null,
          cluster: value?.info.cluster ?? null,
          maxPayload: value?.info.max_payload ?? null,
          tls: value === null ? null : value.tls !== null,
          roundTripMs: entered?.ok === true ? entered.roundTripMs : null,
        };
      });
      out.printJson({ role, name, servers, findings });
    } else {
      const servers = plural(facts.servers.length, 'NATS server');
      const verdict =
        wrong > 0
          ? `${out.style('bad', '✖')} ${servers}: ${plural(wrong, 'thing is', 'things are')} wrong`
          : doubtful > 0
            ? `${out.style('warn', '▲')} ${servers}: nothing is wrong, ${plural(doubtful, 'thing is', 'things are')} to be known`
            : `${out.style('good', '✔')} ${servers}: all that ${role} ${name} needs is there`;
      out.print([...findingLines(out, findings), '', verdict].join('\n'));
    }
    return wrong === 0 ? 0 : 1;
  },
});
