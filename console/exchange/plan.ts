/** What an import would do, before it does anything: pure. */
import { canonicalJson } from '../../messaging/entity-hash.js';
import type { Entity } from '../../messaging/schemas/model.js';
import { keyOf } from './read-model.js';

/** What is to be there afterwards. */
export interface Wanted {
  readonly kind: string;
  readonly id: string;
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly spec: Readonly<Record<string, unknown>>;
  /** With version and times, of an export of ours; null: it begins here. */
  readonly entity: Entity | null;
}

/** Something of the file that does not come, or does not come as it was. */
export interface Remark {
  readonly kind: string;
  readonly name: string;
  readonly why: string;
}

/** What a file of any origin comes down to. */
export interface Source {
  /** For people: what the file is. */
  readonly title: string;
  readonly wanted: readonly Wanted[];
  readonly leftOut: readonly Remark[];
  /** Taken, but not as it was there. */
  readonly changed: readonly Remark[];
  /** About the file as a whole. */
  readonly notes: readonly string[];
  /** Of an export of ours: what all its entities hash to. */
  readonly entitiesSha256: string | null;
}

export interface ImportPlan {
  readonly create: readonly Wanted[];
  /** There already, the same. */
  readonly there: readonly Wanted[];
  readonly leftOut: readonly Remark[];
}

/** What is named comes before what names it. */
const kindOrder = ['router', 'service', 'identity', 'policy'];

export function planImport(source: Source, held: readonly Entity[]): ImportPlan {
  const byKey = new Map(held.map((entity) => [keyOf(entity), entity]));
  const names = new Map(held.map((entity) => [nameKey(entity), entity.id]));
  const create: Wanted[] = [];
  const there: Wanted[] = [];
  const leftOut: Remark[] = [...source.leftOut];
  for (const wanted of source.wanted.toSorted((a, b) => placeOf(a) - placeOf(b))) {
    const known = byKey.get(keyOf(wanted));
    const holder = names.get(nameKey(wanted));
    const { kind, name } = wanted;
    if (known !== undefined && isSame(wanted, known)) there.push(wanted);
    else if (known !== undefined)
      leftOut.push({
        kind,
        name,
        why: `the id ${wanted.id} is that of another ${kind}, or of this one and it has changed`,
      });
    else if (holder !== undefined) leftOut.push({ kind, name, why: `that name has the ${kind} with the id ${holder}` });
    else create.push(wanted);
  }
  return { create, there, leftOut };
}

/** Whether the entity that is there is what is wanted. */
export function isSame({ entity, name, tags, spec }: Wanted, held: Entity): boolean {
  // What was left to defaults is in the one that is there; so is what a version after that of the file has added.
  const given = Object.fromEntries(Object.keys(spec).map((key) => [key, held.spec[key]]));
  if (entity !== null) return canonicalJson(entity) === canonicalJson({ ...held, spec: given });
  return name === held.name && canonicalJson([tags, spec]) === canonicalJson([held.tags, given]);
}

/** Those of one kind may go in any order and side by side. */
export function phasesOf(create: readonly Wanted[]): readonly (readonly Wanted[])[] {
  const phases = Map.groupBy(create, placeOf);
  return [...phases.keys()].sort((a, b) => a - b).map((place) => phases.get(place) ?? []);
}

/** Kinds that are not known here come last: they may name any other. */
function placeOf({ kind }: Wanted): number {
  const place = kindOrder.indexOf(kind);
  return place < 0 ? kindOrder.length : place;
}

function nameKey({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${kind}/${name}`;
}

/** How many of each kind. */
export function countByKind(of: readonly { readonly kind: string }[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(of, ({ kind }) => kind)].map(([kind, each]) => [kind, each.length]));
}
