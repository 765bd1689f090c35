/** `quorate import FILE`: an export of ours or of OpenZiti, into the model. */
import { readFileSync } from 'node:fs';
import { text as readAll } from 'node:stream/consumers';
import type { ApiClient } from '../../messaging/api-client.js';
import { QuorateError } from '../../messaging/errors.js';
import { featureGates } from '../../messaging/feature-gates.js';
import { formatPosition } from '../../messaging/position.js';
import type { NodeStatus } from '../../messaging/schemas/status.js';
import { clientSettings, setting } from '../config/common.js';
import { reasonOf } from '../config/file.js';
import { anyText, onOff } from '../config/setting.js';
import { invalidImport, isExport, parseFile, readExport } from '../exchange/export-file.js';
import { isOpenZiti, readOpenZiti } from '../exchange/openziti.js';
import { countByKind, type ImportPlan, isSame, planImport, type Remark, type Source } from '../exchange/plan.js';
import { keyOf, readModel, type WholeModel } from '../exchange/read-model.js';
import { type ImportOutcome, runImport } from '../exchange/run-import.js';
import { confirm } from '../output/confirm.js';
import type { Output } from '../output/output.js';
import { ProgressLine } from '../output/progress.js';
import { formatCount, formatDuration, plural } from '../state/format.js';
import { argument, type CommandContext, defineCommand } from './command.js';
import { kinds } from './model.js';
import { withSession } from './session.js';

export const importCommand = defineCommand({
  path: ['import'],
  summary: 'Take a file into the model: an export of ours, or of OpenZiti',
  description:
    'Shows first what is taken, what is there already, and what is left out and why. Nothing that is there is written over. Entities of `quorate export` keep their ids, versions and times, and the outcome is verified; of what `ziti ops export` writes, identities, edge routers, services and policies are taken. An import that was interrupted is run again, and goes on. Exit code 1 where the model refused something.',
  args: {
    file: argument({
      placeholder: 'FILE',
      required: true,
      completes: 'file',
      describe: 'JSON or YAML; - is standard input',
      schema: anyText,
    }),
  },
  settings: {
    dryRun: setting({ flag: 'dry-run', group: 'Options', describe: 'Only show what it would do', schema: onOff }),
    yes: setting({ flag: 'yes', alias: 'y', group: 'Options', describe: 'Do not ask for confirmation', schema: onOff }),
    ...clientSettings,
  },
  examples: [
    { comment: 'What would be taken from an OpenZiti controller', line: 'quorate import ziti.json --dry-run' },
    {
      comment: 'From one cluster to another',
      line: 'quorate export -f model.json && quorate import model.json --cluster two',
    },
    { comment: 'In a script: what was left out', line: "quorate import ziti.yaml --yes --json | jq '.leftOut[]'" },
  ],
  jsonShape:
    '{ source, create: { kind: number }, there: { kind: number }, leftOut: [{ kind, name, why }], changed: [{ kind, name, why }], notes: [text] }; without --dry-run also imported, existed, refused: [{ kind, name, why }], verified, position, tookMs',
  async run(context, given) {
    const source = await readSource(given.file);
    return withSession(context, given, async ({ client }) => {
      const { out, signal } = context;
      const held = await readHeld(out, client, signal);
      const plan = planImport(source, held.entities);
      const missing = gateMissing(source, held.status);
      if (given.dryRun) {
        if (out.json) out.printJson(planJson(source, plan));
        else out.print([...planLines(out, source, plan), '', 'Nothing was changed.'].join('\n'));
        if (missing !== null) throw missing;
        return 0;
      }
      if (missing !== null) throw missing;
      if (!out.json) out.note(planLines(out, source, plan).join('\n'));
      if (plan.create.length > 0)
        await confirm(out, {
          word: given.cluster,
          purpose: `import ${plural(plan.create.length, 'entity', 'entities')} into the cluster ${given.cluster}`,
          yes: given.yes,
          signal,
        });
      const outcome = await carryOut(context, client, plan);
      if (signal.aborted) return 1;
      const after = await readHeld(out, client, signal);
      return report(out, source, plan, outcome, after);
    });
  },
});

async function readSource(file: string): Promise<Source> {
  const where = file === '-' ? 'standard input' : file;
  let text: string;
  try {
    text = file === '-' ? await readAll(process.stdin) : readFileSync(file, 'utf8');
  } catch (error) {
    throw invalidImport(`${where} cannot be read: ${reasonOf(error)}`, 'Correct the path; - reads standard input.');
  }
  const documents = parseFile(text, where);
  if (isExport(documents)) {
    const { head, entities } = readExport(documents, where);
    const { cluster, position, exportedAt, entitiesSha256 } = head;
    return {
      title: `an export of the cluster ${cluster} at ${formatPosition(position)}, of ${exportedAt}`,
      wanted: entities.map((entity) => ({ ...entity, entity })),
      leftOut: [],
      changed: [],
      notes: [],
      entitiesSha256,
    };
  }
  if (isOpenZiti(documents)) return readOpenZiti(documents, where);
  throw invalidImport(
    `${where} is neither an export of ours nor of OpenZiti`,
    'Give a file as `quorate export` or `ziti ops export` writes it; single entities are taken by `quorate model create -f FILE`.',
  );
}

