/** A foreign table as rows of a batch, or as trades: its columns by their roles. */
import { isoFromUs } from "../../base/iso.ts";
import type { CellType } from "../audit-types.ts";
import type { Recognised, TradeRole, WindowRole } from "./column-names.ts";
import { type BatchRow, type BatchRows, TRADE_COLUMNS, type TradeTable } from "./other-kinds.ts";
import type { RawRow, RawTable } from "./raw-table.ts";
import { comparedColumns, mustHaveRows } from "./window-answers.ts";

/** Each row answers for a whole table. Throws NO_DATA without a row. */
export function batchRows(table: RawTable, { at, rest }: Recognised<WindowRole>): BatchRows {
  mustHaveRows(table);
  const columns = comparedColumns(table, at);
  const rowOf = ({ cells, where }: RawRow): BatchRow => ({
    cells: Object.fromEntries(columns.map(({ name }) => [name, cells[at[name]!] ?? null])),
    where,
  });
  return {
    rows: table.rows.map(rowOf),
    columns,
    ignored: [...rest.map((i) => table.columns[i]!.name), ...table.notes],
    uncommitted: table.uncommitted.map(rowOf),
  };
}

/** Each row is a trade. Throws NO_DATA without a row. */
export function tradeTable(table: RawTable, { at, rest }: Recognised<TradeRole>): TradeTable {
  mustHaveRows(table);
  const columns = TRADE_COLUMNS.flatMap((name) => {
    const column = at[name];
    if (column === undefined) return [];
    const { name: theirs, type } = table.columns[column]!;
    return [{ name, theirs, type: (name === "time" || name === "side" ? "text" : type) as CellType }];
  });
  const isTime = table.columns.map(({ type }) => type === "timestamp" || type === "timestamptz");
  const cellOf = (cell: string | null, i: number) => (cell !== null && isTime[i] ? isoFromUs(Number(cell)) : cell);
  return {
    rows: table.rows.map(({ cells, where }) => ({
      trade_id: cells[at.trade_id!] ?? null,
      product_id: at.product_id === undefined ? null : (cells[at.product_id] ?? null),
      cells: Object.fromEntries(columns.map(({ name }) => [name, cellOf(cells[at[name]!] ?? null, at[name]!)])),
      where,
    })),
    columns,
    ignored: [...rest.map((i) => table.columns[i]!.name), ...table.notes],
  };
}
