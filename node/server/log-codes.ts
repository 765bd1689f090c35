/**
 * Every warning and error that a controller may log, as data: what it means and what to do. The log takes no warning without
 * one of these codes; docs/logs.md is made from this table.
 */
import type { LogLevel } from './log.js';

interface LogCode {
  readonly level: Extract<LogLevel, 'warn' | 'error'>;
  /** One sentence. */
  readonly meaning: string;
  /** One sentence. */
  readonly remedy: string;
  /** Comes as often as what causes it: each message of it is written at most once a second. */
  readonly repeats?: true;
}

export const logCodes = {
  // starting
  'setting-ignored': {
    level: 'warn',
    meaning: 'A setting has no effect, because the data directory holds what it would have begun.',
    remedy: 'Take the setting away; nothing else is wrong.',
  },
  'older-protocol': {
    level: 'warn',
    meaning: 'The controller was told to speak an older protocol version than it understands, which is for tests.',
    remedy: 'Unset QUORATE_PROTOCOL_MAX.',
  },
  'nats-waiting': {
    level: 'warn',
    meaning: 'No NATS server has answered since the start; the controller goes on trying.',
    remedy: 'Check --nats, the server and the way there; `quorate check nats` tries all that is needed.',
  },
  insecure: {
    level: 'warn',
    meaning: 'NATS is used beyond this machine without authentication or without TLS: it was started with --insecure.',
    remedy: 'Make keys and a configuration with `quorate auth init`, and start it without --insecure.',
  },
  'http-no-port': {
    level: 'warn',
    meaning: 'Health and metrics are not served: none of the ports that are taken by default is free.',
    remedy: 'Give an address with `--http HOST:PORT`, or say `--http off`.',
  },
  'http-open': {
    level: 'warn',
    meaning: 'Health and metrics are served on an address that other machines reach, without authentication.',
    remedy: 'Let a firewall or a proxy decide who may ask, or serve them on loopback.',
  },
  'cannot-go-on': {
    level: 'error',
    meaning:
      'The controller met something that it cannot go on with, and ends; the line holds the error with its own code.',
    remedy: 'Follow the remedy in the line, or look the error up in docs/errors.md; then start the controller again.',
  },
  // NATS
  'nats-lost': {
    level: 'warn',
    meaning: 'A connection to NATS was lost; it is tried again until it is back.',
    remedy: 'If it does not come back by itself, check the NATS server and the way there.',
    repeats: true,
  },
  'nats-error': {
    level: 'warn',
    meaning: 'The NATS server reports an error on a connection, such as a subject that the credentials do not allow.',
    remedy: 'Grant the user what `quorate check nats --role controller` finds missing.',
    repeats: true,
  },
  'sender-mismatch': {
    level: 'warn',
    meaning:
      'A message names another sender than its subject: somebody speaks in the name of another, or two use one name. It was dropped.',
    remedy: 'See who uses that name. Keys and permissions, as `quorate auth init` makes them, keep it from happening.',
    repeats: true,
  },
  // requests
  'request-failed': {
    level: 'error',
    meaning:
      'A request could not be answered because of an error in the controller; whoever asked was told `internal`.',
    remedy: 'Report it with the line, which holds the verb, the request id and where it failed.',
    repeats: true,
  },
  'answer-not-sent': {
    level: 'warn',
    meaning: 'An answer could not be sent: the connection was closing, or the answer was larger than NATS carries.',
    remedy: 'If it repeats, raise `max_payload` of the NATS servers, or ask for less at once.',
    repeats: true,
  },
  'event-not-sent': {
    level: 'warn',
    meaning:
      'An event was not published, because it is larger than NATS carries; routers ask for it when they hear the next one.',
    remedy: 'Set `max_payload` of the NATS servers to at least 524288.',
    repeats: true,
  },
  'nats-max-payload': {
    level: 'warn',
    meaning: 'The NATS server carries less in one message than controllers need: what is larger is not sent.',
    remedy: 'Set `max_payload` of the NATS servers to at least 524288 (the default is 1 MiB), and reload them.',
    repeats: true,
  },
  'router-unanswered': {
    level: 'error',
    meaning:
      'A router asked for the model or for changes and could not be answered because of an error in the controller.',
    remedy: 'Report it with the line; the router asks again, also other controllers.',
    repeats: true,
  },
  'router-message-failed': {
    level: 'error',
    meaning: 'A message of a router could not be handled because of an error in the controller; it was dropped.',
    remedy: 'Report it with the line.',
    repeats: true,
  },
  // membership and history
  removed: {
    level: 'warn',
    meaning: 'This controller was removed from its cluster, and knows it; it serves nobody any more.',
    remedy:
      'Stop it; to use its machine again, make its directory blank with `quorate reset --data-dir DIR`, and join it under a new id.',
  },
  'left-behind': {
    level: 'warn',
    meaning:
      'The quorum was lost and another controller has gone on without this one; what only its log holds is given up.',
    remedy:
      'Stop it, make its directory blank with `quorate reset --data-dir DIR` (a backup is kept), and join it under a new id.',
  },
  'recovery-begun': {
    level: 'warn',
    meaning: 'This controller goes on alone on a new timeline, because somebody said that the quorum is lost for good.',
    remedy: 'Join new controllers to it; those that were left behind are made blank first.',
  },
  'recovery-failed': {
    level: 'error',
    meaning: 'A recovery did not come to its end; the line says whether anything was changed.',
    remedy: 'Start the controller again where it has ended, look with `quorate recover --dry-run`, and try again.',
  },
  'snapshot-abandoned': {
    level: 'warn',
    meaning: 'Fetching a snapshot from the leader was given up; the leader offers it again.',
    remedy:
      'If it repeats, look for what the line names: no room on the disk, or a way to the leader that loses messages.',
    repeats: true,
  },
  'restore-file-refused': {
    level: 'warn',
    meaning: 'A file that was given to be restored is not a whole, undamaged snapshot.',
    remedy: 'Use another one; `quorate snapshot inspect FILE` says what is in it.',
  },
  'operation-trouble': {
    level: 'warn',
    meaning: 'A step in the running of an operation failed and is tried again, or its record could not be written yet.',
    remedy:
      '`quorate operations show ID` says how far it is; if it does not go on, see whether the cluster has a leader.',
    repeats: true,
  },
  'models-not-compared': {
    level: 'warn',
    meaning: 'The scheduled comparison of the members’ models could not be made.',
    remedy: 'Nothing, if a member was away; else compare by hand with `quorate verify`.',
  },
  'models-differ': {
    level: 'error',
    meaning: 'Members hold different models at the same position.',
    remedy: 'See `models-differ` in docs/errors.md, and docs/operations.md.',
  },
  // storage
  'storage-full': {
    level: 'error',
    meaning: 'The disk of the data directory is full: the controller stores nothing more, and serves reads.',
    remedy: 'Free space there; the controller goes on by itself.',
  },
  'log-damaged': {
    level: 'warn',
    meaning:
      'Entries at the end of the log were damaged, were dropped, and are asked for again; until then the member gives no vote.',
    remedy: 'Nothing, if it happens once; else examine the disk.',
  },
  damaged: {
    level: 'error',
    meaning:
      'Damage was met in what was committed, or could not be dropped: the controller is out of service, and runs only to say so.',
    remedy: 'Examine the disk, and replace the member: docs/operations.md.',
  },
  'damage-not-marked': {
    level: 'warn',
    meaning: 'That the directory is damaged could not be written into it; the next start finds it out anew.',
    remedy: 'As for `damaged`.',
  },
  'backup-failed': {
    level: 'error',
    meaning: 'A scheduled backup could not be written or read back; it is tried again by itself.',
    remedy: 'See that its folder is there, can be written, and has room.',
    repeats: true,
  },
  'backups-unreadable': {
    level: 'warn',
    meaning:
      'The folder for scheduled backups cannot be read, so the last one is not known; the next is made as if there were none.',
    remedy: 'Make the folder readable for the user of the controller.',
  },
} as const satisfies Record<string, LogCode>;

export type WarningCode = {
  readonly [C in keyof typeof logCodes]: (typeof logCodes)[C]['level'] extends 'warn' ? C : never;
}[keyof typeof logCodes];
export type FailureCode = Exclude<keyof typeof logCodes, WarningCode>;

export function logCode(code: keyof typeof logCodes): LogCode {
  return logCodes[code];
}
