/** How each workflow is asked for on the command line, whom it is about, and what is whole afterwards. */
import { isDeepStrictEqual } from 'node:util';
import { type OperationView, supportedVersions, type WorkflowName } from '../../messaging/index.js';
import type { Launch } from '../support/cluster.js';
import { eventually } from '../support/wait.js';
import { patienceMs, type World } from './world.js';

export interface Scenario {
  /** Which kind of cluster it needs. */
  readonly world: 'cluster' | 'standalone' | 'older';
  readonly prepare: (world: World) => Promise<Prepared>;
}

export interface Prepared {
  /** After `quorate`; confirmation and the rest come after them. */
  readonly args: readonly string[];
  readonly target: string;
  /** What whoever runs the machines does meanwhile. */
  readonly assist?: (operation: OperationView) => Promise<void>;
  /** One sentence for each thing that is half. */
  readonly problems: (ended: OperationView) => Promise<readonly string[]>;
  readonly tidy?: () => Promise<void>;
}

export const olderLaunch: Launch = { env: { QUORATE_PROTOCOL_MAX: '1' } };
export const newerLaunch: Launch = {};

type Where = 'voter' | 'learner' | 'removed' | 'nowhere';

async function whereIs(world: World, id: string): Promise<Where> {
  const { members, removed } = await world.members();
  const member = members.find((each) => each.id === id);
  if (member !== undefined) return member.role;
  return removed.includes(id) ? 'removed' : 'nowhere';
}

async function expectAt(world: World, id: string, expected: readonly Where[]): Promise<readonly string[]> {
  const where = await whereIs(world, id);
  return expected.includes(where) ? [] : [`${id} is ${where}, not ${expected.join(' or ')}`];
}

/** A controller that is there and no member any more says so itself; a candidate that had stored nothing yet starts blank. */
async function knows(world: World, id: string): Promise<readonly string[]> {
  if (!world.cluster.node(id).isRunning() || (await whereIs(world, id)) !== 'removed') return [];
  const isTold = () => ['removed', 'blank'].includes(world.cluster.statuses().get(id)?.state ?? '');
  return eventually(isTold, { what: `${id} to know that it is removed`, timeoutMs: patienceMs }).then(
    () => [],
    (error: unknown) => [String(error)],
  );
}

const done = ({ state }: OperationView) => state === 'done';
const confirmed = (word: string) => ['--yes', '--i-understand', word];

async function joinLearner(world: World): Promise<string> {
  const id = await world.startBlank();
  await world.run({ workflow: 'join', node: id, role: 'learner' });
  return id;
}

const join: Scenario['prepare'] = async (world) => {
  await world.voters(3);
  const target = await world.startBlank();
  return {
    args: ['members', 'join', target, '--yes'],
    target,
    problems: async (ended) => [
      ...(await expectAt(world, target, done(ended) ? ['voter'] : ['removed', 'nowhere'])),
      ...(await knows(world, target)),
    ],
  };
};

const remove: Scenario['prepare'] = async (world) => {
  await world.voters(4);
  const target = await world.cluster.leader(patienceMs);
  return {
    args: ['members', 'remove', target, ...confirmed(target)],
    target,
    problems: async (ended) => [
      ...(await expectAt(world, target, done(ended) ? ['removed'] : ['voter'])),
      ...(await knows(world, target)),
    ],
  };
};

const replace: Scenario['prepare'] = async (world) => {
  await world.voters(3);
  const old = await world.cluster.leader(patienceMs);
  const target = await world.startBlank();
  return {
    args: ['members', 'replace', old, target, ...confirmed(old)],
    target,
    problems: async (ended) => {
      const exchanged = (await whereIs(world, old)) === 'removed';
      // Beyond the exchange the new one stays, also where it was not seen to be well.
      const whole = exchanged
        ? await expectAt(world, target, ['voter'])
        : await expectAt(world, target, ['removed', 'nowhere']);
      const half = done(ended) && !exchanged ? [`${old} is a member still`] : [];
      return [...whole, ...half, ...(await knows(world, old)), ...(await knows(world, target))];
    },
  };
};

const promote: Scenario['prepare'] = async (world) => {
  await world.voters(3);
  const target = await joinLearner(world);
  return {
    args: ['members', 'promote', target, '--yes'],
    target,
    problems: (ended) => expectAt(world, target, done(ended) ? ['voter'] : ['learner', 'voter']),
  };
};

const demote: Scenario['prepare'] = async (world) => {
  await world.voters(4);
  const target = await world.cluster.leader(patienceMs);
  return {
    args: ['members', 'demote', target, '--yes'],
    target,
    problems: (ended) => expectAt(world, target, done(ended) ? ['learner'] : ['voter', 'learner']),
  };
};

const transfer: Scenario['prepare'] = async (world) => {
  await world.voters(3);
  const [target = ''] = await world.cluster.followers();
  return { args: ['members', 'transfer', target, '--yes'], target, problems: async () => [] };
};

