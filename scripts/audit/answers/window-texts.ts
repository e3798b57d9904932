/** A window that was cast to text, since CSV has no structs: `{2023-09-05 16:00:00, …}`. */
import type { RawRow, RawTable } from "./raw-table.ts";

/** In braces since Spark 3, in brackets before; pandas writes an interval as `[a, b)`. */
const WINDOW = /^[{[(]\s*([^,]+?)\s*,\s*([^,]+?)\s*[)}\]]$/;

/** Replaces such a column by `window.start` and `window.end`. */
export function splitWindows(table: RawTable): void {
  const column = table.columns.findIndex(({ name, type }) => /^window$/i.test(name) && type === "untyped");
  const first = table.rows.find(({ cells }) => cells[column] != null);
  if (column < 0 || first === undefined || !WINDOW.test(first.cells[column]!)) return;
  const parts = ["start", "end"].map((part) => ({ name: `window.${part}`, type: "untyped" as const }));
  table.columns.splice(column, 1, ...parts);
  for (const row of [...table.rows, ...table.uncommitted]) split(row, column);
}

/** A cell of another form becomes the start as it is, which is not a valid time. */
function split({ cells }: RawRow, column: number): void {
  const text = cells[column] ?? null;
  const [, start = text, end = null] = WINDOW.exec(text ?? "") ?? [];
  cells.splice(column, 1, start, end);
}
