/** What the witness compares: a product's stored ticks and the stream's minutes, page by page. */
import type { Database } from "bun:sqlite";
import type { MinuteNumbers, StreamMinute, WitnessTrade } from "../audit/index.ts";
import { type DataPaths, replayed } from "../base/data-dir.ts";
import { parseUnits } from "../base/decimal.ts";
import { TidemarkError } from "../base/errors.ts";
import { PRICE_SCALE_MAX, SIZE_SCALE_MAX } from "../base/limits.ts";
import { openReadOnly, storeError } from "../base/sqlite.ts";
import { CANDLE_US, CANDLES_MAX } from "../contract/candle.ts";
import { mayLackTicks } from "../contract/lacking-ticks.ts";
import { SeenIds } from "../window/index.ts";

/** A span of event time, microseconds since 1970 UTC, `to_us` exclusive. */
export interface Span {
  from_us: number;
  to_us: number;
}

interface StoredRow {
  trade_id: number;
  time_us: number;
  price: string;
  last_size: string;
  source: string;
  log_partition: number;
  log_offset: number;
}

/** Ticks that were pruned from ticks.db: the archive has them, and is read by another process. */
export type ArchiveReader = (span: Span & { product: string }) => Promise<StoredRow[]>;

/** One page of minutes as it is stored. */
export interface StoredPage {
  /** Of the page and MARGIN_US around it, by id. */
  trades: WitnessTrade[];
  /** By start; minutes that the stream has not closed, or does not keep, are absent. */
  stream: ReadonlyMap<number, StreamMinute>;
}

/** Neighbours of a minute's ids are searched in this much time around the page. */
const MARGIN_US = 10 * CANDLE_US;
const FIRST_PRODUCT = "SELECT min(product_id) AS id FROM ticks";
const TIMES = "SELECT min(time_us) AS first, max(time_us) AS last FROM ticks WHERE product_id = $product";
const PRUNED = "SELECT value FROM settings WHERE name = 'pruned_to'";
const MARK = "SELECT max_time_us AS us FROM products WHERE product_id = $product";
const COLUMNS = "trade_id, time_us, price, last_size, source, log_partition, log_offset";
const PAGES = `SELECT CAST((time_us - $from_us) / ${CANDLES_MAX * CANDLE_US} AS INTEGER) AS page, min(trade_id) AS lo, max(trade_id) AS hi
  FROM ticks WHERE product_id = $product AND time_us >= $from_us AND time_us < $to_us GROUP BY page`;
const TICKS = `SELECT ${COLUMNS} FROM ticks
  WHERE product_id = $product AND trade_id BETWEEN $lo AND $hi AND time_us >= $from_us AND time_us < $to_us`;
const OHLCV = "min_price AS low, max_price AS high, open_price AS open, close_price AS close, total_volume AS volume";
const IN_SPAN = `product_id = $product AND size_us = ${CANDLE_US} AND window_start_us >= $from_us AND window_start_us < $to_us`;
const ROWS = `SELECT window_start_us AS start_us, final, closed_partition, closed_offset, ${OHLCV} FROM windows WHERE ${IN_SPAN}`;
const LAST = `SELECT window_start_us AS start_us, log_partition AS closed_partition, log_offset AS closed_offset, ${OHLCV} FROM window_revisions WHERE ${IN_SPAN} ORDER BY revision`;
const LATE = `SELECT window_start_us AS start_us, trade_id FROM late_ticks WHERE ${IN_SPAN}`;
const CLOSED = `SELECT closed_until_us AS until_us, (SELECT min(window_start_us) FROM windows
    WHERE product_id = $product AND size_us = ${CANDLE_US}) AS first_us
  FROM closed_ends WHERE product_id = $product AND size_us = ${CANDLE_US}`;

/** `closed_…`: the record after which the row was as it is; null for a window that --flush closed. */
type NumbersRow = Record<keyof MinuteNumbers, string> & {
  start_us: number;
  closed_partition: number | null;
  closed_offset: number | null;
};
type WindowRow = NumbersRow & { final: number };

export class WitnessStore {
  readonly product: string;
  /** Event time of the first and the last tick; the first is null once ticks were pruned. */
  readonly first_us: number | null;
  readonly last_us: number;
  readonly #ticks: StageFile;
  /** Null: stream has not begun. */
  readonly #windows: StageFile | null;
  readonly #isPruned: boolean;

