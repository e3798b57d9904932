/** What windows.db keeps for the measures: slices of histograms, samples of the answer, closings. */
import type { Database, Statement } from "bun:sqlite";
import { CLOSINGS_MAX } from "../base/limits.ts";
import { parseHistograms } from "../contract/measure-texts.ts";
import {
  type AnswerSample,
  type Closing,
  type Histograms,
  type SampledProduct,
  SLICE_US,
  SLICES_KEPT,
} from "../contract/measures.ts";

const SAMPLE_COLUMNS = [
  "at_us",
  "product_id",
  "answer_us",
  "received_us",
  "waiting_us",
] as const satisfies (keyof AnswerSample)[];
const CLOSING_COLUMNS = [
  "product_id",
  "size_us",
  "window_start_us",
  "window_end_us",
  "log_partition",
  "log_offset",
  "closed_time_us",
  "received_us",
  "is_appended",
  "committed_us",
] as const satisfies (keyof Closing)[];

/** All writes are inside the caller's transaction. */
export class MeasureRows {
  readonly #put: Record<"slice" | "sample" | "closing", Statement>;

  constructor(private readonly db: Database) {
    const marks = (columns: readonly string[]) => columns.map(() => "?").join(", ");
    this.#put = {
      slice: db.prepare("INSERT OR REPLACE INTO measure_slices VALUES (?, ?)"),
      sample: db.prepare(
        `INSERT OR REPLACE INTO answer_samples (${SAMPLE_COLUMNS.join(", ")}) VALUES (${marks(SAMPLE_COLUMNS)})`,
      ),
      closing: db.prepare(`INSERT INTO closings (${CLOSING_COLUMNS.join(", ")}) VALUES (${marks(CLOSING_COLUMNS)})`),
    };
  }

  /** The histograms of a slice so far; none of a slice without a row, or with a damaged one. */
  slice(slice_us: number): Histograms {
    const query = "SELECT histograms FROM measure_slices WHERE slice_us = ?";
    const row = this.db.query<{ histograms: string }, [number]>(query).get(slice_us);
    return (row && parseHistograms(row.histograms)) ?? {};
  }

  putSlice(slice_us: number, histograms: Histograms): void {
    this.#put.slice.run(slice_us, JSON.stringify(histograms));
  }

  /** Removes slices older than the newest SLICES_KEPT, and those of a clock that was set back. */
  pruneSlices(newest_us: number): void {
    const query = "DELETE FROM measure_slices WHERE slice_us > ? OR (slice_us > 0 AND slice_us <= ?)";
    this.db.query(query).run(newest_us, newest_us - SLICES_KEPT * SLICE_US);
  }

  forgetSlices(): void {
    this.db.exec("DELETE FROM measure_slices");
  }

  /** Stores samples, and removes those of a clock that was set back. */
  putSamples(samples: readonly AnswerSample[], now_us: number): void {
    for (const sample of samples) this.#put.sample.run(...SAMPLE_COLUMNS.map((column) => sample[column]));
    this.db.query("DELETE FROM answer_samples WHERE at_us > ?").run(now_us);
  }

  /** Of the samples before `before_us`, keeps those of a span at multiples of `step_us`. */
  thinSamples(before_us: number, span: { since_us: number; until_us: number; step_us: number }): void {
    const query = "DELETE FROM answer_samples WHERE at_us < ? AND (at_us < ? OR at_us > ? OR at_us % ? <> 0)";
    this.db.query(query).run(before_us, span.since_us, span.until_us, span.step_us);
  }

  /** Samples of all products from `from_us` on. */
  samplesSince(from_us: number): AnswerSample[] {
    const query = `SELECT ${SAMPLE_COLUMNS.join(", ")} FROM answer_samples WHERE at_us >= ?`;
    return this.db.query<AnswerSample, [number]>(query).all(from_us);
  }

  /**
   * Products whose records these partitions have, sampled ones first: the newest event time in the
   * answer (microseconds; that of a skewed tick does not count), and the newest sample.
   */
  sampledProducts(partitions: readonly number[]): SampledProduct[] {
    return this.db.query<SampledProduct, { partitions: string }>(SAMPLED_PRODUCTS).all({
      partitions: JSON.stringify(partitions),
    });
  }

  /** Ticks in the committed row of a window; 0 without one. */
  ticksOf(product_id: string, size_us: number, window_start_us: number): number {
    const query = "SELECT trade_count FROM windows WHERE product_id = ? AND size_us = ? AND window_start_us = ?";
    const row = this.db
      .query<{ trade_count: number }, [string, number, number]>(query)
      .get(product_id, size_us, window_start_us);
    return row?.trade_count ?? 0;
  }

  /** Adds closings. The newest CLOSINGS_MAX are kept. */
  addClosings(closings: readonly Closing[]): void {
    if (closings.length === 0) return;
    let newest = 0;
    for (const closing of closings.slice(-CLOSINGS_MAX))
      newest = Number(this.#put.closing.run(...CLOSING_COLUMNS.map((column) => closing[column])).lastInsertRowid);
    this.db.query("DELETE FROM closings WHERE seq <= ?").run(newest - CLOSINGS_MAX);
  }
}

/** Of the embedded log, product_partitions is empty: its one partition has all products. */
const SAMPLED_PRODUCTS = `
  SELECT product_id, max(answer_us) AS answer_us, sampled_us
  FROM (
    SELECT p.product_id, (
      SELECT w.close_time_us FROM windows w
      WHERE w.product_id = p.product_id AND w.size_us = e.size_us AND (w.skewed = 0 OR w.close_time_us <= p.max_time_us)
      ORDER BY w.window_start_us DESC LIMIT 1
    ) AS answer_us, s.sampled_us
    FROM products p
    LEFT JOIN closed_ends e ON e.product_id = p.product_id
    LEFT JOIN (SELECT product_id, max(at_us) AS sampled_us FROM answer_samples GROUP BY product_id) s
      ON s.product_id = p.product_id
    WHERE NOT EXISTS (SELECT 1 FROM product_partitions o WHERE o.product_id = p.product_id)
      OR EXISTS (
        SELECT 1 FROM product_partitions o JOIN json_each($partitions) j ON j.value = o.log_partition
        WHERE o.product_id = p.product_id
      )
  )
  GROUP BY product_id ORDER BY sampled_us IS NULL, product_id`;
