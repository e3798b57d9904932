/**
 * Watches a windows.db as any reader could: `tick-watcher.ts WINDOWS_DB TICKS`. Per change it prints
 * `BEFORE_US SEEN_US TICKS`: the poll that did not see the ticks yet, the one that did, and their
 * number so far. It ends at TICKS.
 */
import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { nowUs } from "../../../scripts/base/clock.ts";
import { block } from "../../../scripts/base/wait.ts";

const POLL_MS = 0.5;
const [path, wanted] = [process.argv[2]!, Number(process.argv[3])];

/** The file; null before it has its tables. */
function opened(): Database | null {
  if (!existsSync(path)) return null;
  const db = new Database(path, { readonly: true });
  try {
    db.query("SELECT ticks FROM products").get();
    return db;
  } catch {
    db.close();
    return null;
  }
}

let db = opened();
for (; db === null; db = opened()) await Bun.sleep(5);
const select = db.query<{ ticks: number }, []>("SELECT coalesce(sum(ticks), 0) AS ticks FROM products");
const count = () => select.get()!.ticks;
const lines: string[] = [];
let [known, before_us] = [count(), nowUs()];
while (known < wanted) {
  for (let poll = 0; poll < 50 && known < wanted; poll++) {
    block(POLL_MS);
    // Of a poll that lasts, nothing is known but its ends.
    const began_us = nowUs();
    const ticks = count();
    const seen_us = nowUs();
    if (ticks > known) lines.push(`${before_us} ${seen_us} ${ticks}`);
    known = ticks;
    before_us = began_us;
  }
  await Bun.sleep(0);
}
process.stdout.write(`${lines.join("\n")}\n`);
