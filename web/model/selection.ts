/** What a page or an answer is about: one product and one window size, of those that there are. */
import { formatDuration } from "../../scripts/base/duration.ts";
import type { WindowSpec } from "../../scripts/contract/window.ts";
import type { Sources } from "./sources.ts";

export interface WindowSize {
  /** Microseconds. */
  us: number;
  /** As flags, addresses and answers write it: `1m`. */
  name: string;
  /** Of a size that the stream does not keep: that of the windows from which it is summed. */
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
}

/** What is chosen while the stream has stored nothing. */
const FIRST = { product: "BTC-USD", size: { us: 60_000_000, name: "1m" } };

/** Products of the stream and of the feed, and the stream's window sizes. */
export function choices(sources: Sources): Choice {
  const counted = sources.windows.all<{ product_id: string }>("SELECT product_id FROM products");
  const names = counted.map(({ product_id }) => product_id);
  const products = [...new Set([...names, ...(sources.feed()?.products ?? [])])].sort();
  const sizes = specsOf(sources).map(({ size_us }) => ofSize(size_us));
  return {
    products: products.length > 0 ? products : [FIRST.product],
    sizes: sizes.length > 0 ? sizes : [FIRST.size],
  };
}

/** A size that the stream keeps, by its microseconds. */
export function ofSize(us: number): WindowSize {
  return { us, name: formatDuration(us) };
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
