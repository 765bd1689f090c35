/** What a process has used, from the kernel. */
import { readFileSync } from 'node:fs';

export interface Cost {
  readonly cpuMs: number;
  readonly rssMb: number;
}

const ticksPerSecond = 100;

/** NaN where the kernel does not tell, or the process has ended. */
export function costOf(pid: number): Cost {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    const rssKb = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN;
    return {
      cpuMs: ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond,
      rssMb: Math.round(Number(rssKb) / 1024),
    };
  } catch {
    return { cpuMs: Number.NaN, rssMb: Number.NaN };
  }
}

export function spentBetween(before: Cost, after: Cost): string {
  return !(after.cpuMs >= before.cpuMs)
    ? 'another process now'
    : `${Math.round(after.cpuMs - before.cpuMs)} ms CPU, ${after.rssMb} MB`;
}
