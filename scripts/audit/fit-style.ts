/** How an answer's first and last prices and its trade ids are found, for all rows. */

import { isExactly, nearestDouble } from "./arithmetic-decimal.ts";
import type { Ends, RowStyle } from "./arithmetic-ends.ts";
import { EXACT_STYLE } from "./arithmetic-row.ts";
import type { Answers, AuditColumn } from "./audit-types.ts";
import type { EngineLog } from "./engine-log.ts";
import { RowValues, readCell } from "./fit-cells.ts";
import { slackOf } from "./fit-columns.ts";
import type { Evidence, Fit } from "./fit-model.ts";

/** Rows by which it is decided. */
const ROWS_MAX = 200;
/** As near as 32-bit floats are. */
const RELATIVE = 2 ** -22;

const ENDS: readonly { ends: Ends; truncatesToMs: boolean }[] = [
  { ends: "time_id", truncatesToMs: false },
  { ends: "time", truncatesToMs: false },
  { ends: "arrival", truncatesToMs: false },
  { ends: "time_id", truncatesToMs: true },
  { ends: "time", truncatesToMs: true },
];

const IDS = ["exact", "wrapped", "null", "wrapped_last"] as const;
const ID_ENDS = ["value", "time_id", "time", "arrival"] as const;

export function rowStyle(evidence: Evidence, fit: Fit, columns: Answers["columns"]): RowStyle {
  const has = (...names: AuditColumn[]) => columns.some(({ name }) => names.includes(name));
  const base: RowStyle = { ...EXACT_STYLE, counts: fit.engine.counts };
  const rows = evidence.windows.filter(({ row }) => row !== null).slice(0, ROWS_MAX);
  const hits = (style: RowStyle, names: readonly AuditColumn[]) =>
    rows.reduce((sum, window) => {
      const own = new RowValues(evidence.log, evidence.members(fit, window), style, fit.clock.batch);
      const isHit = (name: AuditColumn) => (own.ends(name) ?? [own]).some((values) => isValue(name, values));
      const isValue = (name: AuditColumn, values: RowValues) => {
        const value = values.decimal[name];
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
    return scored.reduce((most, one) => (one.score > most.score ? one : most));
  };
  /** First and last prices that a style leaves open. */
  const openCells = (style: RowStyle) =>
    rows.reduce((sum, window) => {
      const own = new RowValues(evidence.log, evidence.members(fit, window), style, fit.clock.batch);
      const prices = (["open_price", "close_price"] as const).map((name) => own.ends(name) ?? []);
      return (
        sum +
        prices.filter((some) => new Set(some.map(({ members }) => evidence.log.price[members[0]!])).size > 1).length
      );
    }, 0);
  let style = base;
  if (has("open_price", "close_price")) {
    const names = ["open_price", "close_price"] as const;
    const strict = best(
      ENDS.map((ends) => ({ ...base, ...ends })),
      names,
    );
    const loose = best(
      looseStyles(evidence.log).map((ends) => ({ ...base, ends })),
      names,
    );
    style = loose.score > strict.score ? loose.style : strict.style;
    if (style === loose.style && loose.score - strict.score <= slackOf(openCells(loose.style)))
      style = { ...style, strict: strict.style.ends as Ends };
  }
  if (has("first_trade_id", "last_trade_id"))
    style = best(
      ID_ENDS.flatMap((idEnds) => IDS.map((ids) => ({ ...style, ids, idEnds }))),
      ["first_trade_id", "last_trade_id"],
    ).style;
  return style;
}

/** Ends of which a row can have several: the order of a tie, or of several partitions, is unknown. */
function looseStyles({ partition }: EngineLog): ("tied" | "partition")[] {
  return partition.some((one) => one !== partition[0]) ? ["tied", "partition"] : ["tied"];
}
