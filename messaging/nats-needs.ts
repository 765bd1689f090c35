/** What Quorate needs of NATS, in numbers: what a join checks of a candidate, and `quorate check nats` of the servers. */

/** Beyond this, commits would wait for it. */
export const natsRoundTripWarnMs = 20;
/** Longer than an election waits at the default settings. */
export const natsRoundTripFailMs = 150;
/** An append carries up to 256 KiB of entries, and an envelope. */
export const maxPayloadNeededBytes = 512 * 1024;
/** Major and minor version of nats-server. */
export const natsServerVersionMin: readonly [number, number] = [2, 9];
