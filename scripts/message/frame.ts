/** What the feed must know of a frame, cheaply, and the two spellings of a trade. It judges nothing: parse.ts decides what is a tick. */

/** `text` is the frame, one JavaScript character a byte (latin1): fit for searching, not for showing. */
export type Frame =
  | { kind: "tick"; product_id: string; trade_id: number; time_us: number }
  | { kind: "match" | "last_match"; product_id: string; trade_id: number; time_us: number; message: Message }
  | { kind: "incomplete"; product_id: string }
  | { kind: "heartbeat"; product_id: string; time_us: number; message: Message }
  | { kind: "subscriptions" | "error"; message: Message }
  | { kind: "garbled" | "other" };
export type Message = Record<string, unknown>;

const TICKER = '{"type":"ticker",';
const PRODUCT = '"product_id":"';
const TRADE = '"trade_id":';
const TIME = '"time":"';

/**
 * Reads a frame. `incomplete` is a ticker without a trade_id (feed.md: a product without trades, an auction); a ticker that has
 * one names a trade and goes into the log whatever else is wrong with it. `time_us` is NaN when there is no time.
 */
export function readFrame(bytes: Buffer): Frame {
  const text = bytes.toString("latin1");
  if (text.startsWith(TICKER)) {
    const product = text.indexOf(PRODUCT);
    const trade = text.indexOf(TRADE);
    if (product > 0 && trade > 0 && text.charCodeAt(text.length - 1) === 125) {
      const from = product + PRODUCT.length;
      const trade_id = Number.parseInt(text.slice(trade + TRADE.length, trade + TRADE.length + 17), 10);
      const time = text.indexOf(TIME);
      const time_us = time < 0 ? Number.NaN : timeUs(text.slice(time + TIME.length, time + TIME.length + 27));
      const product_id = text.slice(from, text.indexOf('"', from));
      if (isPlain(product_id) && trade_id >= 0) return { kind: "tick", product_id, trade_id, time_us };
    }
  }
  return readAny(bytes);
}

/** The same by JSON.parse, for frames of any spelling. */
function readAny(bytes: Buffer): Frame {
  let message: Message;
  try {
    message = JSON.parse(bytes.toString("utf8"));
  } catch {
    return { kind: "garbled" };
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) return { kind: "garbled" };
  const product_id = typeof message.product_id === "string" ? message.product_id : "";
  const trade_id = typeof message.trade_id === "number" ? message.trade_id : Number.NaN;
  const time_us = timeUs(message.time);
  switch (message.type) {
    case "ticker":
      if (message.trade_id === undefined) return { kind: "incomplete", product_id };
      return { kind: "tick", product_id, trade_id, time_us };
    case "match":
    case "last_match":
      return { kind: message.type, product_id, trade_id, time_us, message };
    case "heartbeat":
      return { kind: "heartbeat", product_id, time_us, message };
    case "subscriptions":
    case "error":
      return { kind: message.type, message };
    default:
      return { kind: "other" };
  }
}

/** No escape and no byte beyond ASCII: then the latin1 text is the text. */
function isPlain(text: string): boolean {
  return /^[\x20-\x5b\x5d-\x7e]+$/.test(text);
}

/** The second that was read last, which is nearly always the next one's too. */
let [second, second_ms] = ["", Number.NaN];

/** `2023-09-05T16:00:01.281719Z` in microseconds, fractions of any length truncated; NaN for anything else. */
export function timeUs(value: unknown): number {
  if (typeof value !== "string") return Number.NaN;
  const text = value.slice(0, 19);
  if (text !== second) [second, second_ms] = [text, Date.parse(`${text}Z`)];
  const fraction = value.charCodeAt(19) === 46 ? /^\d{1,6}/.exec(value.slice(20, 26)) : null;
  return second_ms * 1_000 + (fraction ? Number(fraction[0].padEnd(6, "0")) : 0);
}

/**
 * A trade of `matches` or of REST in the ticker's shape, as the log has it (design.md "Log"): `last_size`, the taker's side (there it is
 * the maker's), no quotes. Null when a field is missing or not of its type: then the frame itself goes into the log, for the consumers to judge.
 */
export function asTicker(trade: Message, product_id: string, source?: "rest"): string | null {
  const { sequence, price, side, time, trade_id, size: last_size } = trade;
  if (!Number.isSafeInteger(trade_id) || typeof price !== "string" || typeof last_size !== "string") return null;
  if (typeof time !== "string" || (side !== "buy" && side !== "sell")) return null;
  const taker = side === "buy" ? "sell" : "buy";
  return JSON.stringify({
    type: "ticker",
    sequence,
    product_id,
    price,
    side: taker,
    time,
    trade_id,
    last_size,
    source,
  });
}

/** A ticker message as the matches channel has it: the maker's side, `size`. */
export function asMatch(line: string, type: "match" | "last_match"): string {
  const { trade_id, side, last_size: size, price, product_id, sequence, time } = JSON.parse(line) as Message;
  const maker = side === "buy" ? "sell" : "buy";
  const [maker_order_id, taker_order_id] = [NO_ORDER, NO_ORDER];
  return JSON.stringify({
    type,
    trade_id,
    maker_order_id,
    taker_order_id,
    side: maker,
    size,
    price,
    product_id,
    sequence,
    time,
  });
}

/** Recordings of tickers don't have the orders' ids. */
const NO_ORDER = "00000000-0000-0000-0000-000000000000";
