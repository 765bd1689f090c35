/** Every bound and every wait of the console, named. */

/** Older than this, what is shown says how old it is. */
export const staleAfterMs = 2_000;
/** A controller that was not heard for this long is called silent: three of its statuses are missing. */
export const silentAfterMs = 3_500;
/** How long after start the console waits before it says that nobody is there. */
export const listenMs = 1_500;
/** Entries behind the leader from which a follower is called lagging. */
export const lagEntriesMax = 1_000;
/** A member's contact with the leader older than this is worth a word. */
export const contactMsMax = 2_000;

export const eventsMax = 2_000;
/** Seconds of each metric: a quarter of an hour. */
export const seriesMax = 900;
/** Rows that may be marked in one list. */
export const marksMax = 1_000;
/** What is written to a file at once. */
export const savedRowsMax = 50_000;
export const operationsMax = 200;
export const routersMax = 50_000;
export const entitiesMax = 5_000;
export const nodesMax = 256;
export const historyMax = 50;
export const placesMax = 32;
export const inputLengthMax = 256;

export const routersPageLimit = 500;
export const entitiesPageLimit = 500;
/** From the end of one reading of the list of routers to the beginning of the next, at least. */
export const routersPollMs = 1_000;
/**
 * And for each router in it: ten thousand cost the leader half a second of its time to list, which it should not pay all the
 * time for each console that is open. Who comes and goes is heard of at once all the same, by events.
 */
export const routersPollMsPerRouter = 1;
export const modelPollMs = 2_000;
export const operationsPollMs = 5_000;
/** An operation of which nothing was heard for this long is asked for. */
export const operationSilentMs = 2_000;
/** A poll that failed is not repeated before this. */
export const retryMs = 1_000;
export const pollTimeoutMs = 2_500;
export const changeTimeoutMs = 10_000;
/** A large model takes a while to be written. */
export const snapshotTimeoutMs = 120_000;

/** Files of all controllers that are shown. */
export const snapshotsMax = 1_000;
export const snapshotsPollMs = 5_000;
/** Between two questions how far a file is that is made ready for a restore. */
export const preparingPollMs = 500;

export const flashMs = 6_000;
/** What went wrong stays longer; any key takes it away. */
export const flashOfTroubleMs = 60_000;
/** What is heard is drawn after this long without a frame. */
export const frameMs = 100;
/** What the operator does is drawn at once, and not more often than this. With `frameMs`: thirty frames a second at most. */
export const keyFrameMs = 1_000 / 30;
export const tickMs = 250;

export const columnsMin = 80;
export const rowsMin = 24;
