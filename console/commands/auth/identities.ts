/** `quorate auth add|revoke|rotate|list`: who may connect, one by one. */
import { QuorateError } from '../../../messaging/errors.js';
import { isPublicUserKey } from '../../../messaging/nkeys.js';
import { type OperatorAccess, operatorAccesses } from '../../../messaging/permissions.js';
import { type Identity, withIdentity, withKey, withoutIdentity, withoutOldKey } from '../../auth/deployment.js';
import { markRevoked } from '../../auth/model-mark.js';
import { setting } from '../../config/common.js';
import { anyText, choice, onOff } from '../../config/setting.js';
import { type Column, renderTable } from '../../output/table.js';
import { defineCommand, usageError } from '../command.js';
import {
  appliedSentence,
  apply,
  checkName,
  connectionFlags,
  done,
  folderSetting,
  nameArgument,
  openStore,
  reachSetting,
  refuseWithoutEffect,
  roleArgument,
  withController,
} from './common.js';
import { added } from './init.js';

export const authAddCommand = defineCommand({
  path: ['auth', 'add'],
  summary: 'Let one more controller, router or operator connect',
  description:
    'Makes its key here, and shows how it is used. A router had better make its own: `quorate auth enrol`. With --public-key only the public half of a key that was made elsewhere is taken.',
  args: { role: roleArgument, name: nameArgument },
  settings: {
    directory: folderSetting,
    servers: reachSetting,
    access: setting({
      flag: 'access',
      placeholder: 'admin|read-only',
      group: 'Options',
      choices: [...operatorAccesses],
      describe: 'What an operator may do',
      defaultText: 'read-only',
      schema: choice(operatorAccesses).optional(),
    }),
    publicKey: setting({
      flag: 'public-key',
      placeholder: 'KEY',
      group: 'Options',
      describe: 'Public NKey (U...) of a pair whose seed is elsewhere',
      schema: anyText.refine(isPublicUserKey, 'is no public NKey of a user').optional(),
    }),
  },
  examples: [
    { comment: 'A fourth controller', line: 'quorate auth add controller ctrl4' },
    { comment: 'Somebody who only looks', line: 'quorate auth add operator bob' },
    { comment: 'Somebody who may change everything', line: 'quorate auth add operator alice --access admin' },
  ],
  jsonShape:
    '{ role, name, access, publicKey, seedFile, reload: { done, sentence }, seen }; seen: whether NATS was seen to know the key, null where it could not be tried',
  async run({ out }, given) {
    const { role, name } = given;
    checkName(role, name);
    if (given.access !== undefined && role !== 'operator')
      throw usageError('--access is for operators', `Leave it away: a ${role} may do what its role needs.`);
    const access: OperatorAccess | undefined = role === 'operator' ? (given.access ?? 'read-only') : undefined;
    const store = openStore(given.directory);
    const now = Date.now();
    const { publicKey } = given;
    const deployment = await store.change(now, (held) =>
      publicKey === undefined
        ? added(store, held, { role, name, access }, now)
        : withIdentity(held, { role, name, access, publicKey, createdAt: now }),
    );
    const seedFile = publicKey === undefined ? store.seedFile({ role, name }) : null;
    const applied = await apply(store, deployment, { seedFile, accepted: true, servers: given.servers });
    refuseWithoutEffect(applied, `${role} ${name} may not connect yet`);
    const made = deployment.identities.find((each) => each.role === role && each.name === name);
    if (out.json)
      out.printJson({ role, name, access: access ?? null, publicKey: made?.publicKey, seedFile, ...applied });
    else
      out.print(
        [
          done(out, `${role} ${name} may connect${access === undefined ? '' : ` (${access})`}`),
          `  ${appliedSentence(applied, 'the key is accepted')}`,
          ...(seedFile === null ? [] : [`  ${connectionFlags(store, deployment, seedFile)}`]),
        ].join('\n'),
      );
  },
});

