/** The rollup: exact sums per minute beside the ticks; each collected slice adds its part. */
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import functions from "../../sql/functions.sql" with { type: "text" };
import mergeSql from "../../sql/rollup/merge.sql" with { type: "text" };
import minutesSql from "../../sql/rollup/minutes.sql" with { type: "text" };
import { TidemarkError } from "../base/errors.ts";
import { addSums } from "./manifest.ts";
import type { Manifest } from "./manifest-schema.ts";
import { fileLiteral } from "./sql-literal.ts";
import { repair } from "./verify.ts";

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

/**
 * A FROM item with the rows of these files of the archive; older files get the wider types of newer
 * ones.
 */
export function parquet(archive: string, files: readonly { path: string }[]): string {
  const list = files.map((file) => fileLiteral(join(archive, file.path))).join(", ");
  return `read_parquet([${list}], hive_partitioning = false, union_by_name = true)`;
}

/** What the view archive_minutes reads: the rollup, or the ticks of an archive that has none yet. */
export function minutesRelation(archive: string, { minutes }: Manifest): string {
  return minutes.length === 0 ? minutesOf("archive_ticks") : `SELECT * FROM ${parquet(archive, minutes)}`;
}

/**
 * Rejects with STORE_CORRUPT unless the minutes add up to the ticks: number, prices and sizes. The
 * ticks' sums are the manifest's, which the checksums of the files prove.
 */
export async function checkMinutes(connection: DuckDBConnection, archive: string, manifest: Manifest): Promise<void> {
  const { files, minutes } = manifest;
  if (files.length === 0) return;
  const units = (column: string) => `replace(CAST(coalesce(sum(${column}), 0) AS VARCHAR), '.', '')`;
  const cells = `CAST(coalesce(sum(trade_count), 0) AS BIGINT), ${units("price_sum")}, ${units("total_volume")}`;
  const sums = await connection.runAndReadAll(`SELECT ${cells} FROM ${parquet(archive, minutes)}`);
  const [count, price, size] = sums.getRows()[0]!.map((cell) => BigInt(String(cell)));
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const ticks = addSums(files.map((file) => file.sums));
  if (count === BigInt(rows) && price === BigInt(ticks.price) && size === BigInt(ticks.size)) return;
  throw new TidemarkError(
    "STORE_CORRUPT",
    `${join(archive, "minutes")} adds up to ${count} ticks (prices ${price}, sizes ${size}), but ${join(archive, "ticks")} has ${rows} (prices ${ticks.price}, sizes ${ticks.size}).`,
    repair("minutes", null),
  );
}
