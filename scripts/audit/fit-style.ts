/** How an answer's first and last prices and its trade ids are found, for all rows. */

import { isExactly, nearestDouble } from "./arithmetic-decimal.ts";
import type { Ends, RowStyle } from "./arithmetic-ends.ts";
import { EXACT_STYLE, type Value } from "./arithmetic-row.ts";
import type { Answers, AuditColumn } from "./audit-types.ts";
import type { EngineLog } from "./engine-log.ts";
import { type Cell, RowValues, readCell } from "./fit-cells.ts";
import { slackOf } from "./fit-columns.ts";
import type { Evidence, Fit } from "./fit-model.ts";

/** Rows by which it is decided. */
const ROWS_MAX = 200;
/** As near as 32-bit floats are. */
const RELATIVE = 2 ** -22;

const ENDS: readonly { ends: Ends; times: RowStyle["times"] }[] = [
  { ends: "time_id", times: "us" },
  { ends: "time", times: "us" },
  { ends: "arrival", times: "us" },
  { ends: "time_id", times: "ms" },
  { ends: "time", times: "ms" },
  { ends: "time_id", times: "rounded_ms" },
  { ends: "time", times: "rounded_ms" },
];

const IDS = ["exact", "wrapped", "null", "wrapped_last"] as const;
const ID_ENDS = ["value", "time_id", "time", "arrival"] as const;

export function rowStyle(evidence: Evidence, fit: Fit, columns: Answers["columns"]): RowStyle {
  const { log } = evidence;
  const rows = evidence.windows
    .filter(({ row }) => row !== null)
    .slice(0, ROWS_MAX)
    .map((window) => ({
      members: evidence.members(fit, window),
      cellOf: (name: AuditColumn) => readCell(window.row!.cells[name] ?? null),
    }));
  const valuesOf = (members: readonly number[], style: RowStyle) => new RowValues(log, members, style, fit.clock.batch);
  /** The first style that makes most cells of these columns. */
  const best = (styles: readonly RowStyle[], names: readonly AuditColumn[]) => {
    let most: { style: RowStyle; score: number } | null = null;
    for (const style of styles) {
      const score = rows.reduce((sum, { members, cellOf }) => {
        const own = valuesOf(members, style);
        const isHit = (name: AuditColumn) =>
          (own.ends(name) ?? [own]).some(({ decimal }) => isNear(name, cellOf(name), decimal[name]));
        return sum + names.filter(isHit).length;
      }, 0);
      if (most === null || score > most.score) most = { style, score };
      // Nothing makes more than all.
      if (score === rows.length * names.length) break;
    }
    return most!;
  };
  /** First and last prices that a style leaves open. */
  const openCells = (style: RowStyle) =>
    rows.reduce((sum, { members }) => {
      const own = valuesOf(members, style);
      const prices = (name: AuditColumn) => new Set(own.ends(name)?.map((one) => log.price[one.members[0]!]));
      return sum + [prices("open_price"), prices("close_price")].filter(({ size }) => size > 1).length;
    }, 0);
  const own = (...names: AuditColumn[]) => names.filter((name) => columns.some((column) => column.name === name));
  let style: RowStyle = { ...EXACT_STYLE, counts: fit.engine.counts };
  const prices = own("open_price", "close_price");
  if (prices.length > 0) {
    const strict = best(
      ENDS.map((ends) => ({ ...style, ...ends })),
      prices,
    );
    const loose = best([strict.style, ...looseStyles(log).map((ends) => ({ ...style, ends }))], prices);
    const gain = loose.score - strict.score;
    style = loose.style;
    if (gain > 0 && gain <= slackOf(openCells(style))) style = { ...style, strict: strict.style.ends as Ends };
  }
  const ids = own("first_trade_id", "last_trade_id");
  if (ids.length === 0) return style;
  return best(
    ID_ENDS.flatMap((idEnds) => IDS.map((ids) => ({ ...style, ids, idEnds }))),
    ids,
  ).style;
}

function isNear(name: AuditColumn, cell: Cell, value: Value): boolean {
  if (value === null || typeof value === "string") return cell.text === value;
  if (cell.decimal === null) return false;
  if (isExactly(cell.decimal, value)) return true;
  const near = nearestDouble(value);
  return !name.endsWith("_id") && Math.abs(cell.number - near) <= Math.abs(near) * RELATIVE;
}

/** Ends of which a row can have several: the order of a tie, or of several partitions, is unknown. */
function looseStyles({ partition }: EngineLog): ("tied" | "partition")[] {
  return partition.some((one) => one !== partition[0]) ? ["tied", "partition"] : ["tied"];
}
