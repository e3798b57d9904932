/**
 * `doctor --repair-log`: replaces the append times that a wrong clock wrote into an embedded log.
 */
import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { nowUs } from "../../base/clock.ts";
import type { DataPaths } from "../../base/data-dir.ts";
import { TidemarkError } from "../../base/errors.ts";
import { isoFromUs } from "../../base/iso.ts";
import { APPEND_EARLIEST_US, OFFSETS_MAX } from "../../base/limits.ts";
import type { Logger } from "../../base/logger.ts";
import { openDatabase, openReadOnly, storeError } from "../../base/sqlite.ts";
import { restamped } from "./block.ts";
import { LOG_SCHEMA } from "./embedded-log.ts";
import { Stamps } from "./stamps.ts";

interface Repair {
  /** Records whose append time was replaced. */
  records: number;
  /** This machine's time, microseconds since 1970 UTC: later append times were wrong. */
  now_us: number;
  /** File names of the stores that have read records with wrong times. */
  rebuild: string[];
}

/**
 * A block stamped later than now, or before APPEND_EARLIEST_US, gets the append time of the next
 * valid block, or now at the log's end: all in one transaction. No stage may run: `lock` takes a
 * stage's lock and returns its release, or fails; without a log it fails with NO_DATA.
 */
export function repairLog(paths: DataPaths, logger: Logger, lock: (stage: string) => () => void): Repair {
  if (!existsSync(paths.log)) {
    throw new TidemarkError(
      "NO_DATA",
      `${paths.log} does not exist.`,
      "Only an embedded log can be repaired: check --data.",
    );
  }
  const releases: (() => void)[] = [];
  try {
    for (const stage of ["produce", "stream", "consume"]) releases.push(lock(stage));
    const db = openDatabase(paths.log, LOG_SCHEMA, "FULL");
    try {
      return db.transaction(() => repair(db, paths, logger)).immediate();
    } catch (error) {
      throw storeError(paths.log, error);
    } finally {
      db.close();
    }
  } finally {
    for (const release of releases) release();
  }
}

function repair(db: Database, paths: DataPaths, logger: Logger): Repair {
  const now_us = nowUs();
  const wrong = wrongBlocks(db, now_us);
  const get = db.query<{ count: number; payload: Uint8Array }, [number]>(
    "SELECT count, payload FROM blocks WHERE position = ?",
  );
  const put = db.query<unknown, [number, number, Uint8Array, number]>(
    "UPDATE blocks SET appended_us = ?, checksum = ?, payload = ? WHERE position = ?",
  );
  let records = 0;
  /** By partition: the first offset that was changed. */
  const first = new Map<number, number>();
  for (const { position, appended_us } of wrong) {
    const { count, payload } = get.get(position)!;
    const block = restamped(payload, appended_us);
    put.run(appended_us, Bun.hash.crc32(block), block, position);
    records += count;
    first.set(Math.floor(position / OFFSETS_MAX), position % OFFSETS_MAX);
  }
  new Stamps(db, { name: paths.log, logger }).forget();
  const rebuild = [paths.windows, paths.ticks].filter((path) => hasRead(path, first)).map((path) => basename(path));
  return { records, now_us, rebuild };
}

/** The blocks to change, newest first, each with its new append time. */
function wrongBlocks(db: Database, now_us: number): { position: number; appended_us: number }[] {
  const wrong: { position: number; appended_us: number }[] = [];
  let [partition, next_us] = [-1, now_us];
  const all = db.query<{ position: number; appended_us: number }, []>(
    "SELECT position, appended_us FROM blocks ORDER BY position DESC",
  );
  for (const { position, appended_us } of all.iterate()) {
    if (Math.floor(position / OFFSETS_MAX) !== partition) {
      partition = Math.floor(position / OFFSETS_MAX);
      next_us = now_us;
    }
    if (appended_us <= now_us && appended_us >= APPEND_EARLIEST_US) next_us = appended_us;
    else wrong.push({ position, appended_us: next_us });
  }
  return wrong;
}

/** True if a store has read records of the embedded log whose times were changed. */
function hasRead(path: string, first: ReadonlyMap<number, number>): boolean {
  const db = openReadOnly(path);
  if (db === null) return false;
  try {
    const log = db.query<{ value: string }, []>("SELECT value FROM settings WHERE name = 'log'").get()?.value;
    if (log !== undefined && log !== "embedded:") return false;
    const positions = db
      .query<{ partition: number; next: number }, []>(
        "SELECT log_partition AS partition, next_offset AS next FROM offsets",
      )
      .all();
    return positions.some(({ partition, next }) => next > (first.get(partition) ?? Number.POSITIVE_INFINITY));
  } finally {
    db.close();
  }
}

/** The result for people: what was done, and what to do now. */
export function repairText({ records, now_us, rebuild }: Repair, paths: DataPaths): string {
  if (records === 0)
    return `Every append time in ${paths.log} is valid, so nothing was changed. This machine's time is ${isoFromUs(now_us)}.`;
  const done = `${records} records of ${paths.log} have a new append time: the old one was not between 2016 and now, ${isoFromUs(now_us)}.`;
  if (rebuild.length === 0) return `${done} No store has read them: nothing else to do.`;
  return `${done} ${rebuild.join(" and ")} ${rebuild.length > 1 ? "were" : "was"} built from the old times: run \`bun run stream --rebuild\` and \`bun run consume --rebuild\`, always both. They then contain only what the log still has: if --retain has dropped records, copy the data directory first.`;
}
