/** Disk, backups, and what the process uses. */
import { byLabel, type Metric, of, one } from './metric.js';

export const storageMetrics: readonly Metric[] = [
  {
    name: 'quorate_storage_size_bytes',
    type: 'gauge',
    group: 'Storage and backups',
    labels: ['database'],
    help: 'Size of a database with its write-ahead log: raft (log, hard state) or model',
    read: of(({ status }) =>
      status.storage === null
        ? null
        : byLabel('database', { raft: status.storage.raftBytes, model: status.storage.modelBytes }),
    ),
  },
  {
    name: 'quorate_storage_free_bytes',
    type: 'gauge',
    group: 'Storage and backups',
    help: 'Free space on the file system of its data directory',
    read: ({ freeBytes }) => freeBytes,
  },
  {
    name: 'quorate_model_entities',
    type: 'gauge',
    group: 'Storage and backups',
    labels: ['kind'],
    help: 'Entities of its model',
    read: of(({ status }) => (status.storage === null ? null : byLabel('kind', status.storage.entities))),
  },
  {
    name: 'quorate_backup_last_success_timestamp_seconds',
    type: 'gauge',
    group: 'Storage and backups',
    help: 'When its last scheduled backup was begun that was written and verified; 0: none yet. Absent where none are scheduled',
    read: of(({ status }) => (status.backup === null ? null : (status.backup.last?.at ?? 0) / 1_000)),
  },
  {
    name: 'quorate_backup_interval_seconds',
    type: 'gauge',
    group: 'Storage and backups',
    help: 'From one scheduled backup to the next',
    read: of(({ status }) => (status.backup === null ? null : status.backup.everyMs / 1_000)),
  },
  {
    name: 'quorate_backup_last_size_bytes',
    type: 'gauge',
    group: 'Storage and backups',
    help: 'Size of its last scheduled backup',
    read: of(({ status }) => status.backup?.last?.sizeBytes ?? null),
  },
  {
    name: 'quorate_backup_failed',
    type: 'gauge',
    group: 'Storage and backups',
    help: 'Whether its last attempt of a scheduled backup failed',
    read: of(({ status }) => (status.backup === null ? null : one(status.backup.failure !== null))),
  },
];

export const processMetrics: readonly Metric[] = [
  {
    name: 'quorate_event_loop_busy_seconds_total',
    type: 'counter',
    group: 'Process',
    help: 'Time in which the event loop had work; at a rate near 1 the controller is at its limit',
    read: ({ runtime }) => runtime.loopBusySeconds,
  },
  {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    group: 'Process',
    help: 'Processor time that the process has used',
    read: ({ runtime }) => runtime.cpuSeconds,
  },
  {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    group: 'Process',
    help: 'Resident memory of the process',
    read: ({ runtime }) => runtime.residentBytes,
  },
  {
    name: 'process_heap_bytes',
    type: 'gauge',
    group: 'Process',
    help: 'Heap of the JavaScript engine that is in use',
    read: ({ runtime }) => runtime.heapUsedBytes,
  },
  {
    name: 'process_open_fds',
    type: 'gauge',
    group: 'Process',
    help: 'Open files and sockets; Linux only',
    read: ({ runtime }) => runtime.openFiles,
  },
  {
    name: 'process_start_time_seconds',
    type: 'gauge',
    group: 'Process',
    help: 'When the process was started, in seconds since 1970',
    read: ({ runtime }) => runtime.startedAtSeconds,
  },
];
