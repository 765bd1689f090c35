/** Makes nats-server read its accounts anew: who was taken away is cut off in that moment. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandLineOf } from '../commands/demo/processes.js';
import type { Deployment } from './deployment.js';
import { fileNames } from './nats-config.js';
import type { AuthStore } from './store.js';

export interface Reload {
  readonly done: boolean;
  /** What happened, or what is to be done by hand. */
  readonly sentence: string;
}

const commandMaxMs = 60_000;

/** By the command that the deployment names, else by SIGHUP to the nats-server of this machine, which wrote its process id. */
export async function reload(store: AuthStore, deployment: Deployment): Promise<Reload> {
  if (deployment.reloadCommand !== null) return runCommand(deployment.reloadCommand, store);
  const accounts = join(store.natsFolder, fileNames.accounts);
  const byHand = `copy ${accounts} to each host of a NATS server, and there: nats-server --signal reload (or systemctl reload nats-server)`;
  const pid = pidOf(join(store.natsFolder, fileNames.pid));
  if (pid === null) return { done: false, sentence: `no nats-server runs from ${store.natsFolder}: ${byHand}` };
  try {
    process.kill(pid, 'SIGHUP');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { done: false, sentence: `nats-server (process ${pid}) cannot be told: ${reason}: sudo kill -HUP ${pid}` };
  }
  const others = deployment.hosts.length > 1 ? `; for the other hosts: ${byHand}` : '';
  return { done: true, sentence: `nats-server (process ${pid}) reads it anew${others}` };
}

/** Null where none is written there, or the id belongs to another program now. */
function pidOf(path: string): number | null {
  try {
    const pid = Number(readFileSync(path, 'utf8').trim());
    return Number.isSafeInteger(pid) && pid > 1 && commandLineOf(pid).includes('nats-server') ? pid : null;
  } catch {
    return null;
  }
}

function runCommand(command: string, store: AuthStore): Promise<Reload> {
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', command], {
      cwd: store.natsFolder,
      env: { ...process.env, QUORATE_NATS_FOLDER: store.natsFolder },
      // Its output is for people; results are on stdout.
      stdio: ['ignore', 2, 2],
      timeout: commandMaxMs,
    });
    const failed = (how: string): void => resolve({ done: false, sentence: `the reload command ${how}: ${command}` });
    child.once('error', (error) => failed(`cannot be run (${error.message})`));
    child.once('exit', (code, signal) => {
      if (code === 0) resolve({ done: true, sentence: 'the reload command has told the NATS servers' });
      else failed(code === null ? `was ended by ${signal}` : `failed with exit code ${code}`);
    });
  });
}
