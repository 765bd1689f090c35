/** Answers with changes, kept encoded: after a reconnect many routers miss exactly the same. */
import { QuorateError } from '../../../messaging/errors.js';
import { type Position, relateTimelines } from '../../../messaging/position.js';
import { protocolVersion } from '../../../messaging/protocol.js';
import { serviceLimits as limits, type ServiceLimits } from './limits.js';
import type { RouterModelReader } from './model-reader.js';

export interface SharedChangesOptions {
  readonly reader: RouterModelReader;
  readonly controller: string;
  readonly limits?: Partial<Pick<ServiceLimits, 'replyBytesMax' | 'changesMax' | 'changesKeptMax'>>;
}

export class SharedChanges {
  readonly #options: SharedChangesOptions;
  readonly #limits;
  readonly #kept = new Map<string, Uint8Array>();

  constructor(options: SharedChangesOptions) {
    this.#options = options;
    this.#limits = { ...limits, ...options.limits };
  }

  /**
   * The encoded answer to a router that stands at `after`.
   * @throws QuorateError `behind`, `timeline-conflict` or `snapshot-required`
   */
  after(after: Position): Uint8Array {
    const position = this.#options.reader.position();
    if (position === null) throw new QuorateError('behind', 'this controller has no model yet');
    checkReachable(after, position);
    const key = `${position.timeline.id} ${position.indexType} ${after.index} ${position.index}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const answer = this.#encode(after, position);
    if (this.#kept.size >= this.#limits.changesKeptMax) this.#kept.delete(this.#kept.keys().next().value ?? '');
    this.#kept.set(key, answer);
    return answer;
  }

  #encode(after: Position, position: Position): Uint8Array {
    const { replyBytesMax, changesMax } = this.#limits;
    const changes = after.index === position.index ? [] : this.#options.reader.changesAfter(after.index, changesMax);
    if (changes === 'snapshot-required') throw new QuorateError('snapshot-required');
    const texts: string[] = [];
    let bytes = 0;
    let last = after.index;
    for (const change of changes) {
      const text = JSON.stringify(change);
      bytes += Buffer.byteLength(text) + 1;
      if (texts.length > 0 && bytes > replyBytesMax) break;
      texts.push(text);
      last = change.position.index;
    }
    const more = texts.length > 0 && last < position.index;
    const head = JSON.stringify({
      v: protocolVersion,
      what: 'changes',
      controller: this.#options.controller,
      position,
      more,
    }).slice(0, -1);
    return Buffer.from(`${head},"changes":[${texts.join(',')}]}`);
  }
}

function checkReachable(after: Position, position: Position): void {
  switch (relateTimelines(after.timeline, position.timeline)) {
    case 'older':
      throw new QuorateError('behind', 'this controller stands in an older history');
    case 'conflict':
      throw new QuorateError(
        'timeline-conflict',
        `epoch ${after.timeline.epoch} is that of the timeline ${position.timeline.id} here, not of ${after.timeline.id}`,
      );
    case 'newer':
      throw new QuorateError('snapshot-required', 'another history has begun since');
    case 'same':
      break;
  }
  if (after.indexType !== position.indexType)
    throw new QuorateError('snapshot-required', 'changes are counted in another way since');
  if (after.index > position.index) throw new QuorateError('behind');
}
