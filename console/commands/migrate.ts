/** `quorate migrate`: from a standalone controller to the first member of a cluster, and back. */
import { identifierSchema, nodeIdSchema } from '../../messaging/identifiers.js';
import { clientSettings, setting } from '../config/common.js';
import { list, onOff, text } from '../config/setting.js';
import { defineCommand } from './command.js';
import { operationJsonShape, operationSettings, runOperation } from './operation-flow.js';
import { understoodSettings } from './understood.js';

export const migrateCommand = defineCommand({
  path: ['migrate'],
  summary: 'Make a standalone controller the first member of a cluster, or the other way round',
  description:
    'The routers stay connected. The controller backs up its model, pauses writes (clients try again by themselves), makes the model the first snapshot of a new timeline by one transaction, and takes writes again when the routers have followed; then it verifies that each connected router stands on the new timeline with the same model. Killed at any moment, it starts as what it was or as what it becomes, and goes on. The other controllers are joined afterwards, with `quorate members join ID`. With --rollback one member becomes standalone again: the others are removed, and its legacy indexes go on above any that was ever given.',
  settings: {
    rollback: setting({
      flag: 'rollback',
      group: 'Options',
      describe: 'From a cluster to a standalone controller; the other members are removed for good',
      schema: onOff,
    }),
    node: setting({
      flag: 'node',
      placeholder: 'ID',
      group: 'Options',
      completes: 'member',
      describe: 'With --rollback: the member that stays',
      defaultText: 'the leader',
      schema: text(nodeIdSchema).optional(),
    }),
    leaveBehind: setting({
      flag: 'leave-behind',
      placeholder: 'ROUTER,...',
      repeatable: true,
      group: 'Options',
      completes: 'router',
      describe: 'Routers that do not understand the indexes to come; they are refused until they are upgraded',
      schema: list(text(identifierSchema)).optional(),
    }),
    ...operationSettings,
    ...understoodSettings,
    ...clientSettings,
  },
  examples: [
    { comment: 'Only the checks: which routers would be left behind?', line: 'quorate migrate --dry-run' },
    { comment: 'Migrate, after a typed confirmation', line: 'quorate migrate' },
    {
      comment: 'Leave two routers behind that were not upgraded',
      line: 'quorate migrate --leave-behind edge-1,edge-2',
    },
    { comment: 'In a script', line: 'quorate migrate --yes --i-understand ctrl1' },
    { comment: 'Back to a standalone controller', line: 'quorate migrate --rollback --node ctrl1' },
  ],
  jsonShape: operationJsonShape,
  run: (context, given) =>
    runOperation(context, given, {
      workflow: given.rollback ? 'rollback' : 'migrate',
      node: given.node ?? null,
      leaveBehind: [...(given.leaveBehind ?? [])],
    }),
});
