/**
 * The state machine: a committed entry goes in, the model changes, an outcome comes out. It is a function of the model and
 * the entry alone (no clock, no chance, no configuration), so every member comes to the same model and the same outcomes.
 *
 * Judged here is only what depends on the rest of the model: that ids and names are free, that versions fit, that what is
 * referred to exists and what is deleted is not referred to, and how many tags add up. The form of what a command carries was
 * judged before it was proposed (`prepare.ts`, `kinds/kind.ts` say why that is enough).
 *
 * Each request id has one outcome. A change and a refusal are both remembered in the journal, and a command with a known id
 * gets the remembered outcome and changes nothing. A refusal must be remembered too: a late copy of a refused request, sent
 * by a client that was already told "refused", could otherwise still be carried out once the reason for the refusal is gone.
 * The journal reaches back {@link journalIndexesMax} entries; a copy that comes even later is judged anew, and then the id
 * (`already-exists`) or the version still guards whatever named one.
 */
import {
  type Entity,
  type Member,
  type Operation,
  supportedVersions,
  type Timeline,
  type VersionRange,
} from '../../messaging/index.js';
import { applyConfChange, type ConfChange, type Configuration, type Entry, membersOf } from '../raft/index.js';
import { type Command, decodeCommand, decodeMembershipContext, type EntityCommand } from './commands.js';
import { applyEntityCommand } from './entities.js';
import { raiseGate } from './gates.js';
import { invariant } from './invariant.js';
import { putOperation } from './operations.js';
import { judgeRestore, pausesWrites } from './restore.js';
import type { ChangeRow, JournalRow, ModelMeta, ModelStore } from './store.js';
import { beginTimeline } from './timeline.js';

/** How far back outcomes and changes are remembered, in log entries; there is at most one row for each. */
export const journalIndexesMax = 100_000;
/** The journal is cut in slices of this many entries, so that no single entry pays for many. */
export const journalSlice = 1_000;

/** What became of one entry. Whoever proposed it finds its own by the index (and term) of the entry. */
export type Outcome =
  /** `repeated`: a retry; `change` is what the first one did, at its own index. */
  | { readonly type: 'changed'; readonly index: number; readonly change: ChangeRow; readonly repeated: boolean }
  | { readonly type: 'refused'; readonly index: number; readonly code: string; readonly message: string }
  | {
      readonly type: 'configured';
      readonly index: number;
      readonly before: Configuration;
      readonly after: Configuration;
    }
  | { readonly type: 'described'; readonly index: number; readonly member: Member }
  | { readonly type: 'operation'; readonly index: number; readonly revision: number }
  | { readonly type: 'timeline'; readonly index: number; readonly timeline: Timeline }
  /** `raised`: by this entry, and not before. */
  | { readonly type: 'gate'; readonly index: number; readonly gate: string; readonly raised: boolean }
  /** An import of what is there already, the same. */
  | { readonly type: 'unchanged'; readonly index: number; readonly entity: Entity }
  /** The entities of a file are in the place of those before; whoever applied the entry did that. */
  | { readonly type: 'restored'; readonly index: number; readonly timeline: Timeline }
  | { readonly type: 'nothing'; readonly index: number };

/**
 * Applies entries in one transaction; the position is written with them. Entries at or before the position were applied
 * already and are skipped, so replaying is harmless. Returns the outcomes of those that were applied, in order.
 * @param protocol the versions that this controller understands
 * @throws UnappliableEntry, ModelInvariantViolation: this member must stop; nothing of the batch was written.
 */
export function applyBatch(
  store: ModelStore,
  entries: readonly Entry[],
  protocol: VersionRange = supportedVersions,
): readonly Outcome[] {
  const meta = store.meta();
  invariant(meta !== undefined, 'a model without a timeline cannot apply entries');
  const pending = entries.filter((entry) => entry.index > meta.position.index);
  if (pending.length === 0) return [];
  return store.transaction(() => {
    const batch = new Batch(store, meta, protocol);
    const outcomes = pending.map((entry) => batch.apply(entry));
    store.putMeta(batch.meta());
    return outcomes;
  });
}

