/**
 * What controllers answer to routers. It promises that no router is ever given an empty list of controllers, a model of which
 * parts stand at different positions, or changes with a gap; and that what thousands of them ask at once costs as much as
 * what one asks, plus the sending. It needs a reader of the model and a few facts about the controller, as functions.
 */
export { type ArrivalReport, RouterArrival } from './arrival.js';
export { type EndpointSource, endpointsOf, makeEndpointList } from './endpoint-list.js';
export { serviceLimits } from './limits.js';
export { type RouterModelReader, readerOf } from './model-reader.js';
export type { RouterStates } from './presence.js';
export {
  createRouterService,
  type RouterService,
  type RouterServiceCounters,
  type RouterServiceEvent,
  type RouterServiceOptions,
} from './service.js';
