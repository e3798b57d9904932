/** The rollup: the archive's sums by minute, kept beside the ticks. Each collected slice adds its own part of the minutes that it touches; parts add up exactly. */
import { join } from "node:path";
import functions from "../../sql/functions.sql" with { type: "text" };
import mergeSql from "../../sql/rollup/merge.sql" with { type: "text" };
import minutesSql from "../../sql/rollup/minutes.sql" with { type: "text" };
import { quoted } from "./files.ts";
import type { Manifest } from "./manifest.ts";

/** The macros that the rollup's SQL and the views use. */
export const FUNCTIONS = functions;

/** A SELECT with the parts of the minutes that the ticks of a FROM item touch. */
export function minutesOf(ticks: string): string {
  return `WITH new_ticks AS (SELECT * FROM ${ticks})\n${minutesSql}`;
}

/** A SELECT with one row for each minute, product and partition of several parts. */
export function mergedMinutes(parts: string): string {
  return `WITH parts AS (SELECT * FROM ${parts})\n${mergeSql}`;
}

/** A FROM item with the rows of the archive's files, or of some of them; of older files with the wider types of newer ones. */
export function parquet(archive: string, files: readonly { path: string }[]): string {
  const list = files.map((file) => quoted(join(archive, file.path))).join(", ");
  return `read_parquet([${list}], hive_partitioning = false, union_by_name = true)`;
}

/** What the view archive_minutes reads; an archive from before the rollup is summed from its ticks, as long as no batch has written it anew. */
export function minutesRelation(archive: string, { minutes = [] }: Manifest): string {
  return minutes.length === 0 ? minutesOf("archive_ticks") : `SELECT * FROM ${parquet(archive, minutes)}`;
}
