/** What `stream` notes of its commits for the measures (docs/measures.md), and stores once a second. */
import { nowUs } from "../base/clock.ts";
import { FIGURES_SILENT_US } from "../base/limits.ts";
import type { LogBatch } from "../contract/log.ts";
import type { WindowStep } from "../contract/window.ts";
import {
  AnswerSampler,
  type GrownProduct,
  SAMPLES_WHOLE_US,
  type SampledTick,
  thinnedStepUs,
  thinnedUntil,
} from "../measure/answer-sampler.ts";
import { mergedByName } from "../measure/buckets.ts";
import { CompletenessCurve, type Growth } from "../measure/completeness-curve.ts";
import { SliceHistograms, sliceOf } from "../measure/slices.ts";
import type { Counters, MeasureRows, WindowStore } from "../store/index.ts";
import type { FeedClock } from "./feed-clock.ts";
import type { SkewWatch } from "./skew.ts";
import type { ReadEvent, Skipped } from "./store-job.ts";

export class StreamMeasures {
  /** Records of this run without a receipt time that can be measured. */
  unreceived = 0;
  readonly #rows: MeasureRows;
  readonly #slices: SliceHistograms;
  readonly #ingest;
  readonly #pipeline;
  /** Pipeline latency of records without a receipt time. */
  readonly #fromAppend;
  readonly #curve: CompletenessCurve;
  readonly #sampler: AnswerSampler;
  /** What other processes may have committed must be read before the next tick. */
  #isStale = true;
  #growth: Growth[] = [];
  /** The stored slices are of this process, and of those that share the file, not of an earlier run. */
  #isCounted = false;
  /** The slice in which older rows were removed last. */
  #pruned_us = 0;

  /** `size_us`: the smallest window size. `partitions`: those of this process now. */
  constructor(
    private readonly store: WindowStore,
    private readonly skew: SkewWatch,
    private readonly clock: FeedClock,
    private readonly started_us: number,
    private readonly size_us: number,
    private readonly partitions: () => number[],
  ) {
    const rows = store.measures;
    this.#rows = rows;
    this.#slices = new SliceHistograms(started_us);
    this.#ingest = this.#slices.of("ingest");
    this.#pipeline = this.#slices.of("pipeline");
    this.#fromAppend = this.#slices.of("pipeline_from_append");
    this.#curve = new CompletenessCurve(this.#slices, (row) =>
      rows.ticksOf(row.product_id, row.size_us, row.window_start_us),
    );
    this.#sampler = new AnswerSampler(started_us);
  }

  /** Partitions came or left: state in memory may be older than the store. */
  reset(): void {
    this.#isStale = true;
    this.#curve.reset();
  }

  /** The step failed: its records will be read again. */
  failed(): void {
    this.#curve.reset();
  }

  /** The step will be committed. `firsts`: the first offset that it read of each partition. */
  prepare(step: WindowStep, firsts: ReadonlyMap<number, number>): void {
    this.#refresh();
    this.#growth = this.#curve.growth(step, firsts);
  }

  /** `event`: the i-th record of a batch, if it is a tick or a heartbeat. */
  committed(step: WindowStep, batches: readonly LogBatch[], event: ReadEvent, skipped: Skipped): void {
    const now_us = nowUs();
    this.#slices.at(now_us);
    this.#curve.committed(step, this.#growth, this.clock.at(now_us));
    this.#sampler.commit(now_us, grownProducts(step, this.size_us), receiptsOf(batches, skipped), () =>
      ticksOf(batches, event),
    );
  }

  /** Ingest and pipeline latency of each record of a commit that was made a moment ago. */
  latencies(batches: readonly LogBatch[], skipped: Skipped): void {
    const now_us = nowUs();
    this.#slices.at(now_us);
    for (const batch of batches) {
      const { count, appended_us, received_us } = batch;
      const without = skipped.get(batch);
      for (let from = 0, to = 0; from < count; from = to) {
        const together_us = appended_us[from]!;
        to = from + 1;
        if (without?.has(from)) continue;
        while (to < count && appended_us[to] === together_us && !without?.has(to)) to++;
        const unreceived = this.#pipeline.addSince(now_us, received_us, from, to, now_us);
        this.unreceived += unreceived;
        if (!this.skew.measures(together_us, now_us)) continue;
        this.#ingest.addSince(together_us, received_us, from, to, now_us);
        if (unreceived > 0) this.#fromAppend.add(now_us - together_us, unreceived);
      }
    }
  }

  /** Stores what was noted, with the figures of the run. */
  save(figures: Counters, isLast: boolean): void {
    this.#refresh();
    const now_us = nowUs();
    this.#sampler.advance(now_us);
    const slices = this.#slices.unstored(now_us, isLast);
    let isCounted = this.#isCounted || isLast || now_us - this.started_us > 2 * FIGURES_SILENT_US;
    const isStored = this.#saveSamples(figures, now_us, () => {
      if (!this.#isCounted && this.store.hasFigures()) {
        this.#rows.forgetSlices();
        isCounted = true;
      }
      if (!isCounted) return;
      // Several processes may share the file, so each adds its own.
      for (const { slice_us, histograms } of slices)
        this.#rows.putSlice(slice_us, mergedByName([this.#rows.slice(slice_us), histograms]));
      if (sliceOf(now_us) !== this.#pruned_us) this.#prune(now_us);
    });
    if (!isStored || !isCounted) return;
    this.#isCounted = true;
    this.#slices.stored(slices);
  }

  #saveSamples(figures: Counters, now_us: number, more = () => {}): boolean {
    const samples = this.#sampler.unstored();
    const isStored = this.store.saveFigures(figures, () => {
      this.#rows.putSamples(samples, now_us);
      more();
    });
    if (isStored) this.#sampler.stored(samples);
    return isStored;
  }

  /** Once per slice. */
  #prune(now_us: number): void {
    this.#pruned_us = sliceOf(now_us);
    this.#rows.pruneSlices(now_us);
    const since_us = this.store.counter("run_started_us");
    const until_us = thinnedUntil(now_us, this.clock.ended());
    const span = { since_us, until_us, step_us: thinnedStepUs(since_us, until_us) };
    this.#rows.thinSamples(now_us - SAMPLES_WHOLE_US, span);
  }

  #refresh(): void {
    if (!this.#isStale) return;
    const now_us = nowUs();
    this.#saveSamples({}, now_us);
    const products = this.#rows.sampledProducts(this.partitions());
    this.#sampler.resume(now_us, products, this.#rows.samplesSince(now_us - SAMPLES_WHOLE_US));
    this.#isStale = false;
  }
}

