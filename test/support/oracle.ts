/** A naive answer to compare with: every tick in an array, everything sorted and summed with bigints, no state kept. */
import { formatUnits, pow10 } from "../../scripts/common/decimal.ts";
import type { Position, Tick } from "../../scripts/common/tick.ts";

export interface Logged {
  tick: Tick;
  at: Position;
}

export interface OracleWindow {
  product_id: string;
  window_start_us: number;
  trade_count: number;
  buy_count: number;
  price_sum: string;
  total_volume: string;
  notional: string;
  min_price: string;
  max_price: string;
  open_price: string;
  close_price: string;
  first_trade_id: number;
  last_trade_id: number;
}

/** For each window: its ticks in time, its late ticks, whether it is closed at the end of the log. */
export function oracle(
  log: Logged[],
  settings: { size_us: number; every_us: number; lateness_us: number; max_skew_us: number },
) {
  const unique = new Map<string, Logged>();
  for (const entry of log) {
    const key = `${entry.tick.product_id} ${entry.tick.trade_id}`;
    if (!unique.has(key)) unique.set(key, entry);
  }
  const onTime = new Map<string, Tick[]>();
  const late = new Map<string, Tick[]>();
  const sound = (e: Logged) => e.tick.time_us <= e.at.appended_us + settings.max_skew_us;
  const seen: Logged[] = [];
  for (const entry of unique.values()) {
    seen.push(entry);
    const times = seen
      .filter((e) => e.tick.product_id === entry.tick.product_id && sound(e))
      .map((e) => e.tick.time_us);
    const max = times.reduce((a, b) => Math.max(a, b), Number.MIN_SAFE_INTEGER);
    const { time_us, product_id } = entry.tick;
    for (
      let start = Math.floor(time_us / settings.every_us) * settings.every_us;
      start > time_us - settings.size_us;
      start -= settings.every_us
    ) {
      const target = start + settings.size_us <= max - settings.lateness_us ? late : onTime;
      const key = `${product_id} ${start}`;
      target.set(key, [...(target.get(key) ?? []), entry.tick]);
    }
  }
  const closed = (product_id: string, start: number) => {
    const times = seen.filter((e) => e.tick.product_id === product_id && sound(e)).map((e) => e.tick.time_us);
    return (
      start + settings.size_us <= times.reduce((a, b) => Math.max(a, b), Number.MIN_SAFE_INTEGER) - settings.lateness_us
    );
  };
  return { onTime, late, closed, unique: [...unique.values()] };
}

/** The window over exactly these ticks. */
export function naiveWindow(ticks: Tick[]): OracleWindow {
  const price = (t: Tick) => BigInt(t.price_mantissa) * pow10(10 - t.price_scale);
  const size = (t: Tick) => BigInt(t.size_mantissa) * pow10(8 - t.size_scale);
  const byTime = [...ticks].sort((a, b) => a.time_us - b.time_us || a.trade_id - b.trade_id);
  const prices = ticks.map(price).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const ids = ticks.map((t) => t.trade_id).sort((a, b) => a - b);
  return {
    product_id: ticks[0]!.product_id,
    window_start_us: 0,
    trade_count: ticks.length,
    buy_count: ticks.filter((t) => t.side === "buy").length,
    price_sum: formatUnits(
      ticks.reduce((sum, t) => sum + price(t), 0n),
      10,
    ),
    total_volume: formatUnits(
      ticks.reduce((sum, t) => sum + size(t), 0n),
      8,
    ),
    notional: formatUnits(
      ticks.reduce((sum, t) => sum + price(t) * size(t), 0n),
      18,
    ),
    min_price: formatUnits(prices[0]!, 10),
    max_price: formatUnits(prices.at(-1)!, 10),
    open_price: formatUnits(price(byTime[0]!), 10),
    close_price: formatUnits(price(byTime.at(-1)!), 10),
    first_trade_id: ids[0]!,
    last_trade_id: ids.at(-1)!,
  };
}
