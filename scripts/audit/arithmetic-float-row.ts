/** A window's row from its members in floats, as engines compute. */
import { THRESHOLDS } from "../contract/thresholds.ts";
import { nearestFloat } from "./arithmetic-decimal.ts";
import { FloatSum, sumTolerance } from "./arithmetic-float.ts";
import { isNarrow, type SumOrder } from "./arithmetic-order.ts";
import type { Common } from "./arithmetic-row.ts";
import type { AuditColumn } from "./audit-types.ts";
import { type EngineLog, quotientAt } from "./engine-log.ts";

/** Inputs of `width` bits, sums in 64, or in 32 in a narrow order. */
interface FloatOptions {
  width: 32 | 64;
  order: SumOrder;
  /** Of each record, for Spark's order. */
  batch: Int32Array | null;
  /** The members in this order. */
  added: readonly number[];
}

type Addend = "price" | "size" | "product";

/** A row in floats, each sum added when it is first asked for. */
export class FloatRow {
  readonly #sums: Partial<Record<Addend, FloatSum>> = {};
  readonly #totals: Partial<Record<Addend, number>> = {};
  #range: { min: number; max: number } | null = null;

  constructor(
    private readonly log: EngineLog,
    private readonly common: Common,
    private readonly options: FloatOptions,
  ) {}

  /** NaN for a null; undefined for a column that no float makes. */
  value(column: AuditColumn): number | string | undefined {
    const { open, close, buys, sells } = this.common;
    const at = (i: number) => (i === -1 ? Number.NaN : numberAt(this.log, i, "price", this.options.width));
    const none = (of: Addend, value: number) => (this.#sum(of).count === 0 ? Number.NaN : value);
    const written = isNarrow(this.options.order) ? Math.fround : (value: number) => value;
    switch (column) {
      case "avg_price":
        return none("price", written(this.#total("price") / this.#sum("price").count));
      case "max_price":
        return this.#extremes().max;
      case "min_price":
        return this.#extremes().min;
      case "price_range":
        return this.#width();
      case "price_sum":
        return none("price", this.#total("price"));
      case "total_volume":
        return none("size", this.#total("size"));
      case "notional":
        return none("product", this.#total("product"));
      case "vwap":
        return none("price", written(this.#total("product") / this.#total("size")));
      case "open_price":
        return at(open);
      case "close_price":
        return at(close);
      case "volatility_flag":
        return this.#width() > Number(THRESHOLDS.volatility_range) ? "High" : "Normal";
      case "market_sentiment":
        return floatSentiment(buys, sells);
      case "volume_spike":
        return this.#total("size") > Number(THRESHOLDS.volume_spike) ? "Spike" : "Normal";
      default:
        return undefined;
    }
  }

  /** How far another order of adding can be from the value. */
  tolerance(column: AuditColumn): number {
    const of = (addend: Addend) => sumTolerance(this.#sum(addend).count, this.#sum(addend).size);
    if (column === "avg_price")
      return of("price") / this.#sum("price").count + Math.abs(Number(this.value(column))) * 2 ** -52;
    if (column === "price_sum") return of("price");
    if (column === "total_volume") return of("size");
    if (column === "notional") return of("product");
    if (column !== "vwap") return 0;
    const [notional, volume] = [Math.abs(this.#total("product")), Math.abs(this.#total("size"))];
    return Math.abs(Number(this.value(column))) * (of("product") / notional + of("size") / volume + 2 ** -52);
  }

  /** In one batch several partitions were merged in an unknown order. */
  get isMixed(): boolean {
    this.#total("price");
    this.#total("size");
    return this.#sum("price").isMixed || this.#sum("size").isMixed;
  }

  #total(of: Addend): number {
    this.#totals[of] ??= this.#sum(of).value;
    return this.#totals[of];
  }

  #sum(of: Addend): FloatSum {
    const known = this.#sums[of];
    if (known !== undefined) return known;
    const { width, order, batch, added } = this.options;
    const sum = new FloatSum(order);
    this.#sums[of] = sum;
    for (const i of added) sum.add(this.#addend(of, i, width), batch?.[i] ?? 0, this.log.partition[i]!);
    return sum;
  }

  #addend(of: Addend, i: number, width: 32 | 64): number {
    if (of !== "product") return numberAt(this.log, i, of, width);
    const product = numberAt(this.log, i, "price", width) * numberAt(this.log, i, "size", width);
    return width === 32 ? Math.fround(product) : product;
  }

  #extremes(): { min: number; max: number } {
    if (this.#range !== null) return this.#range;
    let [min, max] = [Number.NaN, Number.NaN];
    for (const i of this.options.added) {
      const price = numberAt(this.log, i, "price", this.options.width);
      if (!(price >= min)) min = Number.isNaN(price) ? min : price;
      if (!(price <= max)) max = Number.isNaN(price) ? max : price;
    }
    this.#range = { min, max };
    return this.#range;
  }

  #width(): number {
    const { min, max } = this.#extremes();
    return this.options.width === 32 ? Math.fround(max - min) : max - min;
  }
}

function floatSentiment(buys: number, sells: number): string {
  const factor = THRESHOLDS.sentiment_numerator / THRESHOLDS.sentiment_denominator;
  if (buys > sells * factor) return "Bullish";
  return sells > buys * factor ? "Bearish" : "Neutral";
}

/** A record's number in `width` bits; NaN for a null. */
function numberAt(log: EngineLog, i: number, of: "price" | "size", width: 32 | 64): number {
  const double = log[of][i]!;
  if (width === 64 || Number.isNaN(double)) return double;
  const float = Math.fround(double);
  // Only halfway between two floats can the double have hidden what the decimal rounds to.
  return isHalfway(double, float) ? nearestFloat(quotientAt(log, i, of)!) : float;
}

const WORDS = new DataView(new ArrayBuffer(8));

function isHalfway(double: number, float: number): boolean {
  if (double === float) return false;
  WORDS.setFloat64(0, double);
  return (WORDS.getUint32(4) & 0x1fffffff) === 0x10000000;
}
