/** What `doctor` finds of the machine: versions that are known to work, and what is optional. */
import { Database } from "bun:sqlite";
import { extensionFile } from "../archive/index.ts";
import type { Finding } from "./finding.ts";

/** The first release of SQLite without the WAL-reset bug (sqlite.org/wal.html#walresetbug). */
const SQLITE_FIXED = [3, 51, 3];

export function machineFindings(): Finding[] {
  return [bun(), sqlite(), extension()];
}

function bun(): Finding {
  const ok = Bun.semver.satisfies(Bun.version, ">=1.4.0");
  const advice = "Run npm install: it brings the Bun that Tidemark is tested with.";
  return { what: "Bun", found: Bun.version, ok, advice };
}

function sqlite(): Finding {
  const db = new Database(":memory:");
  const { version } = db.query<{ version: string }, []>("SELECT sqlite_version() AS version").get()!;
  db.close();
  const parts = version.split(".").map(Number);
  const first = parts.findIndex((part, i) => part !== SQLITE_FIXED[i]);
  const ok = first < 0 || parts[first]! > SQLITE_FIXED[first]!;
  const advice = "This SQLite can corrupt a WAL under two writers (fixed in 3.51.3): use a newer Bun.";
  return { what: "SQLite of Bun", found: version, ok, advice };
}

function extension(): Finding {
  const found = extensionFile() ?? "not installed: the batch reads through bun:sqlite instead, with the same results";
  return { what: "DuckDB's sqlite extension", found, ok: true, advice: "" };
}
