/**
 * `npm run systemd`: the units of deploy/systemd under a real systemd, which runs as the first process of namespaces of its own
 * over a throw-away copy of this machine's files. What is looked at stands in try.sh.
 */
import { mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { installPackage } from '../package/installed.js';
import { checkoutRoot, toolPath } from '../support/checkout.js';
import { readOptions, refuse } from '../support/options.js';
import { runProcess, startProcess, tailOf } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';

const usage = {
  command: 'npm run systemd',
  purpose:
    'Runs the units of deploy/systemd under a real systemd, in namespaces of its own. Needs Linux with systemd, and root.',
  examples: [['', 'start, stop with handing over, SIGKILL, wrong settings, the router']],
} as const;
readOptions(usage, {});
if (process.platform !== 'linux' || process.getuid?.() !== 0) refuse(usage, 'it needs Linux and root');

const startMaxMs = 60_000;
const tryMaxMs = 300_000;
const here = path.join(checkoutRoot, 'test', 'systemd');
const { prefix } = await installPackage('checkout');
const cgroup = path.join(cgroupsRoot(), `quorate-${process.pid}`);
mkdirSync(cgroup);
const scratch = temporaryDirectory('systemd');
const files = [scratch, prefix, process.execPath, toolPath('nats-server'), path.join(checkoutRoot, 'deploy/systemd')];
const enter = ['sh', path.join(here, 'enter.sh'), ...files, path.join(here, 'try.sh')];
const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--uts', '--ipc', '--net', '--cgroup'];
const join = `echo $$ >${cgroup}/cgroup.procs && exec "$@"`;
const box = await startProcess('sh', ['-c', join, 'sh', 'unshare', ...namespaces, ...enter], { name: 'systemd' });
try {
  const inside = (): readonly string[] => ['-t', firstChildOf(box.pid), '-m', '-p', '-u', '-i', '-n'];
  await eventually(
    async () => (await runProcess('nsenter', [...inside(), 'systemctl', 'is-active', 'nats-server'])).code === 0,
    {
      what: 'systemd to have started the NATS server',
      timeoutMs: startMaxMs,
      intervalMs: 500,
      show: () => tailOf(box.logs()),
    },
  );
  const tried = await runProcess('nsenter', [...inside(), 'sh', '/opt/quorate/try.sh'], { timeoutMs: tryMaxMs });
  process.stdout.write(tried.stdout);
  if (tried.code !== 0) process.stderr.write(tried.stderr);
  process.exitCode = tried.code ?? 1;
} finally {
  await box.kill();
  await eventually(() => readFileSync(path.join(cgroup, 'cgroup.procs'), 'utf8') === '', {
    what: 'all of it to end',
  }).catch(() => undefined);
  removeTree(cgroup);
}

/** Where a group can be made for systemd: the second kind of control groups, or of the first kind its named hierarchy. */
function cgroupsRoot(): string {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const named = mounts.find(([, , type, options]) => type === 'cgroup' && options?.split(',').includes('name=systemd'));
  return (
    named?.[1] ?? mounts.find(([, , type]) => type === 'cgroup2')?.[1] ?? refuse(usage, 'there are no control groups')
  );
}

function firstChildOf(pid: number): string {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0] || '0';
}

/** Control groups are directories that only `rmdir` takes away, the innermost first. */
function removeTree(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(path.join(directory, entry.name));
  rmdirSync(directory);
}
