/** docs/workflows.md, made from the workflows themselves. */
import type { OperationParameters } from '../../messaging/index.js';
import { type BeginningWorkflow, beginnings } from './beginnings.js';
import type { Check } from './checks/index.js';
import type { Step, Workflow } from './definition.js';
import { workflows } from './engine.js';

const introduction = `# Workflows

<!-- Made from node/workflows by \`npx node dist/test/workflows/write-documentation.js\`; do not edit. -->

A workflow is what an operator does to the cluster. The leader runs it: first it asks all its **checks**, and touches nothing
when one fails; then it takes its **steps**; and it says \`done\` only when its **verifications** have seen the effect. The record
of an operation is replicated before and after every step, so it survives the operator's terminal and a change of leader: the
next leader goes on with the step that was not done. Where a step fails, or the operator cancels, what was done is taken back.
Before a step that cannot be taken back the checks that guard the quorum are asked once more.

**Cancelling** (\`quorate operations cancel ID\`) is refused from the step on that cannot be taken back, with the reason and what to
do instead; before it, the request is replicated with the record, and whoever leads takes back what was done, last step first.
That somebody else leads meanwhile is not taken back. **Resuming** (\`quorate operations resume ID\`) lets a failed operation go on:
from the beginning, with all its checks, where everything was taken back; from where it failed, where it failed beyond the point of
no return; and on with taking back, where that failed. An operation whose leader dies needs neither: the next leader goes on.

One operation runs at a time. A dry run asks the checks and says what would change: voters, quorum, and how many failures the
cluster survives, before and after.

A check answers \`ok\`, \`warn\` (it may run, and the operator is told) or \`fail\` (it may not run).
`;

/** What stands for the controller concerned in titles. */
const target = 'ID';
/** What is typed to confirm a restore. */
const clusterTarget = 'CLUSTER';

function sampleOf(name: OperationParameters['workflow']): OperationParameters {
  switch (name) {
    case 'recover':
      return { workflow: name, node: target, leaveBehind: [] };
    case 'new-cluster':
      return { workflow: name, node: target, sha256: '', sizeBytes: 1, name: 'FILE' };
    case 'join':
      return { workflow: name, node: target, role: 'voter' };
    case 'replace':
      return { workflow: name, node: target, with: 'NEW', role: 'voter' };
    case 'transfer':
      return { workflow: name, to: target };
    case 'remove':
    case 'promote':
    case 'demote':
      return { workflow: name, node: target };
    case 'migrate':
    case 'rollback':
      return { workflow: name, node: target, leaveBehind: [] };
    case 'upgrade':
      return { workflow: name, node: target, from: null };
    case 'restore':
      return { workflow: name, sha256: '', sizeBytes: 1, name: 'FILE' };
  }
}

export function workflowsDocument(): string {
  const all = Object.values(workflows);
  const begun = Object.values(beginnings);
  return [introduction, ...[...all, ...begun].map(section), checksSection(all), questionsSection(begun)].join('\n');
}

/** Those without a leader have no checks of a leader's facts. */
function questionsSection(all: readonly BeginningWorkflow[]): string {
  const rows = all.flatMap(({ name, questions }) =>
    questions.map((each) => `| \`${each.name}\` | ${each.question} | ${name} |`),
  );
  return `## Questions where nobody leads
Asked by the survivor, or by the command line on a directory; each answer is in the record.

| question | what is asked | before |
| --- | --- | --- |
${rows.join('\n')}
`;
}

function askedBefore(workflow: Workflow | BeginningWorkflow): string {
  const asked = 'questions' in workflow ? workflow.questions : workflow.checks;
  return asked.map(({ name }) => `\`${name}\``).join(', ');
}

function section(workflow: Workflow): string {
  const isOfCluster = workflow.name === 'restore';
  const word = workflow.confirmation(isOfCluster ? clusterTarget : target);
  const what = isOfCluster ? 'the name of the cluster' : 'the id of the controller';
  const last = workflow.steps.findIndex(({ noReturn }) => noReturn !== undefined);
  const steps = workflow.steps.map((step, index) => {
    const notes = [
      ...(step.applies === undefined ? [] : [`only where it joins ${appliesTo(workflow, step.applies)}`]),
      last === -1 || index < last ? 'may be cancelled' : `cannot be cancelled${reasonOf(step)}`,
      ...(step.undo === undefined ? [] : ['is taken back on failure']),
    ];
    return `| \`${step.name}\` | ${step.title(target, sampleOf(workflow.name))} | ${notes.join('; ')} |`;
  });
  const verifications = workflow.verifications.map(
    ({ name, title }) => `| \`${name}\` | ${title(target, sampleOf(workflow.name))} |`,
  );
  return `## ${workflow.name}
${workflow.summary} To confirm, type \`${word}\`: ${what}.

Checks: ${askedBefore(workflow)}.

| step | what it does | |
| --- | --- | --- |
${steps.join('\n')}

| verification | what must be seen |
| --- | --- |
${verifications.join('\n')}
`;
}

function reasonOf({ noReturn }: Step): string {
  return noReturn === undefined ? '' : `: ${noReturn.because}`;
}

/** The role is the one parameter on which a step depends. */
function appliesTo(workflow: Workflow, applies: (parameters: OperationParameters) => boolean): string {
  const roles = (['voter', 'learner'] as const).filter((role) => applies({ workflow: 'join', node: target, role }));
  return workflow.name === 'join' ? `as a ${roles.join(' or ')}` : 'where it applies';
}

function checksSection(all: readonly Workflow[]): string {
  const checks = new Map<string, Check>();
  for (const workflow of all) for (const check of workflow.checks) checks.set(check.name, check);
  const rows = [...checks.values()].map((check) => {
    const asked = all.filter((workflow) => workflow.checks.includes(check)).map(({ name }) => name);
    return `| \`${check.name}\` | ${check.question} | ${asked.join(', ')} | ${check.remedy} |`;
  });
  return `## Checks
| check | what is asked | before | what to do |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}
