/** What a demo writes down of itself in its directory: by it a kept demo is found, and stopped, later. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { QuorateError } from '../../../messaging/errors.js';
import { shellWord } from '../../../messaging/shell-word.js';
import { commandLineOf, isAlive } from './processes.js';

const recordSchema = z.object({
  /** The demo's own process. */
  owner: z.int(),
  pids: z.array(z.int()),
  natsUrl: z.string().nullable(),
  /** Whether the directory was made by the demo and goes with it. */
  temporary: z.boolean(),
});
type RecordData = z.infer<typeof recordSchema>;

const recordName = 'demo.json';
const temporaryPrefix = 'quorate-demo-';

export class DemoDirectory {
  readonly path: string;
  #data: RecordData;
  #isKept = false;

  private constructor(path: string, data: RecordData) {
    this.path = path;
    this.#data = data;
  }

  /** @throws QuorateError `data-dir-locked` where a demo runs in it already. */
  static open(given: string | undefined, keep: boolean, env: NodeJS.ProcessEnv): DemoDirectory {
    sweep();
    const fixed = given === undefined ? (keep ? keptDirectory(env) : undefined) : resolve(given);
    const path = fixed ?? mkdtempSync(join(tmpdir(), temporaryPrefix));
    for (const name of ['logs', 'pids']) mkdirSync(join(path, name), { recursive: true });
    const before = readRecord(path);
    if (before !== undefined && runningIn(path, before).length > 0) {
      throw new QuorateError('data-dir-locked', `a demo runs in ${path} already`, {
        remedy: `Attach to it: quorate console --config ${shellWord(join(path, 'quorate.yaml'))}; or stop it: quorate demo --stop${given === undefined ? '' : ` --data-dir ${shellWord(given)}`}.`,
      });
    }
    const directory = new DemoDirectory(path, {
      owner: process.pid,
      pids: [],
      natsUrl: before?.natsUrl ?? null,
      temporary: given === undefined,
    });
    directory.#write();
    return directory;
  }

  /** The kept demo of this directory. @throws QuorateError `not-found` */
  static find(given: string | undefined, env: NodeJS.ProcessEnv): DemoDirectory {
    const path = given === undefined ? keptDirectory(env) : resolve(given);
    const data = readRecord(path);
    if (data === undefined || runningIn(path, data).length === 0) {
      throw new QuorateError('not-found', `no demo runs in ${path}`, {
        remedy: 'Name its directory with --data-dir, where it was started with one.',
      });
    }
    return new DemoDirectory(path, data);
  }

  /** Whether the processes are to stay when the demo's own ends. */
  get isKept(): boolean {
    return this.#isKept;
  }

  setKept(): void {
    this.#isKept = true;
  }

  get natsUrl(): string | null {
    return this.#data.natsUrl;
  }

  get configFile(): string {
    return join(this.path, 'quorate.yaml');
  }

  logFile(name: string): string {
    return join(this.path, 'logs', `${name}.log`);
  }

  pidFile(id: string): string {
    return join(this.path, 'pids', id);
  }

  /** A folder of its own for one of the processes. */
  folder(name: string): string {
    const path = join(this.path, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Also written to `pids/ID`, so that one of them can be killed by name, and nobody else's process by mistake. */
  addPid(id: string, pid: number): void {
    this.#setPids([...this.#data.pids, pid]);
    writeFileSync(this.pidFile(id), `${pid}\n`);
  }

  /** Writes the config file by which the processes, and whoever wants to look, reach the cluster. */
  setNats(natsUrl: string, cluster: string): void {
    this.#data = { ...this.#data, natsUrl };
    this.#write();
    writeFileSync(this.configFile, stringify({ nats: natsUrl, cluster }));
  }

  /** Of the server, which is started first. */
  get natsPid(): number | undefined {
    return this.#data.pids[0];
  }

  /** Of the processes that were started, those that still run. */
  running(): readonly number[] {
    return runningIn(this.path, this.#data);
  }

  isOurs(pid: number): boolean {
    return commandLineOf(pid).includes(this.path);
  }

  /** Removes what the demo made for itself; a directory that was named by the user stays, to be started again. */
  cleanUp(): void {
    if (this.#data.temporary) rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
    else {
      this.#setPids([]);
      rmSync(join(this.path, 'pids'), { recursive: true, force: true });
    }
  }

  #setPids(pids: readonly number[]): void {
    this.#data = { ...this.#data, pids: [...pids] };
    this.#write();
  }

  #write(): void {
    writeFileSync(join(this.path, recordName), `${JSON.stringify(this.#data, null, 2)}\n`);
  }
}

function keptDirectory(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'quorate', 'demo');
}

function readRecord(path: string): RecordData | undefined {
  const file = join(path, recordName);
  if (!existsSync(file)) return undefined;
  try {
    return recordSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

function runningIn(path: string, { pids }: RecordData): readonly number[] {
  return pids.filter((pid) => isAlive(pid) && commandLineOf(pid).includes(path));
}

/** A demo that was killed could not remove its directory; the next one does. */
function sweep(): void {
  for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(temporaryPrefix))) {
    const path = join(tmpdir(), name);
    const data = readRecord(path);
    if (data === undefined || isAlive(data.owner) || runningIn(path, data).length > 0) continue;
    rmSync(path, { recursive: true, force: true });
  }
}
