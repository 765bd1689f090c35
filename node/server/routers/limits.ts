/** Every bound and every wait of what controllers answer to routers. */
export const serviceLimits = {
  heartbeatMs: 5_000,
  heartbeatsMissedMax: 3,
  /** After a nats-server came back, thousands of routers need this long to be heard again. */
  reconnectGraceMs: 10_000,
  routersMax: 100_000,
  /** Bytes of one page or one answer with changes: well under NATS's usual limit of a message (1 MiB). */
  replyBytesMax: 256 * 1024,
  /** A model built for one router is given to those that ask within this time; what changed since they fetch as changes. */
  modelReuseMs: 3_000,
  /** A model whose pages nobody asked for in this time is let go. */
  modelKeepMs: 30_000,
  /** A copy of a larger model is let go after `modelReuseMs`; a smaller one is kept for routers that want their part of it. */
  copyKeptEntitiesMax: 50_000,
  /** Models kept at a time, so that those who are in the middle of one can finish it. */
  modelsKeptMax: 3,
  /** Entities read or encoded before other work gets its turn. */
  sliceEntities: 500,
  /** Times that building begins anew because the history changed under it. */
  buildAttemptsMax: 3,
  /** Changes of one answer. */
  changesMax: 1_000,
  /** Answers with changes that are kept, for the many routers that miss the same. */
  changesKeptMax: 64,
  /** Requests for the model that wait for it to be built. */
  syncWaitingMax: 20_000,
  /** Bytes of models and changes sent in a second, so that the controllers' other messages are not kept waiting. */
  syncBytesPerSecondMax: 64 * 1024 * 1024,
  /** Hellos and syncs of one router; one that takes the model page by page asks as fast as it can. */
  asksPerSecondMax: 500,
  /** Hellos, heartbeats and alerts of one router. */
  tellsPerSecondMax: 100,
  /** What a router says is small; more is not read. */
  messageBytesMax: 64 * 1024,
  /** Of a turn of the event loop, for what routers say. */
  perTurnMsMax: 10,
  /** What they said and nobody has read yet, and its bytes. More is dropped, and said again by them. */
  messagesWaitingMax: 100_000,
  messageBytesWaitingMax: 64 * 1024 * 1024,
  retryAfterMaxMs: 5_000,
  /** A router that is refused is told of in an event once in this time. */
  refusedWindowMs: 60_000,
  /** Alerts remembered, to tell one that was sent again. */
  alertsRememberedMax: 4_096,
} as const;

export type ServiceLimits = { readonly [Name in keyof typeof serviceLimits]: number };
