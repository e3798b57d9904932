/**
 * A process that polls a windows.db as any reader could: `window-watch.ts WINDOWS_DB LAST`. It ends at
 * the trade id LAST or at SIGTERM, and prints a line `US TRADE_ID` for each moment (µs since 1970) at
 * which a committed window row first reached that id. It sees a commit 0.15 ms late on average.
 */
import type { Database } from "bun:sqlite";
import { nowUs } from "../base/clock.ts";
import { openReadOnly } from "../base/sqlite.ts";
import { block } from "../base/wait.ts";

const POLL_MS = 0.2;
/** Polls between two turns of the event loop, in which a signal is received. */
const POLLS = 50;

async function watch(path: string, until: number): Promise<void> {
  let stopped = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      stopped = true;
    });
  }
  let db = opened(path);
  // The stage may not have created it yet.
  for (; db === null && !stopped; db = opened(path)) await Bun.sleep(10);
  if (db === null) return;
  const version = db.query<{ data_version: number }, []>("PRAGMA data_version");
  const reach = db.query<{ last: number | null }, []>("SELECT max(last_trade_id) AS last FROM windows WHERE final = 0");
  const seen: string[] = [];
  let [known, last] = [-1, -1];
  while (!stopped && last < until) {
    for (let poll = 0; poll < POLLS; poll++) {
      block(POLL_MS);
      const now = version.get()!.data_version;
      if (now === known) continue;
      known = now;
      const reached = reach.get()?.last ?? -1;
      if (reached <= last) continue;
      last = reached;
      seen.push(`${nowUs()} ${last}\n`);
    }
    await Bun.sleep(0);
  }
  process.stdout.write(seen.join(""));
  db.close();
}

/** The file; null before it has its table. */
function opened(path: string): Database | null {
  const db = openReadOnly(path);
  if (db?.query("SELECT 1 FROM sqlite_schema WHERE name = 'windows'").get()) return db;
  db?.close();
  return null;
}

if (import.meta.main) await watch(process.argv[2]!, Number(process.argv[3]));