async function readHeld(out: Output, client: ApiClient, signal: AbortSignal): Promise<WholeModel> {
  const progress = new ProgressLine(out, 'Reading the model');
  try {
    return await readModel({ client, kinds, signal, onProgress: progress.show });
  } finally {
    progress.end();
  }
}

/** Versions and times can be kept only where every member understands the command that keeps them. */
function gateMissing(source: Source, leader: NodeStatus): QuorateError | null {
  if (source.wanted.every(({ entity }) => entity === null) || leader.gates.includes('model-import')) return null;
  const { since } = featureGates['model-import'];
  const older = leader.members
    .filter(({ protocol }) => protocol.max < since)
    .map(({ id, version }) => `${id} (${version})`);
  return new QuorateError(
    'gate-closed',
    older.length === 0
      ? 'the feature model-import is not in use yet'
      : `the feature model-import is not in use: ${older.join(', ')} ${older.length === 1 ? 'does' : 'do'} not understand it`,
    older.length === 0 ? { remedy: 'Wait a few seconds: the leader raises it when all members have been heard.' } : {},
  );
}

type TimedOutcome = ImportOutcome & { readonly tookMs: number; readonly perSecond: number };

async function carryOut({ out, signal }: CommandContext, client: ApiClient, plan: ImportPlan): Promise<TimedOutcome> {
  const progress = new ProgressLine(out, 'Importing');
  try {
    const onProgress = (done: number): void => progress.show(done, plan.create.length);
    const outcome = await runImport(plan.create, { client, signal, onProgress });
    return { ...outcome, tookMs: Math.round(progress.tookMs()), perSecond: progress.perSecond() };
  } finally {
    progress.end();
  }
}

/** Success is said only of what was seen: each entity that was to come is in the model, the same. */
function report(out: Output, source: Source, plan: ImportPlan, outcome: TimedOutcome, after: WholeModel): 0 | 1 {
  const { imported, existed, refused, tookMs, perSecond } = outcome;
  const held = new Map(after.entities.map((entity) => [keyOf(entity), entity]));
  const missing = [...plan.create, ...plan.there].filter((wanted) => {
    const entity = held.get(keyOf(wanted));
    return entity === undefined || !isSame(wanted, entity);
  });
  const verified = missing.length === 0;
  if (out.json)
    out.printJson({
      ...planJson(source, plan),
      imported,
      existed,
      refused,
      verified,
      position: after.position,
      tookMs,
    });
  else {
    const there = plan.there.length + existed;
    out.print(
      `${out.style(verified ? 'good' : 'bad', verified ? '✔' : '✖')} ${formatCount(imported)} imported, ${formatCount(there)} ${there === 1 ? 'was' : 'were'} there already${plan.leftOut.length === 0 ? '' : `, ${formatCount(plan.leftOut.length)} left out`}; position ${formatPosition(after.position)}`,
    );
    if (imported > 0) out.print(out.style('dim', `in ${formatDuration(tookMs)}, ${formatCount(perSecond)} a second`));
    for (const line of remarkLines(out, 'Refused', refused)) out.print(line);
  }
  if (verified) return 0;
  const [first] = missing;
  throw new QuorateError(
    'import-incomplete',
    `${plural(missing.length, 'entity', 'entities')} of the file ${missing.length === 1 ? 'is' : 'are'} not in the model, such as the ${first?.kind} ${first?.name}`,
    { details: { missing: missing.slice(0, 100).map(({ kind, id }) => ({ kind, id })) } },
  );
}

function planJson(source: Source, plan: ImportPlan): Record<string, unknown> {
  return {
    source: source.title,
    create: countByKind(plan.create),
    there: countByKind(plan.there),
    leftOut: plan.leftOut,
    changed: source.changed,
    notes: source.notes,
  };
}

function planLines(out: Output, source: Source, plan: ImportPlan): readonly string[] {
  const counted = (of: readonly { readonly kind: string }[]): string =>
    Object.entries(countByKind(of))
      .map(([kind, count]) => `${formatCount(count)} ${kind}`)
      .join(', ') || 'nothing';
  return [
    `The file is ${source.title}.`,
    `  ${out.style('bold', 'taken')}              ${counted(plan.create)}`,
    `  ${out.style('bold', 'there already')}      ${counted(plan.there)}`,
    `  ${out.style('bold', 'left out')}           ${counted(plan.leftOut)}`,
    ...remarkLines(out, 'Left out', plan.leftOut),
    ...remarkLines(out, 'Taken, but not as it was', source.changed),
    ...(source.notes.length === 0 ? [] : ['Notes', ...source.notes.map((note) => `  ${note}`)]),
  ];
}

/** Names for one reason; the rest are counted. `--json` has them all. */
const namesShownMax = 5;

function remarkLines(out: Output, title: string, remarks: readonly Remark[]): readonly string[] {
  if (remarks.length === 0) return [];
  const groups = Map.groupBy(remarks, ({ kind, why }) => `${kind}: ${why}`);
  return [
    title,
    ...[...groups].flatMap(([reason, same]) => {
      const names = same.slice(0, namesShownMax).map(({ name }) => name);
      const more = same.length > names.length ? `, and ${formatCount(same.length - names.length)} more` : '';
      return [`  ${reason}`, `    ${out.style('dim', `${names.join(', ')}${more}`)}`];
    }),
  ];
}
