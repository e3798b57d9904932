/** Samples of what an answer contains, per product and whole second, filled in retrospect. */
import { SAMPLED_PRODUCTS_MAX } from "../base/limits.ts";
import { type AnswerSample, SAMPLE_US, SAMPLES_SINCE_START_MAX, type SampledProduct } from "../contract/measures.ts";
import { canMeasure } from "./latency-buckets.ts";

/** After its filling a step is revised for this long. */
const OPEN_US = 60_000_000;
/** Steps that were missed are filled up to this long ago; older samples are thinned. */
export const SAMPLES_WHOLE_US = 300_000_000;
const STEPS_MAX = (SAMPLES_WHOLE_US + OPEN_US) / SAMPLE_US + 4;

/** A tick that was read, in microseconds; an untrue receipt counts as none. */
export interface SampledTick {
  product_id: string;
  time_us: number;
  received_us: number;
}

/** A product that a commit has ticks of. */
export interface GrownProduct {
  product_id: string;
  /** Event time of the newest tick in its answer; null: only the ticks show it. */
  newest_us: number | null;
  /** Its event-time high mark: a tick beyond it is skewed and does not count. */
  mark_us: number;
}

/** One product. Samples are those of the open steps; null: nothing is known of that time. */
class Product {
  samples: (AnswerSample | null)[] = [];
  /** Ticks of a commit by the first open step that began after their receipt: newest event time. */
  readonly newest_us = new Float64Array(STEPS_MAX).fill(Number.NEGATIVE_INFINITY);
  /** The same: the first of them in the order of reading, and its receipt. */
  readonly order = new Uint32Array(STEPS_MAX);
  readonly first_us = new Float64Array(STEPS_MAX).fill(Number.NaN);
  /** The lowest step of the commit's ticks; none: STEPS_MAX. */
  lowest = STEPS_MAX;

  constructor(
    readonly product_id: string,
    public answer_us: number | null,
  ) {}

  /** A tick, the `order`th that was read, with a receipt up to that step; NaN: a later one than others. */
  note(step: number, order: number, time_us: number, received_us: number): void {
    if (time_us > this.newest_us[step]!) this.newest_us[step] = time_us;
    if (Number.isNaN(this.first_us[step]!)) {
      this.first_us[step] = received_us;
      this.order[step] = order;
    }
    if (step < this.lowest) this.lowest = step;
  }

  raise(time_us: number): void {
    if (this.answer_us === null || time_us > this.answer_us) this.answer_us = time_us;
  }

  /** Whether an open step has no tick waiting. */
  get lacksWaiting(): boolean {
    return this.samples.some((sample) => sample !== null && sample.waiting_us === null);
  }

  /** Whether an open step may still get to know of older ticks than the newest in the answer. */
  get lacksReceived(): boolean {
    const { answer_us } = this;
    return this.samples.some((sample) => sample !== null && sample.received_us !== answer_us);
  }
}

/** Times are microseconds since 1970 UTC by this machine's clock, event times by the exchange's. */
export class AnswerSampler {
  readonly #products = new Map<string, Product>();
  /** The first open step; steps are SAMPLE_US apart. */
  #first_us: number;
  /** When each open step was filled. */
  #filled_us: number[] = [];
  readonly #unstored = new Set<AnswerSample>();

  constructor(now_us: number) {
    this.#first_us = stepFrom(now_us);
  }

  /**
   * Continues from a store: its products, and its samples of the last SAMPLES_WHOLE_US. Steps after a
   * product's newest sample are filled with its answer, which nothing has changed. Without a sample
   * the first step is now.
   */
  resume(now_us: number, products: readonly SampledProduct[], samples: readonly AnswerSample[]): void {
    this.#products.clear();
    this.#unstored.clear();
    const known_us = [...samples, ...products.map(({ sampled_us }) => ({ at_us: sampled_us ?? now_us }))];
    const oldest_us = known_us.reduce((oldest, { at_us }) => Math.min(oldest, at_us), now_us);
    this.#first_us = stepFrom(Math.max(now_us - SAMPLES_WHOLE_US, oldest_us));
    this.#filled_us = steps(this.#first_us, now_us).map(() => now_us);
    const stored = new Map(samples.map((sample) => [`${sample.at_us} ${sample.product_id}`, sample]));
    for (const { product_id, answer_us, sampled_us } of products) {
      const product = this.#enter(product_id, answer_us);
      if (product === null) break;
      product.samples = steps(this.#first_us, now_us).map((at_us) => {
        const isMissed = sampled_us !== null && at_us > sampled_us;
        return stored.get(`${at_us} ${product_id}`) ?? (isMissed ? this.#unchanged(product, at_us) : null);
      });
    }
  }

