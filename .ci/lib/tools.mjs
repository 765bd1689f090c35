// Programs that npm does not carry: found on the machine, or fetched from Debian's packages into .tools/.
//
// Whatever was found, .tools/bin/NAME leads to it, so that nothing else has to search.
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { extractDebianPackage, hasApt } from './debian.mjs';
import { fail, root, run, say, step } from './say.mjs';

const folder = path.join(root, '.tools');
const retryFailedFetchAfterMs = 60 * 60 * 1000;

/** The tools as data. `file` is where the package puts the program; `copy` takes data files from it instead. */
export const tools = [
  {
    name: 'nats-server',
    variable: 'NATS_SERVER',
    versionArguments: ['--version'],
    versionPattern: /nats-server: v(\d+)\.(\d+)/,
    versionMin: [2, 9],
    package: { name: 'nats-server' },
    file: 'usr/sbin/nats-server',
    required: true,
    remedies: [
      'Debian, Ubuntu: apt-get install nats-server',
      'macOS: brew install nats-server',
      'elsewhere: put a release from https://github.com/nats-io/nats-server/releases on PATH, or name it in NATS_SERVER',
    ],
  },
  {
    name: 'tmux',
    variable: 'TMUX_COMMAND',
    versionArguments: ['-V'],
    versionPattern: /tmux (?:next-)?(\d+)\.(\d+)/,
    versionMin: [3, 0],
    package: { name: 'tmux', withLibraries: true },
    file: 'usr/bin/tmux',
    without: 'the tests that look at real screens are skipped',
    remedies: ['Debian, Ubuntu: apt-get install tmux', 'macOS: brew install tmux'],
  },
  {
    name: 'etcd-cases',
    package: { name: 'golang-etcd-server-dev' },
    copy: {
      from: 'usr/share/gocode/src/go.etcd.io/etcd',
      folders: ['raft/quorum/testdata', 'raft/confchange/testdata'],
    },
    onRequest: true,
    without: 'the cases that etcd publishes for its Raft core are skipped, and CI fails',
    remedies: ['they come from the Debian package golang-etcd-server-dev'],
  },
  {
    name: 'etcd',
    variable: 'ETCD',
    versionArguments: ['--version'],
    versionPattern: /etcd Version: (\d+)\.(\d+)/,
    versionMin: [3, 4],
    package: { name: 'etcd-server' },
    file: 'usr/bin/etcd',
    onRequest: true,
    without: 'etcd is not measured beside Quorate',
    remedies: ['Debian, Ubuntu: apt-get install etcd-server', 'macOS: brew install etcd'],
  },
  ...['promtool', 'prometheus'].map((name) => ({
    name,
    variable: name.toUpperCase(),
    versionArguments: ['--version'],
    versionPattern: /version (\d+)\.(\d+)/,
    versionMin: [2, 40],
    package: { name: 'prometheus' },
    file: `usr/bin/${name}`,
    sharedFolder: 'prometheus',
    onRequest: true,
    without: 'the alert rules are not tried',
    remedies: ['Debian, Ubuntu: apt-get install prometheus', 'macOS: brew install prometheus'],
  })),
];

/** Tools of one package share what was unpacked. */
const unpacked = (tool) => path.join(folder, tool.sharedFolder ?? tool.name);
const failureNote = (tool) => path.join(folder, `${tool.name}.unavailable`);
const entry = (tool) => path.join(folder, 'bin', tool.name);

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** False as well where the program does not run at all. */
function isNewEnough(tool, file) {
  const { ok, output } = run(file, tool.versionArguments);
  const found = tool.versionPattern.exec(output);
  if (!ok || found === null) return false;
  const [major, minor] = [Number(found[1]), Number(found[2])];
  return major > tool.versionMin[0] || (major === tool.versionMin[0] && minor >= tool.versionMin[1]);
}

