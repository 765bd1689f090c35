/**
 * How an operation is called, whatever its workflow: made from its parameters, so that a workflow that a later version
 * brings has a name here too.
 */
import type { ParametersView } from '../../messaging/index.js';
import { ofName } from './of-name.js';

/** Where the name of the workflow alone does not say what is done. */
const verbs: Readonly<Record<string, string>> = {
  transfer: 'transfer leadership',
  rollback: 'roll back',
  recover: 'go on alone with',
  'new-cluster': 'begin a new cluster with',
};

/** What comes of the controller, or what it begins from, after its id. */
const becomes: Readonly<Record<string, string>> = {
  migrate: 'to a cluster',
  rollback: 'to a standalone controller',
  'new-cluster': 'from',
};

/** The word before a parameter's value; those that are not named here stand with their own name. */
const prepositions: Readonly<Record<string, string>> = {
  node: '',
  name: '',
  role: 'as',
  to: 'to',
  from: 'from',
  with: 'with',
  by: 'by',
  leaveBehind: 'leaving behind',
};

/** Digests and sizes identify; they do not tell a person what is done. */
const unnamed: ReadonlySet<string> = new Set(['workflow', 'sha256', 'sizeBytes']);

/** `join n4 as voter`, `remove n3`, `transfer leadership to n2` */
export function operationTitle(parameters: ParametersView): string {
  const { workflow } = parameters;
  const ending = ofName(becomes, workflow);
  const phrases = Object.entries(parameters).flatMap(([name, value]: [string, unknown]) => {
    const end = name === 'node' && ending !== undefined ? [ending] : [];
    if (unnamed.has(name) || value === null || value === undefined || value === false) return end;
    const before = ofName(prepositions, name) ?? wordsOf(name);
    if (value === true) return [before];
    if (Array.isArray(value) ? value.length === 0 : typeof value === 'object') return [];
    const shown = Array.isArray(value) ? value.join(', ') : String(value);
    return [before === '' ? shown : `${before} ${shown}`, ...end];
  });
  return [ofName(verbs, workflow) ?? wordsOf(workflow), ...phrases].join(' ');
}

/** `rollBack` and `roll-back` read as `roll back`. */
function wordsOf(name: string): string {
  return name
    .replaceAll(/[-_]/gu, ' ')
    .replaceAll(/([a-z])([A-Z])/gu, '$1 $2')
    .toLowerCase();
}
