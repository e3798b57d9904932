/** A record's bytes → what it is, by JSON.parse: the rule that the fast path (extract.ts) must agree with, and its fallback. */
import {
  PRICE_INTEGER_DIGITS_MAX,
  PRICE_SCALE_MAX,
  SIZE_INTEGER_DIGITS_MAX,
  SIZE_SCALE_MAX,
} from "../common/limits.ts";
import type { FullTick, GapNote, Outage } from "../common/tick.ts";
import { parseTime } from "./time.ts";

export type Parsed =
  | { kind: "tick"; tick: FullTick }
  | { kind: "heartbeat"; product_id: string; time_us: number }
  | { kind: "outage"; outage: Outage }
  | { kind: "gap"; gap: GapNote }
  /** `frame`: what the feed sent, when the record is an envelope around it. */
  | { kind: "dead"; reason: string; frame?: Uint8Array };

const PRODUCT_ID_MAX = 64;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads one record. Anything that is no complete trade, heartbeat or note of our own is dead, with the reason. Never throws. */
export function parseRecord(bytes: Uint8Array): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch {
    return dead(bytes.length === 0 ? "empty message" : "not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return dead("not a JSON object");
  const fields = new Map<string, unknown>(Object.entries(value));
  if (fields.get("type") === "tidemark_frame") return parseEnvelope(fields);
  const product_id = fields.get("product_id");
  if (typeof product_id !== "string" || product_id === "" || product_id.length > PRODUCT_ID_MAX) {
    return dead(`product_id is ${shown(product_id)}`);
  }
  switch (fields.get("type")) {
    case "ticker":
      return parseTick(product_id, fields);
    case "heartbeat":
      return parseHeartbeat(product_id, fields);
    case "tidemark_outage":
      return parseOutage(product_id, fields);
    case "tidemark_gap":
      return parseGap(product_id, fields);
    default:
      return dead(`type is ${shown(fields.get("type"))}`);
  }
}

function parseTick(product_id: string, fields: Map<string, unknown>): Parsed {
  const trade_id = fields.get("trade_id");
  if (!isId(trade_id)) return dead(`trade_id is ${shown(trade_id)}`);
  const time_us = parseTime(fields.get("time"));
  if (time_us === null) return dead(`time is ${shown(fields.get("time"))}`);
  const price = parseDecimal(fields.get("price"), PRICE_SCALE_MAX, PRICE_INTEGER_DIGITS_MAX);
  if (price === null || price.mantissa === 0) return dead(`price is ${shown(fields.get("price"))}`);
  const size = parseDecimal(fields.get("last_size"), SIZE_SCALE_MAX, SIZE_INTEGER_DIGITS_MAX);
  if (size === null || size.mantissa === 0) return dead(`last_size is ${shown(fields.get("last_size"))}`);
  const side = fields.get("side");
  if (side !== "buy" && side !== "sell") return dead(`side is ${shown(side)}`);
  const tick: FullTick = {
    product_id,
    trade_id,
    time_us,
    price_mantissa: price.mantissa,
    price_scale: price.scale,
    size_mantissa: size.mantissa,
    size_scale: size.scale,
    side,
    best_bid: quote(fields.get("best_bid")),
    best_ask: quote(fields.get("best_ask")),
    source: fields.get("source") === "rest" ? "rest" : "feed",
  };
  return { kind: "tick", tick };
}

function parseHeartbeat(product_id: string, fields: Map<string, unknown>): Parsed {
  const time_us = parseTime(fields.get("time"));
  if (time_us === null) return dead(`heartbeat's time is ${shown(fields.get("time"))}`);
  return { kind: "heartbeat", product_id, time_us };
}

function parseOutage(product_id: string, fields: Map<string, unknown>): Parsed {
  const [from_us, to_us] = [fields.get("from_us"), fields.get("to_us")];
  const [last, first] = [fields.get("last_trade_id") ?? null, fields.get("first_trade_id") ?? null];
  if (!isTime(from_us) || !isTime(to_us)) return dead("outage without from_us and to_us");
  if ((last !== null && !isId(last)) || (first !== null && !isId(first))) return dead("outage with wrong trade ids");
  const reason = String(fields.get("reason") ?? "unknown");
  return { kind: "outage", outage: { product_id, from_us, to_us, last_trade_id: last, first_trade_id: first, reason } };
}

function parseGap(product_id: string, fields: Map<string, unknown>): Parsed {
  const [from_us, to_us, state] = [fields.get("from_us"), fields.get("to_us"), fields.get("state")];
  const [last_trade_id, first_trade_id] = [fields.get("last_trade_id"), fields.get("first_trade_id")];
  const missing = fields.get("missing");
  if (state !== "opened" && state !== "closed") return dead(`gap's state is ${shown(state)}`);
  if (!isTime(from_us) || !isTime(to_us)) return dead("gap without from_us and to_us");
  if (!isId(last_trade_id) || !isId(first_trade_id) || !isId(missing)) return dead("gap with wrong trade ids");
  const reason = String(fields.get("reason") ?? "unknown");
  return { kind: "gap", gap: { product_id, state, from_us, to_us, last_trade_id, first_trade_id, missing, reason } };
}

/** An envelope around a frame that not every reader of the topic can decode: it is judged as the frame in it. */
function parseEnvelope(fields: Map<string, unknown>): Parsed {
  const base64 = fields.get("base64");
  if (typeof base64 !== "string") return dead("an envelope without base64");
  let frame: Uint8Array;
  try {
    frame = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch {
    return dead("an envelope whose base64 is wrong");
  }
  const parsed = parseRecord(frame);
  return parsed.kind === "dead" ? { ...parsed, frame } : parsed;
}

/** Microseconds since 1970; before it, too. */
function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Quotes are for show: one that can't be kept exactly is null, the trade counts all the same. */
function quote(value: unknown): string | null {
  return parseDecimal(value, PRICE_SCALE_MAX, PRICE_INTEGER_DIGITS_MAX) === null ? null : (value as string);
}

/**
 * A plain decimal string (digits, optionally a point and digits) as mantissa and scale, trailing zeros dropped.
 * Null for anything else, and for more digits than `scale_max`, `integer_max` or a safe integer hold: refused, never rounded.
 */
export function parseDecimal(
  value: unknown,
  scale_max: number,
  integer_max: number,
): { mantissa: number; scale: number } | null {
  if (typeof value !== "string" || value.length > 40) return null;
  const match = /^(\d+)(?:\.(\d+))?$/.exec(value);
  if (!match) return null;
  const whole = match[1]!.replace(/^0+(?=\d)/, "");
  const fraction = (match[2] ?? "").replace(/0+$/, "");
  if (whole.length > integer_max || fraction.length > scale_max) return null;
  const mantissa = Number(whole + fraction);
  return Number.isSafeInteger(mantissa) ? { mantissa, scale: fraction.length } : null;
}

function dead(reason: string): Parsed {
  return { kind: "dead", reason };
}

function shown(value: unknown): string {
  if (value === undefined) return "missing";
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
