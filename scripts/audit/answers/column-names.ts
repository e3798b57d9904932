/** What a foreign column is: by its usual names, or by --map. */
import { TidemarkError } from "../../base/errors.ts";
import { AUDIT_COLUMNS, type AuditColumn } from "../audit-types.ts";
import type { TradeColumn } from "./other-kinds.ts";

/** Columns of windows, and those of trades; each has its own meaning of "time". */
export type WindowRole = "window_start" | "window_end" | "product_id" | AuditColumn;
export type TradeRole = "trade_id" | "product_id" | TradeColumn;
const IGNORED = "ignored";

/** Usual names without case and separators, the surest first: a later group counts without an earlier. */
type Names<Role extends string> = Partial<Record<Role, string[][]>>;

const PRODUCT = [
  ["product", "symbol", "ticker", "pair", "market", "instrument"],
  ["keyproduct", "keyproductid", "keysymbol"],
  ["key"],
];
/** How fields of a trade are usually called, without case and separators, the surest first. */
const FIELDS = {
  price: ["price", "p", "px"],
  size: ["lastsize", "size", "q", "qty", "quantity", "amount", "volume"],
  id: ["tradeid", "id", "tid"],
};

/** What Spark, SQL and pandas call an aggregate without a name: `avg(price)`, `price_mean`. */
function aggregates(field: keyof typeof FIELDS, ...functions: readonly string[]): string[][] {
  return functions.flatMap((name) => FIELDS[field].flatMap((of) => [[`${name}${of}`], [`${of}${name}`]]));
}

const WINDOW_NAMES: Names<WindowRole> = {
  window_start: [
    ["windowstartms", "windowstartus", "startwindow"],
    ["start", "starttime", "bucketstart", "bucket", "minute", "minutestart", "opentime", "candlestart", "startms"],
    ["keywindowstart", "keystart"],
    ["time", "timestamp", "ts", "datetime", "t", "date"],
  ],
  window_end: [
    ["windowendms", "windowendus", "endwindow"],
    ["end", "endtime", "bucketend", "minuteend", "closetime", "candleend", "endms"],
    ["keywindowend", "keyend"],
  ],
  product_id: PRODUCT,
  trade_count: [
    ["count", "n", "trades", "numtrades", "ntrades", "numberoftrades", "ticks", "tickcount", "totaltrades"],
    ["count1", "countstar"],
    ...aggregates("id", "countdistinct", "nunique", "count"),
    ...aggregates("price", "count"),
    ...aggregates("size", "count"),
  ],
  buy_count: [
    ["buys", "numbuys", "buytrades"],
    ["nbuy", "nbuys", "countbuy"],
  ],
  sell_count: [
    ["sells", "numsells", "selltrades"],
    ["nsell", "nsells", "countsell"],
  ],
  avg_price: [["avg", "average", "averageprice", "mean", "meanprice"], ...aggregates("price", "mean", "avg")],
  max_price: [["high", "max", "h", "highprice", "maximum", "maximumprice"], ...aggregates("price", "max", "high")],
  min_price: [["low", "min", "l", "lowprice", "minimum", "minimumprice"], ...aggregates("price", "min", "low")],
  price_range: [["range"]],
  price_sum: [["sumofprices"], ...aggregates("price", "sum")],
  total_volume: [["volume", "vol", "v", "sumvolume", "basevolume", "totalsize"], ...aggregates("size", "sum")],
  notional: [["turnover", "quotevolume", "quoteassetvolume", "sumnotional", "totalnotional"]],
  vwap: [["volumeweightedaverageprice", "vwapprice"]],
  open_price: [["open", "o", "firstprice"], ["first"], ...aggregates("price", "first", "open")],
  close_price: [["close", "c", "lastprice"], ["last"], ...aggregates("price", "last", "close")],
  first_trade_id: [["firstid", "opentradeid"], ...aggregates("id", "min", "first")],
  last_trade_id: [["lastid", "closetradeid"], ...aggregates("id", "max", "last")],
  buy_sell_ratio: [["ratio"]],
  volatility_flag: [["volatility"]],
  market_sentiment: [["sentiment"]],
  volume_spike: [["spike"]],
};
const TRADE_NAMES: Names<TradeRole> = {
  trade_id: [["id", "tid"]],
  product_id: PRODUCT,
  price: [["p"]],
  last_size: [["size", "quantity", "qty", "amount", "q"]],
  side: [["takerside"]],
  time: [
    ["tradetime", "eventtime"],
    ["timestamp", "ts", "datetime"],
  ],
  best_bid: [["bid"]],
  best_ask: [["ask"]],
};

