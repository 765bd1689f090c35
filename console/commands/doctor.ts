/** `quorate doctor`: examines a stopped controller's data directory. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fail, ok } from '../../messaging/finding.js';
import { identifierSchema, nodeIdSchema } from '../../messaging/identifiers.js';
import type { Finding } from '../../messaging/schemas/operations.js';
import { connectionSettings, controllerIdFlag, dataDirectorySetting, setting } from '../config/common.js';
import { text } from '../config/setting.js';
import { plural } from '../state/format.js';
import { defineCommand } from './command.js';
import { findingLines } from './operation-flow.js';
import { noSuchDirectory } from './reset.js';

const loadTable = () => import('../../node/cluster/decide-start.js');
type StartOutcome = ReturnType<Awaited<ReturnType<typeof loadTable>>['decideStart']>;

export const doctorCommand = defineCommand({
  path: ['doctor'],
  summary: 'Examine the data directory of a stopped controller',
  description:
    'Reads both databases page by page, every entry of the log with its checksum, every entity, and every snapshot that lies there; says how log and model fit together, how much space is left, and as what the controller would start. Changes nothing. Works on what `quorate reset` has put aside too. Exit code 1 where something is wrong. A model in which something well-formed was changed is not seen here: `quorate verify` compares the members.',
  settings: {
    dataDirectory: dataDirectorySetting,
    id: setting({
      ...controllerIdFlag,
      describe: 'Id that it would be started with',
      defaultText: 'whose directory it is',
      schema: text(nodeIdSchema).optional(),
    }),
    cluster: setting({
      ...connectionSettings.cluster,
      group: 'Options',
      describe: 'Name of the cluster that it would be started with',
      defaultText: 'whose directory it is',
      schema: text(identifierSchema).optional(),
    }),
  },
  examples: [
    { comment: 'Why does it not start?', line: 'quorate doctor --data-dir /var/lib/quorate' },
    {
      comment: 'In a script: what is wrong',
      line: 'quorate doctor --data-dir /var/lib/quorate --json | jq \'.findings[] | select(.outcome == "fail")\'',
    },
  ],
  jsonShape:
    '{ directory, contents: { cluster, clusterId, node, membership, position, voters, damage }, findings: [{ check, outcome, sentence, remedy }], start: { outcome, rule, ... } }; outcome of a finding: ok, warn or fail',
  async run({ out }, given) {
    const directory = resolve(given.dataDirectory);
    if (!existsSync(directory)) throw noSuchDirectory(directory);
    const [{ examineDirectory }, { decideStart }] = await Promise.all([
      import('../../node/storage/doctor.js'),
      loadTable(),
    ]);
    const { contents, factsAtStart, findings } = examineDirectory(directory);
    const start = decideStart(factsAtStart, {
      clusterName: given.cluster ?? contents.cluster ?? 'default',
      nodeId: given.id ?? contents.node ?? 'ID',
      bootstrap: false,
      restoreFrom: null,
      recover: false,
    });
    const all = [...findings, startFinding(start)];
    const wrong = all.filter((finding) => finding.outcome === 'fail');
    if (out.json) out.printJson({ directory, contents, findings: all, start });
    else {
      const verdict =
        wrong.length === 0
          ? `${out.style('good', '✔')} ${directory}: nothing is wrong`
          : `${out.style('bad', '✖')} ${directory}: ${plural(wrong.length, 'thing is', 'things are')} wrong`;
      out.print([...findingLines(out, all), '', verdict].join('\n'));
    }
    return wrong.length === 0 ? 0 : 1;
  },
});

function startFinding(start: StartOutcome): Finding {
  const why = `(start-up table: ${start.rule})`;
  const check = 'start';
  switch (start.outcome) {
    case 'refuse':
      return fail(check, `It would refuse to start, with ${start.code}: ${start.found} ${why}`, start.remedy);
    case 'start-blank':
      return ok(check, `It would start blank, and wait to be joined ${why}.`);
    case 'start-member':
      return ok(check, `It would start as a member ${why}.`);
    case 'serve-as-removed':
      return ok(check, `It would start, and answer only that it was removed ${why}.`);
    case 'begin-standalone':
    case 'start-standalone':
      return ok(check, `It would start as a standalone controller ${why}.`);
    case 'bootstrap':
    case 'restore':
    case 'recover':
      return ok(check, `It would begin a history: ${start.outcome} ${why}.`);
  }
}
