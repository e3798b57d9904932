/**
 * A process without DuckDB: writes the rows of one SELECT on a SQLite file as JSON lines to a file;
 * without a SELECT it fails if the file can't be read or is damaged.
 */
import { sentence, TidemarkError } from "../base/errors.ts";
import { damageOf, openReadOnly, storeError } from "../base/sqlite.ts";

/** Lines per write, so that memory does not grow with the table. */
const LINES_PER_WRITE = 10_000;

const [store, select, target] = process.argv.slice(2);
if (import.meta.main && store) {
  try {
    if (select && target) await writeRows(store, select, target);
    else check(store);
  } catch (thrown) {
    // Its parent throws it again: the last line of stderr, as JSON.
    const error = storeError(store, thrown);
    const { code, hint } = error instanceof TidemarkError ? error : { code: "CHILD_FAILED", hint: "" };
    process.stderr.write(`${JSON.stringify({ code, message: sentence(error), hint })}\n`);
    process.exitCode = 1;
  }
}

function check(path: string): void {
  const db = openReadOnly(path);
  const damage = db === null ? null : damageOf(db);
  db?.close();
  if (damage !== null) throw Object.assign(new Error(damage), { code: "SQLITE_CORRUPT" });
}

async function writeRows(path: string, sql: string, file: string): Promise<void> {
  const db = openReadOnly(path);
  if (db === null) throw new Error(`${path} does not exist`);
  const sink = Bun.file(file).writer();
  let lines: string[] = [];
  for (const row of db.query(sql).iterate()) {
    lines.push(JSON.stringify(row));
    if (lines.length < LINES_PER_WRITE) continue;
    sink.write(`${lines.join("\n")}\n`);
    await sink.flush();
    lines = [];
  }
  if (lines.length > 0) sink.write(`${lines.join("\n")}\n`);
  await sink.end();
  db.close();
}
