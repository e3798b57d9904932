/** The rule by which a record's bytes are a tick, another message or a dead letter; by JSON.parse. */
import { isUtf8 } from "node:buffer";
import { pow10 } from "../base/decimal.ts";
import { GAP_IDS_MAX, PRICE_SCALE_MAX, PRODUCT_ID_BYTES_MAX, RULES_VERSION, SIZE_SCALE_MAX } from "../base/limits.ts";
import type { FullTick, GapNote, Mantissa, Outage, UnissuedNote, WalkedNote } from "../contract/tick.ts";
import { type Rules, rulesOf } from "./rules.ts";
import { parseTime } from "./time.ts";

export type Parsed =
  | { kind: "tick"; tick: FullTick }
  | { kind: "heartbeat"; product_id: string; time_us: number }
  | { kind: "outage"; outage: Outage }
  | { kind: "gap"; gap: GapNote }
  | { kind: "unissued"; unissued: UnissuedNote }
  | { kind: "walked"; walked: WalkedNote }
  /** `frame`: what the feed sent, when the record is an envelope around it. */
  | { kind: "dead"; reason: string; frame?: Uint8Array };

/** Longer text is not a number that a feed sends; it bounds the work. */
const DECIMAL_CHARACTERS_MAX = 40;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Reads one record by the rules of a version; the fast path (extract.ts) must agree with it. A record
 * that is not a complete trade, a heartbeat or one of Tidemark's own is dead, with the reason. Never
 * throws.
 */