/** What changes from entry to entry, kept in plain fields: one meta is made for a whole batch. */
class Batch {
  private index: number;
  private term: number;
  private lastChangeIndex: number;
  private journalStart: number;
  private membersIndex: number;
  private configuration: Configuration;
  private writesPausedBy: string | undefined;
  /** Everything of the meta that only the beginning of a timeline changes. */
  private base: ModelMeta;

  constructor(
    private readonly store: ModelStore,
    meta: ModelMeta,
    private readonly protocol: VersionRange,
  ) {
    this.base = meta;
    this.index = meta.position.index;
    this.term = meta.term;
    this.lastChangeIndex = meta.lastChangeIndex;
    this.journalStart = meta.journalStart;
    this.membersIndex = meta.membersIndex;
    this.configuration = meta.configuration;
    this.writesPausedBy = meta.writesPausedBy;
  }

  meta(): ModelMeta {
    const { index, term, membersIndex, lastChangeIndex, journalStart, configuration, writesPausedBy } = this;
    const { writesPausedBy: _before, ...base } = this.base;
    return {
      ...base,
      position: { ...this.base.position, index },
      term,
      membersIndex,
      lastChangeIndex,
      journalStart,
      configuration,
      ...(writesPausedBy === undefined ? {} : { writesPausedBy }),
    };
  }

  apply(entry: Entry): Outcome {
    invariant(entry.index === this.index + 1, () => `entry ${entry.index} does not follow the position ${this.index}`);
    invariant(
      entry.term >= this.term,
      () => `entry ${entry.index} has the term ${entry.term}, before it was ${this.term}`,
    );
    this.index = entry.index;
    this.term = entry.term;
    const outcome = this.applyByType(entry);
    this.pruneJournal();
    return outcome;
  }

  private applyByType(entry: Entry): Outcome {
    switch (entry.type) {
      case 'empty':
        return { type: 'nothing', index: entry.index };
      case 'configuration':
        return this.applyConfiguration(entry.change);
      case 'normal':
        return this.applyCommand(decodeCommand(entry.data, this.protocol.max));
    }
  }

  private applyCommand(command: Command): Outcome {
    switch (command.type) {
      case 'create':
      case 'update':
      case 'delete':
      case 'import':
        return this.applyEntityCommand(command);
      case 'gate.raise': {
        const { index, configuration, protocol } = this;
        const raise = raiseGate(this.store, command, { index, configuration, protocol });
        return raise.ok
          ? { type: 'gate', index, gate: command.gate, raised: raise.raised }
          : { type: 'refused', index, code: raise.code, message: raise.message };
      }
      case 'operation.put': {
        const put = putOperation(this.store, command);
        if (put.ok) this.pauseOrResume(command.operation);
        return put.ok
          ? { type: 'operation', index: this.index, revision: put.revision }
          : { type: 'refused', index: this.index, code: put.code, message: put.message };
      }
      case 'member.describe':
        if (!isMember(this.configuration, command.member.id)) return { type: 'nothing', index: this.index };
        this.store.putRecord('member', command.member.id, command.member);
        this.membersIndex = this.index;
        return { type: 'described', index: this.index, member: command.member };
      case 'timeline.begin':
        return this.beginTimeline(command.timeline);
      case 'model.restore': {
        const verdict = judgeRestore(this.store, this.meta(), command);
        invariant(!verdict.ok, () => `the restore at ${this.index} needs its file, and is not applied with others`);
        return { type: 'refused', index: this.index, code: verdict.code, message: verdict.message };
      }
      case 'noop':
        return { type: 'nothing', index: this.index };
    }
  }

