/** How many rows everything gets: pure, known to the reducer (paging, scrolling) and to the screens alike. */
import { judgeHealth } from './health.js';
import { columnsMin, rowsMin } from './limits.js';
import { keepersOf, membersOf } from './members.js';
import type { ListName, State } from './state.js';
import { wrap } from './text.js';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export function isTooSmall(size: Size): boolean {
  return size.columns < columnsMin || size.rows < rowsMin;
}

/** Header, health, a blank line and the footer stand on every screen. */
const chromeRows = 4;

export interface FlashLines {
  readonly sentence: readonly string[];
  readonly remedy: readonly string[];
}

/** What is said in passing, in as many rows as it takes: a remedy that is cut is none. */
export function flashLines({ view: { flash }, size }: State): FlashLines {
  if (flash === null) return { sentence: [], remedy: [] };
  const inRows = (text: string): readonly string[] => wrap(text, size.columns - flashIndent - 1).slice(0, flashRowsMax);
  return { sentence: inRows(flash.sentence), remedy: flash.remedy === '' ? [] : inRows(flash.remedy) };
}

export const flashIndent = 3;
/** Of the sentence, and of the remedy. */
const flashRowsMax = 3;

export function flashRows(state: State): number {
  const { sentence, remedy } = flashLines(state);
  return sentence.length + remedy.length;
}

export function bodyRows(state: State): number {
  return Math.max(1, state.size.rows - chromeRows - flashRows(state));
}

/** Rows of a list that are in sight. */
export function listRows(state: State, name: ListName): number {
  const body = bodyRows(state);
  switch (name) {
    case 'overview.members':
      return Math.max(1, overviewLayoutOf(state).members);
    case 'overview.routers':
      return Math.max(1, overviewLayoutOf(state).routers);
    case 'overview.events':
      return Math.max(1, overviewLayoutOf(state).events);
    case 'model':
      return Math.max(1, body - 4);
    case 'backups':
      return schedulesRows(state);
    case 'snapshots':
      return Math.max(1, body - schedulesRows(state) - 5);
    case 'members':
    case 'routers':
    case 'events':
    case 'operations':
      return Math.max(1, body - 2);
  }
}

/** Controllers with their schedules stand above the files, and take no more than half of the screen. */
function schedulesRows(state: State): number {
  const half = Math.floor(bodyRows(state) / 2) - headed - gap;
  return Math.max(1, Math.min(half, keepersOf(state).length));
}

export interface OverviewCounts {
  readonly reasons: number;
  readonly members: number;
  readonly routers: number;
}

export interface OverviewLayout {
  /** Reasons shown, two rows each. */
  readonly reasons: number;
  /** Rows of each list, without its heading and titles. */
  readonly members: number;
  /** At least the members; more where the rates beside them need it. */
  readonly membersHeight: number;
  readonly routers: number;
  readonly events: number;
  /** Routers and events beside each other. */
  readonly beside: boolean;
  /** Rates as a panel at the right of the members, instead of one row. */
  readonly ratesPanel: boolean;
}

export function overviewLayoutOf(state: State): OverviewLayout {
  const reasons = judgeHealth(state).reasons.length;
  return overviewLayout(state.size, bodyRows(state), {
    reasons,
    members: membersOf(state).length,
    routers: state.routers.views.length,
  });
}

const headed = 2; // a heading and the titles of the columns
const gap = 1;

/** Health first: what needs attention and the members are shown before routers, and those before events. */
export function overviewLayout(size: Size, body: number, counts: OverviewCounts): OverviewLayout {
  const beside = size.columns >= 110;
  const ratesPanel = size.columns >= 160 && body >= 30;
  // Where little needs attention, the members may have its room.
  const share = counts.reasons <= 1 ? 2 : 3;
  const members = Math.max(1, Math.min(counts.members, Math.max(3, Math.floor(body / share))));
  const membersHeight = ratesPanel ? Math.max(members, ratesRowsMin) : members;
  let left = body - headed - membersHeight - gap - (ratesPanel ? 0 : 1 + gap);
  const reasons = Math.min(counts.reasons, Math.max(1, Math.floor((left - 5) / 2)), reasonsMax);
  if (reasons > 0) left -= reasons * 2 + (counts.reasons > reasons ? 1 : 0) + gap;
  const common = { reasons, members, membersHeight, beside, ratesPanel };
  if (beside) return { ...common, routers: Math.max(0, left - headed), events: Math.max(0, left - headed) };
  const room = Math.floor(left / 2) - headed;
  const routers = room < 2 ? 0 : Math.min(counts.routers, room);
  const taken = (routers > 0 ? headed + routers : 1) + gap;
  return { ...common, routers, events: Math.max(0, left - taken - 1) };
}

const ratesRowsMin = 9;
const reasonsMax = 6;
