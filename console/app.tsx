/**
 * The screens. `runConsole` draws them on the terminal's alternate screen, follows the cluster over NATS and comes back
 * when the operator quits. It needs a client and its connection, changes nothing that was not confirmed by name, and
 * never imports the controller.
 */
import { render, Text } from 'ink';
import type { ApiClient, NatsConnection } from '../messaging/index.js';

export interface ConsoleOptions {
  readonly client: ApiClient;
  /** The connection that `client` was made with: tells when the console itself is cut off. Not closed here. */
  readonly connection: NatsConnection;
  readonly cluster: string;
  /** Name of the operator, as in the client's `from`; shown and recorded with operations. */
  readonly operator: string;
  /** True: nothing can be changed, and `:unlock` is refused. */
  readonly readOnly: boolean;
  /** Colours; `none` also where NO_COLOR is set. Default: dark. */
  readonly theme?: 'dark' | 'light' | 'colour-blind' | 'none';
  /** Version of this program, for the header. */
  readonly version?: string;
}

/** Resolves when the operator quits; the terminal is then as it was. Needs a terminal on stdin and stdout. */
export async function runConsole(options: ConsoleOptions): Promise<void> {
  const instance = render(<Text>Listening for controllers of cluster {options.cluster} ...</Text>, { alternateScreen: true });
  await instance.waitUntilExit();
}
