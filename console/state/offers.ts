/**
 * The workflows that can be started now, with all their parameters: the palette, the menus and the keys that mend are made
 * from these. What may run at all is for the leader's checks to say: here only what makes no sense is left out.
 */
import type { WorkflowParameters } from '../../messaging/index.js';
import { isFresh, leaderOf, type MemberRow, membersOf } from './members.js';
import type { State } from './state.js';

export interface Offer {
  /** What may be typed in full, e.g. `join n4`. */
  readonly id: string;
  readonly title: string;
  /** Further words by which it is found. */
  readonly words: string;
  /** The controller in whose menu it stands. */
  readonly node: string | null;
  readonly parameters: WorkflowParameters;
  /** Why it cannot be done now. */
  readonly blocked: string | null;
}

export function offersOf(state: State): readonly Offer[] {
  const rows = membersOf(state);
  const barred = barredBy(state);
  return [...rows.flatMap((row) => offersFor(row, rows)), ...clusterOffers(state)].map((offer) => ({
    ...offer,
    blocked: barred ?? offer.blocked,
  }));
}

/** What keeps every change away. */
export function barredBy(state: State): string | null {
  if (state.locked) return 'the console is locked; :unlock first';
  if (!state.connection.up) return 'the console is cut off from NATS';
  return leaderOf(state) === null && !servesAlone(state) ? 'no leader is heard' : null;
}

/** A standalone controller takes changes by itself. */
function servesAlone(state: State): boolean {
  return [...state.nodes.values()].some((record) => record.status.state === 'standalone' && isFresh(state, record));
}

function offersFor(row: MemberRow, rows: readonly MemberRow[]): readonly Offer[] {
  const { id, membership } = row;
  if (membership === 'none') {
    const standing = row.record?.status.state;
    if (standing === 'standalone') return [migrateOffer(id)];
    return standing === 'blank' ? [joinOffer(row)] : [];
  }
  const offers: Offer[] = [
    offer(id, `remove ${id}`, `Remove ${id} from the cluster`, 'delete member', { workflow: 'remove', node: id }),
  ];
  for (const blank of rows.filter(mayJoin)) {
    const title = `Replace ${id} with ${blank.id}`;
    const parameters = { workflow: 'replace', node: id, with: blank.id, role: 'voter' } as const;
    offers.push(offer(id, `replace ${id} ${blank.id}`, title, 'exchange member dead damaged', parameters));
  }
  offers.push(
    membership === 'learner'
      ? offer(id, `promote ${id}`, `Make ${id} a voter`, 'learner member', { workflow: 'promote', node: id })
      : offer(id, `demote ${id}`, `Make ${id} a learner`, 'voter member', { workflow: 'demote', node: id }),
  );
  offers.push(
    offer(id, `upgrade ${id}`, `Upgrade ${id}: drain it, then wait for it`, 'restart version drain', {
      workflow: 'upgrade',
      node: id,
      from: null,
    }),
  );
  const anotherLeads = rows.some((each) => each.leads && each.id !== id);
  if (anotherLeads && membership === 'voter') {
    offers.unshift(
      offer(id, `transfer ${id}`, `Transfer leadership to ${id}`, 'leader move', { workflow: 'transfer', to: id }),
    );
  }
  return offers;
}

const mayJoin = (row: MemberRow): boolean =>
  row.membership === 'none' && row.record?.status.state === 'blank' && !row.silent;

function joinOffer(row: MemberRow): Offer {
  const { id } = row;
  return {
    ...offer(id, `join ${id}`, `Join ${id} to the cluster`, 'add member voter', {
      workflow: 'join',
      node: id,
      role: 'voter',
    }),
    blocked: row.silent ? `${id} is silent` : null,
  };
}

function migrateOffer(id: string): Offer {
  const parameters = { workflow: 'migrate', node: id, leaveBehind: [] } satisfies WorkflowParameters;
  return offer(id, `migrate ${id}`, `Make ${id} the first member of a cluster`, 'standalone raft', parameters);
}

function clusterOffers(state: State): readonly Offer[] {
  if (leaderOf(state) === null) return [];
  const title = 'Transfer leadership to the most up to date';
  return [
    offer(null, 'transfer', title, 'leader move step down', { workflow: 'transfer', to: null }),
    offer(null, 'rollback', 'Go back to one standalone controller', 'migrate undo', {
      workflow: 'rollback',
      node: null,
      leaveBehind: [],
    }),
  ];
}

function offer(node: string | null, id: string, title: string, words: string, parameters: WorkflowParameters): Offer {
  return { id, title, words, node, parameters, blocked: null };
}
