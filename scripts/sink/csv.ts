/** stream_csv/: one line a closed window, the reference's columns first. Derived: cut back at a start to the length that the last commit recorded. */
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, statSync, writeSync } from "node:fs";
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
  bytes: number;

  /**
   * Opens `dir/name`, cut back to `committed_bytes`; a file that is shorter than that (lost or damaged) is written anew from
   * `rows`, the closed windows in their order.
   */
  constructor(
    dir: string,
    readonly name: string,
    committed_bytes: number,
    rows: () => Iterable<WindowRow>,
  ) {
    mkdirSync(dir, { recursive: true });
    const path = join(dir, name);
    const length = existsSync(path) ? statSync(path).size : 0;
    this.#fd = openSync(path, length === 0 ? "w" : "r+");
    this.bytes = length >= committed_bytes ? committed_bytes : 0;
    ftruncateSync(this.#fd, this.bytes);
    if (this.bytes === 0) {
      this.#write(`${CSV_COLUMNS.join(",")}\n`);
      for (const row of rows()) this.#write(line(row));
    }
  }

  /** Appends closed windows; the new length is `bytes`. */
  append(rows: WindowRow[]): void {
    if (rows.length > 0) this.#write(rows.map(line).join(""));
  }

  close(): void {
    closeSync(this.#fd);
  }

  #write(text: string): void {
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.#fd, bytes, done, bytes.length - done, this.bytes + done);
    this.bytes += bytes.length;
  }
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
