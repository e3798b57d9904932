/** How an answer's first and last prices and its trade ids are found, for all rows. */

import { isExactly, nearestDouble } from "./arithmetic-decimal.ts";
import { decimalRow, EXACT_STYLE, type RowStyle } from "./arithmetic-row.ts";
import type { Answers, AuditColumn } from "./audit-types.ts";
import { readCell } from "./fit-cells.ts";
import type { Evidence, Fit } from "./fit-model.ts";

/** Rows by which it is decided. */
const ROWS_MAX = 200;
/** As near as 32-bit floats are. */
const RELATIVE = 2 ** -22;

const ENDS: readonly Pick<RowStyle, "ends" | "times">[] = [
  { ends: "time_id", times: "us" },
  { ends: "time", times: "us" },
  { ends: "arrival", times: "us" },
  { ends: "time_id", times: "ms" },
  { ends: "time", times: "ms" },
  { ends: "time_id", times: "rounded_ms" },
  { ends: "time", times: "rounded_ms" },
];

export function rowStyle(evidence: Evidence, fit: Fit, columns: Answers["columns"]): RowStyle {
  const has = (...names: AuditColumn[]) => columns.some(({ name }) => names.includes(name));
  const base: RowStyle = { ...EXACT_STYLE, counts: fit.engine.counts };
  const rows = evidence.windows.filter(({ row }) => row !== null).slice(0, ROWS_MAX);
  const hits = (style: RowStyle, names: readonly AuditColumn[]) =>
    rows.reduce((sum, window) => {
      const row = decimalRow(evidence.log, evidence.members(fit, window), style);
      const isHit = (name: AuditColumn) => {
        const value = row[name];
        const cell = readCell(window.row!.cells[name] ?? null);
        if (value === null || typeof value === "string") return cell.text === value;
        if (cell.decimal === null) return false;
        if (isExactly(cell.decimal, value)) return true;
        const near = nearestDouble(value);
        return !name.endsWith("_id") && Math.abs(cell.number - near) <= Math.abs(near) * RELATIVE;
      };
      return sum + names.filter(isHit).length;
    }, 0);
  const best = (styles: readonly RowStyle[], names: readonly AuditColumn[]) => {
    const own = columns.map(({ name }) => name).filter((name) => names.includes(name));
    const scored = styles.map((style) => ({ style, score: hits(style, own) }));
    return scored.reduce((most, one) => (one.score > most.score ? one : most)).style;
  };
  let style = base;
  if (has("open_price", "close_price"))
    style = best(
      ENDS.map((ends) => ({ ...base, ...ends })),
      ["open_price", "close_price"],
    );
  if (has("first_trade_id", "last_trade_id"))
    style = best(
      (["exact", "wrapped", "null", "wrapped_last"] as const).map((ids) => ({ ...style, ids })),
      ["first_trade_id", "last_trade_id"],
    );
  return style;
}