function fetchedLibraries(tool) {
  const architecture = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch] ?? '';
  return ['usr/lib', 'lib'].map((folderName) => path.join(unpacked(tool), folderName, architecture)).filter(existsSync);
}

/** Where the program is, in the order: named in the variable, on PATH, fetched earlier. */
function locate(tool) {
  const named = process.env[tool.variable];
  if (named !== undefined && named !== '') {
    if (!isExecutable(named) || !isNewEnough(tool, named)) {
      fail(
        `${tool.variable}=${named} is not a ${tool.name} of version ${tool.versionMin.join('.')} or later; correct or unset it.`,
        2,
      );
    }
    return path.resolve(named);
  }
  const folders = (process.env.PATH ?? '')
    .split(path.delimiter)
    .filter((item) => path.isAbsolute(item) && !item.startsWith(folder));
  const candidate = folders.map((item) => path.join(item, tool.name)).find(isExecutable);
  if (candidate !== undefined && isNewEnough(tool, candidate)) return candidate;
  const fetched = path.join(unpacked(tool), tool.file);
  return isExecutable(fetched) ? fetched : undefined;
}

/** A fetched program may bring libraries of its own, which only a small script can point it to. */
function wrapperFor(tool, program) {
  const libraries = fetchedLibraries(tool);
  if (!program.startsWith(folder) || libraries.length === 0) return undefined;
  return `#!/bin/sh\nLD_LIBRARY_PATH='${libraries.join(':')}' exec '${program}' "$@"\n`;
}

function entryLeadsTo(tool, program) {
  const file = entry(tool);
  if (!existsSync(file)) return false;
  const wrapper = wrapperFor(tool, program);
  if (wrapper !== undefined) return !lstatSync(file).isSymbolicLink() && readFileSync(file, 'utf8') === wrapper;
  return lstatSync(file).isSymbolicLink() && readlinkSync(file) === program;
}

function makeEntry(tool, program) {
  const file = entry(tool);
  mkdirSync(path.dirname(file), { recursive: true });
  rmSync(file, { force: true });
  const wrapper = wrapperFor(tool, program);
  if (wrapper === undefined) {
    symlinkSync(program, file);
  } else {
    writeFileSync(file, wrapper);
    chmodSync(file, 0o755);
  }
  if (!isNewEnough(tool, file))
    fail(`${program} does not run, or is older than ${tool.versionMin.join('.')}.\n${tool.remedies.join('\n')}`);
}

function failedLately(tool) {
  return existsSync(failureNote(tool)) && Date.now() - statSync(failureNote(tool)).mtimeMs < retryFailedFetchAfterMs;
}

export function toolIsReady(tool) {
  if (tool.copy !== undefined)
    return existsSync(path.join(unpacked(tool), tool.copy.folders.at(-1))) || failedLately(tool);
  const program = locate(tool);
  if (program !== undefined) return entryLeadsTo(tool, program);
  return !tool.required && failedLately(tool);
}

function giveUp(tool, reason) {
  const text = [`${tool.name} is not here and could not be fetched (${reason}).`, ...tool.remedies].join('\n       ');
  if (tool.required) fail(text);
  say(`${text}\n       Without it ${tool.without}.`);
  writeFileSync(failureNote(tool), reason);
}

export function fetchTool(tool) {
  const program = tool.copy === undefined ? locate(tool) : undefined;
  if (program === undefined) {
    if (!hasApt()) return giveUp(tool, 'this system has no apt-get');
    const problem = step(`fetching ${tool.name} (Debian package, into .tools/)`, () =>
      extractDebianPackage(tool.package, unpacked(tool), tool.copy),
    );
    if (problem !== undefined) return giveUp(tool, problem);
  }
  rmSync(failureNote(tool), { force: true });
  if (tool.copy !== undefined) return undefined;
  const found = locate(tool);
  if (found === undefined) return giveUp(tool, `its package holds no ${tool.file}`);
  return makeEntry(tool, found);
}
