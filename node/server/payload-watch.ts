/**
 * Whether NATS carries messages as large as controllers send. Where it does not, nothing that is asked or told in one message
 * may end anybody; but events, entries and snapshots go missing, and that must be seen before it is felt.
 */
import type { NatsConnection } from '../../messaging/connection.js';
import { maxPayloadNeededBytes } from '../../messaging/nats-needs.js';
import type { Alarms } from './alarms.js';
import type { Log } from './log.js';

export interface PayloadWatchOptions {
  readonly connection: Pick<NatsConnection, 'info'>;
  readonly alarms: Pick<Alarms, 'raise' | 'clear'>;
  readonly log: Log;
}

const code = 'nats-max-payload';

export class PayloadWatch {
  readonly #options: PayloadWatchOptions;

  constructor(options: PayloadWatchOptions) {
    this.#options = options;
  }

  /** At the start, and whenever a connection is back: the server may be another one, or have other settings. */
  look(): void {
    const { connection, alarms, log } = this.#options;
    const bytes = connection.info?.max_payload;
    if (bytes === undefined) return;
    if (bytes >= maxPayloadNeededBytes) return alarms.clear(code);
    const message = `NATS carries ${bytes} bytes in a message, and ${maxPayloadNeededBytes} are needed: what is larger is not sent`;
    const remedy = `Set max_payload of the NATS servers to at least ${maxPayloadNeededBytes} (the default is 1 MiB), and reload them.`;
    log.warn(code, 'NATS carries too little in one message', { bytes, neededBytes: maxPayloadNeededBytes });
    alarms.raise(code, { code, severity: 'error', message, remedy });
  }
}
