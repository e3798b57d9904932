/** A product's closed windows, read once per part of the time: only late ticks change them. */
import BARS from "../../sql/page/bars.sql" with { type: "text" };
import { NewestUsed } from "./newest-used.ts";
import type { StoreFile } from "./store-file.ts";

/** Starts in one part: two hours of minutes, so a window that is summed from them is in one part. */
const PART_WINDOWS = 120;
/** Windows and sums of all parts that are kept: 1.5 kB each, with their JSON and compressed bytes. */
const KEPT_MAX = 40_000;
/** Late ticks since the last question; after more all is read again. */
const REVISIONS_READ = 1_000;
const CLOSED_UNTIL = "SELECT closed_until_us FROM closed_ends WHERE product_id = $product AND size_us = $size_us";
const NEWEST_REVISION = "SELECT max(rowid) AS n FROM window_revisions";
/** A revision's rowid rises with its commit. */
const REVISIONS = `SELECT rowid AS n, product_id, size_us, window_start_us FROM window_revisions
  WHERE rowid > $after ORDER BY rowid LIMIT $limit`;
const NEWEST_BEFORE = `SELECT max(window_start_us) AS us FROM windows
  WHERE product_id = $product AND size_us = $size_us AND window_start_us >= $from_us AND window_start_us < $to_us`;

/** A stored window as the chart needs it: sums as exact text, prices to be drawn. */
export interface BarRow {
  window_start_us: number;
  open_price: number;
  max_price: number;
  min_price: number;
  close_price: number;
  total_volume: string;
  trade_count: number;
  vwap: number | null;
  notional: string;
  final: number;
  /** When the row was committed, this machine's clock. */
  updated_at: number;
  /** Ticks of its last revision that are not in the row. */
  late: number;
}

type TextRow = Omit<BarRow, "vwap"> & { vwap: string | null };

/** Event time in microseconds, `to_us` exclusive. */
export interface UsSpan {
  from_us: number;
  to_us: number;
}

/** Windows that the stream stores: of one product and size. */
export interface WindowKind {
  product: string;
  size_us: number;
  /** From one window to the next. */
  every_us: number;
}

/** All windows that start in a span, by start. */
export interface BarsPart extends UsSpan {
  rows: readonly BarRow[];
  /** What is made of them; null: they are not kept. */
  made: Made | null;
}

/** By name: what is made of closed windows, and what else it is made of. */
type Made = Map<string, { of: readonly unknown[]; value: unknown }>;
type KeptPart = BarsPart & { made: Made };

export class KeptBars {
  readonly #kept = new NewestUsed<string, KeptPart>(KEPT_MAX);
  /** Of each size that was asked for. */
  readonly #every_us = new Map<number, number>();
  #epoch = "";
  #revision = 0;

  constructor(private readonly file: StoreFile) {}

  /** Event time up to which the stream has closed all windows of a product and a stored size. */
  closedUntil(product: string, size_us: number): number {
    const found = this.file.get<{ closed_until_us: number }>(CLOSED_UNTIL, { product, size_us });
    return found?.closed_until_us ?? Number.MIN_SAFE_INTEGER;
  }

  /** The newest `limit` windows that start in the span, by start. */
  rows(kind: WindowKind, span: UsSpan, limit: number): BarRow[] {
    return this.parts(kind, span, limit).flatMap(({ rows }) => rows);
  }

