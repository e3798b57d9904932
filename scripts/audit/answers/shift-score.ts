/** How much of a foreign row the ticks of a window reproduce; doubles are exact enough to find a shift. */
import type { AuditColumn, AuditRecord, ForeignRow } from "../audit-types.ts";

/** The distinct ticks of one product, or of all, by time. */
class Place {
  constructor(
    readonly times: Float64Array,
    readonly prices: Float64Array,
    readonly sizes: Float64Array,
  ) {}

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
}

/** What is known of a row's window; undefined where the answer lacks the column. */
export interface Facts {
  place: Place;
  start_us: number;
  values: [fact: Fact, value: number][];
}

const FACTS = {
  trade_count: (_: Place, from: number, to: number) => to - from,
  min_price: (place: Place, from: number, to: number) => extreme(place.prices, from, to, Math.min),
  max_price: (place: Place, from: number, to: number) => extreme(place.prices, from, to, Math.max),
  open_price: (place: Place, from: number) => place.prices[from]!,
  close_price: (place: Place, _: number, to: number) => place.prices[to - 1]!,
  avg_price: (place: Place, from: number, to: number) => sum(place.prices, from, to) / (to - from),
  total_volume: (place: Place, from: number, to: number) => sum(place.sizes, from, to),
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

function extreme(values: Float64Array, from: number, to: number, choose: (a: number, b: number) => number): number {
  let found = values[from]!;
  for (let i = from + 1; i < to; i++) found = choose(found, values[i]!);
  return found;
}

function sum(values: Float64Array, from: number, to: number): number {
  let total = 0;
  for (let i = from; i < to; i++) total += values[i]!;
  return total;
}
