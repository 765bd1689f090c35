/** A real Prometheus, with the rules that are shipped, asked over its HTTP API. */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { z } from 'zod';
import { toolPath } from '../support/checkout.js';
import { type RunningProcess, startProcess, tailOf } from '../support/process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from '../support/wait.js';
import { rulesPath } from './metrics-document.js';

export interface Alert {
  readonly name: string;
  readonly state: 'pending' | 'firing';
  readonly labels: Readonly<Record<string, string>>;
}

export interface Prometheus {
  /** Addresses that answered the last scrape. */
  up(): Promise<readonly string[]>;
  alerts(): Promise<readonly Alert[]>;
  /** Rules that could not be evaluated, with why. */
  brokenRules(): Promise<readonly string[]>;
  /** How many series an expression gives. @throws where it cannot be evaluated */
  query(
    expression: string,
  ): Promise<readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[]>;
  end(): Promise<void>;
}

const startTimeoutMs = 60_000;
const labelsSchema = z.record(z.string(), z.string());
const targetsSchema = z.object({ activeTargets: z.array(z.object({ labels: labelsSchema, health: z.string() })) });
const alertsSchema = z.object({
  alerts: z.array(z.object({ labels: labelsSchema, state: z.enum(['pending', 'firing']) })),
});
const rulesSchema = z.object({
  groups: z.array(
    z.object({ rules: z.array(z.object({ name: z.string(), health: z.string(), lastError: z.string().optional() })) }),
  ),
});
const querySchema = z.object({
  result: z.array(z.object({ metric: labelsSchema, value: z.tuple([z.number(), z.string()]) })),
});
const answerSchema = z.object({ status: z.string(), error: z.string().optional(), data: z.unknown() });

/** Scrapes these addresses every second. */
export async function startPrometheus(targets: readonly string[]): Promise<Prometheus> {
  const directory = temporaryDirectory('prometheus');
  const configuration = path.join(directory, 'prometheus.yml');
  // JSON is YAML.
  const job = { job_name: 'quorate', static_configs: [{ targets }] };
  writeFileSync(
    configuration,
    JSON.stringify({
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: [rulesPath],
      scrape_configs: [job],
    }),
  );
  const address = `127.0.0.1:${await freePort()}`;
  const running = await startProcess(toolPath('prometheus'), [
    `--config.file=${configuration}`,
    `--storage.tsdb.path=${path.join(directory, 'data')}`,
    `--web.listen-address=${address}`,
  ]);
  await eventually(async () => (await fetch(`http://${address}/-/ready`)).ok || ended(running), {
    what: 'Prometheus to be ready',
    timeoutMs: startTimeoutMs,
    show: () => tailOf(running.logs()),
  });
  const ask = <T>(what: string, schema: z.ZodType<T>): Promise<T> => askApi(address, what, schema);
  return {
    up: async () =>
      (await ask('targets', targetsSchema)).activeTargets
        .filter(({ health }) => health === 'up')
        .map(({ labels }) => labels['instance'] ?? ''),
    alerts: async () =>
      (await ask('alerts', alertsSchema)).alerts.map(({ labels, state }) => ({
        name: labels['alertname'] ?? '',
        state,
        labels,
      })),
    brokenRules: async () =>
      (await ask('rules', rulesSchema)).groups
        .flatMap(({ rules }) => rules)
        .filter(({ health }) => health === 'err')
        .map(({ name, lastError }) => `${name}: ${lastError}`),
    query: async (expression) =>
      (await ask(`query?query=${encodeURIComponent(expression)}`, querySchema)).result.map(({ metric, value }) => ({
        labels: metric,
        value: Number(value[1]),
      })),
    end: async () => void (await running.stop()),
  };
}

function ended(running: RunningProcess): false {
  if (!running.isRunning()) throw new Error(`Prometheus has ended:\n${tailOf(running.logs())}`);
  return false;
}

async function askApi<T>(address: string, what: string, schema: z.ZodType<T>): Promise<T> {
  const response = await fetch(`http://${address}/api/v1/${what}`);
  const { status, error, data } = answerSchema.parse(await response.json());
  if (status !== 'success') throw new Error(`${what}: ${error}`);
  return schema.parse(data);
}

/** One that nobody had a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const bound = server.address();
      server.close(() => resolve(bound !== null && typeof bound === 'object' ? bound.port : 0));
    });
  });
}
