/** The newest closed windows of a product, read once: they change no more, except by late ticks. */
import BARS from "../../sql/page/bars.sql" with { type: "text" };
import { indexFrom } from "./sorted.ts";
import type { StoreFile } from "./store-file.ts";

/** Products and sizes whose windows are kept; of each at most twice the windows of an answer, 4 MB. */
const TAILS_MAX = 8;
/** Sums of one tail: all of an answer in two sizes, and as rows. */
const SUMS_MAX = 10_000;
/** Late ticks since the last question; after more all is read again. */
const REVISIONS_READ = 1_000;
const CLOSED_UNTIL = "SELECT closed_until_us FROM closed_ends WHERE product_id = $product AND size_us = $size_us";
const NEWEST_REVISION = "SELECT max(rowid) AS n FROM window_revisions";
/** A revision's rowid rises with its commit. */
const REVISIONS = `SELECT rowid AS n, product_id, size_us, window_start_us, trade_count FROM window_revisions
  WHERE rowid > $after ORDER BY rowid LIMIT $limit`;

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

/** Closed windows by start: all that start in the span. */
interface Tail extends UsSpan {
  rows: BarRow[];
  /** Sums of them. */
  summed: Map<string, unknown>;
}

export class KeptBars {
  readonly #tails = new Map<string, Tail>();
  #epoch = "";
  #revision = 0;

  constructor(private readonly file: StoreFile) {}

  /** Event time up to which the stream has closed all windows of a product and a stored size. */
  closedUntil(product: string, size_us: number): number {
    const found = this.file.get<{ closed_until_us: number }>(CLOSED_UNTIL, { product, size_us });
    return found?.closed_until_us ?? Number.MIN_SAFE_INTEGER;
  }

  /** The newest `limit` windows that start in the span, by start. */
  rows(product: string, size_us: number, span: UsSpan, limit: number): BarRow[] {
    this.#sync();
    // All windows that start before it are closed, and no other one can open there.
    const closed_us = this.closedUntil(product, size_us) - size_us + 1;
    const read = (part: UsSpan, most: number) => this.#read(product, size_us, part, most);
    if (closed_us <= span.from_us) return read(span, limit);
    const tail = this.#tail(product, size_us, closed_us);
    if (tail.to_us < closed_us) {
      const newer = read({ from_us: tail.to_us, to_us: closed_us }, limit);
      const isAll = newer.length < limit;
      if (!isAll) tail.from_us = newer[0]!.window_start_us;
      tail.rows = isAll ? [...tail.rows, ...newer] : newer;
      tail.to_us = closed_us;
    }
    if (span.to_us <= tail.from_us) return read(span, limit);
    if (span.from_us < tail.from_us && tail.rows.length < limit) {
      const room = limit - tail.rows.length;
      const older = read({ from_us: span.from_us, to_us: tail.from_us }, room);
      tail.from_us = older.length < room ? span.from_us : older[0]!.window_start_us;
      tail.rows = [...older, ...tail.rows];
    }
    if (tail.rows.length > 2 * limit) {
      tail.rows = tail.rows.slice(-limit);
      tail.from_us = tail.rows[0]!.window_start_us;
    }
    if (tail.summed.size > SUMS_MAX) tail.summed.clear();
    const open = span.to_us > closed_us ? read({ from_us: closed_us, to_us: span.to_us }, limit) : [];
    const kept = [...tail.rows.slice(indexOf(tail.rows, span.from_us), indexOf(tail.rows, span.to_us)), ...open];
    const missing = limit - kept.length;
    const before = { from_us: span.from_us, to_us: tail.from_us };
    return before.from_us < before.to_us && missing > 0 ? [...read(before, missing), ...kept] : kept.slice(-limit);
  }

  /** A sum of closed windows, made once per `name` until one of them gets a late tick; null is not kept. */
  summed<T>(product: string, size_us: number, name: string, make: () => T): T {
    const summed = this.#tails.get(keyOf(product, size_us))?.summed;
    if (!summed?.has(name)) {
      const made = make();
      if (made !== null) summed?.set(name, made);
      return made;
    }
    return summed.get(name) as T;
  }

  #read(product: string, size_us: number, span: UsSpan, limit: number): BarRow[] {
    const rows = this.file.all<TextRow>(BARS, { product, size_us, ...span, limit });
    // What can't be read is empty (StoreFile.lenient), and is not kept as such.
    if (this.file.failure !== null) this.#tails.clear();
    return rows.reverse().map((row) => ({
      ...row,
      open_price: Number(row.open_price),
      max_price: Number(row.max_price),
      min_price: Number(row.min_price),
      close_price: Number(row.close_price),
      vwap: row.vwap === null ? null : Number(row.vwap),
    }));
  }

  #tail(product: string, size_us: number, closed_us: number): Tail {
    const key = keyOf(product, size_us);
    const tail = this.#tails.get(key) ?? { rows: [], from_us: closed_us, to_us: closed_us, summed: new Map() };
    this.#tails.delete(key);
    this.#tails.set(key, tail);
    for (const oldest of this.#tails.keys()) {
      if (this.#tails.size <= TAILS_MAX) break;
      this.#tails.delete(oldest);
    }
    return tail;
  }

  /** Forgets another file's windows, and notes the late ticks since the last question. */
  #sync(): void {
    const { epoch } = this.file;
    const newest = this.file.get<{ n: number | null }>(NEWEST_REVISION)?.n ?? 0;
    const isOther = epoch !== this.#epoch || newest < this.#revision;
    const found = isOther ? [] : this.file.all<Revision>(REVISIONS, { after: this.#revision, limit: REVISIONS_READ });
    if (isOther || found.length === REVISIONS_READ) this.#tails.clear();
    this.#epoch = epoch;
    this.#revision = Math.max(newest, found.at(-1)?.n ?? 0);
    for (const revision of found) this.#revise(revision);
  }

  #revise({ product_id, size_us, window_start_us, trade_count }: Revision): void {
    const tail = this.#tails.get(keyOf(product_id, size_us));
    const at = tail === undefined ? -1 : indexOf(tail.rows, window_start_us);
    const row = tail?.rows[at];
    if (tail === undefined || row === undefined || row.window_start_us !== window_start_us) return;
    tail.rows[at] = { ...row, late: trade_count - row.trade_count };
    tail.summed.clear();
  }
}

interface Revision {
  n: number;
  product_id: string;
  size_us: number;
  window_start_us: number;
  trade_count: number;
}

function keyOf(product: string, size_us: number): string {
  return `${size_us} ${product}`;
}

/** Index of the first row that starts at a time or later. */
function indexOf(rows: readonly BarRow[], start_us: number): number {
  return indexFrom(rows, start_us, ({ window_start_us }) => window_start_us);
}
