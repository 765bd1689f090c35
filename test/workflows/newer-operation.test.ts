/** An operation that a newer version began, and that an older leader inherits: neither left running for ever nor broken. */
import test from 'ava';
import type { Operation, WorkflowName, WorkflowParameters } from '../../messaging/index.js';
import { likeliestToKnow } from '../../node/workflows/hand-on.js';
import { type Step, type Workflow, workflows } from '../../node/workflows/index.js';
import { newOperation } from '../../node/workflows/record.js';
import { World } from './world.js';

const newer = { min: 1, max: 2 };
const olga = { requestedBy: 'olga', origin: null };
const impact = { voters: 3, healthyVoters: 3, quorum: 2, failuresSurvived: 1 };
/** What this build cannot name: the type says so, and the log may hold it all the same. */
const parameters = { workflow: 'polish', node: 'c' } as unknown as WorkflowParameters;

/** Notes who takes it. */
function step(name: string, taken: string[]): Step {
  return {
    name,
    title: () => name,
    run: async ({ actions, pause }) => {
      taken.push(`${name} by ${actions.leadership().leader}`);
      await pause(2_000);
      return 'done';
    },
  };
}

function polishOf(taken: string[]): Workflow {
  return {
    ...{ name: 'polish' as WorkflowName, summary: 'A workflow of the version after this one.', checks: [] },
    ...{ steps: [step('rub', taken), step('wipe', taken)], verifications: [] },
    ...{ confirmation: (target: string) => target, impact: () => impact },
  };
}

function begun(workflow: Workflow, given: Partial<Operation> = {}): Operation {
  const at = { at: 0, findings: [], before: impact, after: impact };
  return {
    ...newOperation({ id: 'operation-1', ...olga, workflow, parameters, target: 'c', runner: 'b', ...at }),
    ...given,
  };
}

test('an older leader hands leadership to the member that ran the operation, which goes on with it', async (t) => {
  const world = new World();
  const taken: string[] = [];
  const polish = polishOf(taken);
  world.becomes('b', newer, { ...workflows, polish });
  world.begin(begun(polish));
  await world.clock.until(() => world.operation('operation-1').finishedAt !== null, 'the operation ends');
  t.is(world.operation('operation-1').state, 'done');
  t.is(world.leader, 'b');
  t.deepEqual(taken, ['rub by b', 'wipe by b'], 'nobody else took any of it');
  t.deepEqual(world.actionsTaken.slice(0, 1), ['a transfer b']);
  t.is(world.unknownToldBy.size, 0);
});

test('a known workflow with a step that is not known is handed on as well: a step is never passed over', async (t) => {
  const world = new World();
  const taken: string[] = [];
  const polish = { ...polishOf(taken), name: 'transfer' as const };
  world.becomes('b', newer, { ...workflows, transfer: polish });
  world.begin(begun(polish, { parameters: { workflow: 'transfer', to: 'c' } }));
  await world.clock.until(() => world.operation('operation-1').finishedAt !== null, 'the operation ends');
  t.deepEqual(taken, ['rub by b', 'wipe by b']);
});

test('where nobody who knows it can lead it waits, untouched, the operator is told, and it goes on when one comes', async (t) => {
  const world = new World();
  const taken: string[] = [];
  const polish = polishOf(taken);
  world.controller('b').alive = false;
  world.begin(begun(polish));
  await world.clock.pass(60_000);
  t.is(world.unknownToldBy.get('a'), 'operation-1');
  t.is(world.operation('operation-1').state, 'running');
  t.is(world.store.record('operation', 'operation-1')?.revision, 1, 'nothing was written to it');
  t.is(world.leader, 'a');
  t.deepEqual(world.actionsTaken, [], 'it stays where it is');
  const other = await t.throwsAsync(world.run({ workflow: 'transfer', to: 'c' }, 'operation-2'));
  t.regex(other?.message ?? '', /operation-1/);
  await t.throwsAsync(
    world.ask((engine) => engine.cancel('operation-1', olga)),
    { message: /does not know the workflow polish/ },
  );

  world.becomes('c', newer, { ...workflows, polish });
  await world.clock.until(() => world.operation('operation-1').finishedAt !== null, 'the operation ends');
  t.is(world.operation('operation-1').state, 'done');
  t.deepEqual(taken, ['rub by c', 'wipe by c']);
  t.is(world.unknownToldBy.size, 0, 'the alarm ends with it');
});

test('a transfer that does not happen is tried again, and told of', async (t) => {
  const world = new World();
  const taken: string[] = [];
  const polish = polishOf(taken);
  world.becomes('b', newer, { ...workflows, polish });
  world.controller('b').takesOver = false;
  world.begin(begun(polish));
  await world.clock.until(() => world.unknownToldBy.has('a'), 'the operator is told');
  t.true(world.actionsTaken.length >= 1);
  world.controller('b').takesOver = true;
  await world.clock.until(() => world.operation('operation-1').finishedAt !== null, 'the operation ends');
  t.deepEqual(taken, ['rub by b', 'wipe by b']);
});

test('leadership goes to who ran it, or to the newest, and never back to where it came from', (t) => {
  const voter = (id: string, max: number, min = 1) => ({ id, protocol: { min, max } });
  const who = (runner: string, self: ReturnType<typeof voter>, ...others: ReturnType<typeof voter>[]) =>
    likeliestToKnow({ runner }, self, others);
  t.is(who('b', voter('a', 1), voter('b', 2), voter('c', 3)), 'b', 'it knew it');
  t.is(who('b', voter('a', 1), voter('c', 2), voter('d', 3)), 'd');
  t.is(who('b', voter('a', 1), voter('c', 1)), null);
  t.is(who('b', voter('a', 2), voter('b', 1), voter('c', 2)), null, 'the one that ran it was downgraded');
  t.is(who('a', voter('a', 2), voter('b', 1)), null);
  t.is(who('b', voter('a', 1), voter('b', 3, 2)), null, 'neither would hear the other');
  // Whoever is chosen would not choose the one that it comes from.
  const all = [1, 2, 3].flatMap((max) => ['a', 'b'].map((id) => voter(`${id}${max}`, max)));
  for (const runner of all)
    for (const self of all) {
      const to = all.find(({ id }) => id === who(runner.id, self, ...all.filter((each) => each !== self)));
      if (to === undefined) continue;
      t.not(who(runner.id, to, ...all.filter((each) => each !== to)), self.id, `${runner.id}: ${self.id} to ${to.id}`);
    }
});
