/** What the stream keeps for the measures in windows.db. */
import { parseHistograms } from "../../scripts/contract/measure-texts.ts";
import { type AnswerSample, SLICES_KEPT, type Slice } from "../../scripts/contract/measures.ts";
import type { Sources } from "./sources.ts";
import type { StoreFile } from "./store-file.ts";

const SLICES = "SELECT slice_us, histograms FROM measure_slices ORDER BY slice_us";
const SAMPLES = `SELECT at_us, product_id, answer_us, received_us, waiting_us FROM answer_samples
  WHERE product_id = $product ORDER BY at_us DESC LIMIT $limit`;
/** More than the stream keeps: 300 s at every second, and 720 older ones. */
const SAMPLES_MAX = 2_000;

/** Why windows.db has none of the measures; null when it has them. */
export function measuresMissing(windows: StoreFile): string | null {
  if (windows.db === null) return "the stream has not run yet";
  const table = "SELECT 1 AS one FROM sqlite_master WHERE name = 'answer_samples'";
  if (windows.get(table) !== null) return null;
  return "windows.db is of an older version, which kept no measures: this version's stream adds them when it starts";
}

/**
 * By their beginnings; 0 is since the process began. A damaged text has no histograms. Read once per
 * commit.
 */
export function slices(sources: Sources): Slice[] {
  return sources.once("slices", () => readSlices(sources.windows));
}

function readSlices(windows: StoreFile): Slice[] {
  const rows = windows.all<{ slice_us: number; histograms: string }>(SLICES);
  return rows.slice(0, SLICES_KEPT + 2).map(({ slice_us, histograms }) => {
    return { slice_us, histograms: parseHistograms(histograms) ?? {} };
  });
}

/** One product's, oldest first. */
export function samples(windows: StoreFile, product: string): AnswerSample[] {
  return windows.all<AnswerSample>(SAMPLES, { product, limit: SAMPLES_MAX }).reverse();
}

/** The newest sample of a product; null before the first. */
export function newestSample(windows: StoreFile, product: string): AnswerSample | null {
  return windows.get<AnswerSample>(SAMPLES, { product, limit: 1 });
}
