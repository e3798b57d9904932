/** The simulator's candles, from the trades made so far (docs/feed.md "REST candles"). */
import { parseUnits } from "../base/decimal.ts";
import { usFromIso } from "../base/iso.ts";
import type { Recorded } from "./exchange-frames.ts";
import type { Faults } from "./faults.ts";

type CandleFaults = NonNullable<Faults["candles"]>;

const GRANULARITIES_S = [60, 300, 900, 3_600, 21_600, 86_400];
const CANDLES_MAX = 300;
/** The exchange's own words. */
const TOO_MANY = `granularity too small for the requested time range. Count of aggregations requested exceeds ${CANDLES_MAX}`;
const SIZE_SCALE = 8;
const DECIMAL = /^\d{1,15}(\.\d{1,10})?$/;
const SIZE = /^\d{1,15}(\.\d{1,8})?$/;
/** In a recording, a trade of an earlier minute comes at most this much later. */
const DISORDER_US = 600_000_000;

interface Made {
  trade_id: number;
  time_us: number;
  price: string;
  size: string;
}

/** The trades that the exchange has made. */
interface Trades {
  /** Of the product; newest first if `isById`. */
  made: Iterable<Recorded>;
  isById: boolean;
  clock_us: number;
}

/** The answer's body, or why it is refused. */
export function candlesOf(
  trades: Trades,
  query: URLSearchParams,
  faults: CandleFaults,
): { body: string } | { refused: string } {
  const granularity_s = Number(query.get("granularity"));
  if (!GRANULARITIES_S.includes(granularity_s)) return { refused: "Unsupported granularity" };
  const size_us = granularity_s * 1e6;
  const given = ["start", "end"].map((name) => query.get(name));
  const [start_us, end_us] = given.map(timeOf);
  if (start_us === null || end_us === null) return { refused: "Invalid start or end" };
  // Without both, both are ignored.
  const isNewest = start_us === undefined || end_us === undefined;
  const last = Math.floor((isNewest ? trades.clock_us : end_us) / size_us);
  const first = isNewest ? last - CANDLES_MAX + 1 : Math.ceil(start_us / size_us);
  if (last - first + 1 > CANDLES_MAX) return { refused: TOO_MANY };
  const made = madeBetween(trades, first * size_us, (last + 1) * size_us, faults);
  const buckets = Map.groupBy(made, ({ time_us }) => Math.floor(time_us / size_us));
  const rows = [...buckets].sort(([a], [b]) => b - a).map(([bucket, of]) => row(bucket * granularity_s, of, faults));
  return { body: `[${rows.filter((text) => text !== null).join(",")}]` };
}

/** By time; what is not a trade (a price "abc" in a recording) is left out. */
function madeBetween({ made, isById }: Trades, from_us: number, to_us: number, { lacking_ids = [] }: CandleFaults) {
  const found: Made[] = [];
  for (const trade of made) {
    if (isById && trade.time_us < from_us - DISORDER_US) break;
    if (trade.time_us < from_us || trade.time_us >= to_us || lacking_ids.includes(trade.trade_id)) continue;
    const one = madeOf(trade);
    if (one !== null) found.push(one);
  }
  return found.sort((a, b) => a.time_us - b.time_us || a.trade_id - b.trade_id);
}

function madeOf({ line, trade_id, time_us }: Recorded): Made | null {
  const { price, last_size: size } = JSON.parse(line) as Record<string, unknown>;
  if (typeof price !== "string" || typeof size !== "string" || !DECIMAL.test(price) || !SIZE.test(size)) return null;
  return Number(price) === 0 ? null : { trade_id, time_us, price, size };
}

/** Newest trades last; null by the fault of an absent minute. */
function row(time_s: number, trades: Made[], faults: CandleFaults): string | null {
  const isAt = (text: string) => usFromIso(text) === time_s * 1e6;
  if (faults.absent?.some(isAt)) return null;
  const prices = trades.map(({ price }) => price).sort((a, b) => Number(a) - Number(b));
  const units = trades.reduce((sum, { size }) => sum + parseUnits(size, SIZE_SCALE), 0n);
  const exact = { low: prices[0], high: prices.at(-1), open: trades[0]!.price, close: trades.at(-1)!.price };
  const volume = faults.float_volumes
    ? String(trades.reduce((sum, { size }) => sum + Number(size), 0))
    : `${units / 10n ** 8n}.${String(units % 10n ** 8n).padStart(8, "0")}`;
  const revised = faults.revised?.find(({ minute }) => isAt(minute));
  const { low, high, open, close, volume: shown } = { ...exact, volume, ...revised };
  return `[${[time_s, low, high, open, close, shown].join(",")}]`;
}

/** ISO 8601 or whole seconds; undefined when it isn't given, null when it is not valid. */
function timeOf(text: string | null): number | undefined | null {
  if (text === null) return undefined;
  return /^\d{1,11}$/.test(text) ? Number(text) * 1e6 : usFromIso(text);
}
