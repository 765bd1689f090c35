/** The simplest state machine: it remembers what was applied. Each state is a value, so a snapshot of it costs nothing. */
import {
  applyConfChange,
  type Configuration,
  type Entry,
  emptyConfiguration,
  type Index,
  type SnapshotMeta,
  type Term,
} from '../../../node/raft/index.js';

interface History {
  readonly value: string;
  readonly before: History | undefined;
}

export interface Machine {
  readonly applied: Index;
  readonly term: Term;
  readonly configuration: Configuration;
  readonly history: History | undefined;
}

export const blankMachine: Machine = { applied: 0, term: 0, configuration: emptyConfiguration, history: undefined };

export function apply(machine: Machine, entry: Entry): Machine {
  const { index: applied, term } = entry;
  switch (entry.type) {
    case 'empty':
      return { ...machine, applied, term };
    case 'normal':
      return { ...machine, applied, term, history: { value: text(entry.data), before: machine.history } };
    case 'configuration': {
      const outcome = applyConfChange(machine.configuration, entry.change);
      return outcome.ok
        ? { ...machine, applied, term, configuration: outcome.configuration }
        : { ...machine, applied, term };
    }
  }
}

export function metaOf({ applied, term, configuration }: Machine): SnapshotMeta {
  return { index: applied, term, configuration };
}

export function valuesOf(machine: Machine): readonly string[] {
  const values: string[] = [];
  for (let at = machine.history; at; at = at.before) values.push(at.value);
  return values.reverse();
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();
export const bytes = (value: string): Uint8Array => encoder.encode(value);
export const text = (data: Uint8Array): string => decoder.decode(data);