  /**
   * The same in parts by start. They follow each other; the last one ends with the span, the first one
   * begins with it unless there are `limit` windows. All parts but the first and the last are of whole
   * PART_WINDOWS.
   */
  parts(kind: WindowKind, span: UsSpan, limit: number): BarsPart[] {
    this.#sync(kind);
    const part_us = PART_WINDOWS * kind.every_us;
    // All windows that start before it are closed, and no other one can open there.
    const closed_us = this.closedUntil(kind.product, kind.size_us) - kind.size_us + 1;
    const found: BarsPart[] = [];
    let room = limit;
    let to_us = span.to_us;
    const add = (part: BarsPart) => {
      found.push(part);
      room -= part.rows.length;
      to_us = part.from_us;
    };
    if (closed_us < to_us) add(this.#newest(kind, span, closed_us, limit));
    while (room > 0 && to_us > span.from_us) {
      const from_us = startOf(part_us, to_us - 1);
      const kept = this.#keptPart(kind, from_us, Math.min(from_us + part_us, closed_us));
      const isWhole = from_us >= span.from_us && to_us === from_us + part_us && kept.rows.length <= room;
      if (isWhole && kept.rows.length > 0) add(kept);
      else if (kept.rows.length > 0) add(cut(kept, { from_us: Math.max(from_us, span.from_us), to_us }, room));
      else add({ from_us: this.#afterGap(kind, span.from_us, from_us), to_us, rows: [], made: null });
    }
    return found.reverse();
  }

  /**
   * A value made of closed windows that start in one part; made once per `name` until one of them gets
   * a late tick. Null is not kept.
   */
  summed<T>({ product, size_us, every_us }: WindowKind, start_us: number, name: string, make: () => T): T {
    const key = keyOf(product, size_us, startOf(PART_WINDOWS * every_us, start_us));
    const part = this.#kept.get(key);
    if (part === undefined) return make();
    const made = madeOf(part, name, [], make);
    this.#kept.set(key, part, sizeOf(part));
    return made;
  }

  /** Of windows that are open, and of the newest part, in which others will close. */
  #newest(kind: WindowKind, span: UsSpan, closed_us: number, limit: number): BarsPart {
    const open = { from_us: Math.max(closed_us, span.from_us), to_us: span.to_us };
    const opened = open.from_us < open.to_us ? this.#read(kind, open, limit) : [];
    const start_us = startOf(PART_WINDOWS * kind.every_us, closed_us);
    if (closed_us <= span.from_us || start_us === closed_us || opened.length === limit)
      return { ...open, rows: opened, made: null };
    const kept = this.#keptPart(kind, start_us, closed_us);
    const closed = cut(kept, { from_us: Math.max(start_us, span.from_us), to_us: closed_us }, limit - opened.length);
    return { from_us: closed.from_us, to_us: span.to_us, rows: [...closed.rows, ...opened], made: null };
  }

  /** Closed windows from the beginning of a part up to a time. */
  #keptPart(kind: WindowKind, from_us: number, to_us: number): KeptPart {
    const key = keyOf(kind.product, kind.size_us, from_us);
    const known = this.#kept.get(key) ?? { from_us, to_us: from_us, rows: [], made: new Map() };
    if (known.to_us >= to_us) return known;
    const newer = this.#read(kind, { from_us: known.to_us, to_us }, PART_WINDOWS);
    const part = { ...known, to_us, rows: [...known.rows, ...newer] };
    // What can't be read is empty (StoreFile.lenient), and is not kept as such.
    if (this.file.failure === null) this.#kept.set(key, part, sizeOf(part));
    return part;
  }

  /** The end of the newest window's part before a time, and not before `least_us`. */
  #afterGap({ product, size_us, every_us }: WindowKind, least_us: number, before_us: number): number {
    const span = { from_us: least_us, to_us: before_us };
    const newest_us = this.file.get<{ us: number | null }>(NEWEST_BEFORE, { product, size_us, ...span })?.us ?? null;
    const part_us = PART_WINDOWS * every_us;
    return newest_us === null ? least_us : Math.max(least_us, startOf(part_us, newest_us) + part_us);
  }

  #read({ product, size_us }: WindowKind, span: UsSpan, limit: number): BarRow[] {
    const rows = this.file.all<TextRow>(BARS, { product, size_us, ...span, limit });
    if (this.file.failure !== null) this.#kept.clear();
    return rows.reverse().map((row) => ({
      ...row,
      open_price: Number(row.open_price),
      max_price: Number(row.max_price),
      min_price: Number(row.min_price),
      close_price: Number(row.close_price),
      vwap: row.vwap === null ? null : Number(row.vwap),
    }));
  }

  /** Forgets another file's windows, and parts with late ticks since the last question. */
  #sync({ size_us, every_us }: WindowKind): void {
    const { epoch } = this.file;
    const newest = this.file.get<{ n: number | null }>(NEWEST_REVISION)?.n ?? 0;
    const isOther = epoch !== this.#epoch || newest < this.#revision;
    const found = isOther ? [] : this.file.all<Revision>(REVISIONS, { after: this.#revision, limit: REVISIONS_READ });
    const isOtherGrid = (this.#every_us.get(size_us) ?? every_us) !== every_us;
    if (isOther || isOtherGrid || found.length === REVISIONS_READ) this.#kept.clear();
    this.#every_us.set(size_us, every_us);
    this.#epoch = epoch;
    this.#revision = Math.max(newest, found.at(-1)?.n ?? 0);
    for (const { product_id, size_us, window_start_us } of found) {
      const part_us = PART_WINDOWS * (this.#every_us.get(size_us) ?? 0);
      if (part_us > 0) this.#kept.delete(keyOf(product_id, size_us, startOf(part_us, window_start_us)));
    }
  }
}

interface Revision {
  n: number;
  product_id: string;
  size_us: number;
  window_start_us: number;
}

/** Start of the tumbling window of a size at a time. */
export function startOf(size_us: number, time_us: number): number {
  return Math.floor(time_us / size_us) * size_us;
}

/**
 * What is made of a part's windows and of `of`: kept with them under its name until the windows, or
 * one of `of`, are others. Null is not kept.
 */
export function madeOf<T>({ made }: BarsPart, name: string, of: readonly unknown[], make: () => T): T {
  const known = made?.get(name);
  if (known?.of.every((one, i) => one === of[i])) return known.value as T;
  const value = make();
  if (value !== null) made?.set(name, { of, value });
  return value;
}

/** The newest `limit` windows of a part that start in a span in it. */
function cut({ rows }: BarsPart, { from_us, to_us }: UsSpan, limit: number): BarsPart {
  const own = rows.filter(({ window_start_us: us }) => us >= from_us && us < to_us).slice(-limit);
  return { from_us, to_us, rows: own, made: null };
}

/** A part without windows has a place, too. */
function sizeOf({ rows, made }: KeptPart): number {
  return rows.length + made.size + 1;
}

function keyOf(product: string, size_us: number, from_us: number): string {
  return `${from_us} ${size_us} ${product}`;
}
