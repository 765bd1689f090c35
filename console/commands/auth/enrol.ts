/** `quorate auth enrol` and `quorate auth serve`: routers make their keys themselves. */
import { readFileSync } from 'node:fs';
import { createKeyPair } from '../../../messaging/nkeys.js';
import { serversOf, withEnrolment } from '../../auth/deployment.js';
import { runRegistrar } from '../../auth/registrar.js';
import { reload } from '../../auth/reload.js';
import { encodeToken } from '../../auth/token.js';
import { parentSetting, setting } from '../../config/common.js';
import { choice, durationMs, formatDuration } from '../../config/setting.js';
import { argument, defineCommand } from '../command.js';
import { stopSignal } from '../signals.js';
import { folderSetting, nameArgument, openStore, reachSetting } from './common.js';

const validMinMs = 1_000;
const validMaxMs = 7 * 24 * 3_600_000;
const validDefaultMs = 3_600_000;

export const authEnrolCommand = defineCommand({
  path: ['auth', 'enrol'],
  summary: 'Give a router a token with which it lets itself in, once',
  description:
    'The token is printed on stdout, and kept nowhere. On the router `quorate router enrol --token TOKEN --data-dir DIR` makes a key and hands in its public half, to `quorate auth serve`, which has to run where this folder is. A token that is used or has expired is good for nothing; a second one for the same router takes the place of the first.',
  args: {
    role: argument({
      placeholder: 'router',
      required: true,
      choices: ['router'],
      describe: 'Only routers enrol',
      schema: choice(['router']),
    }),
    name: nameArgument,
  },
  settings: {
    directory: folderSetting,
    servers: reachSetting,
    valid: setting({
      flag: 'valid',
      placeholder: 'TIME',
      group: 'Options',
      describe: 'How long the token is good',
      defaultText: formatDuration(validDefaultMs),
      schema: durationMs(validMinMs, validMaxMs).default(validDefaultMs),
    }),
  },
  examples: [{ comment: 'A token that is good for ten minutes', line: 'quorate auth enrol router edge-7 --valid 10m' }],
  jsonShape: '{ router, token, expiresAt, reload: { done, sentence } }',
  async run({ out }, given) {
    const store = openStore(given.directory);
    const pair = createKeyPair();
    const now = Date.now();
    const expiresAt = now + given.valid;
    const deployment = await store.change(now, (held) =>
      withEnrolment(held, { router: given.name, publicKey: pair.publicKey, expiresAt }, now),
    );
    const told = await reload(store, deployment);
    const token = encodeToken({
      cluster: deployment.cluster,
      router: given.name,
      servers: [...(given.servers ?? serversOf(deployment))],
      seed: pair.seed,
      authority: readFileSync(store.authorityFile, 'utf8'),
      expiresAt,
    });
    if (out.json) {
      out.printJson({ router: given.name, token, expiresAt, reload: told });
      return;
    }
    out.print(token);
    out.note(`Good once, until ${new Date(expiresAt).toISOString()}; ${told.sentence}.`);
    out.note('On the router: quorate router enrol --token TOKEN --data-dir DIR');
  },
});

export const authServeCommand = defineCommand({
  path: ['auth', 'serve'],
  summary: 'Take the enrolments of routers',
  description:
    'Runs until SIGTERM or Ctrl-C, where the folder of `quorate auth` lies. Takes the public keys that routers hand in with their tokens, writes the configuration of nats-server, has it read anew, and takes expired tokens away. Nothing else needs it to run.',
  runsUntilStopped: true,
  settings: { directory: folderSetting, servers: reachSetting, exitWithParent: parentSetting },
  examples: [{ comment: 'While routers are set up', line: 'quorate auth serve --dir /etc/quorate/auth' }],
  async run(context, given) {
    await runRegistrar({
      store: openStore(given.directory),
      servers: given.servers,
      signal: stopSignal(context, given.exitWithParent),
      say: (sentence) => context.out.io.stderr.write(`${new Date().toISOString()} ${sentence}\n`),
    });
  },
});
