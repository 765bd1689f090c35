/** What one turn of a member does, and in which order: scheduler, clock and network are turned by hand, disks are in memory. */
import test from 'ava';
import { Member } from '../../node/cluster/member.js';
import { SnapshotFetcher, SnapshotServer } from '../../node/cluster/snapshot-transfer.js';
import type { PeerVerb, Transport } from '../../node/cluster/transport.js';
import { encodeCommand } from '../../node/model/index.js';
import { initialConfiguration, type Message, type NodeId } from '../../node/raft/index.js';
import type { Storage } from '../../node/storage/index.js';
import { blankDisk, openMemoryStorage } from '../../node/storage/memory.js';
import { create } from './members.js';

const compaction = { everyEntries: 10, keepEntries: 5 };
/** What is sent again comes from the disk. */
const limits = { tailBytesMax: 1 };

class Cluster {
  /** What members did, in order. */
  readonly done: string[] = [];
  readonly members = new Map<
    NodeId,
    { readonly member: Member; readonly storage: Storage; readonly tick: () => void }
  >();
  readonly away = new Set<NodeId>();
  readonly #receivers = new Map<NodeId, (message: Message) => void>();
  readonly #servers = new Map<NodeId, SnapshotServer>();
  readonly #turns: (() => void)[] = [];
  #network: Message[] = [];

  static async start(ids: readonly NodeId[]): Promise<Cluster> {
    const cluster = new Cluster();
    for (const id of ids) await cluster.#add(id, ids);
    cluster.get('a').member.campaign();
    await cluster.settle();
    return cluster;
  }

  get(id: NodeId) {
    const found = this.members.get(id);
    if (found === undefined) throw new Error(`no member ${id}`);
    return found;
  }

  async #add(id: NodeId, voters: readonly NodeId[]): Promise<void> {
    const identity = { clusterName: 'c', clusterId: 'id', nodeId: id };
    const storage = openMemoryStorage({
      ...{ disk: blankDisk(), clusterName: 'c', nodeId: id, softwareVersion: '0', now: () => 0 },
      beforeWrite: (what) => {
        if (what === 'raft') this.done.push(`${id} writes`);
      },
    });
    await storage.initialise({
      ...{ identity, timeline: { id: 'timeline', epoch: 1 }, hardState: { term: 1, vote: '', commit: 1 } },
      snapshot: { index: 1, term: 1, configuration: initialConfiguration(voters) },
    });
    const ticks: (() => void)[] = [];
    const clock = {
      ...{ now: () => 0, monotonicMs: () => 0 },
      after: (_: number, call: () => void) => {
        const immediate = setImmediate(call);
        return () => clearImmediate(immediate);
      },
      every: (_: number, call: () => void) => {
        ticks.push(call);
        return () => void ticks.splice(ticks.indexOf(call), 1);
      },
    };
    const transport = this.#transportOf(id);
    this.#servers.set(id, new SnapshotServer(storage));
    const member = new Member({
      ...{ nodeId: id, identity: () => identity, storage, transport, clock, compaction, limits, random: () => 0.5 },
      snapshots: new SnapshotFetcher({ storage, transport, clock, onAbandoned: () => undefined }),
      scheduler: { turn: (call) => void this.#turns.push(call), afterSend: (call) => void this.#turns.unshift(call) },
      listener: {
        ...{ applied: () => undefined, leadership: () => undefined, removed: () => undefined },
        ...{ snapshotInstalled: () => undefined, compacted: () => undefined },
        failed: (error) => {
          throw error;
        },
      },
    });
    member.start();
    this.members.set(id, { member, storage, tick: () => void ticks.map((call) => call()) });
  }

