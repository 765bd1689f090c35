/** What a metric is, and the words in which the tables beside this file say where its value comes from. */
import type { Histogram } from '../../cluster/histogram.js';
import type { ControllerFacts, Facts } from './facts.js';

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Described {
  readonly name: string;
  /** One sentence, without a full stop: HELP, and the docs. */
  readonly help: string;
  readonly group: MetricGroup;
}

interface ValueMetric extends Described {
  readonly type: 'gauge' | 'counter';
  /** Beside `cluster` and `node`, which every sample has. */
  readonly labels?: readonly string[];
  readonly read: (facts: Facts) => number | null | readonly Sample[];
}

interface HistogramMetric extends Described {
  readonly type: 'histogram';
  readonly read: (facts: Facts) => Histogram | null;
}

export type Metric = ValueMetric | HistogramMetric;

export const metricGroups = [
  'Controller',
  'Raft',
  'Replication',
  'Latency',
  'Messages',
  'Queues',
  'Routers and events',
  'Storage and backups',
  'Process',
] as const;
export type MetricGroup = (typeof metricGroups)[number];

// ------------------------------------------------------------------------------------------------------------- in short

export type Read<T> = (controller: ControllerFacts) => T;
export type Raft = NonNullable<ControllerFacts['status']['raft']>;

export const of =
  <T>(read: Read<T | null>) =>
  ({ controller }: Facts): T | null =>
    controller === null ? null : read(controller);

export const ofRaft = (read: (raft: Raft) => number | null | readonly Sample[]) =>
  of(({ status }) => (status.raft === null ? null : read(status.raft)));

/** A counter of the member, counted since it began. */
export const counted = (name: string) => of(({ status }) => status.counters[name] ?? null);

export const one = (isSo: boolean): number => (isSo ? 1 : 0);

/** One sample for each: 1 for those that hold, 0 for the others, so that none of them disappears. */
export const eachOf = (label: string, all: readonly string[], holds: (value: string) => boolean): readonly Sample[] =>
  all.map((value) => ({ labels: { [label]: value }, value: one(holds(value)) }));

export const byLabel = (label: string, values: Readonly<Record<string, number>>): readonly Sample[] =>
  Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));

/** What the leader knows of the others; nothing anywhere else. */
export const ofFollowers = (value: (follower: Raft['progress'][number]) => number | null) =>
  of(({ status }) =>
    (status.raft?.progress ?? [])
      .filter(({ id }) => id !== status.node)
      .flatMap((follower): Sample[] => {
        const read = value(follower);
        return read === null ? [] : [{ labels: { follower: follower.id }, value: read }];
      }),
  );

export function mapped<Value>(
  values: Readonly<Record<string, Value>>,
  by: (value: Value) => number,
): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, by(value)]));
}
