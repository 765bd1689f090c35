/** docs/checks.md: each check, what was made wrong so that it alone does not pass, and which tests speak of it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { workflows } from '../../node/workflows/index.js';
import { checkoutRoot } from '../support/checkout.js';
import { all, aloneOf, checks, together } from './check-cases.js';

const introduction = `# Each check, and what makes it not pass

<!-- Made from test/workflows/check-cases.ts by \`npm run docs\`; do not edit. -->

What each check asks and what to do is in [workflows](workflows.md#checks). Here: facts with which, of all the checks of a workflow, exactly
this one does not pass, and what it says then. \`test/workflows/checks.test.ts\` holds each to it, together with ${Object.values(all).flat().length} cases of
passing, warning and failing. What is *measured* is so in \`test/e2e/measured-checks.test.ts\` too: on real controllers whose machine, network or rights are wrong in that.
`;

const measured = readFileSync(path.join(checkoutRoot, 'test', 'e2e', 'measured-checks.test.ts'), 'utf8');

export function checksDocument(): string {
  const rows = [...checks.keys()].map((name) => {
    const alone = aloneOf(name);
    if (alone === undefined) throw new Error(`no case makes ${name} not pass`);
    const asked = Object.values(workflows).filter((workflow) => workflow.checks.some((check) => check.name === name));
    const others = together[name] === undefined ? '' : ' (with it all that cannot be known or be so then)';
    const { outcome, sentence } = alone.finding;
    return `| \`${name}\` | ${asked.map((each) => each.name).join(', ')} | ${outcome}, before ${alone.parameters.workflow}: ${sentence}${others} | ${measured.includes(`'${name}'`) ? 'measured' : ''} |`;
  });
  return `${introduction}
| check | asked before | it alone | |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}
