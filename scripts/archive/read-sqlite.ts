/** A process without DuckDB: writes the rows of one SELECT on a SQLite file as JSON lines to a file. */
import { openReadOnly } from "../base/sqlite.ts";

/** Lines per write, so that memory does not grow with the table. */
const LINES_PER_WRITE = 10_000;

const [store, select, target] = process.argv.slice(2);
if (import.meta.main && store && select && target) {
  const db = openReadOnly(store);
  if (db === null) throw new Error(`${store} does not exist`);
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
