/** Reads the JSON of measures.ts that stages keep. Without zod, which a stage must not load. */
import type { Histograms, RunSnapshot, Slice } from "./measures.ts";

/** The column `snapshot` of a run; null if it is damaged. */
export const parseRunSnapshot = reader(isSnapshot);
/** The column `histograms` of a slice; null if it is damaged. */
export const parseHistograms = reader(isHistograms);
/** The field `measures` of feed.json; null if it is damaged. */
export const parseSlices = reader(areSlices);

function reader<T>(is: (value: unknown) => value is T): (text: string) => T | null {
  return (text) => {
    try {
      const value: unknown = JSON.parse(text);
      return is(value) ? value : null;
    } catch {
      return null;
    }
  };
}

function isSnapshot(value: unknown): value is RunSnapshot {
  if (!isObject(value)) return false;
  const { positions, collected_to, store_created, newest_us, waiting_us, histograms, unreceived } = value;
  return (
    [positions, newest_us, waiting_us].every(isNumbers) &&
    isHistograms(histograms) &&
    typeof store_created === "string" &&
    typeof collected_to === "number" &&
    typeof unreceived === "number"
  );
}

function areSlices(value: unknown): value is Slice[] {
  const isSlice = (one: unknown) => isObject(one) && typeof one.slice_us === "number" && isHistograms(one.histograms);
  return Array.isArray(value) && value.every(isSlice);
}

function isHistograms(value: unknown): value is Histograms {
  const isPair = (one: unknown) => Array.isArray(one) && typeof one[0] === "number" && typeof one[1] === "number";
  return isObject(value) && Object.values(value).every((buckets) => Array.isArray(buckets) && buckets.every(isPair));
}

function isNumbers(value: unknown): value is Record<string, number> {
  return isObject(value) && Object.values(value).every((one) => typeof one === "number");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