export const authRevokeCommand = defineCommand({
  path: ['auth', 'revoke'],
  summary: 'Let a controller, router or operator connect no more, from now on',
  description:
    'Its key leaves the configuration of nats-server, which cuts its connections in that moment. A router is disabled in the model too, so that all controllers refuse it, count what it still sends, and show it. A controller that is a member is removed first: `quorate members remove ID`.',
  args: { role: roleArgument, name: nameArgument },
  settings: { directory: folderSetting, servers: reachSetting },
  examples: [
    { comment: 'A router that was stolen', line: 'quorate auth revoke router edge-7' },
    { comment: 'An operator who has left', line: 'quorate auth revoke operator bob' },
  ],
  jsonShape:
    '{ role, name, reload: { done, sentence }, seen, model }; seen: whether NATS was seen to refuse the key, null where it could not be tried; model: disabled, was-disabled, not-told or null (no router)',
  async run({ out }, given) {
    const { role, name } = given;
    const store = openStore(given.directory);
    const now = Date.now();
    const deployment = await store.change(now, (held) => withoutIdentity(held, role, name, now));
    const seedFile = store.hasSeed({ role, name }) ? store.seedFile({ role, name }) : null;
    const applied = await apply(store, deployment, { seedFile, accepted: false, servers: given.servers });
    refuseWithoutEffect(applied, `${role} ${name} may still connect`);
    store.removeSeed(role, name);
    const marked =
      role === 'router'
        ? await withController(store, deployment, given.servers, (client) => markRevoked(client, name, now))
        : null;
    const model = marked instanceof QuorateError ? 'not-told' : marked;
    if (out.json) {
      out.printJson({ role, name, ...applied, model });
      return;
    }
    const lines = [
      done(out, `${role} ${name} is revoked`),
      `  ${appliedSentence(applied, 'the key is refused')}`,
      ...(model === 'disabled' ? ['  the controllers refuse it too'] : []),
      ...(marked instanceof QuorateError
        ? [
            `  ${out.style('warn', '▲')} the controllers could not be told: ${marked.message}`,
            `    quorate model update router ${name} --set disabled=true`,
          ]
        : []),
    ];
    out.print(lines.join('\n'));
  },
});

export const authRotateCommand = defineCommand({
  path: ['auth', 'rotate'],
  summary: 'Give a controller, router or operator a new key',
  description:
    'The new seed takes the place of the old one in its file; a controller or router that reads that file goes on by itself. Where the file has to be brought to another host first, --keep-old leaves the old key good, and --drop-old afterwards ends it.',
  args: { role: roleArgument, name: nameArgument },
  settings: {
    directory: folderSetting,
    servers: reachSetting,
    keepOld: setting({
      flag: 'keep-old',
      group: 'Options',
      describe: 'Leave the old key good too, for now',
      schema: onOff,
    }),
    dropOld: setting({
      flag: 'drop-old',
      group: 'Options',
      describe: 'Make no new key, and end the old one that was kept',
      schema: onOff,
    }),
  },
  examples: [
    { comment: 'At once', line: 'quorate auth rotate operator alice' },
    {
      comment: 'Without an interruption: bring the seed to its host between the two',
      line: 'quorate auth rotate controller ctrl1 --keep-old && quorate auth rotate controller ctrl1 --drop-old',
    },
  ],
  jsonShape: '{ role, name, publicKey, seedFile, oldKeyIsGood, reload: { done, sentence }, seen }',
  async run({ out }, given) {
    const { role, name, keepOld, dropOld } = given;
    if (keepOld && dropOld) throw usageError('--keep-old and --drop-old contradict each other', 'Give one of them.');
    const store = openStore(given.directory);
    const deployment = await store.change(Date.now(), (held) => {
      if (dropOld) return withoutOldKey(held, role, name);
      // Whom nobody knows, no seed is written for.
      withoutOldKey(held, role, name);
      if (!store.hasSeed({ role, name })) {
        throw new QuorateError('not-found', `the seed of ${role} ${name} is not here: its key was made elsewhere`, {
          remedy: `Revoke it, and let it in again: \`quorate auth revoke ${role} ${name}\`, \`quorate auth enrol ${role} ${name}\`.`,
        });
      }
      return withKey(held, role, name, store.newSeed(role, name), keepOld);
    });
    const seedFile = store.seedFile({ role, name });
    const applied = await apply(store, deployment, {
      seedFile: store.hasSeed({ role, name }) ? seedFile : null,
      accepted: true,
      servers: given.servers,
    });
    refuseWithoutEffect(applied, `the key of ${role} ${name} is not accepted yet`);
    const publicKey = deployment.identities.find((each) => each.role === role && each.name === name)?.publicKey;
    if (out.json) out.printJson({ role, name, publicKey, seedFile, oldKeyIsGood: keepOld, ...applied });
    else
      out.print(
        [
          done(
            out,
            dropOld ? `the old key of ${role} ${name} is ended` : `${role} ${name} has a new key, in ${seedFile}`,
          ),
          `  ${appliedSentence(applied, 'the key is accepted')}`,
          ...(keepOld ? [`  then: quorate auth rotate ${role} ${name} --drop-old`] : []),
        ].join('\n'),
      );
  },
});

