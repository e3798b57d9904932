/** The CSV file of a result with more rows than a batch keeps, written where the metric runs. */
import { closeSync, openSync, rmSync } from "node:fs";
import { csvHeader, csvRows } from "../base/csv.ts";
import { sentence, systemCode } from "../base/errors.ts";
import { METRIC_CSV_BYTES_MAX } from "../base/limits.ts";
import { writeAll } from "../base/write-all.ts";
import type { Column, Row } from "../contract/results.ts";

/** What became of the file: its rows, or why there is none; `code` is the system's (ENOSPC) or "". */
export type WholeCsv = { rows: number } | { refused: string; code: string };

/** A new file to which rows are added a piece at a time, so that memory holds one piece. */
export class CsvFile {
  #fd: number | null = null;
  #bytes = 0;
  #rows = 0;
  #refused: { refused: string; code: string } | null = null;

  /** The file is created with the first piece; what another try has left at `path` is removed then. */
  constructor(private readonly path: string) {}

  /** Writes the next rows; false when no more are wanted, because the file is refused. Never throws. */
  add(columns: readonly Column[], rows: readonly Row[]): boolean {
    if (this.#refused !== null) return false;
    try {
      if (this.#fd === null) {
        rmSync(this.path, { force: true });
        this.#fd = openSync(this.path, "wx");
        this.#write(csvHeader(columns));
      }
      this.#write(csvRows(columns, rows));
      this.#rows += rows.length;
    } catch (error) {
      this.refuse(sentence(error), systemCode(error));
    }
    if (this.#bytes > METRIC_CSV_BYTES_MAX) this.refuse(`it would be larger than ${METRIC_CSV_BYTES_MAX} bytes`);
    return this.#refused === null;
  }

  /** Removes what is written. */
  refuse(refused: string, code = ""): void {
    this.#close();
    this.#refused = { refused, code };
    rmSync(this.path, { force: true });
  }

  /** Closes the file; null when nothing was written. */
  end(): WholeCsv | null {
    const isOpen = this.#fd !== null;
    this.#close();
    return this.#refused ?? (isOpen ? { rows: this.#rows } : null);
  }

  #write(text: string): void {
    this.#bytes += writeAll(this.#fd!, text);
  }

  #close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }
}
