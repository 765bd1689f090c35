/**
 * What completion asks the contexts and the running cluster for. Nothing is ever said but the answer: where no cluster is
 * there, or it does not answer at once, there is nothing to complete.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../messaging/api-client.js';
import type { OperationView } from '../../messaging/schemas/operations.js';
import { clientSettings, setting } from '../config/common.js';
import { contextsPath, readContexts } from '../config/contexts.js';
import { resolveSettings, type Sources } from '../config/resolve.js';
import { anyText } from '../config/setting.js';
import { type Io, Output } from '../output/output.js';
import { type MemberRow, membersOf } from '../state/members.js';
import { factsOf } from './cluster-view.js';
import { type Completion, filesMark, listed, type Question } from './completion.js';
import { withSession } from './session.js';

/** Whoever pressed the key waits no longer than this. */
const askMaxMs = 1_500;
/** Controllers answer within a round trip. */
const collectMs = 250;
/** More than that nobody reads. */
const namesMax = 200;

const nodeSetting = setting({
  flag: 'node',
  placeholder: 'ID',
  group: 'Options',
  describe: 'The controller on which it lies',
  schema: anyText.optional(),
});

/** Never throws. `words`: those that are no flags, without the command's own. */
export async function completeByAsking(
  { asked, typed }: Question,
  sources: Sources,
  words: readonly string[],
  io: Io,
): Promise<Completion> {
  try {
    if (asked === 'context') return listed(Object.keys(readContexts(contextsPath(sources.env)).byName), typed);
    const { node } = resolveSettings({ node: nodeSetting }, sources);
    if (asked === 'snapshot' && node === undefined) return { type: 'words', words: [filesMark] };
    // Of a list the last is completed, and those before it stay.
    const before = typed.slice(0, typed.lastIndexOf(',') + 1);
    const ask = (client: ApiClient) => namesOf({ asked, client, cluster: given.cluster, node, kind: words[0], typed });
    const given = { ...resolveSettings(clientSettings, sources), timeoutMs: askMaxMs };
    const quiet = new Output({ ...io, stderr: { write: () => true } }, { json: false, quiet: true, noColor: true });
    const stop = new AbortController();
    const names = await Promise.race([
      withSession({ out: quiet, env: sources.env, signal: stop.signal }, given, ({ client }) => ask(client)),
      sleep(askMaxMs, [], { ref: false }),
    ]);
    return listed(
      names.slice(0, namesMax).map((name) => `${before}${name}`),
      typed,
    );
  } catch {
    return listed([], typed);
  }
}

interface Asking {
  readonly asked: Exclude<Question['asked'], 'context'>;
  readonly client: ApiClient;
  readonly cluster: string;
  readonly node: string | undefined;
  readonly kind: string | undefined;
  readonly typed: string;
}

async function namesOf({ asked, client, cluster, node, kind = '', typed }: Asking): Promise<readonly string[]> {
  switch (asked) {
    case 'controller':
    case 'blank':
    case 'member':
    case 'voter':
    case 'learner': {
      const rows = membersOf(factsOf(await client.collectStatus(collectMs), cluster));
      return rows.filter(isOne[asked]).map(({ id }) => id);
    }
    case 'operation':
    case 'running-operation':
    case 'failed-operation': {
      const { operations } = await client.request('operation.list', { limit: 100 });
      return operations.filter(mayBe[asked]).map(({ id }) => id);
    }
    case 'snapshot': {
      const { snapshots } = await client.request('snapshot.list', {}, { node: node ?? '' });
      return snapshots.map(({ name }) => name);
    }
    case 'router': {
      const { routers } = await client.request('routers.list', { limit: 1_000 });
      return routers.map(({ id }) => id);
    }
    case 'entity': {
      const filter = typed === '' ? {} : { filter: typed };
      const { entities } = await client.request('model.list', { kind, stale: true, limit: namesMax, ...filter });
      return entities.flatMap(({ id, name }) => (name === id ? [id] : [name, id])).filter((word) => !/\s/u.test(word));
    }
  }
}

const isOne = {
  controller: () => true,
  blank: ({ record, silent }: MemberRow) => record?.status.state === 'blank' && !silent,
  member: ({ membership }: MemberRow) => membership !== 'none',
  voter: ({ membership }: MemberRow) => membership === 'voter',
  learner: ({ membership }: MemberRow) => membership === 'learner',
} as const;

const mayBe = {
  operation: () => true,
  'running-operation': ({ finishedAt }: OperationView) => finishedAt === null,
  'failed-operation': ({ state }: OperationView) => state === 'failed',
} as const;
