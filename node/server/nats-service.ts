/** Every controller is also a NATS service, so that `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` find it with any NATS tool. */
import type { NatsConnection } from '../../messaging/connection.js';
import type { ControllerConfig } from './config.js';

/** Returns how to stop it. The API itself is answered elsewhere: a service endpoint would not know who leads. */
export async function startNatsService(
  connection: NatsConnection,
  config: ControllerConfig,
  version: string,
): Promise<() => Promise<void>> {
  const service = await connection.services.add({
    name: 'quorate-controller',
    version,
    description: `Quorate controller ${config.nodeId} of cluster ${config.cluster}`,
    metadata: { cluster: config.cluster, node: config.nodeId },
  });
  return async () => {
    await service.stop();
  };
}
