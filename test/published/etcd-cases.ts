/**
 * Runs the data-driven cases that etcd publishes for its raft package (Debian's `golang-etcd-server-dev` carries them)
 * against our quorum and configuration modules. The files are read where they are; nothing of them is kept here.
 *
 * A case is a command with arguments, perhaps lines of input, `----`, and the expected answer up to an empty line. The
 * charts that stand above the answer of a `committed` case only draw its input, so of those the last line is compared.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import {
  type ChangeOutcome,
  type ChangeRefusal,
  changeSimply,
  emptyConfiguration,
  enterJoint,
  isJoint,
  leaveJoint,
} from '../../node/raft/configuration.js';
import { type ProgressMap, trackMembers } from '../../node/raft/progress.js';
import { jointReached, jointVote, majorityReached, majorityVote, type VoteOutcome } from '../../node/raft/quorum.js';
import type { Configuration, MembershipChange } from '../../node/raft/types.js';

export interface PublishedCase {
  /** `file.txt:line` */
  readonly place: string;
  readonly command: string;
  readonly options: ReadonlyMap<string, readonly string[]>;
  readonly input: readonly string[];
  readonly expected: string;
}

const packagePath = 'usr/share/gocode/src/go.etcd.io/etcd/raft';

/** Where the cases are: as the environment says, or in the checkout's own tools; undefined when nowhere. */
export function findCases(root: string): string | undefined {
  const base = process.env.ETCD_CASES ?? path.join(root, '.tools/etcd-cases');
  if (!existsSync(base)) return undefined;
  // Either the raft package itself, or what is above it. Where the folder is there and holds none of this, that is an error.
  const folders = [base, path.join(base, 'raft'), path.join(base, packagePath)];
  return folders.find((folder) => existsSync(path.join(folder, 'quorum/testdata'))) ?? base;
}

/** Files by name, each with its cases in order. */
export function readCases(folder: string): ReadonlyMap<string, readonly PublishedCase[]> {
  if (!existsSync(folder)) return new Map();
  const files = readdirSync(folder).filter((name) => name.endsWith('.txt'));
  return new Map(files.sort().map((name) => [name, parse(name, readFileSync(path.join(folder, name), 'utf8'))]));
}

function parse(file: string, source: string): readonly PublishedCase[] {
  const cases: PublishedCase[] = [];
  const lines = source.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const head = lines[at]?.trim() ?? '';
    if (head === '' || head.startsWith('#')) continue;
    const place = `${file}:${at + 1}`;
    const input = upTo(lines, at + 1, (line) => line === '----');
    const expected = upTo(lines, at + input.length + 2, (line) => line === '');
    at += input.length + expected.length + 2;
    const [command = '', ...rest] = head.replace(/,\s+/g, ',').split(/\s+/);
    const options = new Map(rest.map(parseOption));
    cases.push({ place, command, options, input, expected: expected.join('\n') });
  }
  return cases;
}

function upTo(lines: readonly string[], from: number, ends: (line: string) => boolean): string[] {
  const end = lines.findIndex((line, at) => at >= from && ends(line.trim()));
  return lines.slice(from, end < 0 ? lines.length : end).map((line) => line.trimEnd());
}

/** `cfg=(1,2)` or `autoleave=true`. */
function parseOption(option: string): [string, readonly string[]] {
  const [name = '', value = ''] = option.split('=');
  return [
    name,
    value
      .replace(/[()]/g, '')
      .split(',')
      .filter((one) => one !== ''),
  ];
}

// ------------------------------------------------------------------------------------------------------------- quorum

/** What we answer to a `committed` or `vote` case, in etcd's words; checked for symmetry on the way, as etcd does. */
export function answerQuorum({ command, options }: PublishedCase): string {
  const voters = [...new Set(options.get('cfg') ?? [])];
  const second = options.get('cfgj');
  const outgoing = second === undefined || second[0] === 'zero' ? [] : [...new Set(second)];
  const given = options.get(command === 'vote' ? 'votes' : 'idx') ?? [];
  const ids = [...new Set([...voters, ...outgoing])];
  const values = new Map(ids.map((id, at) => [id, given[at] ?? '_']));
  if (command === 'vote') return answerVote(voters, outgoing, second !== undefined, values);
  if (command === 'committed') return answerCommitted(voters, outgoing, second !== undefined, values);
  return `unknown command ${command}`;
}

function answerCommitted(
  voters: readonly string[],
  outgoing: readonly string[],
  joint: boolean,
  values: ReadonlyMap<string, string>,
): string {
  const reached = (id: string) => (values.get(id) === '_' ? undefined : Number(values.get(id)));
  const answers = joint
    ? [jointReached(voters, outgoing, reached), jointReached(outgoing, voters, reached)]
    : [
        majorityReached(voters, reached),
        jointReached(voters, [], reached),
        jointReached([], voters, reached),
        jointReached(voters, voters, reached),
      ];
  const words = new Set(answers.map((answer) => (answer === Number.POSITIVE_INFINITY ? '∞' : String(answer))));
  return [...words].join(' or ');
}

