/** Answers `model.hash`: the hash of this member's model at exactly the index that is asked for, so that members can be compared. */
import { QuorateError } from '../../messaging/errors.js';
import type { ApiParsedParams, ApiResult } from '../../messaging/schemas/api.js';
import type { Clock } from '../cluster/clock.js';
import type { Replica } from '../cluster/replica.js';
import type { PreparedHash, Storage } from '../storage/index.js';

type Answer = ApiResult<'model.hash'>;

/** Answers that are kept, and being made: hashing takes longer than a client waits before it asks again under the same id. */
const rememberedMax = 8;

export interface ModelHashesOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  replica(): Replica;
}

export class ModelHashes {
  readonly #options: ModelHashesOptions;
  readonly #answers = new Map<string, Promise<Answer>>();

  constructor(options: ModelHashesOptions) {
    this.#options = options;
  }

  answer(params: ApiParsedParams<'model.hash'>, requestId: string): Promise<Answer> {
    const known = this.#answers.get(requestId);
    if (known !== undefined) return known;
    const oldest = this.#answers.size < rememberedMax ? undefined : this.#answers.keys().next().value;
    if (oldest !== undefined) this.#answers.delete(oldest);
    const answer = this.#make(params);
    this.#answers.set(requestId, answer);
    // What failed may be tried again under the same id.
    answer.catch(() => this.#answers.delete(requestId));
    return answer;
  }

  async #make({ index, waitMs }: ApiParsedParams<'model.hash'>): Promise<Answer> {
    const { storage, replica } = this.#options;
    if (index !== undefined && index < replica().appliedIndex) return this.#missed();
    const prepared = await storage.prepareHash();
    const hasBegun = await this.#begin(prepared, index, waitMs);
    if (hasBegun === 'missed') return this.#missed();
    if (!hasBegun) throw new QuorateError('overloaded', 'The hashing thread did not begin in time.');
    return prepared.result;
  }

  /** Begins when the model stands at `index`, or at once where none is given. */
  #begin(prepared: PreparedHash, index: number | undefined, waitMs: number): Promise<boolean | 'missed'> {
    const { clock } = this.#options;
    const replica = this.#options.replica();
    const applied = replica.appliedIndex;
    if (index === undefined || index === applied) return Promise.resolve(prepared.begin());
    return new Promise((resolve) => {
      const miss = (): void => {
        stopWatching();
        prepared.abandon();
        resolve('missed');
      };
      const cancelTimer = clock.after(index < applied ? 0 : waitMs, miss);
      const stopWatching = replica.whenApplied(index, () => {
        cancelTimer();
        resolve(prepared.begin());
      });
    });
  }

  #missed(): Answer {
    const position = this.#options.storage.model.meta()?.position;
    if (position === undefined) throw new QuorateError('not-a-member');
    return { position, sha256: null };
  }
}
