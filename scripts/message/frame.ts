/** What kind of message a frame of the feed is, read cheaply; parse.ts decides what counts as a tick. */
import { parseTime } from "./time.ts";

/** `time_us` is microseconds since 1970 UTC, null without a valid time. */
export type Frame =
  | { kind: "tick" | "incomplete"; product_id: string }
  | { kind: "match" | "last_match"; product_id: string; message: Message }
  | { kind: "heartbeat"; product_id: string; time_us: number | null }
  | { kind: "subscriptions" | "error"; message: Message }
  | { kind: "garbled" | "other" };
export type Message = Record<string, unknown>;

const TICKER = '{"type":"ticker",';
const PRODUCT = '"product_id":"';
const TRADE = '"trade_id":';

/**
 * Reads a frame. `tick`: a ticker that names a trade, complete or not; it is put into the log.
 * `incomplete`: a ticker without a trade_id (docs/feed.md "Incomplete tickers"). `garbled`: not a JSON
 * object.
 */
export function readFrame(bytes: Buffer): Frame {
  // One character per byte: cheap, and enough to find fields of plain ASCII.
  const text = bytes.toString("latin1");
  if (text.startsWith(TICKER)) {
    const product = text.indexOf(PRODUCT);
    const trade = text.indexOf(TRADE);
    if (product > 0 && trade > 0 && text.charCodeAt(text.length - 1) === 125) {
      const from = product + PRODUCT.length;
      const product_id = text.slice(from, text.indexOf('"', from));
      if (isPlain(product_id) && isDigit(text.charCodeAt(trade + TRADE.length))) return { kind: "tick", product_id };
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
  switch (message.type) {
    case "ticker":
      return { kind: message.trade_id === undefined ? "incomplete" : "tick", product_id };
    case "match":
    case "last_match":
      return { kind: message.type, product_id, message };
    case "heartbeat":
      return { kind: "heartbeat", product_id, time_us: parseTime(message.time) };
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

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/**
 * A trade of `matches` or of REST in the ticker's shape, as the log stores it (docs/feed.md "In the
 * log"): `last_size`, the taker's side instead of the maker's, no quotes. Null when a field is missing
 * or of another type.
 */
export function asTicker(trade: Message, product_id: string, source?: "rest" | "backfill"): string | null {
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
