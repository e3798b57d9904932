/** What a batch run would read, as a text: if it is equal, a run would repeat the last one's answers. */
import type { DataPaths } from "../base/data-dir.ts";
import { openReadOnly } from "../base/sqlite.ts";
import type { MetricFolder } from "../metrics/folder-watch.ts";

/** Of a store: which file it is, how far it has read, and its last change (a flush moves only that). */
const STORE = `SELECT
  (SELECT value FROM settings WHERE name = 'created') AS created,
  (SELECT group_concat(log_partition || ':' || next_offset) FROM (SELECT * FROM offsets ORDER BY log_partition)) AS read,
  (SELECT value FROM counters WHERE name = 'change_id') AS change_id`;

/** Null when it can't be read, which counts as something new. */
export function runInputs(paths: DataPaths, folder: MetricFolder): string | null {
  try {
    return JSON.stringify([storeState(paths.ticks), storeState(paths.windows), folder.versions()]);
  } catch {
    return null;
  }
}

function storeState(path: string): unknown {
  const db = openReadOnly(path);
  try {
    return db?.query(STORE).get() ?? null;
  } finally {
    db?.close();
  }
}

/**
 * Whether the newest run began at `from_us` or later, and answered: one that failed, was killed or
 * could not begin is repeated in any case.
 */
export function hasAnswered(paths: DataPaths, from_us: number): boolean {
  const db = openReadOnly(paths.results);
  try {
    const newest = "SELECT state, started_us FROM runs WHERE state <> 'missed' ORDER BY run_id DESC LIMIT 1";
    const run = db?.query<{ state: string; started_us: number }, []>(newest).get();
    return run?.state === "done" && run.started_us >= from_us;
  } catch {
    return false;
  } finally {
    db?.close();
  }
}
