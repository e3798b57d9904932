/** `doctor --repair-log`: gives records that a wrong clock stamped an append time that can be true. */
import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { isoFromUs, nowUs } from "../../base/clock.ts";
import type { DataPaths } from "../../base/data-dir.ts";
import { TidemarkError } from "../../base/errors.ts";
import { APPEND_EARLIEST_US, OFFSETS_MAX } from "../../base/limits.ts";
import type { Logger } from "../../base/logger.ts";
import { openDatabase, openReadOnly, storeError } from "../../base/sqlite.ts";
import { lockStage } from "../../command/stage-lock.ts";
import { restamped } from "./block.ts";
import { LOG_SCHEMA } from "./embedded-log.ts";
import { Stamps } from "./stamps.ts";

export interface Repair {
  /** Records whose append time was changed. */
  records: number;
  /** The right time, by this machine's clock, microseconds since 1970 UTC: later append times were wrong. */
  now_us: number;
  /** Store files that were made from the old times of these records, by name. */
  rebuild: string[];
}

/**
 * Each block stamped later than now, or before any log could be, gets the append time of the next valid block; at the log's end it
 * gets now. No stage may run: fails with STAGE_BUSY, with NO_DATA where there is no log. One transaction: all or nothing.
 */
export function repairLog(paths: DataPaths, logger: Logger): Repair {
  if (!existsSync(paths.log)) {
    throw new TidemarkError("NO_DATA", `${paths.log} does not exist.`, "There is no embedded log to repair.");
  }
  const releases: (() => void)[] = [];
  try {
    for (const stage of ["produce", "stream", "consume"]) releases.push(lockStage(paths, stage));
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

/** Newest first, each with the append time that it gets. */
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

/** Whether a store has read records of the embedded log that were changed. */
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

/** What was done and what to do now, for people. */
export function repairText({ records, now_us, rebuild }: Repair, paths: DataPaths): string {
  if (records === 0)
    return `Every append time in ${paths.log} is valid: nothing was changed. Now is ${isoFromUs(now_us)} here.`;
  const done = `${records} records of ${paths.log} have a new append time: theirs was not between 2016 and now, ${isoFromUs(now_us)}.`;
  if (rebuild.length === 0) return `${done} No store had read them: continue as before.`;
  return `${done} ${rebuild.join(" and ")} ${rebuild.length > 1 ? "were" : "was"} made from the old times: run \`bun run stream --rebuild\` and \`bun run consume --rebuild\`, always both. They hold what the log still has: where --retain has cut it, copy the data directory first.`;
}
