/** The steps around the change of a migration and the way back, in virtual time; as a whole: test/e2e/migration.test.ts. */
import test from 'ava';
import type { IndexType, Operation, WorkflowParameters } from '../../messaging/index.js';
import type { Facts } from '../../node/workflows/facts.js';
import { workflows } from '../../node/workflows/index.js';
import { publishedMaxMs } from '../../node/workflows/mode-steps.js';
import { newOperation } from '../../node/workflows/record.js';
import { World } from './world.js';

const impact = { voters: 1, healthyVoters: 1, quorum: 1, failuresSurvived: 0 };
const room: NonNullable<Facts['mode']> = {
  standalone: false,
  problems: [],
  modelBytes: 1_000,
  diskFreeBytes: 1 << 30,
  newestChangeAt: null,
  deniedSubjects: [],
  maxPayloadBytes: 1 << 20,
};

/** From the last index to the change itself, as the workflow has it. `later` happens when writes have been paused for a while. */
async function changed(
  workflow: 'migrate' | 'rollback',
  prepare: (world: World) => void,
  later: (world: World) => void = () => {},
  ids: readonly string[] = ['a', 'b', 'c'],
) {
  const world = new World(ids);
  const names = /^(last-(raft|legacy)-index|count-by-(raft|legacy))$/;
  const steps = workflows[workflow].steps.filter(({ name }) => names.test(name));
  const part = { ...workflows[workflow], checks: [], steps, verifications: [] };
  for (const id of ids) world.becomes(id, { min: 1, max: 1 }, { ...workflows, [workflow]: part });
  world.indexType = workflow === 'migrate' ? 'legacy' : 'raft';
  world.mode = { mode: room, routers: [] };
  prepare(world);
  const asked = {
    ...{ requestedBy: 'olga', origin: null },
    parameters: { workflow, node: 'a', leaveBehind: [] } as WorkflowParameters,
  };
  const begun = { workflow: part, target: 'a', runner: 'a', at: world.clock.now(), findings: [] };
  world.begin(newOperation({ id: 'operation-1', ...asked, ...begun, before: impact, after: impact }));
  world.clock.at(world.clock.now() + publishedMaxMs / 3, () => later(world));
  await world.clock.until(() => world.operation('operation-1').finishedAt !== null, 'the operation ends');
  return { world, ended: world.operation('operation-1') };
}

const tookMs = ({ startedAt, finishedAt }: Operation): number => (finishedAt ?? 0) - startedAt;

test('the model is counted in the other way when all changes up to the last index are published, and not before', async (t) => {
  const { world, ended } = await changed(
    'rollback',
    (begun) => {
      begun.published = false;
    },
    (begun) => {
      t.is(begun.modeChanges, 0);
      begun.published = true;
    },
  );
  t.is(ended.state, 'done', JSON.stringify(ended.error));
  t.true(tookMs(ended) >= publishedMaxMs / 3);
  t.is(world.modeChanges, 1);
});

test('where changes cannot be published nothing is changed, and the record says what to look at', async (t) => {
  const { world, ended } = await changed('rollback', (begun) => {
    begun.published = false;
  });
  t.not(ended.state, 'done');
  t.is(world.modeChanges, 0);
  t.is(ended.error?.message, 'some changes are not published yet');
  t.is(ended.error?.remedy, 'See whether NATS can be reached.');
});

const facts = (
  mode: NonNullable<Facts['mode']>,
  indexTypes?: readonly IndexType[],
): Pick<Facts, 'mode' | 'routers'> => ({
  mode,
  routers: indexTypes === undefined ? [] : [{ id: 'old', endpointsIndex: 1, indexTypes }],
});

for (const [workflow, what, prepare, said] of [
  [
    'rollback',
    'a router that came meanwhile is not left behind unasked',
    facts(room, ['raft']),
    /-understand-legacy .*: old$/,
  ],
  ['rollback', 'the room may be gone', facts({ ...room, diskFreeBytes: 0 }), /mode-disk-space/],
  [
    'migrate',
    'a router that came meanwhile is not left behind unasked',
    facts(room, ['legacy']),
    /-understand-raft .*: old$/,
  ],
  ['migrate', 'the room may be gone', facts({ ...room, diskFreeBytes: 0 }), /mode-disk-space/],
  ['migrate', 'somebody else may have come', null, /cluster-id-free/],
] as const) {
  test(`${workflow}: what the checks found is asked again before the change: ${what}`, async (t) => {
    const { world, ended } = await changed(
      workflow,
      (begun) => {
        begun.mode = prepare ?? begun.mode;
      },
      undefined,
      // For one that serves alone, each other member that is heard is somebody else.
      workflow === 'migrate' && prepare !== null ? ['a'] : undefined,
    );
    t.is(world.modeChanges, 0);
    t.regex(ended.error?.message ?? '', said);
    t.regex(ended.error?.message ?? '', /^the check .* fails now/);
  });
}
