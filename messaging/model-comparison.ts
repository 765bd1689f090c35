/**
 * Compares the models of members. Each hashes its own at exactly one index; while writes go on, that index has to be one that
 * none of them has passed when it is asked, so it is chosen ahead of where they stand, by what they apply in half a
 * second, and by more each time that one had passed it.
 */
import type { ApiClient } from './api-client.js';
import { toQuorateError } from './errors.js';
import type { Position } from './position.js';
import type { ApiResult } from './schemas/api.js';

export interface ModelComparison {
  /** Where they were compared; null: fewer than two stood at one position. */
  readonly position: Position | null;
  /** Members with the same model, the most numerous first. More than one group: they differ. */
  readonly groups: readonly HashGroup[];
  /** Those that could not be compared, and why. */
  readonly missing: readonly { readonly node: string; readonly reason: string }[];
}

export interface HashGroup {
  readonly sha256: string;
  readonly nodes: readonly string[];
}

export interface CompareOptions {
  /** For everything. */
  readonly timeoutMs: number;
  /** Milliseconds since some moment; never jumps. */
  readonly now?: () => number;
  readonly signal?: AbortSignal;
}

type Answer = ApiResult<'model.hash'> | { readonly reason: string };

/** Rounds in which not all stood at one position; after them, those that did have to do. */
const roundsMax = 10;
/** Rounds after which two that stood at one position are enough. */
const roundsForAll = 7;
/** How far ahead the index is, in time: a busy member makes its thread ready meanwhile. Doubled where one had passed it. */
const leadMinMs = 500;
const leadMaxMs = 4_000;
/** The first round asks only where they stand: who does not say so by then is taken for away. */
const probeMaxMs = 4_000;
/** A member waits so much longer for an index that is ahead of it than it should take; then they have slowed down. */
const waitFactor = 2;
/** And longer where one had not come so far when it gave up waiting: it is behind the others. */
const waitFactorMax = 16;
const waitMinMs = 250;
const waitMaxMs = 5_000;

/** Never rejects: who does not answer is among the missing. */
export async function compareModels(
  client: Pick<ApiClient, 'request'>,
  nodes: readonly string[],
  { timeoutMs, signal, now = () => performance.now() }: CompareOptions,
): Promise<ModelComparison> {
  const deadline = now() + timeoutMs;
  let best: ModelComparison = {
    position: null,
    groups: [],
    missing: nodes.map((node) => ({ node, reason: 'not asked' })),
  };
  let index = 0;
  let leadMs = leadMinMs;
  let waitMs = waitMinMs;
  let patience = waitFactor;
  let stood = { index: 0, at: now() };
  // Who does not even say where it stands is not asked again.
  const silent = new Map<string, Answer>();
  for (let round = 1; round <= roundsMax && signal?.aborted !== true; round++) {
    const leftMs = Math.min(deadline - now(), round === 1 ? probeMaxMs : timeoutMs);
    if (leftMs <= 0) break;
    const target = index;
    const given = { index: target, waitMs };
    const ask = async (node: string): Promise<[string, Answer]> => {
      const answer = client
        .request('model.hash', given, { node, timeoutMs: leftMs, signal })
        .catch((error: unknown) => ({ reason: toQuorateError(error).message }));
      return [node, await answer];
    };
    const answers = new Map(await Promise.all(nodes.filter((node) => !silent.has(node)).map(ask)));
    for (const [node, answer] of answers) if (round === 1 && 'reason' in answer) silent.set(node, answer);
    const found = group(new Map([...silent, ...answers]));
    if (comparedIn(found) > comparedIn(best) || comparedIn(best) === 0) best = found;
    if (best.missing.length === silent.size && comparedIn(best) > 0) break;
    if (comparedIn(best) > 1 && round >= roundsForAll) break;
    const stands = [...answers.values()].flatMap((each) => ('reason' in each ? [] : [each.position.index]));
    if (stands.length === 0) break;
    const stand = { index: Math.max(...stands), at: now() };
    // The first round asks only where they stand, and the second tells how fast they go on.
    const perMs = round === 1 ? 0 : (stand.index - stood.index) / Math.max(1, stand.at - stood.at);
    if (round > 2 && stand.index > target) leadMs = Math.min(leadMaxMs, leadMs * 2);
    if (round > 1 && Math.min(...stands) < target) patience = Math.min(waitFactorMax, patience * 2);
    const lead = Math.ceil(perMs * leadMs);
    index = stand.index + lead;
    waitMs = Math.min(waitMaxMs, patience * (lead === 0 ? waitMinMs / waitFactor : leadMs));
    stood = stand;
  }
  return best;
}

function comparedIn({ groups }: ModelComparison): number {
  return groups.reduce((sum, each) => sum + each.nodes.length, 0);
}

/** Of the positions at which somebody stood, the one with the most members. */
function group(answers: ReadonlyMap<string, Answer>): ModelComparison {
  const hashed = [...answers].flatMap(([node, answer]) =>
    'reason' in answer || answer.sha256 === null ? [] : [{ node, position: answer.position, sha256: answer.sha256 }],
  );
  const [most = []] = largestFirst(Map.groupBy(hashed, ({ position }) => JSON.stringify(position)));
  const compared = most.length > 1 || answers.size === 1 ? most : [];
  const missing = [...answers]
    .filter(([node]) => !compared.some((each) => each.node === node))
    .map(([node, answer]) => ({ node, reason: 'reason' in answer ? answer.reason : 'it stood at another position' }));
  return {
    position: compared[0]?.position ?? null,
    groups: largestFirst(Map.groupBy(compared, ({ sha256 }) => sha256)).map((members) => ({
      sha256: members[0]?.sha256 ?? '',
      nodes: members.map(({ node }) => node).sort(),
    })),
    missing,
  };
}

function largestFirst<Each>(groups: ReadonlyMap<string, readonly Each[]>): readonly (readonly Each[])[] {
  return [...groups.values()].sort((a, b) => b.length - a.length);
}

/** Who is to be believed: more than half of those that were compared. Without a majority all are in doubt. */
export function minorityOf({ groups }: ModelComparison): {
  readonly agreeing: readonly string[];
  readonly differing: readonly string[];
} {
  const all = groups.flatMap((each) => each.nodes);
  const [first] = groups;
  const agreeing = first !== undefined && first.nodes.length * 2 > all.length ? first.nodes : [];
  const differing = groups.length < 2 ? [] : all.filter((node) => !agreeing.includes(node)).sort();
  return { agreeing, differing };
}
