/**
 * Requests that are not commands of the log, and take longer than a client waits for one answer: it sends them again under
 * the same id, and must get the answer of the first, and not have the work done twice.
 */

/** Answers that are remembered; the oldest is forgotten first. */
const rememberedMax = 64;

export class Repeats {
  readonly #answers = new Map<string, Promise<unknown>>();

  /** `kind` and id together are unique: one client may use an id for two verbs. */
  once<Result>(kind: string, requestId: string, work: () => Promise<Result>): Promise<Result> {
    const key = `${kind} ${requestId}`;
    const known = this.#answers.get(key);
    // What lies under a kind was made by that kind's work.
    if (known !== undefined) return known as Promise<Result>;
    const answer = work();
    this.#answers.set(key, answer);
    // What was refused was not done: sent again, it is tried again.
    answer.catch(() => this.#answers.delete(key));
    if (this.#answers.size > rememberedMax) this.#answers.delete(this.#answers.keys().next().value ?? '');
    return answer;
  }
}