  /** `product`: null is the first by name. Fails with NO_DATA without a tick of it. */
  constructor(
    paths: DataPaths,
    product: string | null,
    private readonly archived: ArchiveReader,
  ) {
    const ticks = StageFile.open(paths.ticks, "ticks");
    const hint = replayed(paths) ?? "Store ticks first: bun run start";
    if (ticks === null) throw new TidemarkError("NO_DATA", `${paths.ticks} does not exist yet.`, hint);
    this.#ticks = ticks;
    this.#windows = StageFile.open(paths.windows, "closed_ends");
    this.product = product ?? ticks.get<{ id: string | null }>(FIRST_PRODUCT)?.id ?? "";
    const of = { product: this.product };
    const times = ticks.get<{ first: number | null; last: number | null }>(TIMES, of);
    this.#isPruned = Number(ticks.get<{ value: string }>(PRUNED)?.value ?? 0) > 0;
    const mark = this.#isPruned ? this.#windows?.get<{ us: number }>(MARK, of) : null;
    const last_us = times?.last ?? mark?.us ?? null;
    if (last_us === null) {
      this.close();
      const say = product === null ? `No tick is stored in ${paths.root} yet.` : `No tick of ${product} is stored.`;
      throw new TidemarkError("NO_DATA", say, hint);
    }
    this.first_us = this.#isPruned ? null : (times?.first ?? null);
    this.last_us = last_us;
  }

  /** Pages of at most CANDLES_MAX minutes, each read when it is its turn. */
  async *pages(span: Span): AsyncGenerator<Span & StoredPage> {
    const page_us = CANDLES_MAX * CANDLE_US;
    const wide = { from_us: span.from_us - page_us, to_us: span.to_us + page_us };
    const bounds = new Map(
      this.#ticks
        .all<{ page: number; lo: number; hi: number }>(PAGES, { product: this.product, ...wide })
        .map(({ page, ...ids }) => [page, ids]),
    );
    for (let from_us = span.from_us, page = 1; from_us < span.to_us; from_us += page_us, page++) {
      const own = { from_us, to_us: Math.min(span.to_us, from_us + page_us) };
      const near = [bounds.get(page - 1), bounds.get(page), bounds.get(page + 1)].filter((ids) => ids !== undefined);
      const ids = { lo: Math.min(...near.map(({ lo }) => lo)), hi: Math.max(...near.map(({ hi }) => hi)) };
      yield { ...own, ...(await this.#page(own, near.length === 0 ? null : ids)) };
    }
  }

  async #page(span: Span, ids: { lo: number; hi: number } | null): Promise<StoredPage> {
    // The stream's side first: what is stored meanwhile is then not read by it yet.
    const sides = this.#streamSides(span);
    const wide = { from_us: span.from_us - MARGIN_US, to_us: span.to_us + MARGIN_US, product: this.product };
    const rows = ids === null ? [] : this.#ticks.all<StoredRow>(TICKS, { ...wide, ...ids });
    const older = this.#isPruned ? await this.archived(wide) : [];
    const all = new Map([...older, ...rows].map((row) => [row.trade_id, row]));
    const sorted = [...all.values()].sort((a, b) => a.trade_id - b.trade_id);
    return { trades: sorted.map(tradeOf), stream: sides(sorted) };
  }

  /** Reads the stream's minutes in one commit; they are completed once the stored ticks are known. */
  #streamSides(span: Span): (rows: StoredRow[]) => Map<number, StreamMinute> {
    const file = this.#windows;
    if (file === null) return () => new Map();
    const of = { product: this.product, from_us: span.from_us, to_us: span.to_us };
    const read = file.atOneCommit(() => ({
      rows: file.all<WindowRow>(ROWS, of),
      last: file.all<NumbersRow>(LAST, of),
      late: file.all<{ start_us: number; trade_id: number }>(LATE, of),
      offsets: offsetsOf(file),
      closed: file.get<{ until_us: number; first_us: number | null }>(CLOSED, { product: this.product }),
    }));
    const { closed, offsets } = read;
    if (closed === null) return () => new Map();
    const rows = new Map(read.rows.map((row) => [row.start_us, row]));
    const last = new Map(read.last.map((row) => [row.start_us, row]));
    const late = Map.groupBy(read.late, ({ start_us }) => start_us);
    const consumed = offsetsOf(this.#ticks);
    const seen = new StreamIds(file, this.product);
    return (stored) => {
      const unread = stored.filter(({ trade_id, source, log_partition, log_offset }) =>
        // Of history it has what the feed repeated.
        source === "backfill" ? !seen.has(trade_id) : log_offset >= (offsets.get(log_partition) ?? 0),
      );
      const unreadAt = Map.groupBy(unread, ({ time_us }) => Math.floor(time_us / CANDLE_US) * CANDLE_US);
      const minutes = new Map<number, StreamMinute>();
      for (let start_us = span.from_us; start_us < span.to_us; start_us += CANDLE_US) {
        const row = rows.get(start_us);
        const revision = last.get(start_us);
        // Before the stream's first window, and after its last closed one, it has no answer.
        const hasAnswer = closed.first_us !== null && start_us >= closed.first_us;
        if (row === undefined && revision === undefined && !(hasAnswer && start_us + CANDLE_US <= closed.until_us))
          continue;
        if (
          row?.final === 0 ||
          [row, revision].some((one) => one !== undefined && mayLackTicks(one, consumed, offsets))
        )
          continue;
        minutes.set(start_us, {
          final: row === undefined ? null : numbersOfRow(row),
          last: revision === undefined ? null : numbersOfRow(revision),
          late: new Set(late.get(start_us)?.map(({ trade_id }) => trade_id)),
          unread: new Set(unreadAt.get(start_us)?.map(({ trade_id }) => trade_id)),
        });
      }
      return minutes;
    };
  }

  /** The nearest stored ids around some ids, where the page does not have them. */
  neighbour(side: "below" | "above", id: number): number | null {
    const sql =
      side === "below"
        ? "SELECT max(trade_id) AS id FROM ticks WHERE product_id = $product AND trade_id < $id"
        : "SELECT min(trade_id) AS id FROM ticks WHERE product_id = $product AND trade_id > $id";
    return this.#ticks.get<{ id: number | null }>(sql, { product: this.product, id })?.id ?? null;
  }

  close(): void {
    this.#ticks.close();
    this.#windows?.close();
  }
}

/** The ids that the stream has seen of a product. */
class StreamIds {
  readonly #seen: SeenIds;

