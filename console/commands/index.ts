/** Every command, in the order in which help lists them. */
import { anyText, repeated } from '../config/setting.js';
import { authEnrolCommand, authServeCommand } from './auth/enrol.js';
import { authAddCommand, authListCommand, authRevokeCommand, authRotateCommand } from './auth/identities.js';
import { authCertificateCommand, authGroup, authInitCommand } from './auth/init.js';
import { checkGroup, checkNatsCommand } from './check.js';
import { argument, type Command, defineGroup } from './command.js';
import { completionCommand } from './completion.js';
import { consoleCommand } from './console.js';
import {
  contextAddCommand,
  contextGroup,
  contextListCommand,
  contextRemoveCommand,
  contextUseCommand,
} from './context.js';
import { demoCommand } from './demo/index.js';
import { doctorCommand } from './doctor.js';
import { eventsCommand } from './events.js';
import { exportCommand } from './export.js';
import { importCommand } from './import.js';
import { logLevelCommand } from './log-level.js';
import { manCommand } from './man.js';
import {
  demoteCommand,
  joinCommand,
  membersCommand,
  promoteCommand,
  removeCommand,
  replaceCommand,
  transferCommand,
} from './members.js';
import { migrateCommand } from './migrate.js';
import { modelGetCommand, modelGroup, modelListCommand } from './model.js';
import { modelCreateCommand, modelDeleteCommand, modelEditCommand, modelUpdateCommand } from './model-write.js';
import { nodeCommand } from './node.js';
import { operationCancelCommand, operationResumeCommand } from './operation-control.js';
import { operationShowCommand, operationsCommand, operationsListCommand, operationWatchCommand } from './operations.js';
import { recoverCommand } from './recover.js';
import { resetCommand } from './reset.js';
import { restoreCommand } from './restore.js';
import { routerCommand } from './router.js';
import { routerEnrolCommand } from './router-enrol.js';
import { routersCommand } from './routers.js';
import {
  snapshotCreateCommand,
  snapshotGroup,
  snapshotInspectCommand,
  snapshotListCommand,
  snapshotVerifyCommand,
} from './snapshot.js';
import { statusCommand } from './status.js';
import { supportBundleCommand } from './support-bundle.js';
import { upgradeCommand } from './upgrade.js';
import { verifyCommand } from './verify.js';
import { versionCommand } from './version.js';

export const root: Command = defineGroup({
  path: [],
  summary: 'Runs, shows and changes a replicated group of controllers for NATS-connected routers',
  description:
    'Every setting can be given as a flag, as an environment variable, or in a YAML config file; the first of these that holds it counts. Exit codes: 0 done, 1 refused or failed, 2 usage or configuration, 130 and 143 ended by SIGINT and SIGTERM.',
  examples: [
    { comment: 'A whole cluster on this machine, to try things out', line: 'quorate demo' },
    { comment: 'Is the cluster healthy?', line: 'quorate status --context demo' },
  ],
});

const helpCommand: Command = {
  ...defineGroup({
    path: ['help'],
    summary: 'Show help for a command',
    examples: [{ comment: 'How to join a controller', line: 'quorate help members join' }],
  }),
  args: {
    command: argument({ placeholder: 'COMMAND', repeatable: true, describe: 'The command', schema: repeated(anyText) }),
  },
};

export const commands: readonly Command[] = [
  demoCommand,
  consoleCommand,
  statusCommand,
  membersCommand,
  joinCommand,
  removeCommand,
  replaceCommand,
  promoteCommand,
  demoteCommand,
  transferCommand,
  migrateCommand,
  operationsCommand,
  operationsListCommand,
  operationShowCommand,
  operationWatchCommand,
  operationCancelCommand,
  operationResumeCommand,
  routersCommand,
  modelGroup,
  modelListCommand,
  modelGetCommand,
  modelCreateCommand,
  modelUpdateCommand,
  modelEditCommand,
  modelDeleteCommand,
  exportCommand,
  importCommand,
  eventsCommand,
  snapshotGroup,
  snapshotCreateCommand,
  snapshotListCommand,
  snapshotInspectCommand,
  snapshotVerifyCommand,
  restoreCommand,
  verifyCommand,
  upgradeCommand,
  contextGroup,
  contextAddCommand,
  contextUseCommand,
  contextListCommand,
  contextRemoveCommand,
  nodeCommand,
  logLevelCommand,
  checkGroup,
  checkNatsCommand,
  doctorCommand,
  resetCommand,
  recoverCommand,
  routerCommand,
  routerEnrolCommand,
  authGroup,
  authInitCommand,
  authAddCommand,
  authRevokeCommand,
  authRotateCommand,
  authListCommand,
  authEnrolCommand,
  authServeCommand,
  authCertificateCommand,
  supportBundleCommand,
  versionCommand,
  completionCommand,
  manCommand(() => ({ root, commands })),
  helpCommand,
];