const ROLES: ReadonlySet<string> = new Set([
  ...["window_start", "window_end", "product_id", ...AUDIT_COLUMNS],
  ...["trade_id", "price", "last_size", "side", "time", "best_bid", "best_ask", IGNORED],
]);

export interface Recognised<Role extends string> {
  /** Index of their column. */
  at: Partial<Record<Role, number>>;
  /** Their columns that have no meaning here. */
  rest: number[];
}

/**
 * `--map theirs=ours`, each text of it; throws USAGE for one that names no column of ours, or one of
 * ours twice.
 */
export function parseMap(values: readonly string[]): Map<string, string> {
  const map = new Map<string, string>();
  for (const value of values) {
    const at = value.lastIndexOf("=");
    const [theirs, ours] = [value.slice(0, at), roleOf(value.slice(at + 1))];
    if (at <= 0 || ours === null)
      throw new TidemarkError(
        "USAGE",
        `--map ${value} does not name a column of ours after "=".`,
        `Write --map theirs=ours, ours one of ${[...ROLES].join(", ")}.`,
      );
    const other = [...map].find(([name, role]) => name === theirs || (role === ours && ours !== IGNORED));
    if (other !== undefined)
      throw new TidemarkError("USAGE", `--map names ${other[0]}=${other[1]} and ${value}.`, "Map each column once.");
    map.set(theirs, ours);
  }
  return map;
}

/** One of ours, also by one of its usual names: `minute` is window_start. Null for no name of ours. */
function roleOf(name: string): string | null {
  if (ROLES.has(name)) return name;
  const plain = plainName(name);
  for (const usual of [WINDOW_NAMES, TRADE_NAMES])
    for (const [role, groups] of Object.entries(usual))
      if (plainName(role) === plain || groups.flat().includes(plain)) return role;
  return null;
}

export function windowColumns(names: readonly string[], map: ReadonlyMap<string, string>): Recognised<WindowRole> {
  // Of windows, "time" is a usual name of the start; of trades it is a column of ours.
  const own = new Map([...map].map(([theirs, ours]) => [theirs, ours === "time" ? "window_start" : ours]));
  return recognised(["window_start", "window_end", "product_id", ...AUDIT_COLUMNS], WINDOW_NAMES, names, own);
}

export function tradeColumns(names: readonly string[], map: ReadonlyMap<string, string>): Recognised<TradeRole> {
  const roles = ["trade_id", "product_id", "price", "last_size", "side", "time", "best_bid", "best_ask"] as const;
  return recognised(roles, TRADE_NAMES, names, map);
}

/** Throws USAGE where two columns fit one role equally, or a mapped column is not there. */
function recognised<Role extends string>(
  roles: readonly Role[],
  usual: Names<Role>,
  names: readonly string[],
  map: ReadonlyMap<string, string>,
): Recognised<Role> {
  for (const theirs of map.keys()) if (!names.includes(theirs)) throw unknownColumn(theirs, names);
  const plain = names.map(plainName);
  const isMapped = names.map((name) => map.has(name));
  const at: Partial<Record<Role, number>> = {};
  for (const role of roles) {
    const mapped = names.findIndex((name) => map.get(name) === role);
    if (mapped >= 0) {
      at[role] = mapped;
      continue;
    }
    for (const group of [[plainName(role)], ...(usual[role] ?? [])]) {
      const fitting = plain.flatMap((name, i) => (!isMapped[i] && group.includes(name) ? [i] : []));
      if (fitting.length > 1)
        throw ambiguous(
          role,
          fitting.map((i) => names[i]!),
          names,
        );
      if (fitting.length === 0) continue;
      at[role] = fitting[0]!;
      break;
    }
  }
  const used = new Set(Object.values<number | undefined>(at));
  return { at, rest: names.flatMap((_, i) => (used.has(i) ? [] : [i])) };
}

/** `Trade Count`, `tradeCount` and `trade_count` are one name. */
function plainName(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

function unknownColumn(theirs: string, names: readonly string[]): TidemarkError {
  return new TidemarkError(
    "USAGE",
    `--map names the column "${theirs}", which the answer does not have.`,
    `Its columns: ${names.join(", ")}.`,
  );
}

function ambiguous(role: string, fitting: readonly string[], names: readonly string[]): TidemarkError {
  return new TidemarkError(
    "USAGE",
    `${fitting.join(" and ")} could each be ${role}. The answer's columns: ${names.join(", ")}.`,
    `Name one with --map ${fitting[0]}=${role}, or leave one out with --map ${fitting[1]}=${IGNORED}.`,
  );
}
