/**
 * Nothing that a test starts may outlive it, however the test ends: by finishing, by throwing, by SIGKILL.
 *
 * Every child and every temporary directory of this process is registered here. When the process ends in an orderly way,
 * they are killed and removed on `exit`. For the rest there is the watchdog: one small shell in a session of its own that
 * reads the same register from a pipe; when this process is gone, however it went, the pipe ends, and the watchdog kills
 * what is left. (Linux has PDEATHSIG for this, other systems do not; a pipe's end is noticed everywhere.)
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';

// Lines in: "+ PID", "- PID", "d DIRECTORY". At the end of input: kill, wait a moment for the kernel, remove.
const watchdogScript = `
trap '' INT TERM HUP
pids=' '
directories=''
while read -r what value; do
  case $what in
    +) pids="$pids$value " ;;
    -) case $pids in *" $value "*) pids="\${pids%% $value *} \${pids#* $value }" ;; esac ;;
    d) directories="$directories$value
" ;;
  esac
done
for pid in $pids; do kill -9 "$pid" 2>/dev/null; done
[ "$pids" = ' ' ] || sleep 0.2
printf '%s' "$directories" | while read -r directory; do rm -rf "$directory"; done
`;

let watchdog: ChildProcess | undefined;
const pids = new Set<number>();
const directories = new Set<string>();

function tellWatchdog(line: string): void {
  if (watchdog === undefined) {
    watchdog = spawn('sh', ['-c', watchdogScript], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    watchdog.unref();
    if (watchdog.stdin instanceof Socket) watchdog.stdin.unref();
    watchdog.stdin?.on('error', () => {});
    process.once('exit', endEverything);
  }
  watchdog.stdin?.write(`${line}\n`);
}

function endEverything(): void {
  for (const pid of pids) killIfThere(pid);
  for (const directory of directories) {
    try {
      rmSync(directory, { recursive: true, force: true });
    } catch {
      // A process that was just killed may still have written; the watchdog removes the rest.
    }
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

/** Whether the process still runs. One that has ended and only waits to be collected (a zombie) does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !existsSync('/proc/self/stat') || !isZombie(pid);
}

function isZombie(pid: number): boolean {
  try {
    // "PID (NAME) STATE …", where the name may hold anything.
    return /^.*\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

/** From now on the process with this id is killed when this one ends; with a negative id, all of that process group. */
export function endWithUs(pid: number): void {
  pids.add(pid);
  tellWatchdog(`+ ${pid}`);
}

/** To be said once the process has ended, for its id may then be given to another. */
export function hasEnded(pid: number): void {
  if (pids.delete(pid)) tellWatchdog(`- ${pid}`);
}

/** From now on the directory is removed when this process ends. */
export function removeWithUs(directory: string): void {
  directories.add(directory);
  tellWatchdog(`d ${directory}`);
}
