/** Tables of a foreign SQLite file as text, read with Bun's SQLite: every number exact. */
import type { Database } from "bun:sqlite";
import { quotedName } from "../../base/sql-text.ts";
import { openReadOnly, storeError } from "../../base/sqlite.ts";
import type { CellType } from "../audit-types.ts";
import { checkRows, type NamedColumns, type RawTable } from "./raw-table.ts";

/** Reads the table or view that `choose` names; throws as it does, DATA_DIR or STORE_CORRUPT. */
export function sqliteTable(file: string, choose: (tables: readonly NamedColumns[]) => string): RawTable {
  const db = openReadOnly(file)!;
  try {
    const names = db
      .query<{ name: string }, []>(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
      )
      .all();
    return tableOf(
      db,
      file,
      choose(names.map(({ name }) => ({ name, columns: declaredOf(db, name).map(({ name }) => name) }))),
    );
  } catch (error) {
    throw storeError(file, error);
  } finally {
    db.close();
  }
}

function declaredOf(db: Database, table: string): { name: string; type: string }[] {
  const all = db
    .query<{ name: string; type: string; hidden: number }, []>(`PRAGMA table_xinfo(${quotedName(table)})`)
    .all();
  // Generated columns are 2 and 3; 1 is a virtual table's own.
  return all.filter(({ hidden }) => hidden !== 1);
}

function tableOf(db: Database, file: string, name: string): RawTable {
  const source = `${file}:${name}`;
  const from = quotedName(name);
  checkRows(source, db.query<{ rows: number }, []>(`SELECT count(*) AS rows FROM ${from}`).get()!.rows);
  const columns = declaredOf(db, name).map(({ name, type }) => ({ name, type: typeOf(db, from, name, type) }));
  const table: RawTable = { source, columns, rows: [], uncommitted: [], notes: [] };
  // Integers as text: Bun rounds those beyond 2^53.
  const cells = columns.map(({ name }) => {
    const cell = quotedName(name);
    return `CASE typeof(${cell}) WHEN 'integer' THEN CAST(${cell} AS TEXT) WHEN 'blob' THEN hex(${cell}) ELSE ${cell} END`;
  });
  const select = `SELECT ${cells.join(", ")} FROM ${from}${hasRowid(db, from) ? " ORDER BY rowid" : ""}`;
  const statement = db.prepare(select);
  try {
    for (const values of statement.values() as (string | number | null)[][]) {
      const row = table.rows.length + 1;
      table.rows.push({
        cells: values.map((value) => (value === null || value === "" ? null : String(value))),
        where: `${name} row ${row}`,
      });
    }
  } finally {
    statement.finalize();
  }
  return table;
}

/** By the values: SQLite keeps what was written, the declared type only prefers a class. */
function typeOf(db: Database, from: string, name: string, declared: string): CellType {
  const cell = quotedName(name);
  const [found] = db
    .query(
      `SELECT max(typeof(${cell}) = 'real'), max(typeof(${cell}) = 'integer'), max(typeof(${cell}) = 'text') FROM ${from}`,
    )
    .values() as (number | null)[][];
  const [real, integer, text] = found!;
  if (real === 1 || (text !== 1 && /REAL|FLOA|DOUB/i.test(declared))) return "float64";
  return integer === 1 && text !== 1 ? "integer" : "untyped";
}

/** Views, and tables WITHOUT ROWID, have no order of writing. */
function hasRowid(db: Database, from: string): boolean {
  try {
    db.query(`SELECT rowid FROM ${from} LIMIT 0`).all();
    return true;
  } catch {
    return false;
  }
}
