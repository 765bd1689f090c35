/** Every bound and every wait of the router client, in one place. */
export const routerLimits = {
  /** Events ahead of what is held that are kept while a gap is filled or the model is taken; over it they are asked for again. */
  bufferedChangesMax: 2_048,
  /** Entities of one model; a controller that sends more is not believed. */
  modelEntitiesMax: 2_000_000,
  /** Failed attempts at one page before the model is begun anew with any controller. */
  pageAttemptsMax: 3,
  /** Answers of an older history before a newer one, of which an event spoke, is taken for an error. */
  olderRepliesMax: 8,
  /** Answers in a row that do not reach a position of which an event spoke, before that is taken for an error. */
  unreachedRepliesMax: 8,
  /** A gap may close by itself (events of two leaders overlap): wait up to this before asking. */
  gapWaitMs: 50,
  /** Changes, pages and hellos that failed are tried again after a jittered wait that doubles from the one to the other. */
  retryWaitMinMs: 100,
  retryWaitMaxMs: 15_000,
  /** Hellos after a reconnect are spread over this, so that a thousand routers do not speak at once. */
  helloSpreadMs: 500,
  /** What all routers hear at once, and answer by asking for the model, they ask for at random within this time. */
  modelSpreadMs: 250,
  /** Where the whole model was taken, the controllers hear of it within this time. */
  resyncedHeartbeatMs: 250,
  /** Who asks what all routers hold gets their answers spread over this. */
  reportSpreadMs: 100,
  /** The longest wait of a router that was refused: what refused it may have been upgraded. */
  refusedRetryMs: 30_000,
  /** An alert of one kind is sent once in this time. */
  alertWindowMs: 60_000,
  /** Alerts that wait for a leader; the oldest is dropped. */
  alertsPendingMax: 32,
  helloTimeoutMs: 3_000,
  syncTimeoutMs: 10_000,
  alertTimeoutMs: 3_000,
  /**
   * How much longer than these an answer may take that has arrived in time at a router that had no time for it. What is given up
   * stays known to the library until then: some dozen questions at most, for one of a kind is asked at a time, and waits double.
   */
  lateAnswerMaxMs: 60_000,
  /** Changes that an iteration may be behind before it is ended with `overloaded`. */
  iterationBehindMax: 65_536,
  /** Attempts to connect to NATS before the first success. */
  connectWaitMinMs: 250,
  connectWaitMaxMs: 5_000,
  /** Without a NATS server for this long, and with addresses learned that the connection does not know, it is made anew. */
  reconnectPatienceMs: 1_000,
  heartbeatMinMs: 50,
  heartbeatMaxMs: 60_000,
} as const;
