/** Writes test/fixtures/vN/*.db.gz, a small file of each database; run before a schema changes. */
import { Database } from "bun:sqlite";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { fillLog, ROOT, recordedLines, tempDir } from "./data.ts";
import { run } from "./process.ts";

using dir = tempDir();
const lines = recordedLines().filter((_, i) => i % 40 === 0);
const late = lines[10]!.replace(/"trade_id":\d+/, '"trade_id":900011');
await fillLog(dir.path, [...lines.slice(0, 300), lines[5]!, "rubbish", late], { batch: 50 });
for (const name of ["stream", "consume"]) await run(name, ["--data", dir.path, "--until-end"]);
await run("batch", ["--data", dir.path]);
const files = ["log", "ticks", "windows", "results"].map((name) => {
  const path = join(dir.path, `${name}.db`);
  const db = new Database(path);
  const { user_version } = db.query<{ user_version: number }, []>("PRAGMA user_version").get()!;
  // One file without a WAL beside it.
  db.exec("PRAGMA journal_mode = DELETE; VACUUM");
  db.close();
  return { name, path, user_version };
});
// The folder has the number of the newest schema of the four.
const folder = join(ROOT, `test/fixtures/v${Math.max(...files.map(({ user_version }) => user_version))}`);
mkdirSync(folder, { recursive: true });
for (const { name, path } of files)
  writeFileSync(join(folder, `${name}.db.gz`), gzipSync(readFileSync(path), { level: 9 }));
