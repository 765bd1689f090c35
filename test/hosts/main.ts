/**
 * `npm run hosts`: three controllers and three NATS servers on three hosts, cut from each other in every way that three hosts
 * can be. What is promised in each is in docs/deployment.md, and is seen here or told as wrong.
 */
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { readOptions, refuse } from '../support/options.js';
import { eventually } from '../support/wait.js';
import { allCases, type Case, caseNamed } from './cases.js';
import { insideMark, isolated, isolationRefused } from './isolated.js';
import { type Host, hosts, ThreeHosts } from './network.js';
import { idOf, type Site, startSite } from './site.js';

const usage = {
  command: 'npm run hosts',
  purpose:
    'Cuts three hosts (network namespaces) from each other in every way, while clients beside each of them write. Needs Linux, and root or the right to namespaces.',
  examples: [
    ['', 'all 63 ways'],
    ['--only 1-2 --only "1-3 2-3"', 'hosts 1 and 2 from each other; host 3 from both'],
    ['--only "1>2"', 'what 1 sends to 2 is lost; what 2 sends to 1 arrives'],
  ],
} as const;

const values = readOptions(usage, {
  only: { type: 'string', multiple: true, describe: 'these cases' },
  hold: { type: 'string', number: 'whole', default: '5', describe: 'seconds for which each cut lasts' },
  resume: {
    type: 'string',
    number: 'whole',
    default: '5',
    describe: 'seconds after which writes must be acknowledged again',
  },
  json: { type: 'boolean', default: false, describe: 'prints the outcome as JSON at the end' },
});

/** The promises' bounds. */
const resumeMs = Number(values.resume) * 1_000;
const healMs = 60_000;
const holdMs = Number(values.hold) * 1_000;
/** The end of a cut, in which nobody hears an answer any more that was under way when it began. */
const endMs = Math.min(1_000, holdMs / 2);
/** While a cut lasts, leaders may change this often: once for whoever lost its majority, once more for the ways of NATS. */
const termsMax = 3;

interface Outcome {
  readonly name: string;
  readonly leader: string;
  /** Until the first write that was begun after the cut was acknowledged at a host of the majority; null where there is none. */
  readonly resumedMs: number | null;
  /** Hosts whose users wrote at the end of the cut, in its last second or half. */
  readonly writing: readonly number[];
  readonly terms: number;
  /** Until all three stood together again, and each user wrote. */
  readonly healedMs: number;
  readonly wrong: readonly string[];
}

const statuses = (site: Site) =>
  site.users.flatMap((user) => [...site.heardBy(user).values()].map(({ status }) => status));

/** Whom all controllers name, as far as all users hear. */
function leaderOf(site: Site): string | undefined {
  const leaders = new Set(statuses(site).map(({ raft }) => raft?.leader));
  const [leader] = leaders;
  return leaders.size === 1 && typeof leader === 'string' ? leader : undefined;
}

const highestTerm = (site: Site): number => Math.max(...statuses(site).map(({ raft }) => raft?.term ?? 0));

async function standsTogether(site: Site): Promise<number> {
  const beganAt = performance.now();
  await eventually(
    () => {
      const isHeard = site.users.every((user) =>
        hosts.every((host) => (site.heardBy(user).get(idOf(host))?.at ?? 0) > beganAt),
      );
      return isHeard && leaderOf(site) !== undefined && site.users.every((user) => user.lastAt() > beganAt);
    },
    {
      what: 'all three to follow one leader, to be heard everywhere, and each user to write',
      timeoutMs: healMs,
      show: () =>
        statuses(site).map(
          ({ node, state, raft }) => `${node} ${state} ${raft?.role} of term ${raft?.term}, leader ${raft?.leader}`,
        ),
    },
  );
  return performance.now() - beganAt;
}

