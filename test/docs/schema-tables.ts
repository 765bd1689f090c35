/** Tables for people from the schemas that the programs validate with. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { checkoutRoot } from '../support/checkout.js';

/** What of JSON Schema zod writes for ours. */
interface Node {
  readonly $ref?: string;
  /** Says what it is where its form does not. */
  readonly title?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly additionalProperties?: Node | boolean;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
  readonly allOf?: readonly Node[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface NamedSchema {
  /** How the documents call it. */
  readonly title: string;
  readonly schema: z.ZodType;
}

export class SchemaTables {
  readonly #named: readonly NamedSchema[];
  readonly #comments = commentsInSchemas();
  readonly #identifierPattern: string;

  /** Where one of the named schemas is used in another, the other's table names it. */
  constructor(named: Readonly<Record<string, NamedSchema>>, identifierPattern: string) {
    this.#named = Object.values(named);
    this.#identifierPattern = identifierPattern;
  }

  /**
   * Rows for every field, nested ones as `outer.inner`. `source`: the name of the schema in the source, where its comments
   * stand. `io`: what may be left out in a request is always there in a result.
   */
  of(schema: z.ZodType, source: string, io: 'input' | 'output'): string {
    const known = this.#named.find((each) => each.schema === schema);
    return known === undefined ? this.named(schema, source, io) : `Those of ${link(known.title)}.`;
  }

  /** The same, also where the schema itself is one of the named. */
  named(schema: z.ZodType, source: string, io: 'input' | 'output'): string {
    const registry = z.registry<{ id?: string }>();
    for (const each of this.#named) if (each.schema !== schema) registry.add(each.schema, { id: each.title });
    registry.add(schema, { id: 'this' });
    const { schemas } = z.toJSONSchema(registry, { io, unrepresentable: 'any', uri: (id) => id });
    return this.#render(schemas['this'] as Node, source);
  }

  #render(node: Node, source: string): string {
    const variants = node.oneOf ?? node.anyOf;
    if (variants !== undefined) {
      return variants
        .map((variant) => {
          const fixed = Object.entries(variant.properties ?? {}).filter(([, field]) => field.const !== undefined);
          const when = fixed.map(([name, field]) => `\`${name}\` is \`${JSON.stringify(field.const)}\``).join(' and ');
          return `Where ${when}:\n\n${this.#render(variant, source)}`;
        })
        .join('\n\n');
    }
    const rows = this.#rows(node, source, '');
    if (rows.length === 0) return 'No fields.';
    return ['| field | type | |', '| --- | --- | --- |', ...rows].join('\n');
  }

  #rows(node: Node, source: string, prefix: string): string[] {
    return Object.entries(node.properties ?? {}).flatMap(([name, field]) => {
      const { inner, orNull } = withoutNull(field);
      const optional =
        node.required?.includes(name) === true ? '' : field.default === undefined ? 'may be left out' : '';
      const comment = this.#comments.get(`${source}.${name}`) ?? this.#comments.get(`common.${name}`) ?? '';
      const preset = field.default === undefined ? '' : `default ${code(JSON.stringify(field.default))}`;
      const said = [comment, [optional, preset].filter((each) => each !== '').join(', ')]
        .filter((each) => each !== '')
        .join(' ');
      const row = `| \`${prefix}${name}\` | ${this.#typeOf(inner)}${orNull ? ' or null' : ''} | ${said.replaceAll('|', '\\|')} |`;
      const nested = inner.type === 'array' ? inner.items : inner;
      const mark = inner.type === 'array' ? '[].' : '.';
      const hasFields = nested?.$ref === undefined && nested?.properties !== undefined;
      return hasFields && nested !== undefined
        ? [row, ...this.#rows(nested, source, `${prefix}${name}${mark}`)]
        : [row];
    });
  }

  #typeOf(node: Node): string {
    if (node.$ref !== undefined) return link(node.$ref);
    if (node.title !== undefined) return node.title;
    if (node.const !== undefined) return code(JSON.stringify(node.const));
    if (node.enum !== undefined) return node.enum.map((value) => code(JSON.stringify(value))).join(', ');
    const variants = node.oneOf ?? node.anyOf;
    if (variants !== undefined) return [...new Set(variants.map((each) => this.#typeOf(each)))].join(' or ');
    const [first] = node.allOf ?? [];
    if (first !== undefined) return this.#typeOf(first);
    switch (node.type) {
      case 'array':
        return `list of ${this.#typeOf(node.items ?? {})}${limits(node.minItems, node.maxItems, '')}`;
      case 'object':
        return node.properties === undefined && typeof node.additionalProperties === 'object'
          ? `map of ${this.#typeOf(node.additionalProperties)}`
          : 'object';
      case 'string':
        if (node.pattern === this.#identifierPattern) return '[identifier](#identifiers)';
        return node.pattern === undefined
          ? `string${limits(node.minLength, node.maxLength, ' characters')}`
          : `string ${code(node.pattern)}`;
      case 'integer':
      case 'number':
        return `${node.type}${limits(node.minimum, node.maximum, '')}`;
      case 'boolean':
        return 'boolean';
      default:
        return 'any';
    }
  }
}

/** Zod writes what may be null in two ways: as one of two schemas, and as one of two types. */
function withoutNull(node: Node): { inner: Node; orNull: boolean } {
  const [one, other] = node.anyOf ?? [];
  if (one !== undefined && other?.type === 'null' && node.anyOf?.length === 2) return { inner: one, orNull: true };
  if (typeof node.type === 'object' && node.type.length === 2 && node.type.includes('null')) {
    return { inner: { ...node, type: node.type.find((each) => each !== 'null') ?? 'null' }, orNull: true };
  }
  return { inner: node, orNull: false };
}

/** Bounds of a safe integer say nothing to a reader. */
function limits(least: number | undefined, most: number | undefined, unit: string): string {
  const low = least === undefined || least <= Number.MIN_SAFE_INTEGER ? undefined : least;
  const high = most === undefined || most >= Number.MAX_SAFE_INTEGER ? undefined : most;
  if (low !== undefined && high !== undefined) return `, ${low} to ${high}${unit}`;
  if (low !== undefined) return `, at least ${low}${unit}`;
  return high === undefined ? '' : `, at most ${high}${unit}`;
}

function code(value: string): string {
  return `\`${value}\``;
}

export function link(title: string): string {
  return `[${title}](#${title.toLowerCase().replaceAll(' ', '-')})`;
}

/**
 * The comments above the fields, as `schema.field`. Schemas hold none themselves: what the source says is read from it, so
 * that nothing is said twice.
 */
function commentsInSchemas(): ReadonlyMap<string, string> {
  const messaging = path.join(checkoutRoot, 'messaging');
  const files = [
    ...readdirSync(path.join(messaging, 'schemas')).map((name) => path.join(messaging, 'schemas', name)),
    ...['position.ts', 'errors.ts', 'protocol.ts'].map((name) => path.join(messaging, name)),
    path.join(checkoutRoot, 'console', 'commands', 'json-output.ts'),
    path.join(checkoutRoot, 'console', 'commands', 'json-output-local.ts'),
  ];
  const found = new Map<string, string>();
  for (const file of files) {
    let schema = '';
    let comment = '';
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      schema = /^(?:export )?const (\w+) = /.exec(line)?.[1] ?? /^ {2}'([\w.]+)': \{$/.exec(line)?.[1] ?? schema;
      const field = /^\s+(\w+): /.exec(line)?.[1];
      if (field !== undefined && comment !== '') found.set(`${schema}.${field}`, comment);
      comment = /^\s+\/\*\* (.*) \*\/$/.exec(line)?.[1]?.replace(/\{@link (\w+)\}/g, '`$1`') ?? '';
    }
  }
  return found;
}
