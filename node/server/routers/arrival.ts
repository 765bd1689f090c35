/**
 * Whether the routers that are connected have arrived where the model stands now, with the same entities: seen, not believed.
 * Each is asked for a hash of what it holds; it is held against a copy of the model at exactly the position that the router
 * names, so it does not matter that writes go on. A router that follows only its part is held against that part.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { byKindAndId, EntityHash, hashedText } from '../../../messaging/entity-hash.js';
import { comparable } from '../../../messaging/position.js';
import type { Entity } from '../../../messaging/schemas/model.js';
import type { ModelReport, RouterView } from '../../../messaging/schemas/router.js';
import { serviceLimits as limits } from './limits.js';
import { advanceCopy, copyModel, type ModelCopy } from './model-copy.js';
import type { RouterModelReader } from './model-reader.js';
import { PartIndex } from './part-index.js';
import type { RouterService } from './service.js';

export interface ArrivalOptions {
  readonly routers: () => Pick<RouterService, 'routers' | 'askReports' | 'reportOf' | 'hasLeft'> | undefined;
  readonly reader: RouterModelReader;
  /** Milliseconds that never go back. */
  readonly now: () => number;
}

export interface ArrivalReport {
  readonly connected: number;
  /** Stand in the history in which the model stands now. */
  readonly arrived: number;
  /** Hold the same as the model at the position that they named. */
  readonly verified: number;
  readonly waitingFor: readonly string[];
  /** Hold something else; they take the whole model again when they are told to, which no migration does by itself. */
  readonly different: readonly string[];
}

/** A router that has not answered is asked again after this long, and after ever longer: its machine may be busy. */
const askAgainMs = 1_000;
const askAgainMaxMs = 16_000;
/** What thousands hold is asked of some at a time. */
const asksOfOneLookMax = 1_000;
/** Who is not heard any more, and has not said goodbye, is taken for away after this long. */
const silentMaxMs = 60_000;
/** Positions at which one look hashes the whole model: routers that follow while writes go on name many. */
const hashedPositionsMax = 4;
/** Parts that are hashed before other work gets its turn. */
const partsInSlice = 20;

interface Asked {
  readonly atMs: number;
  /** From then, until it is asked again. */
  readonly waitMs: number;
  /** What it had said before it was asked. */
  readonly answer: ModelReport | null;
}

export class RouterArrival {
  readonly #options: ArrivalOptions;
  readonly #verified = new Set<string>();
  readonly #different = new Set<string>();
  readonly #asked = new Map<string, Asked>();
  #timeline = '';
  #copy: ModelCopy | null = null;
  #looking: Promise<ArrivalReport> | null = null;

  constructor(options: ArrivalOptions) {
    this.#options = options;
  }

