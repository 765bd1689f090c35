/**
 * The package as a stranger installs it: packed, put into a folder of its own, and run with an empty HOME and a PATH on which
 * there are Node and three programs that every machine has, and neither a compiler nor anything of the checkout.
 */
import { chmodSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { checkoutRoot, toolPath } from '../support/checkout.js';
import {
  type FinishedProcess,
  type ProcessOptions,
  type RunningProcess,
  runProcess,
  startProcess,
} from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

export interface Installed {
  /** Where npm put it: `bin` and `lib` are below. */
  readonly prefix: string;
  /** `quorate ARGS…`, as the words of a command that knows nothing of this process's environment. */
  command(args: readonly string[]): readonly [string, ...string[]];
  start(args: readonly string[], options?: ProcessOptions): Promise<RunningProcess>;
  run(args: readonly string[]): Promise<FinishedProcess>;
}

/**
 * `registry`: by `npm install --global`, with all that comes with it. `checkout`: unpacked, with the packages that the checkout
 * has in the place of those that npm would fetch; needs no network.
 */
export type Source = 'registry' | 'checkout';

const packMaxMs = 120_000;
const installMaxMs = 300_000;
const runMaxMs = 60_000;
/** Of those that every machine has; no compiler, no Python, no make. */
const programs = ['sh', 'env', 'cat'];
const packageSchema = z.object({ packages: z.record(z.string(), z.object({ dev: z.boolean().optional() })) });

export async function installPackage(source: Source, node = process.execPath): Promise<Installed> {
  const [home, programsFolder, prefix] = ['home', 'programs', 'prefix'].map((name) => temporaryDirectory(name));
  if (home === undefined || programsFolder === undefined || prefix === undefined) throw new Error('there are three');
  for (const program of programs) symlinkSync(path.join('/usr/bin', program), path.join(programsFolder, program));
  symlinkSync(node, path.join(programsFolder, 'node'));
  const environment = (searched: string): readonly string[] => [
    '-i',
    `HOME=${home}`,
    `PATH=${searched}`,
    'TERM=screen',
  ];
  const archive = await pack();
  if (source === 'registry') {
    // How this machine reaches its registry is not what is tried: npm is told where its settings are.
    const settings = [
      '--globalconfig',
      (await succeed('env', [...outside(), 'npm', 'config', 'get', 'globalconfig'])).trim(),
    ];
    const npm = (await succeed('sh', ['-c', 'readlink -f "$(command -v npm)"'])).trim();
    const install = ['install', '--global', '--prefix', prefix, '--no-audit', '--no-fund', ...settings, archive];
    await succeed('env', [...environment(programsFolder), node, npm, ...install], installMaxMs);
  } else await unpack(archive, prefix);
  const all = environment(`${path.join(prefix, 'bin')}:${programsFolder}`);
  const named = [...all, `NATS_SERVER=${toolPath('nats-server')}`];
  const command = (args: readonly string[]): readonly [string, ...string[]] => [
    '/usr/bin/env',
    ...named,
    'quorate',
    ...args,
  ];
  return {
    prefix,
    command,
    start(args, options) {
      const [program, ...rest] = command(args);
      return startProcess(program, rest, { name: `quorate-${args[0] ?? ''}`, cwd: home, ...options });
    },
    run(args) {
      const [program, ...rest] = command(args);
      return runProcess(program, rest, { name: `quorate-${args[0] ?? ''}`, cwd: home, timeoutMs: runMaxMs });
    },
  };
}

/** As from a shell that knows nothing of the checkout, whose Node would have npm look for its settings beside itself. */
function outside(): readonly string[] {
  const searched = (process.env['PATH'] ?? '').split(path.delimiter).filter((each) => !each.includes('node_modules'));
  return ['-u', 'npm_config_globalconfig', '-u', 'npm_config_prefix', `PATH=${searched.join(path.delimiter)}`];
}

/** @returns the file. What it holds was built before: nothing of `prepack` runs. */
async function pack(): Promise<string> {
  const folder = temporaryDirectory('packed');
  const named = await succeed('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], packMaxMs);
  return path.join(folder, named.trim().split('\n').at(-1) ?? '');
}

/** Where npm would put it. */
async function unpack(archive: string, prefix: string): Promise<void> {
  const place = path.join(prefix, 'lib', 'node_modules', 'quorate');
  mkdirSync(path.join(place, 'node_modules'), { recursive: true });
  mkdirSync(path.join(prefix, 'bin'));
  await succeed('tar', ['-xzf', archive, '--strip-components=1', '-C', place]);
  const { packages } = packageSchema.parse(
    JSON.parse(readFileSync(path.join(checkoutRoot, 'package-lock.json'), 'utf8')),
  );
  for (const [where, { dev }] of Object.entries(packages)) {
    const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(where)?.[1];
    if (name === undefined || dev === true) continue;
    const link = path.join(place, 'node_modules', name);
    mkdirSync(path.dirname(link), { recursive: true });
    symlinkSync(path.join(checkoutRoot, where), link);
  }
  const program = path.join(place, 'dist', 'packed', 'quorate.js');
  chmodSync(program, 0o755);
  symlinkSync(program, path.join(prefix, 'bin', 'quorate'));
}

async function succeed(program: string, args: readonly string[], timeoutMs = runMaxMs): Promise<string> {
  const { code, stdout, stderr } = await runProcess(program, args, { cwd: checkoutRoot, timeoutMs });
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${stderr}${stdout}`);
  return stdout;
}