  constructor(file: StageFile, product: string) {
    const blocks = "SELECT block, bits FROM seen_ids WHERE product_id = $product AND block BETWEEN $from AND $to";
    const between = (from: number, to: number) =>
      file.all<{ block: number; bits: Uint8Array | null }>(blocks, { product, from, to });
    this.#seen = new SeenIds(product, {
      load: (block) => between(block, block)[0]?.bits,
      between: (from, to) => between(from, to).map(({ block }) => block),
    });
  }

  has(id: number): boolean {
    return this.#seen.countBetween(id - 1, id) > 0;
  }
}

type Parameters = Record<string, string | number>;

/** One SQLite file of a stage, read only: what goes wrong is a sentence about it. */
class StageFile {
  private constructor(
    private readonly path: string,
    private readonly db: Database,
  ) {}

  /** Null: it is not there, or has no tables yet. */
  static open(path: string, table: string): StageFile | null {
    const db = openReadOnly(path);
    if (db === null) return null;
    const file = new StageFile(path, db);
    if (file.get("SELECT 1 FROM sqlite_master WHERE name = $table", { table }) !== null) return file;
    db.close();
    return null;
  }

  all<T>(sql: string, parameters: Parameters = {}): T[] {
    try {
      return this.db.query<T, Parameters>(sql).all(parameters);
    } catch (error) {
      throw storeError(this.path, error);
    }
  }

  get<T>(sql: string, parameters: Parameters = {}): T | null {
    return this.all<T>(sql, parameters)[0] ?? null;
  }

  atOneCommit<T>(work: () => T): T {
    return this.db.transaction(work)();
  }

  close(): void {
    this.db.close();
  }
}

/** Positions of the stage that writes the file. */
function offsetsOf(file: StageFile): Map<number, number> {
  const rows = file.all<{ p: number; n: number }>("SELECT log_partition AS p, next_offset AS n FROM offsets");
  return new Map(rows.map(({ p, n }) => [p, n]));
}

function tradeOf({ trade_id, time_us, price, last_size }: StoredRow): WitnessTrade {
  return {
    trade_id,
    time_us,
    price: parseUnits(price, PRICE_SCALE_MAX),
    size: parseUnits(last_size, SIZE_SCALE_MAX),
  };
}

function numbersOfRow({ low, high, open, close, volume }: NumbersRow): MinuteNumbers {
  const [a, b, c, d] = [low, high, open, close].map((price) => parseUnits(price, PRICE_SCALE_MAX));
  return { low: a!, high: b!, open: c!, close: d!, volume: parseUnits(volume, SIZE_SCALE_MAX) };
}
