/** One rule for CSV cells (RFC 4180), in stream_csv/, batch_output/, `query` and downloads. */
import type { Column, Row } from "../contract/results.ts";

/**
 * A cell. `text`: the value comes from outside; where a spreadsheet would read a formula, an
 * apostrophe is put in front (docs/faults.md row 34). A text that is a number ("-2.00") is not a
 * formula.
 */
export function csvCell(value: unknown, text: boolean): string {
  if (value === null || value === undefined) return "";
  const plain = typeof value === "object" ? JSON.stringify(value) : String(value);
  const safe = text && /^[=+\-@\t\r]/.test(plain) && !NUMBER.test(plain) ? `'${plain}` : plain;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/** Whether a column of this DuckDB type can hold text from outside. */
function isTextType(type: string): boolean {
  return /^(VARCHAR|ENUM|BLOB|VARIANT)/.test(type);
}

/** A line of cells with its end. `isText`: whether a column holds text rather than numbers and times. */
export function csvLine(cells: readonly unknown[], isText: (column: number) => boolean): string {
  return `${cells.map((cell, i) => csvCell(cell, isText(i))).join(",")}\n`;
}

/** The header line of a result. */
export function csvHeader(columns: readonly Column[]): string {
  return csvLine(
    columns.map(({ name }) => name),
    () => true,
  );
}

/** A line per row of a result. */
export function csvRows(columns: readonly Column[], rows: readonly Row[]): string {
  const isText = (i: number) => isTextType(columns[i]!.type);
  return rows
    .map((row) =>
      csvLine(
        columns.map(({ name }) => row[name]),
        isText,
      ),
    )
    .join("");
}