const restore: Scenario['prepare'] = async (world) => {
  await world.voters(3);
  await world.progress(3);
  await world.pauseWrites();
  const leader = await world.cluster.leader(patienceMs);
  const made = await world.api.request('snapshot.create', {}, { node: leader, timeoutMs: patienceMs });
  const inFile = { services: await world.services(), acknowledged: new Set(world.acknowledged) };
  await world.progress(3);
  await world.pauseWrites();
  const before = await world.services();
  const [target = ''] = await world.cluster.followers();
  return {
    args: ['restore', made.path, ...confirmed(world.cluster.name)],
    target,
    problems: async (ended) => {
      if (done(ended)) world.acknowledged = inFile.acknowledged;
      const { members } = await world.members();
      const models = await Promise.all(members.map(({ id }) => servicesOf(world, id)));
      const expected = done(ended) ? inFile.services : before;
      return models.every((model) => isDeepStrictEqual(model, expected))
        ? []
        : [`${ended.state}, and the models hold ${models.map(({ size }) => size).join(', ')} of ${expected.size}`];
    },
  };
};

async function servicesOf(world: World, id: string): Promise<ReadonlySet<string>> {
  const model = await world.cluster.modelOf(id);
  return new Set(model.filter(({ kind }) => kind === 'service').map((each) => each.id));
}

const upgrade: Scenario['prepare'] = async (world) => {
  await world.cluster.settles(patienceMs);
  const target = await world.cluster.leader(patienceMs);
  const assisted = { at: 0 };
  return {
    args: ['upgrade', target, '--yes'],
    target,
    assist: async (operation) => {
      const isAwaited = operation.steps.some(({ step, state }) => step === 'restart' && state === 'running');
      if (!isAwaited || assisted.at > 0) return;
      assisted.at = 1;
      await world.cluster.restart(target, newerLaunch);
    },
    problems: (ended) => {
      const runs = world.cluster.statuses().get(target)?.protocol.max;
      return Promise.resolve(done(ended) && runs !== supportedVersions.max ? [`it speaks up to ${runs}`] : []);
    },
    tidy: () => world.cluster.restart(target, olderLaunch),
  };
};

const isStandalone = (world: World) => world.cluster.statuses().get('n1')?.state === 'standalone';

async function makeStandalone(world: World): Promise<void> {
  if (isStandalone(world)) return;
  await world.voters(1);
  await world.run({ workflow: 'rollback', node: 'n1' });
}

async function isOne(world: World, standalone: boolean): Promise<readonly string[]> {
  const wanted = standalone ? 'standalone' : 'member';
  return eventually(() => world.cluster.statuses().get('n1')?.state === wanted, {
    what: `n1 to be ${wanted}`,
    timeoutMs: patienceMs,
  }).then(
    () => [],
    (error: unknown) => [String(error)],
  );
}

const migrate: Scenario['prepare'] = async (world) => {
  await makeStandalone(world);
  return {
    args: ['migrate', ...confirmed('n1')],
    target: 'n1',
    problems: (ended) => isOne(world, !done(ended)),
  };
};

const rollback: Scenario['prepare'] = async (world) => {
  if (isStandalone(world)) await world.run({ workflow: 'migrate' });
  const voters = await world.voters(3);
  if ((await world.cluster.leader(patienceMs)) === 'n1') {
    const other = voters.find((id) => id !== 'n1') ?? '';
    await world.run({ workflow: 'transfer', to: other });
  }
  const target = voters.find((id) => id !== 'n1') ?? '';
  return {
    args: ['migrate', '--rollback', '--node', 'n1', ...confirmed('n1')],
    target,
    problems: async (ended) => {
      const others = voters.filter((id) => id !== 'n1');
      if (!done(ended)) return isOne(world, false);
      const told = others.map((id) =>
        eventually(() => world.cluster.statuses().get(id)?.state === 'removed', {
          what: `${id} to know that it is removed`,
          timeoutMs: patienceMs,
        }).then(
          () => [],
          (error: unknown) => [String(error)],
        ),
      );
      return [...(await isOne(world, true)), ...(await Promise.all(told)).flat()];
    },
    tidy: async () => {
      for (const id of voters) if (id !== 'n1' && isStandalone(world)) await world.cluster.stop(id);
    },
  };
};

export const scenarios: Readonly<Record<WorkflowName, Scenario>> = {
  join: { world: 'cluster', prepare: join },
  remove: { world: 'cluster', prepare: remove },
  replace: { world: 'cluster', prepare: replace },
  promote: { world: 'cluster', prepare: promote },
  demote: { world: 'cluster', prepare: demote },
  transfer: { world: 'cluster', prepare: transfer },
  restore: { world: 'cluster', prepare: restore },
  migrate: { world: 'standalone', prepare: migrate },
  rollback: { world: 'standalone', prepare: rollback },
  upgrade: { world: 'older', prepare: upgrade },
};
