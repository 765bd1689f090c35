/** Makes docs/start-up.md from the table that decides. `node dist/test/cluster/start-up-document.js` writes it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type StartRule, startRules } from '../../node/cluster/decide-start.js';
import { checkoutRoot } from '../support/checkout.js';

export const startUpDocumentPath = join(checkoutRoot, 'docs', 'start-up.md');

const introduction = `# How a controller starts

<!-- Made from node/cluster/decide-start.ts by test/cluster/start-up-document.ts: change it there. -->

A controller looks at its data directory, changing nothing, and at what its configuration asks for. One table maps what it
finds to one outcome; the first row that fits decides. Where it refuses, it says what was found and the command that mends
it. No combination is left out: the last row fits everything, and a test goes through all of them.

What a row may name:

| word | values |
| --- | --- |
| lock | whether another process has the directory: \`free\`, \`held\` |
| schema | versions of the databases against this build: \`current\`, \`older\` (migrated before anything else), \`newer\` |
| damage | \`none\`, \`found\`: structure, checksums, gaps in the log, a log that ends before what was committed, lost tables |
| owner | whom the directory says that it belongs to: \`nobody\`, \`us\`, \`other-cluster\`, \`other-node\` |
| raft | \`none\`; \`contacted\`: a leader has spoken to it; \`joining\`: it has a cluster's identity, but no history; \`standalone\`: it serves alone, and has no log; \`member\` |
| model | \`none\`, \`legacy\` (of a standalone controller), \`raft\` |
| fit | how the model stands to the log: \`fits\`, \`model-behind-log\`, \`model-ahead-of-log\`, \`other-timeline\`, \`other-cluster\` |
| removed | whether it was removed from its cluster: \`no\`, \`yes\` |
| asked | \`nothing\`, \`bootstrap\`, \`standalone\`, \`restore\`, \`recover\`, \`several\` |

\`bootstrap\`, \`standalone\` and \`restore\` on a controller that has begun already are ignored, and named in its status.

| # | what is found | when | outcome |
| ---: | --- | --- | --- |
`;

export function startUpDocument(): string {
  return introduction + startRules.map(toRow).join('');
}

function toRow(rule: StartRule, at: number): string {
  const conditions = Object.entries(rule.when).map(([key, values]) => `${key}: ${values.join(' or ')}`);
  const when = conditions.length === 0 ? 'whatever is left' : conditions.join('; ');
  const outcome =
    typeof rule.outcome === 'string'
      ? `**${rule.outcome}**`
      : `refuse \`${rule.outcome.code}\`: ${rule.outcome.found} *${rule.outcome.remedy}*`;
  return `| ${at + 1} | ${rule.name} | ${when} | ${outcome} |\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(startUpDocumentPath, startUpDocument());
