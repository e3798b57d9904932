/** What `stream` notes of its commits for the measures (docs/measures.md), and stores once a second. */
import { nowUs } from "../base/clock.ts";
import type { LogBatch } from "../contract/log.ts";
import type { Slice } from "../contract/measures.ts";
import { mergedByName } from "../measure/buckets.ts";
import { SliceHistograms } from "../measure/slices.ts";
import type { MeasureRows, WindowStore } from "../store/index.ts";
import type { SkewWatch } from "./skew.ts";

export class StreamMeasures {
  /** Records of this run without a receipt time that can be measured. */
  unreceived = 0;
  readonly #rows: MeasureRows;
  readonly #slices: SliceHistograms;
  readonly #ingest;
  readonly #pipeline;
  /** Pipeline latency of records without a receipt time. */
  readonly #fromAppend;

  constructor(
    private readonly store: WindowStore,
    private readonly skew: SkewWatch,
    started_us: number,
  ) {
    this.#rows = store.measures;
    this.#slices = new SliceHistograms(started_us);
    this.#ingest = this.#slices.of("ingest");
    this.#pipeline = this.#slices.of("pipeline");
    this.#fromAppend = this.#slices.of("pipeline_from_append");
    store.forgetSlices();
  }

  /** Ingest and pipeline latency of each record of a commit that was made a moment ago. */
  latencies(batches: readonly LogBatch[]): void {
    const now_us = nowUs();
    this.#slices.at(now_us);
    for (const { count, appended_us, received_us } of batches) {
      for (let from = 0, to = 0; from < count; from = to) {
        const together_us = appended_us[from]!;
        for (to = from + 1; to < count && appended_us[to] === together_us; ) to++;
        const unreceived = this.#pipeline.addSince(now_us, received_us, from, to, now_us);
        this.unreceived += unreceived;
        if (!this.skew.measures(together_us, now_us)) continue;
        this.#ingest.addSince(together_us, received_us, from, to, now_us);
        if (unreceived > 0) this.#fromAppend.add(now_us - together_us, unreceived);
      }
    }
  }

  /** Stores what was noted, with the figures of the run. */
  save(figures: Record<string, number>, isLast: boolean): void {
    const slices = this.#slices.unstored(nowUs(), isLast);
    if (this.store.saveRun(figures, () => this.#saveSlices(slices))) this.#slices.stored(slices);
  }

  /** Several processes may share the file, so each adds its own. */
  #saveSlices(slices: readonly Slice[]): void {
    for (const { slice_us, histograms } of slices)
      this.#rows.putSlice(slice_us, mergedByName([this.#rows.slice(slice_us), histograms]));
    const newest_us = slices.reduce((newest, { slice_us }) => Math.max(newest, slice_us), 0);
    if (slices.length > 1) this.#rows.pruneSlices(newest_us);
  }
}
