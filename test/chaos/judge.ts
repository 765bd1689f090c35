/** What must hold when the faults are over, as a pure function: no cluster, no clock. */
import type { ModelChange } from '../../messaging/index.js';
import { checkEntityHistory, describeHistory } from '../simulator/entity-history.js';
import type { Acknowledged, History } from './clients.js';

export interface Evidence {
  readonly history: History;
  /** Index of the last change before the clients began; 0 where there was none. */
  readonly beforeIndex: number;
  /** The changes after that, as each member holds them in its journal. */
  readonly journals: ReadonlyMap<string, readonly ModelChange[]>;
}

/** One sentence for each thing that is wrong. */
export function judge({ history, beforeIndex, journals }: Evidence): readonly string[] {
  const { acknowledged, operations } = history;
  return [
    ...judgeRefusals(history),
    ...judgeJournals({ journals, beforeIndex, acknowledged, invited: valuesNotRefused(operations) }),
    ...judgeOrder(operations),
  ];
}

/** What one timeline holds. */
export interface JournalEvidence extends Pick<Evidence, 'journals' | 'beforeIndex'> {
  /** On this timeline. */
  readonly acknowledged: readonly Acknowledged[];
  /** Values that may stand in it. */
  readonly invited: ReadonlySet<number>;
}

/** All hold the same, in one chain, with all that was acknowledged, and nothing twice. */
export function judgeJournals(evidence: JournalEvidence): readonly string[] {
  const { journals, beforeIndex, acknowledged, invited } = evidence;
  const [reference] = journals;
  if (reference === undefined) return ['no member is left'];
  const [, changes] = reference;
  return [
    ...differences(reference, journals),
    ...gaps(changes, beforeIndex),
    ...lost(changes, acknowledged),
    ...uninvited(changes, invited),
  ];
}

export function judgeRefusals({ unexpected }: Pick<History, 'unexpected'>): readonly string[] {
  return unexpected.map((refusal) => `a client saw a refusal that says neither "no" nor "later": ${refusal}`);
}

/** What creates and updates were to write, but for those that were refused. */
export function valuesNotRefused(operations: History['operations']): ReadonlySet<number> {
  return new Set(
    operations.flatMap(({ input, output }) =>
      (input.type === 'create' || input.type === 'update') && output?.type !== 'refused' ? [input.value] : [],
    ),
  );
}

type Journal = readonly [string, readonly ModelChange[]];

function differences([first, changes]: Journal, journals: Evidence['journals']): string[] {
  const lines = changes.map(lineOf);
  return [...journals].flatMap(([member, others]) => {
    if (others.length === lines.length && others.every((change, place) => lineOf(change) === lines[place])) return [];
    const place = Math.max(
      0,
      others.findIndex((change, at) => lineOf(change) !== lines[at]),
    );
    const here = others[place];
    return [
      `${member} holds ${others.length} changes and ${first} ${lines.length}; change ${place} is "${here && lineOf(here)}" there and "${lines[place]}" here`,
    ];
  });
}

function gaps(changes: readonly ModelChange[], beforeIndex: number): string[] {
  return changes.flatMap(({ position, previousIndex }, place) => {
    const before = changes[place - 1]?.position.index ?? beforeIndex;
    return previousIndex === before && position.index > before
      ? []
      : [`the change at ${position.index} follows ${previousIndex} by its own word, and ${before} in the journal`];
  });
}

function lost(changes: readonly ModelChange[], acknowledged: readonly Acknowledged[]): string[] {
  const byIndex = new Map(changes.map((change) => [change.position.index, change]));
  return acknowledged.flatMap((write) => {
    const change = byIndex.get(write.index);
    const isThere =
      change !== undefined &&
      change.entity.id === write.key &&
      change.type === write.type &&
      change.entity.version === write.version &&
      writtenBy(change) === write.value;
    return isThere
      ? []
      : [
          `the write ${write.type} ${write.key} version ${write.version} = ${write.value} was acknowledged at ${write.index}, where there is ${change === undefined ? 'nothing' : lineOf(change)}`,
        ];
  });
}

/** Each value is written by one request: it stands in the journal at most once, and not at all where that was refused. */
function uninvited(changes: readonly ModelChange[], invited: ReadonlySet<number>): string[] {
  const seen = new Set<number>();
  return changes.flatMap((change) => {
    if (change.type === 'deleted') return [];
    const value = writtenBy(change);
    const isTwice = seen.has(value);
    seen.add(value);
    if (isTwice) return [`the value ${value} was written twice: ${lineOf(change)}`];
    return invited.has(value) ? [] : [`nobody was to write ${value}: ${lineOf(change)}`];
  });
}

/** Each client saw what it would have seen if all had come one after the other. */
export function judgeOrder(operations: History['operations']): readonly string[] {
  const verdict = checkEntityHistory(operations);
  switch (verdict.verdict) {
    case 'linearizable':
      return [];
    case 'inconclusive':
      return [`the search for an order of the operations on ${verdict.key} was given up after ${verdict.steps} steps`];
    case 'not-linearizable': {
      const own = operations.filter(({ key }) => key === verdict.key);
      return [
        `the history of ${verdict.key} is not linearizable:\n${describeHistory(own)}\nfits nowhere:\n${describeHistory(verdict.stuck)}`,
      ];
    }
  }
}

export const writtenBy = ({ entity }: ModelChange): number => Number(entity.tags['value']);

export const lineOf = (change: ModelChange): string =>
  `${change.position.index} ${change.type} ${change.entity.kind} ${change.entity.id} version ${change.entity.version} = ${writtenBy(change)}`;
