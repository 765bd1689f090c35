/**
 * Workflows: what an operator does to a cluster, as data (checks, steps, verifications, each with a stable name), and the
 * engine that runs them on the leader. It promises that nothing begins before its checks pass, that nothing reports success
 * before a verification has seen the effect, and that an operation survives the operator's terminal and a change of leader.
 * It touches the world through `Actions` only, and never reads a clock of its own.
 */
export * from './actions.js';
export * from './beginnings.js';
export { type Check, evaluate } from './checks/index.js';
export * from './control.js';
export * from './definition.js';
export * from './engine.js';
export * from './facts.js';
export * from './impact.js';
