/** The input as arrays by record, in log order, for engines that are computed again and again. */
import { pow10 } from "../base/decimal.ts";
import { usFromIso } from "../base/iso.ts";
import { type Quotient, readDecimal } from "./arithmetic-decimal.ts";
import type { AuditRecord, EngineModel, RawFields } from "./audit-types.ts";

/** What a record can be to an engine. */
export const KIND = {
  tick: 0,
  /** Refused, but each of its fields can be read: a negative size, an unknown side. */
  readable: 1,
  /** Refused, with a time, and at least one number that is null. */
  nulls: 2,
  /** Nothing that could be in a window. */
  nothing: 3,
} as const;

export const SIDE = { none: 0, buy: 1, sell: 2 } as const;

/** Structure of arrays; NaN is a null. */
export interface EngineLog {
  records: readonly AuditRecord[];
  products: string[];
  /** Index into `products`; -1 without one. */
  product: Int32Array;
  partition: Int32Array;
  offset: Float64Array;
  time_us: Float64Array;
  id: Float64Array;
  side: Uint8Array;
  kind: Uint8Array;
  price: Float64Array;
  size: Float64Array;
  /** The exact numbers as integers at `price_scale` and `size_scale`; NaN when they are in `wide`. */
  price_units: Float64Array;
  size_units: Float64Array;
  wide: Map<number, { price: bigint | null; size: bigint | null }>;
  price_scale: number;
  size_scale: number;
  /** The arrival before with this product and id: among ticks alone, and among all with an id. */
  earlier: Int32Array;
  earlier_of_all: Int32Array;
  /** The arrival after it. */
  later: Int32Array;
  later_of_all: Int32Array;
  repeated: number;
  /** The same links by other keys (hasOwnRepeats); null where they are those by product and id. */
  links: Partial<Record<EngineModel["keys"], { earlier: Int32Array; later: Int32Array } | null>>;
}

export const INT32 = 2 ** 31;

/** An id as a 32-bit integer: wrapped as a cast of numbers does, or null (NaN) as a cast of text. */
export function narrowId(id: number, as: "exact" | "wrapped" | "null"): number {
  if (as === "exact" || (id < INT32 && id >= -INT32)) return id;
  return as === "null" ? Number.NaN : ((id + INT32) % (2 * INT32)) - INT32;
}

/** Scales are the smallest that hold every number of the input, at most this many digits. */
const SCALE_MAX = 18;

export function engineLog(records: readonly AuditRecord[]): EngineLog {
  const n = records.length;
  const log: EngineLog = {
    records,
    products: [],
    product: new Int32Array(n).fill(-1),
    partition: new Int32Array(n),
    offset: new Float64Array(n),
    time_us: new Float64Array(n).fill(Number.NaN),
    id: new Float64Array(n).fill(Number.NaN),
    side: new Uint8Array(n),
    kind: new Uint8Array(n),
    price: new Float64Array(n).fill(Number.NaN),
    size: new Float64Array(n).fill(Number.NaN),
    price_units: new Float64Array(n).fill(Number.NaN),
    size_units: new Float64Array(n).fill(Number.NaN),
    wide: new Map(),
    ...scales(records),
    earlier: new Int32Array(n).fill(-1),
    earlier_of_all: new Int32Array(n).fill(-1),
    later: new Int32Array(n).fill(-1),
    later_of_all: new Int32Array(n).fill(-1),
    repeated: 0,
    links: {},
  };
  const products = new Map<string, number>();
  for (const [i, record] of records.entries()) {
    log.partition[i] = record.partition;
    log.offset[i] = record.offset;
    const name = record.tick?.product_id ?? record.raw?.product_id ?? null;
    if (name !== null) {
      if (!products.has(name)) products.set(name, products.size);
      log.product[i] = products.get(name)!;
    }
    if (record.tick !== null) addTick(log, i, record.tick);
    else addRefused(log, i, record.raw);
  }
  log.products = [...products.keys()];
  link(log, log.earlier, log.later, (i) => log.kind[i] === KIND.tick);
  link(log, log.earlier_of_all, log.later_of_all, (i) => !Number.isNaN(log.id[i]!));
  for (let i = 0; i < n; i++) if (log.earlier[i] !== -1) log.repeated++;
  return log;
}