export function parseRecord(bytes: Uint8Array, version = RULES_VERSION): Parsed {
  const rules = rulesOf(version);
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch {
    return dead(bytes.length === 0 ? "empty message" : "not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return dead("not a JSON object");
  const fields = new Map<string, unknown>(Object.entries(value));
  if (fields.get("type") === "tidemark_frame") return parseEnvelope(fields, version);
  const product_id = fields.get("product_id");
  if (!rules.isProductId(product_id)) return dead(`product_id is ${shown(product_id)}${productLimit(product_id)}`);
  if (version > 1 && product_id.includes("\uFFFD") && !isUtf8(bytes)) return dead("product_id is not valid UTF-8");
  switch (fields.get("type")) {
    case "ticker":
      return parseTick(product_id, fields, rules);
    case "heartbeat":
      return parseHeartbeat(product_id, fields);
    case "tidemark_outage":
      return parseOutage(product_id, fields);
    case "tidemark_gap":
      return parseGap(product_id, fields);
    case "tidemark_unissued":
      return parseUnissued(product_id, fields);
    case "tidemark_backfill":
      return parseWalked(product_id, fields);
    default:
      return dead(`type is ${shown(fields.get("type"))}`);
  }
}

function parseTick(product_id: string, fields: Map<string, unknown>, rules: Rules): Parsed {
  const trade_id = fields.get("trade_id");
  if (!isId(trade_id)) return dead(`trade_id is ${shown(trade_id)}`);
  const time_us = parseTime(fields.get("time"));
  if (time_us === null) return dead(`time is ${shown(fields.get("time"))}`);
  const price = parsePrice(fields.get("price"), rules);
  if (price === null || isZero(price)) return deadNumber("price", fields, rules.price_integer_digits, PRICE_SCALE_MAX);
  const size = parseDecimal(fields.get("last_size"), SIZE_SCALE_MAX, rules.size_integer_digits, rules.all_digits);
  if (size === null || (isZero(size) && !rules.zero_sizes))
    return deadNumber("last_size", fields, rules.size_integer_digits, SIZE_SCALE_MAX);
  if (!isNotional(price, size, rules)) {
    const digits = rules.notional_integer_digits;
    return dead(
      `price × last_size is ${fields.get("price")} × ${fields.get("last_size")}: it must be below 10^${digits}`,
    );
  }
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
    best_bid: quote(fields.get("best_bid"), rules),
    best_ask: quote(fields.get("best_ask"), rules),
    source: sourceOf(fields.get("source")),
  };
  return { kind: "tick", tick };
}

function sourceOf(source: unknown): FullTick["source"] {
  return source === "rest" || source === "backfill" ? source : "feed";
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

function parseUnissued(product_id: string, fields: Map<string, unknown>): Parsed {
  const [first_trade_id, last_trade_id] = [fields.get("first_trade_id"), fields.get("last_trade_id")];
  if (!isId(first_trade_id) || !isId(last_trade_id) || first_trade_id > last_trade_id)
    return dead("unissued ids with wrong trade ids");
  // A gap has no more, and each id may have to be looked up.
  if (last_trade_id - first_trade_id >= GAP_IDS_MAX) return dead(`more than ${GAP_IDS_MAX} unissued ids at once`);
  const source = fields.get("source") === "backfill" ? ({ source: "backfill" } as const) : {};
  return { kind: "unissued", unissued: { product_id, first_trade_id, last_trade_id, ...source } };
}

function parseWalked(product_id: string, fields: Map<string, unknown>): Parsed {
  const [first_trade_id, last_trade_id] = [fields.get("first_trade_id"), fields.get("last_trade_id")];
  const trades = fields.get("trades");
  if (!isId(first_trade_id) || !isId(last_trade_id) || first_trade_id > last_trade_id || !isId(trades))
    return dead("a note of backfill with wrong trade ids");
  return { kind: "walked", walked: { product_id, first_trade_id, last_trade_id, trades } };
}

/** An envelope is judged as the frame in it (docs/decisions/0068-envelopes.md). */
function parseEnvelope(fields: Map<string, unknown>, version: number): Parsed {
  const base64 = fields.get("base64");
  if (typeof base64 !== "string") return dead("an envelope without base64");
  let frame: Uint8Array;
  try {
    frame = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch {
    return dead("an envelope whose base64 is wrong");
  }
  const parsed = parseRecord(frame, version);
  return parsed.kind === "dead" ? { ...parsed, frame } : parsed;
}

/** Microseconds since 1970 UTC, also before it. */
function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Quotes are only shown: one that can't be kept exactly is null, and the trade still counts. */
function quote(value: unknown, rules: Rules): string | null {
  return parsePrice(value, rules) === null ? null : (value as string);
}

interface Decimal {
  mantissa: Mantissa;
  scale: number;
}

function parsePrice(value: unknown, rules: Rules): Decimal | null {
  return parseDecimal(value, PRICE_SCALE_MAX, rules.price_integer_digits, rules.all_digits);
}

function isZero({ mantissa }: Decimal): boolean {
  return mantissa === 0;
}

/** Whether price × size is below the rules' limit. */
function isNotional(price: Decimal, size: Decimal, { notional_integer_digits: digits }: Rules): boolean {
  if (digits === Number.POSITIVE_INFINITY) return true;
  return BigInt(price.mantissa) * BigInt(size.mantissa) < pow10(digits + price.scale + size.scale);
}

const DECIMAL = /^(\d+)(?:\.(\d+))?$/;

/**
 * A plain decimal string (digits, optionally a point and digits) as mantissa and scale, trailing zeros
 * dropped. Null for anything else and for more digits than `scale_max` and `integer_max` allow:
 * refused, never rounded. A mantissa beyond a safe integer is a bigint, or refused without
 * `all_digits`.
 */
function parseDecimal(value: unknown, scale_max: number, integer_max: number, all_digits = true): Decimal | null {
  if (typeof value !== "string" || value.length > DECIMAL_CHARACTERS_MAX) return null;
  const match = DECIMAL.exec(value);
  if (!match) return null;
  const whole = match[1]!.replace(/^0+(?=\d)/, "");
  const fraction = (match[2] ?? "").replace(/0+$/, "");
  if (whole.length > integer_max || fraction.length > scale_max) return null;
  const mantissa = Number(whole + fraction);
  if (Number.isSafeInteger(mantissa)) return { mantissa, scale: fraction.length };
  return all_digits ? { mantissa: BigInt(whole + fraction), scale: fraction.length } : null;
}

/** The reason names the limit when the value is a decimal that is beyond it. */
function deadNumber(name: string, fields: Map<string, unknown>, integer_digits: number, scale_max: number): Parsed {
  const value = fields.get(name);
  const isNumber = typeof value === "string" && DECIMAL.test(value) && /[1-9]/.test(value);
  const limit = `: it must be below 10^${integer_digits}, with at most ${scale_max} decimals`;
  return dead(`${name} is ${shown(value)}${isNumber ? limit : ""}`);
}

function productLimit(product_id: unknown): string {
  if (typeof product_id !== "string") return "";
  return `: it must have 1 to ${PRODUCT_ID_BYTES_MAX} bytes of UTF-8, without control characters, U+FEFF and lone surrogates`;
}

function dead(reason: string): Parsed {
  return { kind: "dead", reason };
}

function shown(value: unknown): string {
  if (value === undefined) return "missing";
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
