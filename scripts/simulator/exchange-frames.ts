/** The exchange's messages as the simulator reads and writes them, apart from the client's parser. */
import { usFromIso } from "../base/iso.ts";

/** One recorded trade: the message as it came, and what the player needs to know of it. */
export interface Recorded {
  /** The ticker message, without a line break. */
  line: string;
  product_id: string;
  trade_id: number;
  /** Event time, microseconds since 1970 UTC. */
  time_us: number;
}

type Message = Record<string, unknown>;

/** A line as a trade; "other" for another message; for a line that is damaged, what it is. */
export function readLine(line: string): Recorded | "other" | "not a JSON message" | "a ticker without a time" {
  let message: Message;
  try {
    message = JSON.parse(line);
  } catch {
    return "not a JSON message";
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) return "not a JSON message";
  const { type, product_id, trade_id, time } = message;
  if (type !== "ticker" || trade_id === undefined) return "other";
  const time_us = typeof time === "string" ? usFromIso(time) : null;
  if (typeof trade_id !== "number" || time_us === null) return "a ticker without a time";
  return { line, product_id: typeof product_id === "string" ? product_id : "", trade_id, time_us };
}

/** A recorded ticker as the matches channel has it: the maker's side, `size` (docs/feed.md "Side"). */
export function matchFrame(line: string, type: "match" | "last_match"): string {
  const { trade_id, side, last_size: size, price, product_id, sequence, time } = JSON.parse(line) as Message;
  const maker = side === "buy" ? "sell" : "buy";
  return JSON.stringify({
    type,
    trade_id,
    maker_order_id: NO_ORDER,
    taker_order_id: NO_ORDER,
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

/** A recorded ticker as REST has it: the maker's side, `size`, no product. */
export function restTrade({ trade_id, line }: Recorded): object {
  const { side, last_size: size, price, time } = JSON.parse(line) as Message;
  return { trade_id, side: side === "buy" ? "sell" : "buy", size, price, time };
}

/** A heartbeat of a product at the replay's clock; 0 for a product without a trade so far. */
export function heartbeatFrame(product_id: string, last_trade_id: number, time: string): string {
  return JSON.stringify({ type: "heartbeat", sequence: last_trade_id, last_trade_id, product_id, time });
}

/** A refusal, in words only. */
export function errorFrame(message: string, reason: string): string {
  return JSON.stringify({ type: "error", message, reason });
}
