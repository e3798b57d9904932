/** The exchange's candles of one minute: requested by span, and read as exact text. */
import { isoSecondFromUs } from "../base/iso.ts";
import { CANDLE_US, CANDLES_MAX, type Candle } from "../contract/candle.ts";
import { textOf } from "./rest-fetch.ts";
import type { RestQueue } from "./tape/rest.ts";

/** A number as JSON has it; some clients of the exchange quote theirs. */
const NUMBER = /^"?(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?"?$/;
/** Digits of a number, at most: more are not a price. */
const DIGITS_MAX = 60;
const ROW = /\[([^[\]]*)\]/g;

/**
 * Candles of whole minutes that begin in the span (µs since 1970 UTC, `to_us` exclusive), oldest
 * first, each once; at most CANDLES_MAX. Minutes without a trade are absent, and so is what the
 * exchange does not publish yet. Throws an Error for people, RestRefusal with a status.
 */
export async function minuteCandles(
  queue: RestQueue,
  product_id: string,
  { from_us, to_us }: { from_us: number; to_us: number },
  signal: AbortSignal,
): Promise<Candle[]> {
  if ((to_us - from_us) / CANDLE_US > CANDLES_MAX) throw new RangeError(`more than ${CANDLES_MAX} candles`);
  // Both ends are inclusive: an end at `to_us` would be one candle too many.
  const [start, end] = [from_us, to_us - CANDLE_US].map((us) => isoSecondFromUs(us));
  const path = `/products/${encodeURIComponent(product_id)}/candles?granularity=60&start=${start}&end=${end}`;
  const candles = await queue.ask(path, signal, async (response) => parseCandles(await textOf(response)));
  // Some may precede the declared start (docs/feed.md "REST candles").
  const wanted = candles.filter(({ start_us }) => start_us >= from_us && start_us < to_us);
  return [...new Map(wanted.map((candle) => [candle.start_us, candle])).values()].sort(
    (a, b) => a.start_us - b.start_us,
  );
}

/** `[[time, low, high, open, close, volume], …]` as it was sent. Throws an Error for people. */
export function parseCandles(text: string): Candle[] {
  const inner = /^\s*\[([\s\S]*)\]\s*$/.exec(text)?.[1];
  if (inner === undefined || inner.replace(ROW, "").replace(/[\s,]/g, "") !== "")
    throw new Error("REST answers with no list of candles");
  return [...inner.matchAll(ROW)].map(([, row]) => candleOf(row!.split(",").map((cell) => cell.trim())));
}

function candleOf(cells: string[]): Candle {
  const [time, low, high, open, close, volume] = cells.map(plainDecimal);
  const start_us = Number(time ?? Number.NaN) * 1e6;
  if (cells.length < 6 || !Number.isSafeInteger(start_us) || !low || !high || !open || !close || !volume)
    throw new Error(`REST answers with a candle that is not six numbers: [${cells.join(",").slice(0, 200)}]`);
  return { start_us, low, high, open, close, volume };
}

/** The same number without an exponent and trailing zeros; null when the text is not a number. */
function plainDecimal(text: string): string | null {
  const [, minus, whole = "", fraction = "", exponent = "0"] = NUMBER.exec(text) ?? [];
  if (minus === undefined) return null;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (digits.length > DIGITS_MAX || Math.abs(point) > DIGITS_MAX) return null;
  const padded = digits.padStart(digits.length + Math.max(0, 1 - point), "0");
  const at = Math.max(1, point);
  const plain = `${padded.slice(0, at).padEnd(at, "0")}.${padded.slice(at)}`;
  const bare = plain.replace(/^0+(?=\d)/, "").replace(/\.?0*$/, "");
  return `${minus === "-" && bare !== "0" ? "-" : ""}${bare}`;
}
