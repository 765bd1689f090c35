/**
 * Every warning and error that the router client logs, as data: what it means and what to do. Those that are alarms are told
 * to the controllers too. docs/logs.md is made from this table.
 */
interface RouterLogCode {
  readonly meaning: string;
  readonly remedy: string;
}

export const routerLogCodes = {
  'router.nats.unreachable': {
    meaning: 'No NATS server lets the router in; it goes on with the model that it holds, and goes on trying.',
    remedy: 'Check the servers, the network, and the credentials of the router.',
  },
  'router.message.failed': {
    meaning: 'A message of a controller could not be handled because of an error in the client; it was dropped.',
    remedy: 'Report it with the line; the router asks for what it misses.',
  },
  'router.handler.failed': {
    meaning: 'The program that uses the client threw while it was told of a change.',
    remedy: 'Mend the program; the client goes on, and does not tell of the change again.',
  },
  'router.hello.refused': {
    meaning: 'The controllers do not accept this router: it is disabled, revoked, or speaks no version that they do.',
    remedy: 'The line says why; the router asks again by itself.',
  },
  'router.endpoints.refused': {
    meaning:
      'A list of controllers was refused because it was empty, invalid or of an older history; the last good one is kept.',
    remedy: 'Look at the versions and the log of the controller that sent it.',
  },
  'router.endpoints.fallback': {
    meaning:
      'The file with the last good list of controllers is missing, empty or damaged; the configured list is used.',
    remedy: 'Nothing, at a first start; else look at the disk of the router.',
  },
  'router.endpoints.unsaved': {
    meaning:
      'The list of controllers could not be written to disk; after a restart the router begins with an older one.',
    remedy: 'See that its data directory can be written and has room.',
  },
  'router.timeline.conflict': {
    meaning: 'A controller speaks of another history of the model under the same epoch; the router ignores it.',
    remedy: 'Find out which controllers belong to the cluster, and stop the others.',
  },
} as const satisfies Record<string, RouterLogCode>;

export type RouterLogCodeName = keyof typeof routerLogCodes;
