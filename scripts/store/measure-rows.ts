/** What windows.db keeps for the measures: slices of histograms, samples of the answer, closings. */
import type { Database, Statement } from "bun:sqlite";
import { CLOSINGS_MAX } from "../base/limits.ts";
import { type AnswerSample, type Closing, type Histograms, SLICE_US, SLICES_KEPT } from "../contract/measures.ts";

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

  /** The histograms of a slice so far; none of a slice without a row. */
  slice(slice_us: number): Histograms {
    const query = "SELECT histograms FROM measure_slices WHERE slice_us = ?";
    const row = this.db.query<{ histograms: string }, [number]>(query).get(slice_us);
    return row === null ? {} : JSON.parse(row.histograms);
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

  putSample(sample: AnswerSample): void {
    this.#put.sample.run(...SAMPLE_COLUMNS.map((column) => sample[column]));
  }

  /** Adds closings. The newest CLOSINGS_MAX are kept. */
  addClosings(closings: readonly Closing[]): void {
    let newest = 0;
    for (const closing of closings)
      newest = Number(this.#put.closing.run(...CLOSING_COLUMNS.map((column) => closing[column])).lastInsertRowid);
    this.db.query("DELETE FROM closings WHERE seq <= ?").run(newest - CLOSINGS_MAX);
  }
}
