/** A window's row from its members in exact decimals, and what is the same in every arithmetic. */
import { pow10 } from "../base/decimal.ts";
import { buySellRatio, sentiment, THRESHOLDS } from "../contract/thresholds.ts";
import { type Quotient, readDecimal } from "./arithmetic-decimal.ts";
import { comesBefore, type RowStyle } from "./arithmetic-ends.ts";
import type { AuditColumn } from "./audit-types.ts";
import { type EngineLog, KIND, narrowId, SIDE, unitsAt } from "./engine-log.ts";

export const EXACT_STYLE: RowStyle = {
  counts: "records",
  ends: "time_id",
  times: "us",
  ids: "exact",
  idEnds: "value",
};

/** A column's value: a number, a text, or null. `double`: the same operation on doubles (a ratio). */
export type Value = (Quotient & { double?: number }) | string | null;
export type Row = Record<AuditColumn, Value>;

const RANGE_MAX = readDecimal(THRESHOLDS.volatility_range)!;
const VOLUME_MAX = readDecimal(THRESHOLDS.volume_spike)!;
const EPSILON_PARTS = Math.round(1 / THRESHOLDS.ratio_epsilon);
/** From here on sums move to bigints; one more number below SPILL stays a safe integer. */
const SPILL = 2 ** 52;

/** Counts, and the records of the first and last price and of the ids; the same in every arithmetic. */
export interface Common {
  count: number;
  priced: number;
  buys: number;
  sells: number;
  open: number;
  close: number;
  first_id: number;
  last_id: number;
}

export function commonOf(log: EngineLog, members: readonly number[], style: RowStyle): Common {
  const ids = style.ids === "wrapped_last" ? "exact" : style.ids;
  const c = { count: 0, priced: 0, buys: 0, sells: 0, open: -1, close: -1, first_id: Infinity, last_id: -Infinity };
  let [first, last] = [-1, -1];
  for (const i of members) {
    const isPriced = log.kind[i] === KIND.tick || !Number.isNaN(log.price[i]!);
    if (isPriced) c.priced++;
    if (isPriced || style.counts !== "prices") c.count++;
    if (log.side[i] === SIDE.buy) c.buys++;
    else if (log.side[i] === SIDE.sell) c.sells++;
    const id = narrowId(log.id[i]!, ids);
    if (style.idEnds === "value") {
      if (id < c.first_id) c.first_id = id;
      if (id > c.last_id) c.last_id = id;
    } else {
      if (first === -1 || comesBefore(log, i, first, style.idEnds, style.times)) [first, c.first_id] = [i, id];
      if (last === -1 || !comesBefore(log, i, last, style.idEnds, style.times)) [last, c.last_id] = [i, id];
    }
    if (!isPriced) continue;
    if (c.open === -1 || comesBefore(log, i, c.open, style.ends, style.times)) c.open = i;
    if (c.close === -1 || !comesBefore(log, i, c.close, style.ends, style.times)) c.close = i;
  }
  if (style.counts === "ids") c.count = distinctIds(log, members);
  if (style.ids === "wrapped_last")
    [c.first_id, c.last_id] = [c.first_id, c.last_id].map((id) =>
      Number.isFinite(id) ? narrowId(id, "wrapped") : id,
    ) as [number, number];
  return c;
}

function distinctIds(log: EngineLog, members: readonly number[]): number {
  const ids = members.filter((i) => !Number.isNaN(log.id[i]!)).map((i) => log.id[i]!);
  return new Set(ids).size;
}

function commonCells(c: Common): Partial<Row> {
  const isEmpty = c.buys + c.sells + c.count === 0;
  return {
    trade_count: whole(c.count),
    buy_count: whole(c.buys),
    sell_count: whole(c.sells),
    first_trade_id: Number.isFinite(c.first_id) ? whole(c.first_id) : null,
    last_trade_id: Number.isFinite(c.last_id) ? whole(c.last_id) : null,
    buy_sell_ratio: isEmpty
      ? null
      : {
          num: BigInt(c.buys * EPSILON_PARTS),
          den: BigInt(c.sells * EPSILON_PARTS + 1),
          double: buySellRatio(c.buys, c.sells),
        },
  };
}

