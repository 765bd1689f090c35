/** `quorate log-level`: what a running controller writes to its log. */
import { nodeIdSchema } from '../../messaging/identifiers.js';
import { clientSettings, setting } from '../config/common.js';
import { choice, durationMs, formatDuration, text } from '../config/setting.js';
import { formatTime } from '../state/format.js';
import { argument, defineCommand, usageError } from './command.js';
import { withSession } from './session.js';

export const logLevelCommand = defineCommand({
  path: ['log-level'],
  summary: 'Show or set which lines a running controller logs',
  description:
    'Holds until it is set again or the controller is started anew; with --for it goes back by itself to the level that the controller was started with. Where no request reaches the controller, `kill -USR2 PID` on its machine switches between debug and that level. What each warning means: docs/logs.md.',
  args: {
    node: argument({
      placeholder: 'ID',
      required: true,
      completes: 'controller',
      describe: 'The controller',
      schema: text(nodeIdSchema),
    }),
    level: argument({
      placeholder: 'LEVEL',
      describe: 'debug, info, warn or error; without it: show which it is',
      choices: ['debug', 'info', 'warn', 'error'],
      schema: choice(['debug', 'info', 'warn', 'error']).optional(),
    }),
  },
  settings: {
    forMs: setting({
      flag: 'for',
      placeholder: 'TIME',
      group: 'Options',
      describe: 'Only for so long, as 10m',
      defaultText: 'until it is set again',
      schema: durationMs(1_000, 86_400_000).optional(),
    }),
    ...clientSettings,
  },
  examples: [
    { comment: 'All that there is, for ten minutes', line: 'quorate log-level ctrl2 debug --for 10m' },
    { comment: 'Which is it?', line: 'quorate log-level ctrl2' },
  ],
  jsonShape: '{ node, level, until }; until: when it goes back, in milliseconds since 1970; null: not by itself',
  async run(context, given) {
    const { node, level, forMs } = given;
    if (level === undefined && forMs !== undefined)
      throw usageError(`--for ${formatDuration(forMs)} is given without a level`, 'Name the level, as `debug`.');
    return withSession(context, given, async ({ client }) => {
      const { out } = context;
      const view = await out.during(`Asking ${node}`, client.request('log.level', { level, forMs }, { node }));
      if (out.json) return out.printJson({ node, ...view });
      const until = view.until === null ? '' : ` until ${formatTime(view.until)}`;
      out.print(`${node} logs ${view.level}${view.level === 'error' ? '' : ' and more important lines'}${until}`);
    });
  },
});
