/** docs/json.md, made from the schemas of what commands print. */
import path from 'node:path';
import { errorOutputSchema, type JsonOutput, jsonOutputs } from '../../console/commands/json-output.js';
import { tableOf } from '../docs/documents.js';
import { checkoutRoot } from '../support/checkout.js';

export const jsonDocumentFile = path.join(checkoutRoot, 'docs', 'json.md');

const introduction = `# What commands print with --json

<!-- Made from console/commands/json-output.ts by \`npm run docs\`; do not edit. -->

Stdout then holds JSON and nothing else. What is here is stable: a field keeps its name and its meaning while the major version stays, and new ones may be
added, so read those that you know and leave the others. Times are milliseconds since 1970, and durations and latencies are in milliseconds, where nothing else is said.

An error is one object on stderr, and the [exit code](cli.md#exit-codes) is 1 or 2:

`;

export function renderJsonDocument(): string {
  const known = Object.entries(jsonOutputs).map(([words, output]) => sectionOf(words, output));
  return [`${introduction}${table(errorOutputSchema, 'errorOutputSchema')}\n`, ...known].join('\n');
}

function sectionOf(words: string, { schema, source, lines = false, note }: JsonOutput): string {
  const about = [lines ? 'One a line, as they happen.' : '', note ?? ''].filter((each) => each !== '').join(' ');
  return `## quorate ${words}\n${about === '' ? '' : `${about}\n`}\n${table(schema, source)}\n`;
}

/** The types that the wire uses too are described there. */
function table(schema: JsonOutput['schema'], source: string): string {
  return tableOf(source, schema).replaceAll('](#', '](protocol.md#');
}
