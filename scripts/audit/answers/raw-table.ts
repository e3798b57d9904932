/** A foreign answer before its columns have a meaning: names, types, text of cells. */
import { TidemarkError } from "../../base/errors.ts";
import type { CellType } from "../audit-types.ts";

/** Rows of one answer, about 500 bytes of memory each; a day of seconds for eleven products. */
const ANSWER_ROWS_MAX = 1_000_000;

/** Cells of a timestamp are whole µs since 1970; without a zone they are read as UTC. */
export type RawType = CellType | "timestamp" | "timestamptz";

export interface RawColumn {
  name: string;
  type: RawType;
}

export interface RawRow {
  /** One per column. */
  cells: (string | null)[];
  where: string;
}

export interface RawTable {
  /** For sentences: a path, `FILE:TABLE` or a topic's URL. */
  source: string;
  columns: RawColumn[];
  /** In order of writing. */
  rows: RawRow[];
  /** W11: rows of files that no committed batch names. */
  uncommitted: RawRow[];
  /** A window has one row at most: Spark's file sink wrote it. */
  isAppended?: boolean;
  /** The column of starts, if its cells show it and not its name. */
  found_start?: string;
  /** What was left out, for people. */
  notes: string[];
}

/** A table or view of a database file. */
export interface NamedColumns {
  name: string;
  columns: string[];
}

/** Throws DATA_DIR when an answer has more rows than ANSWER_ROWS_MAX. */
export function checkRows(source: string, rows: number): void {
  if (rows <= ANSWER_ROWS_MAX) return;
  throw new TidemarkError(
    "DATA_DIR",
    `${source} has more than ${ANSWER_ROWS_MAX.toLocaleString("en-US")} rows, the limit of one audit.`,
    "Audit a part of it: one product, or fewer days.",
  );
}

/** An answer that can't be read as it is: what is wrong, and what to do. */
export function unreadable(message: string, hint = ""): TidemarkError {
  return new TidemarkError("DATA_DIR", message, hint);
}
