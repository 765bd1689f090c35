/** `quorate operations cancel` and `resume`: what may be done to an operation that was started. */
import { randomUUID } from 'node:crypto';
import type { WorkflowParameters } from '../../messaging/schemas/operations.js';
import { clientSettings } from '../config/common.js';
import { confirm } from '../output/confirm.js';
import { defineCommand } from './command.js';
import {
  detached,
  followOperation,
  goalOf,
  operationArgument,
  operationJsonShape,
  operationSettings,
  planLines,
  refusal,
  titleOf,
} from './operation-flow.js';
import { withSession } from './session.js';
import { inScriptOf, refuseUnconfirmed, understoodSettings } from './understood.js';

export const operationCancelCommand = defineCommand({
  path: ['operations', 'cancel'],
  summary: 'Cancel an operation: what it has done is taken back',
  description:
    'Possible until a step begins that cannot be taken back (docs/workflows.md says which); from there on it is refused, with why and what to do instead. The request is replicated: it is carried out whoever leads, and asking again changes nothing. Follows the operation to its end. Exit code 0 where it ended as cancelled.',
  args: { id: operationArgument('running-operation') },
  settings: { detach: operationSettings.detach, ...clientSettings },
  examples: [
    { comment: 'Not this one after all', line: 'quorate operations cancel op-1f3a' },
    {
      comment: 'Whatever runs now',
      line: 'quorate operations cancel $(quorate operations --json | jq -r \'.operations[] | select(.state == "running").id\')',
    },
  ],
  jsonShape: 'the operation, when it has ended; with --detach as it is when the request is replicated',
  async run(context, given) {
    const { out, signal } = context;
    return withSession(context, given, async (session) => {
      const cancelled = session.client.request(
        'operation.cancel',
        { id: given.id },
        { requestId: randomUUID(), signal },
      );
      const operation = await out.during('Asking the leader', cancelled);
      if (given.detach) return detached(out, operation);
      out.note(out.style('bold', `Cancel: ${titleOf(operation.parameters)}`));
      return followOperation(context, session, operation, 'cancelled');
    });
  },
});

export const operationResumeCommand = defineCommand({
  path: ['operations', 'resume'],
  summary: 'Let an operation that has failed go on',
  description:
    'Where everything was taken back it begins again, with all its checks; where it failed beyond the step that cannot be taken back, it goes on from there and looks again whether the effect is there; where taking back failed, that goes on. One whose leader died needs this not: the next leader goes on by itself. Refused, with why, where it was cancelled or is done.',
  args: { id: operationArgument('failed-operation') },
  settings: { ...operationSettings, ...understoodSettings, ...clientSettings },
  examples: [
    { comment: 'How would it go on?', line: 'quorate operations resume op-1f3a --dry-run' },
    { comment: 'Go on, after a typed confirmation', line: 'quorate operations resume op-1f3a' },
  ],
  jsonShape: `${operationJsonShape}; the plan also says how: anew, forward, back, or none where it runs`,
  async run(context, given) {
    const { out, signal } = context;
    return withSession(context, given, async (session) => {
      const { id } = given;
      const plan = await out.during('Running the checks', session.client.request('operation.plan-resume', { id }));
      const mayRun = plan.mayRun ? howInWords[plan.how] : 'It may not go on; nothing was changed.';
      if (given.dryRun) {
        if (out.json) out.printJson(plan);
        else out.print([...planLines(out, plan), mayRun].join('\n'));
        return plan.mayRun ? 0 : 1;
      }
      if (plan.how !== 'none') {
        out.note([...planLines(out, plan), mayRun].join('\n'));
        if (!plan.mayRun) throw refusal(plan);
        refuseUnconfirmed(given, plan.parameters, plan.confirmation);
        const word = plan.confirmation;
        const inScript = inScriptOf(plan.parameters, word);
        await confirm(out, { word, purpose: goOn(plan.parameters), yes: given.yes, inScript, signal });
      }
      const resuming = session.client.request('operation.resume', { id }, { requestId: randomUUID(), signal });
      const operation = await out.during('Asking the leader', resuming);
      if (given.detach) return detached(out, operation);
      return followOperation(context, session, operation);
    });
  },
});

const howInWords = {
  anew: 'It begins again: what it had done was taken back.',
  forward: 'It goes on from where it failed: what it did cannot be taken back.',
  back: 'It goes on taking back what it had done.',
  none: 'It is under way.',
} as const;

function goOn(parameters: WorkflowParameters): string {
  return `go on: ${goalOf(parameters)}`;
}