  #transportOf(id: NodeId): Transport {
    return {
      send: (message) => {
        const size = message.type === 'append' ? ` of ${message.entries.length}` : '';
        this.done.push(`${id} sends ${message.type}${size} to ${message.to}`);
        if (!this.away.has(id)) this.#network.push(message);
      },
      receive: (handler) => void this.#receivers.set(id, handler),
      answer: () => undefined,
      request: async (to: NodeId, verb: PeerVerb, body) => {
        const server = this.#servers.get(to);
        if (server === undefined || this.away.has(id) || this.away.has(to)) throw new Error('nobody answers');
        return verb === 'snapshot.describe' ? server.describe(body) : server.chunk(id, body);
      },
    };
  }

  /** Turns, until nobody has anything to do; nothing is delivered. */
  runTurns(): void {
    for (let call = this.#turns.shift(); call !== undefined; call = this.#turns.shift()) call();
  }

  /** Everything arrives, until there is silence. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet += 1) {
      this.runTurns();
      const messages = this.#network;
      this.#network = [];
      if (messages.length > 0) quiet = 0;
      for (const message of messages) if (!this.away.has(message.to)) this.#receivers.get(message.to)?.(message);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async tick(times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) {
      for (const { tick } of this.members.values()) tick();
      await this.settle();
    }
  }

  async write(count: number): Promise<void> {
    for (let written = 0; written < count; written += 1) {
      this.get('a').member.propose(encodeCommand(create(`w${this.done.length}-${written}`)), () => undefined);
      await this.settle();
    }
  }
}

test('10.2.2 all that one turn brings is one append for each follower and one write, and answers each once', async (t) => {
  const cluster = await Cluster.start(['a', 'b', 'c']);
  const { member } = cluster.get('a');
  t.is(member.core.role, 'leader');
  const { syncs } = member.counters;
  const answers: string[] = [];
  cluster.done.length = 0;
  for (let made = 0; made < 50; made += 1)
    member.propose(encodeCommand(create(`all-${made}`)), (outcome) =>
      answers.push(outcome.ok ? `${outcome.entry.index}` : outcome.error.code),
    );
  cluster.runTurns();
  t.deepEqual(cluster.done, ['a sends append of 50 to b', 'a sends append of 50 to c', 'a writes']);
  t.is(member.counters.syncs, syncs + 1);
  t.deepEqual(answers, []);
  await cluster.settle();
  const first = member.appliedIndex - 49;
  t.deepEqual(
    answers,
    Array.from({ length: 50 }, (_, place) => `${first + place}`),
  );
});

test('10.2.1 the leader writes while its followers write; a follower writes before it acknowledges', async (t) => {
  const cluster = await Cluster.start(['a', 'b']);
  cluster.done.length = 0;
  await cluster.write(1);
  const { done } = cluster;
  const sent = done.indexOf('a sends append of 1 to b');
  t.true(sent >= 0 && sent < done.indexOf('a writes'), done.join('\n'));
  t.true(done.indexOf('b writes') >= 0 && done.indexOf('b writes') < done.indexOf('b sends appendReply to a'));
});

test('compaction keeps a tail: who is a little behind goes on from the log, who is far behind gets a snapshot', async (t) => {
  const cluster = await Cluster.start(['a', 'b', 'c']);
  const [leader, slow] = [cluster.get('a'), cluster.get('c')];
  const compactedTo = () => leader.storage.raft.firstIndex() - 1;
  const due = compaction.everyEntries + compaction.keepEntries;
  await cluster.write(40);
  while (leader.member.appliedIndex - compactedTo() !== due - 4) await cluster.write(1);
  await cluster.tick(1);
  const before = compactedTo();
  cluster.away.add('c');
  await cluster.write(4);
  t.true(compactedTo() > before, 'the log was compacted while c was away');
  t.is(leader.member.appliedIndex - compactedTo(), compaction.keepEntries);
  cluster.away.delete('c');
  await cluster.tick(12);
  t.is(slow.member.appliedIndex, leader.member.appliedIndex);
  t.is(slow.member.counters.snapshotsInstalled, 0);

  cluster.away.add('c');
  await cluster.write(40);
  cluster.away.delete('c');
  await cluster.tick(60);
  t.is(slow.member.appliedIndex, leader.member.appliedIndex);
  t.is(slow.member.counters.snapshotsInstalled, 1);
});
