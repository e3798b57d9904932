/** What the stages keep, from which scripts/measure/ computes every measure (docs/measures.md). */

/** Histograms are kept by slices of this length, which begin at its multiples. */
export const SLICE_US = 10_000_000;
/** Slices kept: five minutes, and the one that is being filled. */
export const SLICES_KEPT = 31;
/** Answers are sampled at multiples of this time. */
export const SAMPLE_US = 1_000_000;
/** Samples older than five minutes are thinned to at most this many equal steps per product. */
export const SAMPLES_SINCE_START_MAX = 720;

/** A histogram: counts by bucket, ascending (measure/buckets.ts). */
export type Buckets = [bucket_us: number, count: number][];

/**
 * Histograms by name: `feed`, `ingest`, `pipeline`, `pipeline_from_append`, and `curve SIZE` (ticks by
 * the time from their window's end to the answer, of windows of SIZE microseconds).
 */
export type Histograms = Record<string, Buckets>;

/** The name of the curve of windows of this size. */
export function curveName(size_us: number): string {
  return `curve ${size_us}`;
}

/** A row of `measure_slices`. `slice_us` is the slice's beginning; 0: since the process began. */
export interface Slice {
  slice_us: number;
  histograms: Histograms;
}

/** A row of `answer_samples`: what the stream's answer contained at a moment. */
export interface AnswerSample {
  /** A multiple of SAMPLE_US, microseconds since 1970 UTC by this machine's clock. */
  at_us: number;
  product_id: string;
  /** Event time of the newest tick in the answer; null before the first. */
  answer_us: number | null;
  /** The same for an answer that contains every tick at its receipt; null before the first. */
  received_us: number | null;
  /** Receipt of the oldest received tick that the answer lacks; null if it lacks none. */
  waiting_us: number | null;
}

/** A product as windows.db has it: what the samples of a new process continue from. */
export interface SampledProduct {
  product_id: string;
  /** Event time of the newest tick in the answer; null without one. */
  answer_us: number | null;
  /** Its newest sample; null: it was never sampled. */
  sampled_us: number | null;
}

/** A row of `closings`: a window that the watermark has closed, and the record that closed it. */
export interface Closing {
  product_id: string;
  size_us: number;
  window_start_us: number;
  window_end_us: number;
  log_partition: number;
  log_offset: number;
  /** Event time of the record that closed it. */
  closed_time_us: number;
  /** Its receipt; its append time if it has none (`is_appended` 1). */
  received_us: number;
  is_appended: number;
  /** Commit of the final row. */
  committed_us: number;
}

/** The column `snapshot` of a run that is done, as JSON: what its answers contain. */
export interface RunSnapshot {
  /** Next offset by partition: every tick below it is in the answers. */
  positions: Record<string, number>;
  /** The newest insert_id of ticks.db in it. */
  collected_to: number;
  /** `created` of that ticks.db's settings: one that was created again numbers its ticks from 1 again. */
  store_created: string;
  /** Event time of the newest tick in it that is not skewed, by product. */
  newest_us: Record<string, number>;
  /**
   * Receipt of the oldest tick that the answers before it lack, by product; its append time if it has
   * no receipt.
   */
  waiting_us: Record<string, number>;
  /** Of the ticks that are new in it: `pipeline`, `pipeline_from_append`, `curve 60000000`. */
  histograms: Histograms;
  /** New ticks without a receipt time. */
  unreceived: number;
  /** The exchange's time at its end, from which its curve counts; null: not known, so it has none. */
  exchange_us: number | null;
}

/**
 * What the newest answers before a run contain; "nothing" before the first; "unknown" if they are of
 * an older Tidemark, or damaged.
 */
export type Answered = RunSnapshot | "nothing" | "unknown";

/** Bounds of the exchange's clock minus ours, from requests to GET /time (measures.md, Clocks). */
export interface ClockOffset {
  low_us: number;
  high_us: number;
  /** Requests that the interval comes from. */
  requests: number;
  /** When the newest of them was answered. */
  as_of_us: number;
}
