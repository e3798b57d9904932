/** What a page or an answer is about: one product and one window size, of those that there are. */
import { formatDuration } from "../../scripts/base/duration.ts";
import type { WindowSpec } from "../../scripts/contract/window.ts";
import type { Sources } from "./sources.ts";

export interface WindowSize {
  /** Microseconds. */
  us: number;
  /** As flags, addresses and answers write it: `1m`. */
  name: string;
  /** The size whose windows are summed exactly, where the stream keeps none of this one. */
  from_us?: number;
}

export interface Selection {
  product: string;
  size: WindowSize;
}

/** Which products and window sizes there are to choose from; at least one of each. */
export interface Choice {
  products: string[];
  sizes: WindowSize[];
  /** The product is there before the first tick, as a guess: any other may come. */
  isGuess?: boolean;
}

/** The size of the replaced pipeline's windows: a page opens on it, and the batch computes it. */
export const MINUTE_US = 60_000_000;
/** What is chosen while the stream has stored nothing. */
const FIRST = { product: "BTC-USD", size: { us: MINUTE_US, name: "1m" } };
/** Sizes that are summed from 1m where the stream does not keep them. */
const SUMMED_US = [5 * MINUTE_US, 60 * MINUTE_US];

/** Products of the stream and of the feed; the stream's window sizes and those that are summed. */
export function choices(sources: Sources): Choice {
  const counted = sources.windows.all<{ product_id: string }>("SELECT product_id FROM products");
  const names = counted.map(({ product_id }) => product_id);
  const products = [...new Set([...names, ...(sources.feed()?.products ?? [])])].sort();
  const sizes = sizesOf(specsOf(sources));
  return {
    products: products.length > 0 ? products : [FIRST.product],
    sizes: sizes.length > 0 ? sizes : [FIRST.size],
    isGuess: products.length === 0,
  };
}

/** The size that is shown if none is asked for: 1m if it is there. */
export function firstSize({ sizes }: Choice): WindowSize {
  return sizes.find(({ us }) => us === MINUTE_US) ?? sizes[0]!;
}

/** What a size that the stream does not keep is summed from; undefined if it can't be. */
export function summedFrom(sources: Sources, size_us: number): number | undefined {
  return sizesOf(specsOf(sources)).find(({ us }) => us === size_us)?.from_us;
}

/** A size that the stream keeps. */
export function sizeOfUs(us: number): WindowSize {
  return { us, name: formatDuration(us) };
}

function sizesOf(specs: readonly WindowSpec[]): WindowSize[] {
  const kept = specs.map(({ size_us }) => sizeOfUs(size_us));
  // Hopping minutes overlap: their sum would count ticks more than once.
  if (!specs.some(({ size_us, every_us }) => size_us === MINUTE_US && every_us === MINUTE_US)) return kept;
  const missing = SUMMED_US.filter((us) => !kept.some((size) => size.us === us));
  const summed = missing.map((us) => ({ ...sizeOfUs(us), from_us: MINUTE_US }));
  return [...kept, ...summed].sort((a, b) => a.us - b.us);
}

/** Microseconds from one window of a size to the next: less than the size where windows hop. */
export function everyUs(sources: Sources, size_us: number): number {
  return specsOf(sources).find((spec) => spec.size_us === size_us)?.every_us ?? size_us;
}

/** The stream's windows; [] before it has run. */
function specsOf(sources: Sources): WindowSpec[] {
  const stored = sources.windows.json("windows");
  return Array.isArray(stored) ? stored : [];
}
