import test from 'ava';
import { importsOf, violationsIn } from './imports.js';
import { checkCheckout } from './main.js';

test('no file of the checkout imports against the table', (t) => {
  const { files, violations } = checkCheckout();
  t.true(files > 10);
  t.deepEqual(violations, []);
});

const refused: readonly (readonly [file: string, source: string])[] = [
  ['messaging/index.ts', "import { x } from '../node/raft/index.js';"],
  ['messaging/schemas/api.ts', "export * from '../../console/theme.js';"],
  ['node/raft/core.ts', "import { subjectsOf } from '../../messaging/index.js';"],
  ['node/raft/core.ts', "import type { Subjects } from '../../messaging/index.js';"],
  ['node/raft/core.ts', "import assert from 'node:assert';"],
  ['node/raft/core.ts', "import {\n  z,\n} from 'zod';"],
  ['node/raft/core.ts', "const fs = await import('node:fs');"],
  ['node/raft/core.ts', "import { Store } from '../storage/types.js';"],
  ['node/model/machine.ts', "import { Member } from '../cluster/member.js';"],
  ['node/storage/log.ts', "import { Server } from '../server/index.js';"],
  ['node/cluster/member.ts', "import { serve } from '../server/index.js';"],
  ['node/workflows/join.ts', "import '../server/index.js';"],
  ['node/server/api.ts', "import { App } from '../../console/app.js';"],
  ['node/main.ts', "import { startCluster } from '../test/support/cluster.js';"],
  ['console/app.tsx', "import { startNode } from '../node/main.js';"],
  ['console/app.tsx', "const { startNode } = await import('../node/main.js');"],
  ['console/commands/node.ts', "import { startNode } from '../../node/main.js';"],
  ['scripts/other.ts', ''],
];

for (const [file, source] of refused) {
  test(`refused: ${file} with ${JSON.stringify(source)}`, (t) => {
    t.is(violationsIn(file, source).length, 1);
  });
}

const allowed: readonly (readonly [file: string, source: string])[] = [
  ['messaging/connection.ts', "import { connect } from 'nats';\nimport { x } from './errors.js';"],
  ['node/raft/core.ts', "import { Progress } from './progress.js';"],
  [
    'node/raft/core.ts',
    "// import { z } from 'zod';\n/* import fs from 'node:fs'; */\nconst text = '// not a comment';",
  ],
  ['node/server/api.ts', "import { Member } from '../cluster/member.js';"],
  ['console/app.tsx', "import { subjectsOf } from '../messaging/index.js';"],
  ['console/commands/node.ts', "const { startNode } = await import('../../node/main.js');"],
  ['test/e2e/kill.test.ts', "import { Core } from '../../node/raft/index.js';"],
];

for (const [file, source] of allowed) {
  test(`allowed: ${file} with ${JSON.stringify(source)}`, (t) => {
    t.deepEqual(violationsIn(file, source), []);
  });
}

test('an import is reported with its line and what it names', (t) => {
  t.deepEqual(importsOf("/* one\n two */\nimport a from 'a';\n\nexport { b } from './b.js';\nvoid import('./c.js');"), [
    { specifier: 'a', line: 3, isLazy: false },
    { specifier: './b.js', line: 5, isLazy: false },
    { specifier: './c.js', line: 6, isLazy: true },
  ]);
});
