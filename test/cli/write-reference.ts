/** Writes docs/cli.md and docs/json.md anew: `npx node dist/test/cli/write-reference.js`. */
import { writeFileSync } from 'node:fs';
import { jsonDocumentFile, renderJsonDocument } from './json-document.js';
import { referenceFile, renderReference } from './reference.js';

writeFileSync(referenceFile, renderReference());
writeFileSync(jsonDocumentFile, renderJsonDocument());
