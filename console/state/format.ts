/** Numbers, durations and times for people. Pure: the time is always handed in. */

/** `1,234,567` */
export function formatCount(value: number): string {
  const [whole = '0', fraction] = String(value).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** A rate with as many digits as mean something: `0`, `0.4`, `12`, `1,204`. */
export function formatRate(value: number): string {
  if (value === 0) return '0';
  return value < 10 ? value.toFixed(1) : formatCount(Math.round(value));
}

/** How long something took, short: `14 ms`, `12 s`, `3 min`, `5 h`, `2 d`. */
export function formatDuration(durationMs: number): string {
  const ms = Math.max(0, durationMs);
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}

/** How long ago something was; below a second it says no more, so that the screen stands still. */
export function formatAge(ageMs: number): string {
  return ageMs < 1_000 ? '<1 s' : formatDuration(ageMs);
}

/** `0.84 ms`, `12 ms`, `-` where nothing was measured. */
export function formatLatency(ms: number | null): string {
  if (ms === null) return '-';
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** `12.3 MiB` */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${units[unit]}`;
}

/** Local time of day, `10:32:11`. */
export function formatClock(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

/** Local date and time, `2026-11-21 10:32:11`. */
export function formatTime(at: number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '-';
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()]
    .map((part) => String(part).padStart(2, '0'))
    .join('-');
  return `${day} ${formatClock(at)}`;
}

/** `1 voter`, `3 voters` */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Names in their order: `n1, n2 and n3` whichever came first. */
export function inOrder(names: readonly string[]): string {
  return listed([...names].sort(byText));
}

export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `n1`, `n1 and n2`, `n1, n2 and n3` */
export function listed(names: readonly string[]): string {
  if (names.length <= 1) return names.join('');
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** For names of files: `20261121-103211`, local time. */
export function clockStamp(at: number): string {
  return formatTime(at).replaceAll(/[-:]/gu, '').replace(' ', '-');
}
