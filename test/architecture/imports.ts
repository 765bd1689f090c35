/**
 * Who may import whom, as a table, and a reading of source files against it.
 *
 * The first row whose folder holds a file is the one that counts for it. What a row does not name, the files of that
 * folder may not import: a new folder starts with no rights. Type imports count like any other, for they bind just as
 * much. Imports inside the own folder are always allowed.
 */

export interface Direction {
  /** Path from the root of the checkout; holds for all that is below. */
  readonly folder: string;
  /** Our folders that may be imported, `everything` for all of ours. */
  readonly ours: readonly string[] | 'everything';
  /** Whether packages and Node's own modules may be imported. */
  readonly packages: boolean;
  /** Folders that only these files may load, and only by `import()`, when it comes to it. */
  readonly lazily?: { readonly files: readonly string[]; readonly folders: readonly string[] };
}

export const directions: readonly Direction[] = [
  { folder: 'messaging', ours: [], packages: true },
  { folder: 'node/raft', ours: [], packages: false },
  { folder: 'node/storage', ours: ['messaging', 'node/raft', 'node/model'], packages: true },
  { folder: 'node/model', ours: ['messaging', 'node/raft', 'node/storage'], packages: true },
  { folder: 'node/cluster', ours: ['messaging', 'node/raft', 'node/storage', 'node/model'], packages: true },
  {
    folder: 'node/workflows',
    ours: ['messaging', 'node/raft', 'node/storage', 'node/model', 'node/cluster'],
    packages: true,
  },
  { folder: 'node', ours: ['messaging', 'node'], packages: true },
  {
    folder: 'console',
    ours: ['messaging'],
    packages: true,
    lazily: {
      files: [
        'console/commands/doctor.ts',
        'console/commands/node.ts',
        'console/commands/recover.ts',
        'console/commands/reset.ts',
        'console/commands/restore-from.ts',
        'console/commands/snapshot.ts',
      ],
      folders: ['node'],
    },
  },
  { folder: 'test', ours: 'everything', packages: true },
];

export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly specifier: string;
  readonly reason: string;
}

interface Import {
  readonly specifier: string;
  readonly line: number;
  readonly isLazy: boolean;
}

const importPattern =
  /\b(?:import|export)\b[^'"`;()]*?\bfrom\s*['"](?<from>[^'"]+)['"]|\bimport\s*['"](?<bare>[^'"]+)['"]|\b(?<call>import|require)\s*\(\s*['"`](?<argument>[^'"`]+)['"`]/g;

/** Replaces comments by blanks of the same length, so that lines keep their numbers and examples in comments do not count. */
function withoutComments(source: string): string {
  const pattern = /(?<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return source.replace(pattern, (found, text?: string) => text ?? found.replace(/[^\n]/g, ' '));
}

export function importsOf(source: string): readonly Import[] {
  const code = withoutComments(source);
  return [...code.matchAll(importPattern)].map((match) => {
    const specifier = match.groups?.['from'] ?? match.groups?.['bare'] ?? match.groups?.['argument'] ?? '';
    const line = code.slice(0, match.index).split('\n').length;
    return { specifier, line, isLazy: match.groups?.['call'] === 'import' };
  });
}

const isBelow = (file: string, folder: string): boolean => file === folder || file.startsWith(`${folder}/`);

/** Where a relative import of a file leads, as a path from the root. */
function resolve(file: string, specifier: string): string {
  const parts = file.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function reasonAgainst(file: string, found: Import, direction: Direction): string | undefined {
  if (!found.specifier.startsWith('.')) {
    return direction.packages ? undefined : `${direction.folder} imports nothing from outside itself`;
  }
  const target = resolve(file, found.specifier);
  if (isBelow(target, direction.folder) || direction.ours === 'everything') return undefined;
  if (direction.ours.some((folder) => isBelow(target, folder))) return undefined;
  const { lazily } = direction;
  if (lazily?.folders.some((folder) => isBelow(target, folder)) && lazily.files.includes(file)) {
    return found.isLazy ? undefined : `${file} may load ${target} only by import(), when it is needed`;
  }
  const allowed = direction.ours.length === 0 ? 'nothing of ours' : `of ours only ${direction.ours.join(', ')}`;
  return `${direction.folder} imports ${allowed}`;
}

/** All imports of one file that the table does not allow; `file` is its path from the root. */
export function violationsIn(file: string, source: string, table = directions): readonly Violation[] {
  const direction = table.find(({ folder }) => isBelow(file, folder));
  if (direction === undefined)
    return [{ file, line: 1, specifier: '', reason: 'the file is in no folder of the table' }];
  return importsOf(source).flatMap((found) => {
    const reason = reasonAgainst(file, found, direction);
    return reason === undefined ? [] : [{ file, line: found.line, specifier: found.specifier, reason }];
  });
}
