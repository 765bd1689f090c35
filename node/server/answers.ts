/**
 * Answers as bytes, each small enough for NATS to carry. Lists are answered in pages of so many items; where their items are
 * large, in pages of fewer: whoever reads on after the last item that it got, for as long as there is `more`, reads all of them.
 */
import { QuorateError } from '../../messaging/errors.js';
import { protocolVersion } from '../../messaging/protocol.js';
import type { ApiResult, ApiVerb } from '../../messaging/schemas/api.js';

/** The verbs that answer with a page, and the field in which its items are. */
const pages = {
  'routers.list': 'routers',
  'model.list': 'entities',
  'model.changes': 'changes',
} as const satisfies { readonly [V in ApiVerb]?: keyof ApiResult<V> };

export interface Answering {
  readonly node: string;
  /** What NATS carries in one message. */
  readonly bytesMax: number;
}

/** @throws QuorateError `too-large` where not even one item fits */
export function encodeAnswer(verb: ApiVerb, result: unknown, { node, bytesMax }: Answering): Uint8Array {
  for (let fitting = result; ; ) {
    // Nearly always the first try fits; then it was encoded once.
    const bytes = Buffer.from(JSON.stringify({ v: protocolVersion, ok: true, node, result: fitting }));
    if (bytes.byteLength <= bytesMax) return bytes;
    const smaller = halved(verb, fitting);
    if (smaller === null)
      throw new QuorateError(
        'too-large',
        `the answer to ${verb} has ${bytes.byteLength} bytes; the nats-server carries ${bytesMax} in one message`,
        { remedy: 'Raise `max_payload` of the nats-server.' },
      );
    fitting = smaller;
  }
}

function halved(verb: ApiVerb, result: unknown): unknown {
  if (!isPaged(verb) || typeof result !== 'object' || result === null) return null;
  const field = pages[verb];
  const items: unknown = Object.entries(result).find(([name]) => name === field)?.[1];
  if (!Array.isArray(items) || items.length < 2) return null;
  return { ...result, [field]: items.slice(0, Math.floor(items.length / 2)), more: true };
}

function isPaged(verb: ApiVerb): verb is keyof typeof pages {
  return Object.hasOwn(pages, verb);
}