  /** @param except routers that need not arrive */
  look(except: readonly string[]): Promise<ArrivalReport> {
    this.#looking ??= this.#look(new Set(except)).finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  /** Lets go of the copy. */
  end(): void {
    this.#copy = null;
  }

  async #look(except: ReadonlySet<string>): Promise<ArrivalReport> {
    const { routers, reader } = this.#options;
    const service = routers();
    const position = reader.position();
    if (service === undefined || position === null)
      return { connected: 0, arrived: 0, verified: 0, waitingFor: [], different: [] };
    const views = service.routers().filter(({ id }) => !except.has(id));
    if (this.#timeline !== position.timeline.id) this.#begin(position.timeline.id);
    const connected = views.filter((router) => router.online || isMissed(service, router));
    const arrived = connected.filter((router) => router.position !== null && comparable(router.position, position));
    const open = arrived.filter(({ id }) => !this.#verified.has(id));
    const reports = open.flatMap((router) => {
      const report = service.reportOf(router.id);
      return report !== null && comparable(report.position, position) ? [{ router, report }] : [];
    });
    await this.#judge(reports);
    this.#ask(service, open);
    return {
      connected: connected.length,
      arrived: arrived.length,
      verified: connected.filter(({ id }) => this.#verified.has(id)).length,
      waitingFor: connected.filter(({ id }) => !this.#verified.has(id)).map(({ id }) => id),
      different: connected.filter(({ id }) => this.#different.has(id)).map(({ id }) => id),
    };
  }

  #begin(timeline: string): void {
    this.#timeline = timeline;
    this.#copy = null;
    for (const known of [this.#verified, this.#different, this.#asked]) known.clear();
  }

  #ask(service: Pick<RouterService, 'askReports' | 'reportOf'>, open: readonly RouterView[]): void {
    const now = this.#options.now();
    const due: string[] = [];
    for (const { id, online } of open) {
      if (due.length === asksOfOneLookMax) break;
      const before = this.#asked.get(id);
      if (!online || this.#verified.has(id) || (before !== undefined && now - before.atMs < before.waitMs)) continue;
      const answer = service.reportOf(id);
      const isAnswered = before === undefined || answer !== before.answer;
      const waitMs = isAnswered ? askAgainMs : Math.min(before.waitMs * 2, askAgainMaxMs);
      this.#asked.set(id, { atMs: now, waitMs, answer });
      due.push(id);
    }
    service.askReports(due);
  }

  async #judge(reports: readonly { readonly router: RouterView; readonly report: ModelReport }[]): Promise<void> {
    if (reports.length === 0) return;
    const { reader } = this.#options;
    this.#copy ??= await copyModel(reader, () => nextTurn(), limits.sliceEntities);
    const byIndex = Map.groupBy(reports, ({ report }) => report.position.index);
    const indexes = [...byIndex.keys()]
      .sort((a, b) => a - b)
      .filter((index) => index >= (this.#copy?.position.index ?? 0));
    for (const index of indexes.slice(0, hashedPositionsMax)) {
      if (this.#copy === null) return;
      this.#copy = advanceCopy(this.#copy, reader, index, limits.sliceEntities);
      if (this.#copy !== null) await this.#compare(this.#copy, byIndex.get(index) ?? []);
    }
  }

  async #compare(
    { entities }: ModelCopy,
    reports: readonly { readonly router: RouterView; readonly report: ModelReport }[],
  ): Promise<void> {
    const parts = reports.some(({ router }) => router.scope === 'own') ? new PartHashes(entities) : null;
    const whole = reports.some(({ router }) => router.scope !== 'own') ? await hashOf([...entities.values()]) : '';
    let inSlice = 0;
    for (const { router, report } of reports) {
      const expected = router.scope === 'own' && parts !== null ? parts.of(router.id) : whole;
      const isSame = report.entitiesSha256 === expected;
      if (isSame) this.#verified.add(router.id);
      if (isSame) this.#different.delete(router.id);
      else this.#different.add(router.id);
      inSlice = (inSlice + 1) % partsInSlice;
      if (inSlice === 0) await nextTurn();
    }
  }
}

/**
 * It counts as offline, but may only be too busy to say that it is there, with taking the model again or with what came before:
 * a change that did not wait for it could be done without any router.
 */
function isMissed(service: Pick<RouterService, 'hasLeft'>, { id, refused, lastContactMs }: RouterView): boolean {
  return refused === null && lastContactMs < silentMaxMs && !service.hasLeft(id);
}

/**
 * Of the parts of many routers. Routers that the same policies select have all but themselves in common: that is found,
 * sorted and written out once for all of them.
 */
class PartHashes {
  readonly #index: PartIndex;
  readonly #joined = new Map<string, readonly Hashed[]>();

  constructor(entities: ReadonlyMap<string, Entity>) {
    this.#index = new PartIndex(entities);
  }

  of(router: string): string {
    const hash = new EntityHash();
    const found = this.#index.find(router);
    if (found === null) return hash.digest();
    const self = hashed(found.self);
    let isSelfIn = false;
    for (const each of this.#joinedBy(found.policies)) {
      // In its place among the others, which are in order.
      if (!isSelfIn && byKindAndId(self.entity, each.entity) < 0) {
        hash.addText(self.text);
        isSelfIn = true;
      }
      hash.addText(each.text);
    }
    if (!isSelfIn) hash.addText(self.text);
    return hash.digest();
  }

  #joinedBy(policies: readonly Entity[]): readonly Hashed[] {
    const key = policies.map(({ id }) => id).join(' ');
    let joined = this.#joined.get(key);
    if (joined === undefined) {
      joined = [...this.#index.joinedBy(policies)].toSorted(byKindAndId).map(hashed);
      this.#joined.set(key, joined);
    }
    return joined;
  }
}

interface Hashed {
  readonly entity: Entity;
  readonly text: string;
}

/** Many groups of routers hold the same entities, and each look begins with its groups anew. Kept as long as the copy is. */
const hashedBefore = new WeakMap<Entity, Hashed>();

function hashed(entity: Entity): Hashed {
  const known = hashedBefore.get(entity);
  if (known !== undefined) return known;
  const made = { entity, text: hashedText(entity) };
  hashedBefore.set(entity, made);
  return made;
}

/** As `entitiesSha256`, in slices. */
async function hashOf(entities: readonly Entity[]): Promise<string> {
  const hash = new EntityHash();
  const sorted = entities.toSorted(byKindAndId);
  for (let from = 0; from < sorted.length; from += limits.sliceEntities) {
    for (const entity of sorted.slice(from, from + limits.sliceEntities)) hash.add(entity);
    await nextTurn();
  }
  return hash.digest();
}