function scales(records: readonly AuditRecord[]): { price_scale: number; size_scale: number } {
  let price_scale = 0;
  let size_scale = 0;
  for (const { tick, raw } of records) {
    if (tick !== null) {
      if (tick.price_scale > price_scale) price_scale = tick.price_scale;
      if (tick.size_scale > size_scale) size_scale = tick.size_scale;
    } else if (raw !== null) {
      price_scale = Math.max(price_scale, Math.min(SCALE_MAX, readDecimal(raw.price ?? "")?.scale ?? 0));
      size_scale = Math.max(size_scale, Math.min(SCALE_MAX, readDecimal(raw.last_size ?? "")?.scale ?? 0));
    }
  }
  return { price_scale, size_scale };
}

function addTick(log: EngineLog, i: number, tick: NonNullable<AuditRecord["tick"]>): void {
  const { price_mantissa: price, price_scale, size_mantissa: size, size_scale } = tick;
  log.time_us[i] = tick.time_us;
  log.id[i] = tick.trade_id;
  log.side[i] = tick.side === "buy" ? SIDE.buy : SIDE.sell;
  // Both are exact doubles, so one division is rounded once.
  log.price[i] = typeof price === "number" ? price / 10 ** price_scale : Number(`${price}e-${price_scale}`);
  log.size[i] = typeof size === "number" ? size / 10 ** size_scale : Number(`${size}e-${size_scale}`);
  const p = Number(price) * 10 ** (log.price_scale - price_scale);
  const s = Number(size) * 10 ** (log.size_scale - size_scale);
  if (Number.isSafeInteger(p) && Number.isSafeInteger(s)) {
    log.price_units[i] = p;
    log.size_units[i] = s;
  } else {
    log.wide.set(i, {
      price: BigInt(price) * pow10(log.price_scale - price_scale),
      size: BigInt(size) * pow10(log.size_scale - size_scale),
    });
  }
}

function addRefused(log: EngineLog, i: number, raw: RawFields | null): void {
  log.kind[i] = KIND.nothing;
  if (raw === null) return;
  const { price, last_size, side, time, trade_id } = raw;
  log.time_us[i] = (time === null ? null : usFromIso(time)) ?? Number.NaN;
  log.id[i] = trade_id !== null && /^\d{1,16}$/.test(trade_id) ? Number(trade_id) : Number.NaN;
  log.side[i] = side === "buy" ? SIDE.buy : side === "sell" ? SIDE.sell : SIDE.none;
  const [p, s] = [unitsOf(price, log.price_scale), unitsOf(last_size, log.size_scale)];
  log.wide.set(i, { price: p, size: s });
  if (p !== null) log.price[i] = Number(price);
  if (s !== null) log.size[i] = Number(last_size);
  if (Number.isNaN(log.time_us[i]!)) return;
  log.kind[i] = p !== null && s !== null ? KIND.readable : KIND.nulls;
}

/** Digits beyond the scale are cut. */
function unitsOf(text: string | null, scale: number): bigint | null {
  const decimal = text === null ? null : readDecimal(text);
  if (decimal === null) return null;
  const { units, scale: own } = decimal;
  return own <= scale ? units * pow10(scale - own) : units / pow10(own - scale);
}

function link(log: EngineLog, earlier: Int32Array, later: Int32Array, has: (i: number) => boolean): void {
  const last: Map<number, number>[] = [];
  for (let i = 0; i < log.records.length; i++) {
    if (!has(i)) continue;
    const product = log.product[i]! + 1;
    last[product] ??= new Map();
    const id = log.id[i]!;
    const before = last[product].get(id);
    if (before !== undefined) {
      earlier[i] = before;
      later[before] = i;
    }
    last[product].set(id, i);
  }
}

/** A record's exact price or size; null for a null. */
export function unitsAt(log: EngineLog, i: number, of: "price" | "size"): bigint | null {
  const wide = log.wide.get(i);
  if (wide !== undefined) return wide[of];
  return BigInt((of === "price" ? log.price_units : log.size_units)[i]!);
}

/** A record's exact price or size as a quotient, for the nearest 32-bit float. */
export function quotientAt(log: EngineLog, i: number, of: "price" | "size"): Quotient | null {
  const num = unitsAt(log, i, of);
  return num === null ? null : { num, den: pow10(of === "price" ? log.price_scale : log.size_scale) };
}