  private applyEntityCommand(command: EntityCommand): Outcome {
    const { index } = this;
    const known = this.store.outcomeOf(command.requestId);
    if (known !== undefined) return repeat(known, command, index);
    // Not remembered: the same request may succeed when the pause is over.
    if (this.writesPausedBy !== undefined) {
      const message = `writes are paused by the operation ${this.writesPausedBy}`;
      return { type: 'refused', index, code: 'paused', message };
    }
    const result = applyEntityCommand(this.store, command);
    if (!result.ok) {
      const { code, message } = result;
      this.store.appendJournal({ index, requestId: command.requestId, type: 'refused', code, message });
      return { type: 'refused', index, code, message };
    }
    const { type, entity } = result;
    // Nothing changed, and asking again changes nothing either: there is nothing to remember.
    if (type === 'unchanged') return { type, index, entity };
    const change: ChangeRow = {
      index,
      requestId: command.requestId,
      type,
      previousIndex: this.lastChangeIndex,
      entity,
      by: command.by,
      at: command.at,
    };
    this.store.appendJournal(change);
    this.lastChangeIndex = index;
    return { type: 'changed', index, change, repeated: false };
  }

  private pauseOrResume(operation: Operation): void {
    if (pausesWrites(operation)) this.writesPausedBy = operation.id;
    else if (this.writesPausedBy === operation.id) this.writesPausedBy = undefined;
  }

  private applyConfiguration(change: ConfChange): Outcome {
    const before = this.configuration;
    // A change that is not possible leaves everything as it was, in the core and here alike.
    const outcome = applyConfChange(before, change);
    const after = outcome.ok ? outcome.configuration : before;
    this.configuration = after;
    this.membersIndex = this.index;
    for (const member of decodeMembershipContext(change.context, this.protocol.max).members) {
      if (isMember(after, member.id)) this.store.putRecord('member', member.id, member);
    }
    for (const { key } of this.store.records('member'))
      if (!isMember(after, key)) this.store.deleteRecord('member', key);
    return { type: 'configured', index: this.index, before, after };
  }

  private beginTimeline(timeline: Timeline): Outcome {
    const before = this.meta();
    if (timeline.epoch <= before.position.timeline.epoch) {
      const message = `a timeline of epoch ${timeline.epoch} cannot follow one of epoch ${before.position.timeline.epoch}`;
      return { type: 'refused', index: this.index, code: 'invalid-request', message };
    }
    const { clusterId, logTimeline, configuration, term, position } = before;
    this.base = beginTimeline(before, {
      clusterId,
      timeline,
      logTimeline,
      indexType: position.indexType,
      index: this.index,
      term,
      configuration,
    });
    this.store.pruneJournal(this.index);
    this.journalStart = this.index;
    this.membersIndex = this.index;
    this.lastChangeIndex = 0;
    return { type: 'timeline', index: this.index, timeline };
  }

  /** Decided for each entry and never for each batch: members cut their batches differently, and must remember the same. */
  private pruneJournal(): void {
    if (this.index - this.journalStart < journalIndexesMax + journalSlice) return;
    this.journalStart = this.index - journalIndexesMax;
    this.store.pruneJournal(this.journalStart);
  }
}

function repeat(known: JournalRow, command: EntityCommand, index: number): Outcome {
  if (known.type === 'refused') return { type: 'refused', index, code: known.code, message: known.message };
  if (!isSameRequest(known, command)) {
    const message = `the request id ${command.requestId} was used before, for another change`;
    return { type: 'refused', index, code: 'invalid-request', message };
  }
  return { type: 'changed', index, change: known, repeated: true };
}

/** A client that gives one id to two requests must not take the outcome of the first for that of the second. */
function isSameRequest(known: ChangeRow, command: EntityCommand): boolean {
  const { kind, id } = command.type === 'import' ? command.entity : command;
  return known.type === changeTypeOf[command.type] && known.entity.kind === kind && known.entity.id === id;
}

const changeTypeOf = { create: 'created', update: 'updated', delete: 'deleted', import: 'created' } as const;

export function isMember(configuration: Configuration, id: string): boolean {
  return membersOf(configuration).includes(id);
}
