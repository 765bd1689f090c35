/** `quorate export`: the whole model as text. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { QuorateError } from '../../messaging/errors.js';
import { formatPosition } from '../../messaging/position.js';
import { softwareVersion } from '../../messaging/version.js';
import { clientSettings, setting } from '../config/common.js';
import { reasonOf } from '../config/file.js';
import { choice, path } from '../config/setting.js';
import { type ExportFile, type ExportSyntax, makeExport, writeExport } from '../exchange/export-file.js';
import { readModel } from '../exchange/read-model.js';
import type { Io } from '../output/output.js';
import { ProgressLine } from '../output/progress.js';
import { formatCount, plural } from '../state/format.js';
import { defineCommand } from './command.js';
import { kinds } from './model.js';
import { withSession } from './session.js';

export const exportCommand = defineCommand({
  path: ['export'],
  summary: 'Write the whole model as JSON or YAML',
  description:
    'All entities at one position, with their ids, versions and times, while writes go on. `quorate import` reads it, here or into another cluster; the file carries a checksum, so that one that was cut off or changed is noticed. Members, operations and the history are not in it: for those there is `quorate snapshot create`.',
  settings: {
    file: setting({
      flag: 'file',
      alias: 'f',
      placeholder: 'FILE',
      group: 'Options',
      completes: 'file',
      describe: 'Write to this file, which appears when it is whole',
      defaultText: 'standard output',
      schema: path.optional(),
    }),
    format: setting({
      flag: 'format',
      placeholder: 'FORMAT',
      group: 'Options',
      choices: ['json', 'yaml'],
      describe: 'json or yaml',
      defaultText: 'as the name of the file ends, else json',
      schema: choice(['json', 'yaml']).optional(),
    }),
    ...clientSettings,
  },
  examples: [
    { comment: 'Into a file', line: 'quorate export --file model.yaml' },
    { comment: 'How many of each kind', line: "quorate export | jq '.counts'" },
  ],
  jsonShape:
    '{ format, formatVersion, cluster, clusterId, position, exportedAt, softwareVersion, counts, entitiesSha256, entities: [entity] }; with --file { file, position, counts, entitiesSha256 }',
  async run(context, given) {
    const { out, signal } = context;
    const syntax: ExportSyntax = given.format ?? (/\.ya?ml$/i.test(given.file ?? '') ? 'yaml' : 'json');
    const made = await withSession(context, given, async ({ client }) => {
      const progress = new ProgressLine(out, 'Reading the model');
      try {
        const { entities, position, status } = await readModel({ client, kinds, signal, onProgress: progress.show });
        return makeExport(
          {
            cluster: given.cluster,
            clusterId: status.clusterId,
            position,
            exportedAt: new Date().toISOString(),
            softwareVersion,
          },
          entities,
        );
      } finally {
        progress.end();
      }
    });
    if (given.file === undefined) return writeToStream(out.io, made, syntax);
    writeToFile(given.file, made, syntax);
    const { position, counts, entitiesSha256 } = made.head;
    if (out.json) out.printJson({ file: given.file, position, counts, entitiesSha256 });
    else {
      const each = Object.entries(counts).map(([kind, count]) => `${formatCount(count)} ${kind}`);
      out.print(
        `${given.file}  ${out.style('dim', `${plural(made.entities.length, 'entity', 'entities')}${each.length === 0 ? '' : `: ${each.join(', ')}`}; position ${formatPosition(position)}`)}`,
      );
      out.print(`sha256 of the entities ${entitiesSha256}`);
    }
  },
});

function writeToStream({ stdout }: Io, made: ExportFile, syntax: ExportSyntax): void {
  for (const piece of writeExport(made, syntax)) stdout.write(piece);
}

/** Beside it first: a file of this name is always a whole one. */
function writeToFile(file: string, made: ExportFile, syntax: ExportSyntax): void {
  const unfinished = `${file}.${process.pid}.part`;
  try {
    const handle = openSync(unfinished, 'w', 0o600);
    try {
      for (const piece of writeExport(made, syntax)) writeAll(handle, Buffer.from(piece));
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(unfinished, file);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw new QuorateError('invalid-config', `${file} cannot be written: ${reasonOf(error)}`, {
      remedy: 'Give another file with --file, or free space.',
      cause: error,
    });
  }
}

function writeAll(handle: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
}
