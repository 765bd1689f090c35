/** The hostile sender: draws what it says and where, keeps real messages to say them again, and speaks also without a client. */
import { connect } from 'node:net';
import type { Msg, NatsConnection } from '../../messaging/connection.js';
import { natsHeaders } from '../../messaging/connection.js';
import type { Random } from '../support/random.js';
import { reaches } from './listeners.js';
import {
  broken,
  changed,
  deep,
  huge,
  json,
  messagePack,
  type PayloadKind,
  randomBytes,
  randomObject,
  randomValue,
} from './payloads.js';
import type { Target, World } from './targets.js';

/** Real messages that are kept, to be sent again: so many of each subject, and so many subjects. */
const keptOfSubjectMax = 20;
const keptSubjectsMax = 500;
const keptBytesMax = 64 * 1024;

export interface Captured {
  readonly subject: string;
  readonly data: Uint8Array;
}

/** Keeps a sample of all that others say, of each subject the newest. */
export class Recorder {
  readonly #kept = new Map<string, Captured[]>();

  constructor(connection: NatsConnection, cluster: string) {
    connection.subscribe(`quorate.${cluster}.>`, {
      callback: (error, message) => void (error === null && this.#take(message)),
    });
  }

  /** Something real, from anywhere. */
  any(random: Random): Captured | undefined {
    const subjects = [...this.#kept.values()];
    return subjects.length === 0 ? undefined : random.pick(random.pick(subjects));
  }

  /** What was really said to those who listen there. */
  of(pattern: string, random: Random): Captured | undefined {
    const found = [...this.#kept.entries()].filter(([subject]) => reaches(subject, pattern));
    return found.length === 0 ? undefined : random.pick(random.pick(found)[1]);
  }

  #take({ subject, data, headers }: Msg): void {
    // Answers, sent again, would be false answers to others: in open networks nothing keeps that from happening.
    const isAnswer = subject.includes('.inbox.');
    if (isAnswer || headers?.get(mark) === '1' || data.length > keptBytesMax) return;
    const ofSubject = this.#kept.get(subject) ?? [];
    if (ofSubject.length === 0) {
      if (this.#kept.size >= keptSubjectsMax) return;
      this.#kept.set(subject, ofSubject);
    }
    ofSubject.push({ subject, data });
    if (ofSubject.length > keptOfSubjectMax) ofSubject.shift();
  }
}

/** By this header the fuzz knows its own messages; nobody else looks at it. */
const mark = 'fuzz';
const marked = natsHeaders();
marked.set(mark, '1');

export function say(connection: NatsConnection, random: Random, { subjects }: World, message: Captured): void {
  const reply = random.pick([
    undefined,
    `_INBOX.fuzz.${random.between(0, 9)}`,
    subjects.event('cluster.leadership.gained'),
    `${subjects.inbox('operator', 'fuzz')}.1`,
    'x'.repeat(1_000),
  ]);
  connection.publish(message.subject, message.data, { reply, headers: marked });
}

/** What `kind` is when it is said to `target`; `real` is something that was said there, or somewhere. */
export function messageOf(
  kind: PayloadKind,
  random: Random,
  { subject, honest }: Target,
  real: Captured,
  payloadBytesMax: number,
): Captured {
  switch (kind) {
    case 'random-bytes':
      return { subject, data: randomBytes(random, 400) };
    case 'wrong-shape-json':
      return { subject, data: json(random.chance(0.7) ? randomObject(random) : randomValue(random)) };
    case 'wrong-shape-messagepack':
      return { subject, data: messagePack(randomValue(random)) };
    case 'deep-nesting':
      return { subject, data: deep(random) };
    case 'huge-values':
      return { subject, data: huge(random, honest) };
    case 'wrong-version':
      return { subject, data: json({ ...honest, v: random.pick([-1, 0, 99, 1.5, '1', null, 2 ** 53]) }) };
    case 'changed-real':
      return { subject, data: json(changed(random, honest)) };
    case 'replay':
      return real;
    case 'spoofed-sender':
      return { subject, data: json({ ...honest, node: 'n1', router: 'r1', event_src_id: 'n1', from: 'n1' }) };
    case 'broken-text':
      // Of a message of Raft nothing is changed but where it cannot be read any more: whoever can forge one is a member.
      return isRaft(real.subject)
        ? { subject: real.subject, data: real.data.subarray(0, real.data.length - 1) }
        : { subject: real.subject, data: broken(random, real.data) };
    case 'max-payload':
      // Less what the header takes.
      return { subject, data: new Uint8Array(payloadBytesMax - 64).fill(random.pick([0x20, 0x5b, 0x91, 0xff])) };
    case 'over-max-payload':
      return { subject, data: new Uint8Array(payloadBytesMax + 1).fill(0x20) };
  }
}

export function isRaft(subject: string): boolean {
  return subject.split('.')[2] === 'raft';
}

/** What is waited for where the server does not refuse at once; then it is no refusal. */
const refusalMaxMs = 30_000;

/** Says it without a client, which would refuse: the server has to. Returns what the server answered to the announcement. */
export async function sayRaw(natsUrl: string, { subject, data }: Captured): Promise<string> {
  const { hostname, port } = new URL(natsUrl);
  const socket = connect(Number(port), hostname);
  let answer = '';
  await new Promise<void>((resolve) => {
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
      if (answer.includes('-ERR')) resolve();
    });
    // The server hangs up where it does not want what is announced: the rest need not be sent.
    socket.on('error', () => resolve()).on('close', () => resolve());
    socket.setTimeout(refusalMaxMs, resolve);
    socket.write(`CONNECT {"verbose":false}\r\nPUB ${subject} ${data.length}\r\n`);
    socket.write(data.subarray(0, 1_024));
  });
  socket.destroy();
  return answer;
}
