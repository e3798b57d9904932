/** A foreign table as windows: times, products, the newest row of each window (W9), its shape. */
import { formatDuration } from "../../base/duration.ts";
import { sentence, TidemarkError } from "../../base/errors.ts";
import { type Answers, AUDIT_COLUMNS, type AuditRecord, type CellType, type ForeignRow } from "../audit-types.ts";
import { FLAGS } from "../fit-cells.ts";
import { type Times, timesOf } from "./answer-times.ts";
import type { Recognised, WindowRole } from "./column-names.ts";
import type { AnswerOptions } from "./other-kinds.ts";
import { type RawRow, type RawTable, type RawType, unreadable } from "./raw-table.ts";
import { detectShape, wholeSize } from "./window-shape.ts";

/** Throws USAGE, NO_DATA or DATA_DIR as its parts do. */
export function windowAnswers(table: RawTable, { at, rest }: Recognised<WindowRole>, options: AnswerOptions): Answers {
  mustHaveRows(table);
  const notes = [...table.notes];
  const reader = new WindowReader(table, at, options.records);
  const { rows: all, hasZone } = reader.read(table.rows);
  const sized = options.window === null ? all : ofSize(all, options.window.size_us, notes);
  if (sized.length === 0)
    throw new TidemarkError(
      "USAGE",
      `${table.source} has no window of ${formatDuration(options.window!.size_us)}.`,
      "Use another --window.",
    );
  const { rows, superseded } = newest(sized);
  const uncommitted = uncommittedRows(table, reader, notes);
  return {
    rows,
    columns: reader.columns,
    ignored: rest.map((i) => table.columns[i]!.name),
    superseded,
    uncommitted,
    isAppended: table.isAppended ?? false,
    notes,
    ...(table.found_start === undefined ? {} : { found_start: table.found_start }),
    product_column: at.product_id === undefined ? undefined : table.columns[at.product_id]!.name,
    shape: detectShape(rows, options.records, { hasZone, zone: options.zone, window: options.window }),
  };
}

/** Throws NO_DATA for an answer without a row. */
export function mustHaveRows({ source, rows, uncommitted }: RawTable): void {
  if (rows.length > 0) return;
  throw new TidemarkError(
    "NO_DATA",
    `${source} has no row${uncommitted.length > 0 ? " of a committed batch" : ""}.`,
    "Check that the job has written its answer.",
  );
}

/** Columns that are compared, and the type of each; text columns stay text. */
export function comparedColumns(table: RawTable, at: Recognised<WindowRole>["at"]): Answers["columns"] {
  return AUDIT_COLUMNS.flatMap((name) => {
    const column = at[name];
    if (column === undefined) return [];
    const { name: theirs, type } = table.columns[column]!;
    return [{ name, theirs, type: FLAGS.includes(name) ? "text" : cellType(type) }];
  });
}

function cellType(type: RawType): CellType {
  return type === "timestamp" || type === "timestamptz" ? "text" : type;
}

class WindowReader {
  readonly columns: Answers["columns"];
  readonly #productOf: (theirs: string) => string;
  readonly #hasProducts: boolean;

  constructor(
    private readonly table: RawTable,
    private readonly at: Recognised<WindowRole>["at"],
    records: readonly AuditRecord[],
  ) {
    this.columns = comparedColumns(table, at);
    this.#productOf = productNamer(records);
    this.#hasProducts = at.product_id !== undefined && table.rows.some(({ cells }) => cells[at.product_id!] != null);
  }

  read(raw: readonly RawRow[]): { rows: ForeignRow[]; hasZone: boolean } {
    const { window_start, window_end, product_id } = this.at;
    const starts = this.#times(raw, window_start!, "window_start");
    const ends = window_end === undefined ? null : this.#times(raw, window_end, "window_end");
    const rows = raw.map(({ cells, where }, i): ForeignRow => {
      const start = starts.us[i]!;
      if (start === null)
        throw unreadable(`${where} has no window_start.`, "Remove the row: no window can be compared with it.");
      const product = product_id === undefined ? null : (cells[product_id] ?? null);
      if (product === null && this.#hasProducts)
        throw unreadable(
          `${where} has no product, other rows have one.`,
          `Remove the row, or leave the column out with --map ${this.table.columns[product_id!]!.name}=ignored.`,
        );
      return {
        window_start_us: start,
        window_end_us: ends?.us[i] ?? null,
        product_id: product === null ? null : this.#productOf(product),
        cells: Object.fromEntries(this.columns.map(({ name }) => [name, cells[this.at[name]!] ?? null])),
        where,
      };
    });
    return { rows, hasZone: starts.hasZone };
  }

  #times(raw: readonly RawRow[], column: number, name: string): Times {
    const { name: theirs, type } = this.table.columns[column]!;
    return timesOf(raw, column, theirs === name ? name : `${theirs} (${name})`, type);
  }
}

/** Their product's name as ours: `BTCUSD` and `btc/usd` are BTC-USD, if no other product is. */
function productNamer(records: readonly AuditRecord[]): (theirs: string) => string {
  const ours = new Set(records.flatMap(({ tick }) => (tick === null ? [] : [tick.product_id])));
  const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, "");
  const byPlain = Map.groupBy(ours, plain);
  const known = new Map<string, string>();
  return (theirs) => {
    let name = known.get(theirs);
    if (name === undefined) {
      const fitting = byPlain.get(plain(theirs)) ?? [];
      name = ours.has(theirs) || fitting.length !== 1 ? theirs : fitting[0]!;
      known.set(theirs, name);
    }
    return name;
  };
}

/** Rows of the size that --window names; those of others are counted in the notes. */
function ofSize(rows: ForeignRow[], size_us: number, notes: string[]): ForeignRow[] {
  const own = rows.filter((row) => row.window_end_us === null || wholeSize(row) === size_us);
  if (own.length < rows.length) notes.push(`${rows.length - own.length} rows of windows of other sizes`);
  return own;
}

/** W9: the last written row of each window, in order of product and start; and all earlier ones. */
function newest(rows: readonly ForeignRow[]): { rows: ForeignRow[]; superseded: ForeignRow[] } {
  const windows = new Map<string, ForeignRow>();
  const superseded: ForeignRow[] = [];
  for (const row of rows) {
    const key = `${row.window_start_us} ${row.window_end_us} ${row.product_id ?? ""}`;
    const earlier = windows.get(key);
    if (earlier !== undefined) superseded.push(earlier);
    windows.set(key, row);
  }
  const product = ({ product_id }: ForeignRow) => product_id ?? "";
  return {
    rows: [...windows.values()].sort(
      (a, b) =>
        (product(a) < product(b) ? -1 : product(a) > product(b) ? 1 : 0) || a.window_start_us - b.window_start_us,
    ),
    superseded,
  };
}

/** W11. A file that was never committed may be cut anywhere, so what is not readable in it is a note. */
function uncommittedRows(table: RawTable, reader: WindowReader, notes: string[]): ForeignRow[] {
  return table.uncommitted.flatMap((raw) => {
    try {
      return reader.read([raw]).rows;
    } catch (error) {
      notes.push(`a row that no batch committed: ${sentence(error)}`);
      return [];
    }
  });
}
