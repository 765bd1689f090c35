/** `quorate router enrol`: a router lets itself in, with a token that is good once. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { QuorateError } from '../../messaging/errors.js';
import { enrol } from '../auth/enrol.js';
import { decodeToken } from '../auth/token.js';
import { routerDirectorySetting, setting } from '../config/common.js';
import { reasonOf } from '../config/file.js';
import { anyText, path } from '../config/setting.js';
import { defineCommand, usageError } from './command.js';

export const routerEnrolCommand = defineCommand({
  path: ['router', 'enrol'],
  summary: 'Let this router in, with a token that is good once',
  description:
    'Makes a key in the data directory, hands its public half in, waits until NATS takes it, and writes quorate.yaml beside it, with which `quorate router` starts. The seed never leaves this machine. May be repeated with the same token where it was interrupted.',
  settings: {
    token: setting({
      flag: 'token',
      env: 'QUORATE_ENROL_TOKEN',
      placeholder: 'TOKEN',
      group: 'Options',
      describe:
        'As `quorate auth enrol router NAME` printed it; others on this machine may see it, but it is good only once',
      schema: anyText.optional(),
    }),
    tokenFrom: setting({
      flag: 'token-from',
      placeholder: 'FILE',
      group: 'Options',
      completes: 'file',
      describe: 'File that holds the token, - for standard input',
      schema: path.optional(),
    }),
    dataDirectory: routerDirectorySetting,
  },
  examples: [
    {
      comment: 'Once, on the router; then start it',
      line: 'quorate router enrol --token TOKEN --data-dir /var/lib/quorate-edge-7 && quorate router --config /var/lib/quorate-edge-7/quorate.yaml',
    },
  ],
  jsonShape: '{ router, publicKey, configFile }',
  async run({ out }, given) {
    if ((given.token === undefined) === (given.tokenFrom === undefined))
      throw usageError('the token is given once: --token or --token-from', 'Give what `quorate auth enrol` printed.');
    const token = decodeToken(given.token ?? textIn(given.tokenFrom ?? ''));
    const done = await out.during('Handing in the key', enrol(token, resolve(given.dataDirectory), Date.now()));
    if (out.json) out.printJson(done);
    else
      out.print(
        `${out.style('good', '✔')} router ${done.router} may connect\n  quorate router --config ${done.configFile}`,
      );
  },
});

function textIn(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new QuorateError('invalid-config', `${file} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}
