/** stream_csv/: one line a closed window, the reference's columns first. Derived: its length is committed with the rows, and what goes beyond is cut off. */
import { closeSync, constants, fstatSync, ftruncateSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { WindowRow } from "../common/window.ts";

/** The reference's twelve columns in its order (reference.md), then ours. */
export const CSV_COLUMNS = [
  "window_start",
  "window_end",
  "avg_price",
  "max_price",
  "min_price",
  "price_range",
  "volatility_flag",
  "total_volume",
  "trade_count",
  "buy_sell_ratio",
  "market_sentiment",
  "volume_spike",
  "product_id",
  "buy_count",
  "sell_count",
  "open_price",
  "close_price",
  "price_sum",
  "notional",
  "vwap",
  "first_trade_id",
  "last_trade_id",
  "missing",
] as const satisfies (keyof WindowRow)[];

export class WindowCsv {
  readonly #fd: number;

  /** Opens `dir/name`; `rows` are the closed windows that were committed, for a file that was lost. */
  constructor(
    dir: string,
    readonly name: string,
    private readonly rows: () => Iterable<WindowRow>,
  ) {
    mkdirSync(dir, { recursive: true });
    this.#fd = openSync(join(dir, name), constants.O_RDWR | constants.O_CREAT);
  }

  /**
   * Appends closed windows behind the first `committed_bytes`, and gives the new length. What stands behind them (of a process that
   * died before its commit) is cut off; a file that is shorter than that is written anew. For one process at a time.
   */
  append(rows: WindowRow[], committed_bytes: number): number {
    const length = fstatSync(this.#fd).size;
    if (length > committed_bytes) ftruncateSync(this.#fd, committed_bytes);
    let at = committed_bytes;
    if (committed_bytes === 0 || length < committed_bytes) {
      ftruncateSync(this.#fd, 0);
      at = this.#write(`${CSV_COLUMNS.join(",")}\n`, 0);
      for (const row of this.rows()) at = this.#write(line(row), at);
    }
    const text = rows.toSorted(byEnd).map(line).join("");
    return text === "" ? at : this.#write(text, at);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #write(text: string, at: number): number {
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.#fd, bytes, done, bytes.length - done, at + done);
    }
    return at + bytes.length;
  }
}

/** The order within one commit, the same when the file is written anew. */
function byEnd(a: WindowRow, b: WindowRow): number {
  return a.window_end_us - b.window_end_us || (a.product_id < b.product_id ? -1 : a.product_id > b.product_id ? 1 : 0);
}

function line(row: WindowRow): string {
  return `${CSV_COLUMNS.map((column) => cell(row[column])).join(",")}\n`;
}

/** Text that a spreadsheet would take for a formula is quoted with a leading apostrophe (faults.md 34). */
function cell(value: string | number | null): string {
  if (typeof value !== "string") return String(value ?? "");
  const safe = /^[=+@\t\r]|^-(?!\d)/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