  /**
   * A commit is in the answer from `committed_us` on. `ticks`: what it read, in order; that costs
   * more than all else, so they are read only where a step is between their receipts (from `min_us` to
   * `max_us`) and the commit, and not all of them if all steps are after all receipts.
   */
  commit(
    committed_us: number,
    products: readonly GrownProduct[],
    { min_us, max_us }: { min_us: number; max_us: number },
    ticks: () => Iterable<SampledTick>,
  ): void {
    this.advance(committed_us);
    const grown = products.flatMap((product) => this.#grown(product) ?? []);
    const end = this.#filled_us.length;
    const hasWaited = end > 0 && min_us <= this.#first_us + (end - 1) * SAMPLE_US;
    const hasAllWaited = hasWaited && max_us <= this.#first_us;
    const isKnown = grown.every(({ product, newest_us }) => {
      const isNewer = newest_us !== null && newest_us > (product.answer_us ?? Number.NEGATIVE_INFINITY);
      return newest_us !== null && (!hasWaited || (hasAllWaited && (isNewer || !product.lacksReceived)));
    });
    if (!isKnown) this.#noteAll(committed_us, grown, ticks());
    else if (hasWaited) noteFirst(committed_us, grown, ticks());
    for (const { product, newest_us } of grown) {
      if (newest_us !== null) product.raise(newest_us);
      if (product.lowest < STEPS_MAX) this.#revise(product, end);
    }
  }

  /** Fills the steps before `now_us`, and ends those that were filled long ago. */
  advance(now_us: number): void {
    const known = this.#filled_us.length;
    const next_us = this.#first_us + known * SAMPLE_US;
    if (next_us - SAMPLE_US > now_us) this.#setBack(now_us);
    else if (now_us - next_us > SAMPLES_WHOLE_US) this.#end(known, stepFrom(now_us - SAMPLES_WHOLE_US));
    else this.#end(this.#ended(now_us));
    for (const at_us of steps(this.#first_us + this.#filled_us.length * SAMPLE_US, now_us)) {
      this.#filled_us.push(now_us);
      for (const product of this.#products.values()) product.samples.push(this.#unchanged(product, at_us));
    }
  }

  /** Samples that were filled or revised since they were stored. Then call `stored`. */
  unstored(): AnswerSample[] {
    return [...this.#unstored];
  }

  stored(samples: readonly AnswerSample[]): void {
    for (const sample of samples) this.#unstored.delete(sample);
  }

  /** At this time everything received is in the answer, unless ticks with an earlier receipt come. */
  #unchanged({ product_id, answer_us }: Product, at_us: number): AnswerSample {
    const sample = { at_us, product_id, answer_us, received_us: answer_us, waiting_us: null };
    if (answer_us !== null) this.#unstored.add(sample);
    return sample;
  }

  #revise(product: Product, end: number): void {
    let newest_us = Number.NEGATIVE_INFINITY;
    let order = Number.POSITIVE_INFINITY;
    let waiting_us = Number.NaN;
    for (let step = product.lowest; step < end; step++) {
      newest_us = Math.max(newest_us, product.newest_us[step]!);
      if (!Number.isNaN(product.first_us[step]!) && product.order[step]! < order) {
        order = product.order[step]!;
        waiting_us = product.first_us[step]!;
      }
      product.newest_us[step] = Number.NEGATIVE_INFINITY;
      product.first_us[step] = Number.NaN;
      const sample = product.samples[step] ?? null;
      if (sample === null) continue;
      if (sample.waiting_us !== null && sample.received_us !== null && sample.received_us >= newest_us) continue;
      if (!Number.isNaN(waiting_us)) sample.waiting_us ??= waiting_us;
      sample.received_us = Math.max(sample.received_us ?? newest_us, newest_us);
      this.#unstored.add(sample);
    }
    product.lowest = STEPS_MAX;
  }

  /** Null beyond SAMPLED_PRODUCTS_MAX. */
  #grown({ product_id, newest_us, mark_us }: GrownProduct): Grown | null {
    const known = this.#products.get(product_id);
    const product = known ?? this.#enter(product_id, null);
    if (product === null) return null;
    if (known === undefined)
      product.samples = this.#filled_us.map((_, step) => this.#unchanged(product, this.#first_us + step * SAMPLE_US));
    return { product, newest_us, mark_us };
  }

  #enter(product_id: string, answer_us: number | null): Product | null {
    if (this.#products.size >= SAMPLED_PRODUCTS_MAX) return null;
    const product = new Product(product_id, answer_us);
    this.#products.set(product_id, product);
    return product;
  }

  #noteAll(committed_us: number, all: readonly Grown[], ticks: Iterable<SampledTick>): void {
    const grown = new Map(all.map((one) => [one.product.product_id, one]));
    let order = 0;
    for (const { product_id, time_us, received_us } of ticks) {
      order++;
      const { product, mark_us } = grown.get(product_id) ?? {};
      if (product === undefined || time_us > mark_us!) continue;
      product.raise(time_us);
      if (!canMeasure(received_us, committed_us)) continue;
      const step = Math.max(0, Math.ceil((received_us - this.#first_us) / SAMPLE_US));
      if (step < this.#filled_us.length) product.note(step, order, time_us, received_us);
    }
  }

  /** How many of the open steps were filled too long ago to be revised. */
  #ended(now_us: number): number {
    const first = this.#filled_us.findIndex((filled_us) => filled_us > now_us - OPEN_US);
    return first < 0 ? this.#filled_us.length : first;
  }

  /** The first `count` open steps are no longer revised; then the first is at `first_us`. */
  #end(count: number, first_us = this.#first_us + count * SAMPLE_US): void {
    this.#first_us = first_us;
    this.#filled_us.splice(0, count);
    for (const product of this.#products.values()) product.samples.splice(0, count);
  }

  /** The clock was set back: steps after `now_us` never were. */
  #setBack(now_us: number): void {
    const kept = steps(this.#first_us, now_us).length;
    this.#filled_us = this.#filled_us.slice(0, kept).map((filled_us) => Math.min(filled_us, now_us));
    if (kept === 0) this.#first_us = stepFrom(now_us);
    for (const product of this.#products.values()) product.samples.length = kept;
    for (const sample of this.#unstored) if (sample.at_us > now_us) this.#unstored.delete(sample);
  }
}

interface Grown {
  product: Product;
  newest_us: number | null;
  mark_us: number;
}

/** All ticks had come before all open steps: of each product, its newest and its first tick matter. */
function noteFirst(committed_us: number, grown: readonly Grown[], ticks: Iterable<SampledTick>): void {
  const sought = new Map<string, Grown>();
  for (const one of grown) {
    if (one.product.lacksWaiting) sought.set(one.product.product_id, one);
    else one.product.note(0, 0, one.newest_us!, Number.NaN);
  }
  if (sought.size === 0) return;
  for (const { product_id, time_us, received_us } of ticks) {
    const one = sought.get(product_id);
    if (one === undefined || time_us > one.mark_us || !canMeasure(received_us, committed_us)) continue;
    one.product.note(0, 0, one.newest_us!, received_us);
    sought.delete(product_id);
    if (sought.size === 0) break;
  }
}

/**
 * Time between samples that are older than SAMPLES_WHOLE_US, so that at most SAMPLES_SINCE_START_MAX
 * are kept: a power of two times SAMPLE_US. Each is at one of its multiples.
 */
export function thinnedStepUs(started_us: number, now_us: number): number {
  let step_us = SAMPLE_US;
  while ((now_us - SAMPLES_WHOLE_US - started_us) / step_us > SAMPLES_SINCE_START_MAX) step_us *= 2;
  return step_us;
}

/** How long samples are thinned by: what comes after the feed's end is in no span. */
export function thinnedUntil(now_us: number, ended_us: number | null): number {
  return ended_us === null ? now_us : Math.min(now_us, ended_us + SAMPLES_WHOLE_US);
}

/** The first step at `at_us` or later. */
function stepFrom(at_us: number): number {
  return Math.ceil(at_us / SAMPLE_US) * SAMPLE_US;
}

/** The steps from `first_us` on that are before `end_us`. */
function steps(first_us: number, end_us: number): number[] {
  return Array.from(
    { length: Math.max(0, Math.ceil((end_us - first_us) / SAMPLE_US)) },
    (_, i) => first_us + i * SAMPLE_US,
  );
}
