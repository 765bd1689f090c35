/** All checks, by what they are about. Which workflow asks which is said where the workflow is. */
export * as candidate from './candidate.js';
export { type Check, evaluate, type Subject } from './check.js';
export * as cluster from './cluster.js';
export * as member from './member.js';
export * as mode from './mode.js';
export * as restore from './restore.js';
