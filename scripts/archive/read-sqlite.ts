/** A child of the batch that has no DuckDB: the rows of one SELECT on one SQLite file, as JSON lines into a file. */
import { openReadOnly } from "../base/sqlite.ts";

/** Lines gathered before a write: keeps memory flat whatever the table's size. */
const LINES_PER_WRITE = 10_000;

const [store, select, target] = process.argv.slice(2);
if (import.meta.main && store && select && target) {
  const db = openReadOnly(store);
  if (db === null) throw new Error(`${store} isn't there`);
  const sink = Bun.file(target).writer();
  let lines: string[] = [];
  for (const row of db.query(select).iterate()) {
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
