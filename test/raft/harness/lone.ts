/** One member alone, with messages put before it by hand: for the rules that say what one server does. */
import {
  initialConfiguration,
  type Message,
  type NodeId,
  type RaftLimits,
  type Term,
} from '../../../node/raft/index.js';
import { Disk } from './disk.js';
import { blankMachine } from './machine.js';
import { Member } from './member.js';
import { Random } from './random.js';

export interface LoneOptions {
  readonly voters?: readonly NodeId[];
  readonly term?: Term;
  readonly vote?: NodeId;
  readonly commit?: number;
  /** The terms of the entries that are in its log, from index 1. */
  readonly log?: readonly Term[];
  readonly limits?: Partial<RaftLimits>;
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

export class Lone {
  readonly member: Member;
  readonly sent: Message[] = [];

  /** Member `a`, of the voters a, b, c unless others are named. */
  constructor(options: LoneOptions = {}) {
    const { voters = ['a', 'b', 'c'], log = [], limits = {} } = options;
    const disk = new Disk();
    const hardState = { term: options.term ?? log.at(-1) ?? 0, vote: options.vote ?? '', commit: options.commit ?? 0 };
    disk.store({ hardState, entries: log.map((term, at) => ({ type: 'empty', term, index: at + 1 })) });
    this.member = new Member({
      id: 'a',
      disk,
      machine: { ...blankMachine, configuration: initialConfiguration(voters) },
      random: new Random(1).next,
      limits: { heartbeatTicks: 1, electionTimeoutTicks: 10, ...limits },
      surroundings: { send: (message) => this.sent.push(message), taken() {}, applied() {}, installed() {} },
    });
    this.member.work();
  }

  get raft() {
    return this.member.raft;
  }

  /** The terms in its log, as they are on disk. */
  get log(): readonly Term[] {
    const { disk } = this.member;
    return Array.from({ length: disk.lastIndex() }, (_, at) => disk.term(at + 1) ?? 0);
  }

  /** Steps this, writes what is to be written, and gives what was said because of it. */
  hear(message: DistributiveOmit<Message, 'to' | 'from'> & { readonly from?: NodeId }): readonly Message[] {
    const before = this.sent.length;
    // The rest of a message stays what it was: only the envelope is completed.
    this.raft.step({ from: 'b', ...message, to: 'a' } as Message);
    this.member.work();
    return this.sent.slice(before);
  }

  /** So much time that it campaigns. */
  loseLeader(): readonly Message[] {
    const before = this.sent.length;
    for (let i = 0; i < 20; i++) this.raft.tick();
    this.member.work();
    return this.sent.slice(before);
  }

  /** Wins an election with the vote of `b`. */
  lead(): this {
    this.loseLeader();
    const hint = { commit: 0, commitTerm: 0 };
    this.hear({ type: 'preVoteReply', term: this.raft.term + 1, granted: true, ...hint });
    this.hear({ type: 'voteReply', term: this.raft.term, granted: true, ...hint });
    if (this.raft.role !== 'leader') throw new Error('the election was not won');
    return this;
  }

  restart(): this {
    this.member.crash();
    this.member.restart();
    return this;
  }
}
