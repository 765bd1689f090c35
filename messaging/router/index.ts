/**
 * The router client. It promises that a router never ends up without controllers, never drops a new event as old, never
 * misses one, and applies none twice, whatever NATS loses, repeats or delays. It needs the addresses of NATS servers and a
 * directory of its own; it knows nothing of how controllers work, and never throws at the application for what arrives.
 */
export { type RouterAgentConfig, runRouterAgent } from './agent.js';
export type { RouterAlarm } from './alerts.js';
export {
  connectRouter,
  type RouterClient,
  type RouterCounters,
  type RouterEvents,
  type RouterLog,
  type RouterOptions,
} from './client.js';
export { type RouterClock, realClock } from './clock.js';
export { endpointFileName } from './endpoint-file.js';
export { decideEndpoints, type EndpointDecision, type EndpointRule } from './endpoints.js';
export type { ModelView, RouterChange } from './model-view.js';
export type { RouterPhase } from './router-state.js';