const whole = (n: number): Quotient => ({ num: BigInt(n), den: 1n });

/** The row in exact decimals. */
export function decimalRow(log: EngineLog, members: readonly number[], c: Common): Row {
  const { price_sum, volume, notional, min, max } = exactSums(log, members);
  const [p, s] = [pow10(log.price_scale), pow10(log.size_scale)];
  const range = min === null || max === null ? null : max - min;
  const price = (units: bigint | null): Value => (units === null ? null : { num: units, den: p });
  return {
    ...(commonCells(c) as Row),
    avg_price: c.priced === 0 ? null : { num: price_sum, den: p * BigInt(c.priced) },
    max_price: price(max),
    min_price: price(min),
    price_range: price(range),
    price_sum: price(c.priced === 0 ? null : price_sum),
    total_volume: volume === null ? null : { num: volume, den: s },
    notional: notional === null ? null : { num: notional, den: p * s },
    vwap: notional === null || volume === null || volume <= 0n ? null : { num: notional, den: p * volume },
    open_price: c.open === -1 ? null : price(unitsAt(log, c.open, "price")),
    close_price: c.close === -1 ? null : price(unitsAt(log, c.close, "price")),
    volatility_flag: range !== null && isAbove({ num: range, den: p }, RANGE_MAX) ? "High" : "Normal",
    market_sentiment: sentiment(c.buys, c.sells),
    volume_spike: volume !== null && isAbove({ num: volume, den: s }, VOLUME_MAX) ? "Spike" : "Normal",
  };
}

function isAbove({ num, den }: Quotient, { units, scale }: { units: bigint; scale: number }): boolean {
  return num * pow10(scale) > units * den;
}

/** Sums as numbers while they are safe integers; what would not be goes to bigints. */
function exactSums(log: EngineLog, members: readonly number[]) {
  let [price, size, product] = [0, 0, 0];
  let [price_sum, volume, notional] = [0n, 0n, 0n];
  let [min, max]: [bigint | null, bigint | null] = [null, null];
  let [low, high] = [Infinity, -Infinity];
  let [sized, both] = [0, 0];
  for (const i of members) {
    const [p, s] = [log.price_units[i]!, log.size_units[i]!];
    if (!Number.isNaN(p)) {
      sized++;
      both++;
      const ps = p * s;
      if (ps < SPILL) product += ps;
      else notional += BigInt(p) * BigInt(s);
      if (p < SPILL) price += p;
      else price_sum += BigInt(p);
      if (s < SPILL) size += s;
      else volume += BigInt(s);
      if (p < low) low = p;
      if (p > high) high = p;
    } else {
      const wide = log.wide.get(i);
      if (wide === undefined) continue;
      if (wide.price !== null) price_sum += wide.price;
      if (wide.price !== null && (min === null || wide.price < min)) min = wide.price;
      if (wide.price !== null && (max === null || wide.price > max)) max = wide.price;
      if (wide.size !== null) volume += wide.size;
      if (wide.size !== null) sized++;
      if (wide.price === null || wide.size === null) continue;
      notional += wide.price * wide.size;
      both++;
    }
    if (price < SPILL && size < SPILL && product < SPILL) continue;
    [price_sum, volume, notional] = [price_sum + BigInt(price), volume + BigInt(size), notional + BigInt(product)];
    [price, size, product] = [0, 0, 0];
  }
  if (low !== Infinity && (min === null || BigInt(low) < min)) min = BigInt(low);
  if (high !== -Infinity && (max === null || BigInt(high) > max)) max = BigInt(high);
  return {
    price_sum: price_sum + BigInt(price),
    volume: sized === 0 ? null : volume + BigInt(size),
    notional: both === 0 ? null : notional + BigInt(product),
    min,
    max,
  };
}
