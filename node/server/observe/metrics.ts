/**
 * Every metric, as data: what Prometheus is told of it, what docs/metrics.md says, and where the value comes from. Names
 * follow Prometheus' conventions (base units last, `_total` on counters). A metric without a value now is left out.
 */
import { processMetrics, storageMetrics } from './machine-metrics.js';
import type { Metric } from './metric.js';
import { controllerMetrics, latencyMetrics, raftMetrics, replicationMetrics } from './raft-metrics.js';
import { messageMetrics, queueMetrics, routerMetrics } from './traffic-metrics.js';

export const metrics: readonly Metric[] = [
  ...controllerMetrics,
  ...raftMetrics,
  ...replicationMetrics,
  ...latencyMetrics,
  ...messageMetrics,
  ...queueMetrics,
  ...routerMetrics,
  ...storageMetrics,
  ...processMetrics,
];
