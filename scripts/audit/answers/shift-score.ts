/** How much of a foreign row the ticks of a window reproduce; doubles are exact enough to find a shift. */
import type { AuditColumn, AuditRecord, ForeignRow } from "../audit-types.ts";

/** Ticks of one block, whose lowest and highest price is known. */
const BLOCK = 64;

/** The distinct ticks of one product, or of all, by time; sums and extremes of any part are cheap. */
class Place {
  readonly #priceSums: Float64Array;
  readonly #sizeSums: Float64Array;
  readonly #lowest: Float64Array;
  readonly #highest: Float64Array;

  constructor(
    readonly times: Float64Array,
    readonly prices: Float64Array,
    sizes: Float64Array,
  ) {
    this.#priceSums = prefixSums(prices);
    this.#sizeSums = prefixSums(sizes);
    this.#lowest = new Float64Array(Math.ceil(prices.length / BLOCK)).fill(Number.POSITIVE_INFINITY);
    this.#highest = new Float64Array(this.#lowest.length).fill(Number.NEGATIVE_INFINITY);
    for (const [i, price] of prices.entries()) {
      const block = Math.floor(i / BLOCK);
      this.#lowest[block] = Math.min(this.#lowest[block]!, price);
      this.#highest[block] = Math.max(this.#highest[block]!, price);
    }
  }

  /** Index of the first tick from this time on. */
  from(time_us: number): number {
    let [low, high] = [0, this.times.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.times[middle]! < time_us) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  priceSum(from: number, to: number): number {
    return this.#priceSums[to]! - this.#priceSums[from]!;
  }

  volume(from: number, to: number): number {
    return this.#sizeSums[to]! - this.#sizeSums[from]!;
  }

  lowest(from: number, to: number): number {
    return this.#extreme(from, to, this.#lowest, Math.min);
  }

  highest(from: number, to: number): number {
    return this.#extreme(from, to, this.#highest, Math.max);
  }

  #extreme(from: number, to: number, blocks: Float64Array, choose: (a: number, b: number) => number): number {
    let found = this.prices[from]!;
    for (let i = from; i < to; ) {
      const isWhole = i % BLOCK === 0 && i + BLOCK <= to;
      found = choose(found, isWhole ? blocks[i / BLOCK]! : this.prices[i]!);
      i += isWhole ? BLOCK : 1;
    }
    return found;
  }
}

/** The sum of the first n values at n. Compensated: a small window late in a long log is exact enough. */
function prefixSums(values: Float64Array): Float64Array {
  const sums = new Float64Array(values.length + 1);
  let [sum, lost] = [0, 0];
  for (const [i, value] of values.entries()) {
    const next = sum + (value - lost);
    lost = next - sum - (value - lost);
    sum = next;
    sums[i + 1] = sum;
  }
  return sums;
}

/** What is known of a row's window; undefined where the answer lacks the column. */
export interface Facts {
  place: Place;
  start_us: number;
  values: [fact: Fact, value: number][];
}

const FACTS = {
  trade_count: (_: Place, from: number, to: number) => to - from,
  min_price: (place: Place, from: number, to: number) => place.lowest(from, to),
  max_price: (place: Place, from: number, to: number) => place.highest(from, to),
  open_price: (place: Place, from: number) => place.prices[from]!,
  close_price: (place: Place, _: number, to: number) => place.prices[to - 1]!,
  avg_price: (place: Place, from: number, to: number) => place.priceSum(from, to) / (to - from),
  total_volume: (place: Place, from: number, to: number) => place.volume(from, to),
} satisfies Partial<Record<AuditColumn, (place: Place, from: number, to: number) => number>>;
type Fact = keyof typeof FACTS;

/** Values of 32-bit floats and rounded averages count as equal. */
const TOLERANCE = 3e-7;

/** Ticks by product, and of all products together for answers without a product. */
export function placesOf(
  rows: readonly ForeignRow[],
  records: readonly AuditRecord[],
): ReadonlyMap<string | null, Place> {
  const seen = new Set<string>();
  const ticks = records.flatMap(({ tick }) => {
    if (tick === null) return [];
    const key = `${tick.trade_id} ${tick.product_id}`;
    if (seen.has(key)) return [];
    seen.add(key);
    return [tick];
  });
  ticks.sort((a, b) => a.time_us - b.time_us || a.trade_id - b.trade_id);
  const wanted = new Set(rows.map(({ product_id }) => product_id));
  return new Map(
    [...wanted].map((product) => {
      const own = product === null ? ticks : ticks.filter(({ product_id }) => product_id === product);
      return [
        product,
        new Place(
          Float64Array.from(own, ({ time_us }) => time_us),
          Float64Array.from(own, ({ price_mantissa, price_scale }) => Number(price_mantissa) / 10 ** price_scale),
          Float64Array.from(own, ({ size_mantissa, size_scale }) => Number(size_mantissa) / 10 ** size_scale),
        ),
      ];
    }),
  );
}

/** Null when the row has none of the facts, or the records have no such product. */
export function factsOf(row: ForeignRow, places: ReadonlyMap<string | null, Place>): Facts | null {
  const place = places.get(row.product_id);
  if (place === undefined || place.times.length === 0) return null;
  const values = (Object.keys(FACTS) as Fact[]).flatMap((fact): Facts["values"] => {
    const cell = row.cells[fact];
    return cell === null || cell === undefined || cell === "" || Number.isNaN(Number(cell))
      ? []
      : [[fact, Number(cell)]];
  });
  return values.length === 0 ? null : { place, start_us: row.window_start_us, values };
}

/** The part of a row's facts that its window reproduces after a shift: 0 to 1. */
export function scoreOf({ place, start_us, values }: Facts, shift_us: number, size_us: number): number {
  const from = place.from(start_us + shift_us);
  const to = place.from(start_us + shift_us + size_us);
  if (from === to) return 0;
  let equal = 0;
  for (const [fact, value] of values) {
    const own = FACTS[fact](place, from, to);
    if (Math.abs(own - value) <= (fact === "trade_count" ? 0 : TOLERANCE * Math.abs(value))) equal++;
  }
  return equal / values.length;
}