interface Row {
  readonly role: string;
  readonly name: string;
  readonly access: string;
  readonly state: string;
  readonly since: number;
  readonly publicKey: string;
}

export const authListCommand = defineCommand({
  path: ['auth', 'list'],
  summary: 'List who may connect, who no longer may, and which tokens wait to be used',
  settings: { directory: folderSetting },
  examples: [
    {
      comment: 'Which routers?',
      line: 'quorate auth list --json | jq -r \'.identities[] | select(.role == "router") | .name\'',
    },
  ],
  jsonShape:
    '{ cluster, hosts, identities: [{ role, name, access, publicKey, previousKey, createdAt }], revoked: [{ role, name, publicKey, revokedAt }], enrolments: [{ router, expiresAt }] }',
  async run({ out }, given) {
    const { cluster, hosts, identities, revoked, enrolments } = openStore(given.directory).read();
    if (out.json) {
      const waiting = enrolments.map(({ router, expiresAt }) => ({ router, expiresAt }));
      out.printJson({ cluster, hosts, identities, revoked, enrolments: waiting });
      return;
    }
    const rows: readonly Row[] = [
      ...identities.map((each) => ({
        ...each,
        access: each.access ?? '',
        state: stateOf(each),
        since: each.createdAt,
      })),
      ...enrolments.map(({ router, expiresAt, publicKey }) => ({
        ...{ role: 'router', name: router, access: '', publicKey },
        ...{ state: expiresAt > Date.now() ? 'token given out' : 'token expired', since: expiresAt },
      })),
      ...revoked.map((each) => ({ ...each, access: '', state: 'revoked', since: each.revokedAt })),
    ];
    out.print(renderTable(rows, columns, out.columns, (title) => out.style('dim', title)).join('\n'));
  },
});

function stateOf({ previousKey }: Identity): string {
  return previousKey === null ? 'may connect' : 'may connect, with two keys';
}

const columns: readonly Column<Row>[] = [
  { title: 'ROLE', value: (row) => row.role },
  { title: 'NAME', value: (row) => row.name, widthMin: 6 },
  { title: 'ACCESS', value: (row) => row.access, dropOrder: 1 },
  { title: 'STATE', value: (row) => row.state },
  {
    title: 'SINCE, OR UNTIL',
    value: (row) => new Date(row.since).toISOString().slice(0, 16).replace('T', ' '),
    dropOrder: 2,
  },
  { title: 'PUBLIC KEY', value: (row) => row.publicKey, widthMin: 12, dropOrder: 3 },
];
