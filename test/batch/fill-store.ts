/** A child process for the batch's tests: fills ticks.db and windows.db of a data directory from a JSON script, with bun:sqlite, and lets go of both. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../../scripts/common/sqlite.ts";
import ticksSchema from "../../scripts/store/schema/ticks.sql" with { type: "text" };
import windowsSchema from "../../scripts/store/schema/windows.sql" with { type: "text" };

/** Rows by table, column by name; `sql` runs last. */
export interface Filling {
  ticks?: Record<string, string | number | null>[];
  /** Path of a gzipped recording of ticker messages to store as ticks, offset = line number. */
  recording?: string;
  consume_next?: number;
  windows?: Record<string, Record<string, string | number | null>[]>;
  ticks_sql?: string[];
  windows_sql?: string[];
}

const [dir, script] = process.argv.slice(2);
if (import.meta.main && dir && script) {
  const filling = JSON.parse(readFileSync(script, "utf8")) as Filling;
  const ticks = openDatabase(join(dir, "ticks.db"), { create: ticksSchema, version: 1 }, "NORMAL");
  const rows = filling.recording ? recordingRows(filling.recording) : (filling.ticks ?? []);
  insert(ticks, "ticks", rows);
  if (filling.consume_next !== undefined) {
    ticks.run("INSERT OR REPLACE INTO offsets VALUES (0, ?, 1)", [filling.consume_next]);
  }
  for (const sql of filling.ticks_sql ?? []) ticks.run(sql);
  ticks.close();
  if (filling.windows || filling.windows_sql) {
    const windows = openDatabase(join(dir, "windows.db"), { create: windowsSchema, version: 1 }, "NORMAL");
    for (const [table, tableRows] of Object.entries(filling.windows ?? {})) insert(windows, table, tableRows);
    for (const sql of filling.windows_sql ?? []) windows.run(sql);
    windows.close();
  }
}

function insert(
  db: ReturnType<typeof openDatabase>,
  table: string,
  rows: Record<string, string | number | null>[],
): void {
  db.transaction(() => {
    for (const row of rows) {
      const names = Object.keys(row);
      db.query(`INSERT INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`).run(
        ...Object.values(row),
      );
    }
  })();
}

function recordingRows(path: string): Record<string, string | number | null>[] {
  const text = new TextDecoder().decode(Bun.gunzipSync(readFileSync(path)));
  const lines = text.split("\n").filter((line) => line.includes('"trade_id"'));
  return lines.map((line, log_offset) => {
    const message = JSON.parse(line) as Record<string, string | number>;
    const [seconds, fraction = ""] = String(message.time).replace("Z", "").split(".");
    const time_us = Date.parse(`${seconds}Z`) * 1000 + Number(fraction.slice(0, 6).padEnd(6, "0"));
    return {
      product_id: message.product_id!,
      trade_id: message.trade_id!,
      time_us,
      price: message.price!,
      last_size: message.last_size!,
      side: message.side!,
      source: "feed",
      appended_us: time_us + 20_000,
      log_partition: 0,
      log_offset,
    };
  });
}
