/** The vocabulary of the model's tests: a model that is fed commands, one log entry each. */
import { entityDraftSchema, QuorateError } from '../../messaging/index.js';
import {
  applyBatch,
  beginTimeline,
  type Command,
  encodeCommand,
  MemoryModelStore,
  type ModelStore,
  type Outcome,
  prepareCreate,
  prepareDelete,
  prepareUpdate,
  type Stamp,
} from '../../node/model/index.js';
import { type ConfChange, type Configuration, type Entry, initialConfiguration } from '../../node/raft/index.js';

export const timeline = { id: 'timeline-one', epoch: 1 };

/** A store in which the history of a cluster of `voters` begins at index 1. */
export function begun(store: ModelStore, voters: readonly string[] = ['a']): ModelStore {
  const configuration: Configuration = initialConfiguration(voters);
  store.transaction(() =>
    store.putMeta(
      beginTimeline(undefined, {
        clusterId: 'cluster-one',
        timeline,
        indexType: 'raft',
        index: 1,
        term: 1,
        configuration,
      }),
    ),
  );
  return store;
}

export function normal(index: number, command: Command, term = 1): Entry {
  return { type: 'normal', term, index, data: encodeCommand(command) };
}

let requests = 0;
export function stamp(given: Partial<Stamp> = {}): Stamp {
  requests += 1;
  return { requestId: `request-${requests}`, at: 1_000 + requests, by: 'olga', ...given };
}

export class Model {
  readonly store: ModelStore;
  constructor(store: ModelStore = new MemoryModelStore(), voters?: readonly string[]) {
    this.store = store.meta() === undefined ? begun(store, voters) : store;
  }

  get index(): number {
    return this.store.meta()?.position.index ?? 0;
  }

  apply(...commands: readonly Command[]): Outcome {
    const entries = commands.map((command, at) => normal(this.index + 1 + at, command));
    return only(applyBatch(this.store, entries).slice(-1));
  }

  configure(change: ConfChange): Outcome {
    return only(applyBatch(this.store, [{ type: 'configuration', term: 1, index: this.index + 1, change }]));
  }

  create(
    kind: string,
    name: string,
    spec: Record<string, unknown> = {},
    given: Partial<Stamp> & { id?: string } = {},
  ): Outcome {
    const { id = name, ...stamped } = given;
    return this.apply(prepareCreate(entityDraftSchema.parse({ kind, id, name, spec }), stamp(stamped)));
  }

  update(
    kind: string,
    id: string,
    patch: Parameters<typeof prepareUpdate>[0]['patch'],
    given: Partial<Stamp> & { version?: number } = {},
  ): Outcome {
    const { version, ...stamped } = given;
    return this.apply(prepareUpdate({ kind, id, patch, version }, stamp(stamped)));
  }

  delete(kind: string, id: string, given: Partial<Stamp> & { version?: number } = {}): Outcome {
    const { version, ...stamped } = given;
    return this.apply(prepareDelete({ kind, id, version }, stamp(stamped)));
  }
}

function only(outcomes: readonly Outcome[]): Outcome {
  const [outcome] = outcomes;
  if (outcome === undefined) throw new Error('nothing was applied');
  return outcome;
}

/** `refused name-taken`, `created 1`, ...: enough of an outcome to read a test by. */
export function inShort(outcome: Outcome): string {
  switch (outcome.type) {
    case 'changed':
      return `${outcome.repeated ? 'repeated ' : ''}${outcome.change.type} ${outcome.change.entity.version}`;
    case 'refused':
      return `refused ${outcome.code}`;
    default:
      return outcome.type;
  }
}

/** What the work is refused with. */
export function refusal(work: () => unknown): { readonly code: string; readonly message: string } {
  try {
    work();
  } catch (error) {
    if (error instanceof QuorateError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('was not refused');
}
