/** The reference router: follows the model, tells what it sees, and keeps running. What a router would do with it is left out. */
import { connectRouter, type RouterClient, type RouterLog, type RouterOptions } from './client.js';

export interface RouterAgentConfig extends Omit<RouterOptions, 'log'> {
  readonly log: RouterLog;
  /** Ends the agent cleanly. */
  readonly signal: AbortSignal;
  /** Called once the client is made, for example to show its state. */
  readonly onClient?: (client: RouterClient) => void;
}

/**
 * Runs until `signal` is aborted. Controllers or NATS servers that are away do not end it.
 * @throws QuorateError `invalid-config`
 */
export async function runRouterAgent(config: RouterAgentConfig): Promise<void> {
  const { log, signal, onClient, ...options } = config;
  const client = await connectRouter({ ...options, log });
  client.on('change', ({ type, entity, position, source }) =>
    log('info', `${entity.kind} ${entity.name} ${type}`, {
      id: entity.id,
      version: entity.version,
      index: position.index,
      epoch: position.timeline.epoch,
      source,
    }),
  );
  client.on('phase', (phase) => {
    if (phase === 'live')
      log('info', `the model has ${client.model.size} entities`, { index: client.model.position?.index });
  });
  onClient?.(client);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await client.close();
}