/** Products with ticks in a step. Each tick is in a window of `size_us`, or late for one. */
function grownProducts(step: WindowStep, size_us: number): GrownProduct[] {
  const marks = new Map(step.products.map(({ product_id, max_time_us }) => [product_id, max_time_us]));
  const grown = new Map<string, GrownProduct>();
  const grow = (product_id: string, time_us: number | null) => {
    const one = grown.get(product_id) ?? { product_id, newest_us: time_us, mark_us: marks.get(product_id)! };
    grown.set(product_id, one);
    one.newest_us = one.newest_us === null || time_us === null ? null : Math.max(one.newest_us, time_us);
  };
  for (const rows of [step.updated, step.closed]) {
    for (const row of rows) {
      // The newest tick of a window with skewed ticks may be one of them.
      const isSkewed = row.skewed > 0 && row.close_time_us > marks.get(row.product_id)!;
      if (row.size_us === size_us) grow(row.product_id, isSkewed ? null : row.close_time_us);
    }
  }
  for (const row of step.late) if (row.size_us === size_us) grow(row.product_id, row.time_us);
  return [...grown.values()];
}

/** Smallest and largest receipt; of a record without one, its append time counts. */
function receiptsOf(batches: readonly LogBatch[], skipped: Skipped): { min_us: number; max_us: number } {
  let [min_us, max_us] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const batch of batches) {
    const { count, received_us, appended_us } = batch;
    const without = skipped.get(batch);
    // Each record of a drain passes here, so this loop does as little as possible.
    for (let i = 0; i < count; i++) {
      if (without?.has(i)) continue;
      let at_us = received_us[i]!;
      if (Number.isNaN(at_us)) at_us = appended_us[i]!;
      if (at_us < min_us) min_us = at_us;
      if (at_us > max_us) max_us = at_us;
    }
  }
  return { min_us, max_us };
}

function* ticksOf(batches: readonly LogBatch[], event: ReadEvent): Generator<SampledTick> {
  for (const batch of batches) {
    for (let i = 0; i < batch.count; i++) {
      const read = event(batch, i);
      if (read?.isTick) yield { product_id: read.product_id, time_us: read.time_us, received_us: receiptOf(batch, i) };
    }
  }
}

function receiptOf({ received_us, appended_us }: LogBatch, i: number): number {
  return Number.isNaN(received_us[i]!) ? appended_us[i]! : received_us[i]!;
}
