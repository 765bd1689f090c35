/**
 * What must hold at every moment, whatever the world does (figure 3.2 of the dissertation): it is told what every member
 * does and throws at the first contradiction.
 */
import type { Entry, Index, Message, NodeId, Ready, SnapshotMeta, Term } from '../../../node/raft/index.js';
import { text } from './machine.js';
import type { Member } from './member.js';

interface Committed {
  readonly term: Term;
  readonly content: string;
  /** No later than in this term it was committed. */
  readonly committedIn: Term;
}

/** A member's log, with what is on its way to disk. */
interface Mirror {
  base: Index;
  terms: Term[];
  contents: string[];
}

export class SafetyViolation extends Error {
  override readonly name = 'SafetyViolation';
}

export class Checker {
  readonly leaders = new Map<Term, NodeId>();
  readonly committed: (Committed | undefined)[] = [];
  readonly #votes = new Map<string, NodeId>();
  readonly #mirrors = new Map<NodeId, Mirror>();
  readonly #terms = new Map<NodeId, Term>();

  get lastCommitted(): Index {
    return Math.max(0, this.committed.length - 1);
  }

  taken(member: Member, ready: Ready): void {
    this.#mirror(member, ready);
    this.#termNeverFalls(member);
    if (ready.leadership?.role === 'leader') {
      this.#electionSafety(ready.leadership.term, member.id);
      this.#leaderCompleteness(member, ready.leadership.term);
    }
  }

  /** What is sent is said: a vote that a crash took back before it was sent was never given. */
  sent(message: Message): void {
    if (message.type === 'voteReply' && message.granted) this.#oneVoteATerm(message.from, message.term, message.to);
    if (message.type === 'vote') this.#oneVoteATerm(message.from, message.term, message.from);
  }

  /** State-machine safety: nobody ever applies another entry at an index. */
  applied(member: Member, entry: Entry): void {
    const known = this.committed[entry.index];
    const content = contentOf(entry);
    if (!known) {
      this.committed[entry.index] = { term: entry.term, content, committedIn: member.raft.term };
    } else if (known.term !== entry.term || known.content !== content) {
      throw new SafetyViolation(
        `state-machine safety: ${member.id} applied ${content} of term ${entry.term} at ${entry.index}, where ${known.content} of term ${known.term} was applied`,
      );
    }
  }

  installed(member: Member, meta: SnapshotMeta): void {
    const known = this.committed[meta.index];
    if (known && known.term !== meta.term) {
      throw new SafetyViolation(
        `state-machine safety: ${member.id} installed ${meta.index} of term ${meta.term}, not ${known.term}`,
      );
    }
  }

  /** What was not durable is not in the log any more. */
  restarted(member: Member): void {
    this.#mirrors.set(member.id, mirrorOf(member));
    this.#terms.set(member.id, member.disk.hard.term);
  }

  /** The Log Matching Property, for every pair: too dear for each step, so it is asked for now and then. */
  logMatching(): void {
    const mirrors = [...this.#mirrors];
    for (const [i, [a, left]] of mirrors.entries()) {
      for (const [b, right] of mirrors.slice(i + 1)) {
        const low = Math.max(left.base, right.base) + 1;
        let high = Math.min(left.base + left.terms.length, right.base + right.terms.length) - 1;
        while (high >= low && left.terms[high - left.base] !== right.terms[high - right.base]) high--;
        for (let index = low; index <= high; index++) {
          const same =
            left.terms[index - left.base] === right.terms[index - right.base] &&
            left.contents[index - left.base] === right.contents[index - right.base];
          if (!same) throw new SafetyViolation(`log matching: ${a} and ${b} agree at ${high} and differ at ${index}`);
        }
      }
    }
  }

  #mirror(member: Member, { snapshot, entries }: Ready): void {
    const mirror = this.#mirrors.get(member.id) ?? mirrorOf(member);
    if (snapshot) {
      mirror.base = snapshot.index;
      mirror.terms = [snapshot.term];
      mirror.contents = [''];
    }
    for (const entry of entries) {
      const at = entry.index - mirror.base;
      if (at < mirror.terms.length && (this.committed[entry.index]?.term ?? entry.term) !== entry.term) {
        const was = this.committed[entry.index];
        if (was && mirror.terms[at] === was.term)
          throw new SafetyViolation(`${member.id} replaces the committed entry ${entry.index}`);
      }
      mirror.terms.length = at;
      mirror.contents.length = at;
      mirror.terms.push(entry.term);
      mirror.contents.push(contentOf(entry));
    }
    this.#mirrors.set(member.id, mirror);
  }

  #termNeverFalls(member: Member): void {
    const before = this.#terms.get(member.id) ?? 0;
    if (member.raft.term < before)
      throw new SafetyViolation(`the term of ${member.id} fell from ${before} to ${member.raft.term}`);
    this.#terms.set(member.id, member.raft.term);
  }

  #oneVoteATerm(voter: NodeId, term: Term, candidate: NodeId): void {
    const key = `${voter} ${term}`;
    const before = this.#votes.get(key);
    if (before !== undefined && before !== candidate) {
      throw new SafetyViolation(`${voter} voted for ${before} and for ${candidate} in term ${term}`);
    }
    this.#votes.set(key, candidate);
  }

  #electionSafety(term: Term, id: NodeId): void {
    const before = this.leaders.get(term);
    if (before !== undefined && before !== id) {
      throw new SafetyViolation(`election safety: ${before} and ${id} both lead term ${term}`);
    }
    this.leaders.set(term, id);
  }

  /** Whatever was committed in an earlier term is in the log of every later leader. */
  #leaderCompleteness(member: Member, term: Term): void {
    const mirror = this.#mirrors.get(member.id);
    for (let index = this.lastCommitted; index > 0; index--) {
      const entry = this.committed[index];
      if (!entry || entry.committedIn >= term) continue;
      const holds = mirror && (index < mirror.base || mirror.terms[index - mirror.base] === entry.term);
      if (!holds)
        throw new SafetyViolation(`leader completeness: ${member.id} leads term ${term} without entry ${index}`);
      // By log matching, with this one it has all before it.
      return;
    }
  }
}

function mirrorOf({ disk }: Member): Mirror {
  const base = disk.firstIndex() - 1;
  const entries = disk.entries(base + 1, disk.lastIndex() + 1, Number.POSITIVE_INFINITY) ?? [];
  const terms = [disk.term(base) ?? 0, ...entries.map((entry) => entry.term)];
  return { base, terms, contents: ['', ...entries.map(contentOf)] };
}

function contentOf(entry: Entry): string {
  switch (entry.type) {
    case 'normal':
      return text(entry.data);
    case 'configuration':
      return `${entry.change.transition} ${entry.change.changes.map(({ type, id }) => `${type} ${id}`).join(', ')}`;
    case 'empty':
      return '';
  }
}
