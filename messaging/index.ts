/**
 * The contract between controllers, routers and the console: subjects, message schemas, versions and errors, the connection
 * to NATS, the API client and the router client. Everything that crosses the wire is defined here and validated on the way
 * in; nothing here knows how a controller works.
 */
export * from './api-client.js';
export * from './connection.js';
export * from './entity-hash.js';
export * from './errors.js';
export * from './feature-gates.js';
export * from './identifiers.js';
export * from './model-comparison.js';
export * from './position.js';
export * from './protocol.js';
export * from './raft-codec.js';
export * from './recovery.js';
export * from './router/index.js';
export * from './schemas/api.js';
export * from './schemas/events.js';
export * from './schemas/model.js';
export * from './schemas/operations.js';
export * from './schemas/router.js';
export * from './schemas/status.js';
export * from './selection.js';
export * from './subjects.js';
export * from './version.js';
