/** Samples of what an answer contains, per product and whole second, filled in retrospect. */
import { SAMPLED_PRODUCTS_MAX } from "../base/limits.ts";
import { type AnswerSample, SAMPLE_US, SAMPLES_SINCE_START_MAX } from "../contract/measures.ts";
import { canMeasure } from "./latency-buckets.ts";

/** After its filling a step is revised for this long. */
const OPEN_US = 60_000_000;
/** Steps that were missed are filled up to this long ago; older samples are thinned. */
export const SAMPLES_WHOLE_US = 300_000_000;
const STEPS_MAX = (SAMPLES_WHOLE_US + OPEN_US) / SAMPLE_US + 4;
const TICKS_FIRST = 4_096;

/** A product as a store has it: what to continue from. */
export interface SampledProduct {
  product_id: string;
  /** Event time of the newest tick in the answer; null without one. */
  answer_us: number | null;
  /** Its newest sample; null: it was never sampled. */
  sampled_us: number | null;
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
}

/**
 * Call `add` for each tick that is read, in order, then `commit` when they are in the answer. Times are
 * microseconds since 1970 UTC by this machine's clock, event times by the exchange's.
 */
export class AnswerSampler {
  #products: Product[] = [];
  #ids = new Map<string, number>();
  #last_id = "";
  #last = -1;
  /** The first open step; steps are SAMPLE_US apart. */
  #first_us: number;
  /** When each open step was filled. */
  #filled_us: number[] = [];
  #unstored = new Set<AnswerSample>();
  /** Ticks read since the last commit: event time, receipt, product. */
  #count = 0;
  #times = new Float64Array(TICKS_FIRST);
  #receipts = new Float64Array(TICKS_FIRST);
  #of = new Int32Array(TICKS_FIRST);

  constructor(now_us: number) {
    this.#first_us = stepFrom(now_us);
  }

  /**
   * Continues from a store: its products, and its samples of the last SAMPLES_WHOLE_US. Steps after a
   * product's newest sample are filled with its answer, which nothing has changed.
   */
  resume(now_us: number, products: readonly SampledProduct[], samples: readonly AnswerSample[]): void {
    this.#products = [];
    this.#ids.clear();
    this.#last_id = "";
    this.#last = -1;
    this.#unstored.clear();
    this.clear();
    this.#first_us = stepFrom(now_us - SAMPLES_WHOLE_US);
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

  /** Notes a tick; a receipt that can't be true counts as none. */
  add(product_id: string, time_us: number, received_us: number): void {
    if (product_id !== this.#last_id) {
      this.#last_id = product_id;
      this.#last = this.#ids.get(product_id) ?? this.#begin(product_id);
    }
    const i = this.#count++;
    if (i === this.#times.length) this.#grow();
    this.#times[i] = time_us;
    this.#receipts[i] = received_us;
    this.#of[i] = this.#last;
  }

  /** Forgets the ticks since the last commit: they will be read again. */
  clear(): void {
    this.#count = 0;
  }

  /**
   * The ticks since the last commit are in the answer from `committed_us` on. `marks`: event-time high
   * marks by product; a newer tick is skewed and left out.
   */
  commit(committed_us: number, marks: ReadonlyMap<string, number>): void {
    this.advance(committed_us);
    const of = this.#products.map(({ product_id }) => marks.get(product_id) ?? Number.POSITIVE_INFINITY);
    const end = this.#filled_us.length;
    for (let i = 0; i < this.#count; i++) {
      const p = this.#of[i]!;
      const time_us = this.#times[i]!;
      if (p < 0 || time_us > of[p]!) continue;
      const product = this.#products[p]!;
      if (product.answer_us === null || time_us > product.answer_us) product.answer_us = time_us;
      const received_us = this.#receipts[i]!;
      if (!canMeasure(received_us, committed_us)) continue;
      const step = Math.max(0, Math.ceil((received_us - this.#first_us) / SAMPLE_US));
      if (step < end) note(product, step, i, time_us, received_us);
    }
    for (const product of this.#products) if (product.lowest < STEPS_MAX) this.#revise(product, end);
    this.clear();
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
      for (const product of this.#products) product.samples.push(this.#unchanged(product, at_us));
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
      sample.waiting_us ??= waiting_us;
      sample.received_us = Math.max(sample.received_us ?? newest_us, newest_us);
      this.#unstored.add(sample);
    }
    product.lowest = STEPS_MAX;
  }

  /** A product's first tick. Returns its number; -1: there are too many products. */
  #begin(product_id: string): number {
    const product = this.#enter(product_id, null);
    if (product === null) return -1;
    product.samples = this.#filled_us.map((_, step) => this.#unchanged(product, this.#first_us + step * SAMPLE_US));
    return this.#products.length - 1;
  }

  #enter(product_id: string, answer_us: number | null): Product | null {
    if (this.#products.length >= SAMPLED_PRODUCTS_MAX) return null;
    const product = new Product(product_id, answer_us);
    this.#ids.set(product_id, this.#products.push(product) - 1);
    return product;
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
    for (const product of this.#products) product.samples.splice(0, count);
  }

  /** The clock was set back: steps after `now_us` never were. */
  #setBack(now_us: number): void {
    const kept = Math.max(0, steps(this.#first_us, now_us).length);
    this.#filled_us = this.#filled_us.slice(0, kept).map((filled_us) => Math.min(filled_us, now_us));
    if (kept === 0) this.#first_us = stepFrom(now_us);
    for (const product of this.#products) product.samples.length = kept;
    for (const sample of this.#unstored) if (sample.at_us > now_us) this.#unstored.delete(sample);
  }

  #grow(): void {
    const wider = <T extends Float64Array | Int32Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    const size = 2 * this.#times.length;
    this.#times = wider(this.#times, new Float64Array(size));
    this.#receipts = wider(this.#receipts, new Float64Array(size));
    this.#of = wider(this.#of, new Int32Array(size));
  }
}

/**
 * Steps between samples that are older than SAMPLES_WHOLE_US, at most SAMPLES_SINCE_START_MAX of them: a
 * power of two times SAMPLE_US, and each at its multiples.
 */
export function thinnedStepUs(started_us: number, now_us: number): number {
  let step_us = SAMPLE_US;
  while ((now_us - SAMPLES_WHOLE_US - started_us) / step_us > SAMPLES_SINCE_START_MAX) step_us *= 2;
  return step_us;
}

/** A tick of the commit, the `order`th that was read. */
function note(product: Product, step: number, order: number, time_us: number, received_us: number): void {
  if (time_us > product.newest_us[step]!) product.newest_us[step] = time_us;
  if (Number.isNaN(product.first_us[step]!)) {
    product.first_us[step] = received_us;
    product.order[step] = order;
  }
  if (step < product.lowest) product.lowest = step;
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
