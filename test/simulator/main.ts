import { makePlan, type Profile } from './plan.js';
import { simulate } from './simulation.js';
Error.stackTraceLimit = process.argv[5] === 'trace' ? 10 : 0;
const from = Number(process.argv[2] ?? 1);
const n = Number(process.argv[3] ?? 1);
const profile = (process.argv[4] ?? 'mixed') as Profile;
const trace = process.argv[5] === 'trace';
const began = performance.now();
let events = 0;
let failed = 0;
const checks: Record<string, number> = {};
for (let seed = from; seed < from + n; seed += 1) {
  const outcome = await simulate(makePlan(seed, profile), trace ? { onTrace: (line) => console.log(line) } : {});
  events += outcome.events;
  if (outcome.violation) {
    failed += 1;
    checks[outcome.violation.check] = (checks[outcome.violation.check] ?? 0) + 1;
    if (failed < 12) console.log(seed, outcome.violation);
  }
}
console.log({ failed, checks, perCpuSecond: n / (process.cpuUsage().user / 1e6), wall: (performance.now() - began) / 1000, eventsPer: events / n });