async function tryCase(site: Site, network: ThreeHosts, { name, cuts, together }: Case): Promise<Outcome> {
  const before = leaderOf(site);
  const term = highestTerm(site);
  const wrong: string[] = [];
  network.cut(cuts);
  const cutAt = performance.now();
  const majority = site.users.filter(({ host }) => together.includes(host));
  let resumedMs: number | null = null;
  if (together.length > 0) {
    try {
      await eventually(() => majority.some((user) => user.lastAt() > cutAt + 250), {
        what: 'a write in the majority',
        timeoutMs: Math.max(resumeMs, 30_000),
      });
      resumedMs = Math.max(...majority.map((user) => user.lastAt())) - cutAt;
      if (resumedMs > resumeMs) wrong.push(`writes resumed after ${Math.round(resumedMs)} ms`);
    } catch {
      wrong.push('writes did not resume in the majority');
    }
  }
  await sleep(Math.max(0, holdMs - (performance.now() - cutAt)));
  const writing = site.users.filter((user) => user.lastAt() > performance.now() - endMs).map(({ host }) => host);
  if (together.length === 0 && writing.length > 0)
    wrong.push(`without a majority, writes were acknowledged at ${writing}`);
  const strangers = writing.filter((host) => together.length > 0 && !together.includes(host));
  if (strangers.length > 0) wrong.push(`writes were acknowledged at ${strangers}, which is cut off`);
  const terms = highestTerm(site) - term;
  network.heal(cuts);
  let healedMs = Number.NaN;
  try {
    healedMs = await standsTogether(site);
  } catch (error) {
    wrong.push(error instanceof Error ? error.message : String(error));
  }
  if (together.length > 0 && terms > termsMax) wrong.push(`${terms} terms went by while it was cut`);
  return { name, leader: before ?? '-', resumedMs, writing, terms, healedMs, wrong };
}

/** Every write that was acknowledged anywhere, on every host. */
async function missing(site: Site): Promise<readonly string[]> {
  const wanted = site.users.flatMap((user) => user.acknowledged);
  const problems: string[] = [];
  const missingOn = async (host: Host): Promise<readonly string[]> => {
    const ids = await site.idsOn(host);
    return wanted.filter((id) => !ids.has(id));
  };
  for (const host of hosts) {
    try {
      await eventually(async () => (await missingOn(host)).length === 0, {
        what: `all ${wanted.length} acknowledged writes on host ${host}`,
        timeoutMs: healMs,
        intervalMs: 1_000,
      });
    } catch (error) {
      problems.push(String(error));
    }
  }
  return problems;
}

async function main(): Promise<boolean> {
  const cases =
    values.only?.map((name) => caseNamed(name) ?? refuse(usage, `there is no case "${name}"`)) ?? allCases();
  const network = ThreeHosts.create();
  const outcomes: Outcome[] = [];
  let lost: readonly string[] = [];
  let written = 0;
  try {
    const site = await startSite(network);
    try {
      console.log(
        `${cases.length} cases of ${values.hold} s; together after ${Math.round(await standsTogether(site))} ms`,
      );
      for (const [place, each] of cases.entries()) {
        const outcome = await tryCase(site, network, each);
        outcomes.push(outcome);
        console.log(describe(place + 1, each, outcome));
        for (const problem of outcome.wrong) console.log(`    WRONG: ${problem}`);
      }
      lost = await missing(site);
      written = site.users.reduce((sum, user) => sum + user.acknowledged.length, 0);
      for (const problem of lost) console.log(`WRONG: ${problem}`);
      if (outcomes.some(({ wrong }) => wrong.length > 0)) console.log(site.logs());
    } finally {
      await site.end();
    }
  } finally {
    network.destroy();
  }
  const bad = outcomes.filter(({ wrong }) => wrong.length > 0).length;
  if (values.json) console.log(JSON.stringify({ outcomes, written, lost }));
  console.log(
    `${outcomes.length} cases, ${bad} wrong; ${written} acknowledged writes, ${lost.length === 0 ? 'all on every host' : 'some missing'}`,
  );
  return bad === 0 && lost.length === 0;
}

function describe(
  place: number,
  { together }: Case,
  { name, leader, resumedMs, writing, terms, healedMs }: Outcome,
): string {
  const columns = [
    String(place).padStart(2),
    name.padEnd(12),
    `leader ${leader}`,
    `majority ${together.join(',') || 'none'}`.padEnd(14),
    `resumed ${resumedMs === null ? '-' : Math.round(resumedMs)} ms`.padEnd(16),
    `writing at ${writing.join(',') || 'none'}`.padEnd(16),
    `${terms} terms`.padEnd(8),
    `healed ${Math.round(healedMs)} ms`,
  ];
  return columns.join('  ');
}

/** Everything again, in namespaces of its own. */
function goInside(): number {
  const refused = isolationRefused();
  if (refused !== null) refuse(usage, refused);
  const [program, ...args] = isolated([process.execPath, ...process.argv.slice(1)]);
  return spawnSync(program, args, { stdio: 'inherit', env: { ...process.env, [insideMark]: '1' } }).status ?? 1;
}

process.exitCode = process.env[insideMark] === undefined ? goInside() : (await main()) ? 0 : 1;
