/**
 * The file that `quorate export` writes and `quorate import` reads: a head that says what it is, and the entities, in the
 * order of kinds and ids. As JSON it is one object, an entity a line. As YAML it is a stream of documents, the head first and
 * one for each entity after it, so that a large one can be read and written piece by piece.
 */
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { byKindAndId, entitiesSha256 } from '../../messaging/entity-hash.js';
import { QuorateError } from '../../messaging/errors.js';
import { positionSchema } from '../../messaging/position.js';
import { type Entity, entitySchema } from '../../messaging/schemas/model.js';

export const exportFormat = 'quorate-export';
export const exportFormatVersion = 1;

const headSchema = z.object({
  format: z.literal(exportFormat),
  /** Of this layout. */
  formatVersion: z.int().min(1),
  cluster: z.string(),
  clusterId: z.string().nullable(),
  /** Where the model stood. */
  position: positionSchema,
  /** RFC 3339. */
  exportedAt: z.string(),
  softwareVersion: z.string(),
  counts: z.record(z.string(), z.int()),
  /** Of all entities: see messaging/entity-hash.ts. */
  entitiesSha256: z.string(),
});
export type ExportHead = z.infer<typeof headSchema>;

export interface ExportFile {
  readonly head: ExportHead;
  readonly entities: readonly Entity[];
}

export type ExportSyntax = 'json' | 'yaml';

export function makeExport(
  given: Omit<ExportHead, 'format' | 'formatVersion' | 'counts' | 'entitiesSha256'>,
  entities: readonly Entity[],
): ExportFile {
  const sorted = entities.toSorted(byKindAndId);
  const counts = Object.fromEntries(
    [...Map.groupBy(sorted, ({ kind }) => kind)].map(([kind, of]) => [kind, of.length]),
  );
  return {
    head: {
      format: exportFormat,
      formatVersion: exportFormatVersion,
      ...given,
      counts,
      entitiesSha256: entitiesSha256(sorted),
    },
    entities: sorted,
  };
}

/** Entities in one piece of text. */
const pieceSize = 500;

/** The file, piece by piece. */
export function* writeExport({ head, entities }: ExportFile, syntax: ExportSyntax): Generator<string> {
  if (syntax === 'json') {
    yield `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "entities": [`;
    for (const [at, piece] of pieces(entities).entries())
      yield `${at === 0 ? '' : ','}\n    ${piece.map((entity) => JSON.stringify(entity)).join(',\n    ')}`;
    yield `${entities.length === 0 ? '' : '\n  '}]\n}\n`;
  } else {
    yield stringify(head);
    for (const piece of pieces(entities)) yield piece.map((entity) => `---\n${stringify(entity)}`).join('');
  }
}

function pieces(entities: readonly Entity[]): readonly (readonly Entity[])[] {
  const count = Math.ceil(entities.length / pieceSize);
  return Array.from({ length: count }, (_, at) => entities.slice(at * pieceSize, (at + 1) * pieceSize));
}

/** One value for JSON and for a YAML of one document, several for a YAML of several. @throws QuorateError `import-invalid` */
export function parseFile(text: string, where: string): readonly unknown[] {
  try {
    if (/^\s*[{[]/.test(text)) return [JSON.parse(text)];
    // Where a document begins is fixed by YAML whatever stands in it: a line of text cannot begin so, it would be indented.
    const documents = text.split(/^---(?=\s|$).*\n?/m).filter((document) => /^\s*[^\s#]/m.test(document));
    return documents.map((document) => parse(document) as unknown);
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw invalidImport(`${where} is neither JSON nor YAML: ${reason}`);
  }
}

export function isExport(documents: readonly unknown[]): boolean {
  return z.looseObject({ format: z.literal(exportFormat) }).safeParse(documents[0]).success;
}

/**
 * Reads an export whole and holds it against what it says of itself.
 * @throws QuorateError `import-invalid` naming what is wrong with it
 */
export function readExport(documents: readonly unknown[], where: string): ExportFile {
  const [first, ...others] = documents;
  const version = z.looseObject({ formatVersion: z.int() }).safeParse(first);
  if (version.success && version.data.formatVersion > exportFormatVersion) {
    throw invalidImport(
      `${where} has format version ${version.data.formatVersion}; this version reads up to ${exportFormatVersion}`,
      'Import it with the version of quorate that wrote it, or a newer one.',
    );
  }
  const head = headSchema.safeParse(first);
  if (!head.success) throw invalidImport(`${where}: ${firstIssue(head.error)}`);
  const inside = z.looseObject({ entities: z.array(z.unknown()) }).safeParse(first);
  const entities = (inside.success ? inside.data.entities : others).map((each, at) => {
    const parsed = entitySchema.safeParse(each);
    if (parsed.success) return parsed.data;
    throw invalidImport(`${where}: entity ${at + 1}: ${firstIssue(parsed.error)}`);
  });
  const found = entitiesSha256(entities);
  if (found !== head.data.entitiesSha256) {
    const said = Object.values(head.data.counts).reduce((sum, count) => sum + count, 0);
    throw invalidImport(
      entities.length === said
        ? `${where} is not what was exported: its ${said} entities do not fit the checksum that it carries`
        : `${where} is not whole: it speaks of ${said} entities, and holds ${entities.length}`,
      'Export again. To import what was changed by hand, use `quorate model create -f FILE`.',
    );
  }
  return { head: head.data, entities };
}

export function invalidImport(message: string, remedy?: string): QuorateError {
  return new QuorateError('import-invalid', message, { remedy });
}

function firstIssue(error: z.ZodError): string {
  const [issue] = error.issues;
  return `${issue?.path.map(String).join('.') || 'the whole'}: ${issue?.message ?? 'invalid'}`;
}