const voteWords: Record<VoteOutcome, string> = { won: 'VoteWon', lost: 'VoteLost', pending: 'VotePending' };

function answerVote(
  voters: readonly string[],
  outgoing: readonly string[],
  joint: boolean,
  values: ReadonlyMap<string, string>,
): string {
  const votes = (id: string) => (values.get(id) === '_' ? undefined : values.get(id) === 'y');
  const answers = joint
    ? [jointVote(voters, outgoing, votes), jointVote(outgoing, voters, votes)]
    : [majorityVote(voters, votes), jointVote(voters, [], votes), jointVote(voters, voters, votes)];
  return [...new Set(answers.map((answer) => voteWords[answer]))].join(' or ');
}

/** The part of the expected answer that is an answer. */
export function expectedQuorum({ expected }: PublishedCase): string {
  return (expected.split('\n').at(-1) ?? '').replace('<empty majority quorum>', '');
}

// ------------------------------------------------------------------------------------------------------ configuration

/** etcd's sentences for what we refuse with a code. */
const refusalWords: Record<ChangeRefusal, string> = {
  'no-voters-left': 'removed all voters',
  'several-voters-changed': 'more than one voter changed without entering joint config',
  'already-joint': 'config is already joint',
  'not-joint': "can't leave a non-joint config",
  'no-voters': "can't make a zero-voter config joint",
  'id-was-removed': 'the id was removed',
  'malformed-id': 'malformed id',
};

/** The cases of one file build on each other: one configuration goes through all of them. */
export class ConfigurationRunner {
  #configuration: Configuration = emptyConfiguration;
  readonly #progress: ProgressMap = new Map();
  /** etcd's tests count the commands and let a new member be probed there. */
  #next = 0;

  answer({ command, options, input }: PublishedCase): string {
    const next = this.#next++;
    const outcome = this.#change(command, options, parseChanges(input));
    if (!outcome.ok) {
      const inJoint = command === 'simple' && outcome.reason === 'already-joint';
      return inJoint ? "can't apply simple config change in joint config" : refusalWords[outcome.reason];
    }
    this.#configuration = outcome.configuration;
    trackMembers(this.#progress, outcome.configuration, next, { inflightMessagesMax: 10, inflightBytesMax: 1 });
    return [describe(outcome.configuration), ...this.#describeProgress()].join('\n');
  }

  #change(command: string, options: PublishedCase['options'], changes: readonly MembershipChange[]): ChangeOutcome {
    switch (command) {
      case 'simple':
        return changeSimply(this.#configuration, changes);
      case 'enter-joint':
        return enterJoint(this.#configuration, changes, options.get('autoleave')?.[0] === 'true');
      case 'leave-joint':
        return leaveJoint(this.#configuration);
      default:
        throw new Error(`unknown command ${command}`);
    }
  }

  #describeProgress(): readonly string[] {
    const states = { probe: 'StateProbe', replicate: 'StateReplicate', snapshot: 'StateSnapshot' };
    return [...this.#progress]
      .sort(([a], [b]) => Number(a) - Number(b))
      .map(([id, { state, match, next, learner }]) => {
        return `${id}: ${states[state]} match=${match} next=${next}${learner ? ' learner' : ''}`;
      });
  }
}

const changeTypes: Record<string, MembershipChange['type']> = {
  v: 'addVoter',
  l: 'addLearner',
  r: 'remove',
  u: 'update',
};

/** `v1 l2 r3 u4`. Id 0 is etcd's word for nobody; there is no such id here, so there is nothing to change. */
function parseChanges(input: readonly string[]): readonly MembershipChange[] {
  const tokens = input
    .join(' ')
    .split(/\s+/)
    .filter((token) => token !== '' && token.slice(1) !== '0');
  return tokens.map((token) => {
    const type = changeTypes[token.charAt(0)];
    if (!type) throw new Error(`unknown change ${token}`);
    return { type, id: token.slice(1) };
  });
}

function describe(configuration: Configuration): string {
  const set = (ids: readonly string[]) => `(${[...ids].sort((a, b) => Number(a) - Number(b)).join(' ')})`;
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  return [
    `voters=${set(voters)}${isJoint(configuration) ? `&&${set(votersOutgoing)}` : ''}`,
    ...(learners.length > 0 ? [`learners=${set(learners)}`] : []),
    ...(learnersNext.length > 0 ? [`learners_next=${set(learnersNext)}`] : []),
    ...(autoLeave ? ['autoleave'] : []),
  ].join(' ');
}
