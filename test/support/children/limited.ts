/** A child process: queries in a sandbox over a data directory's archive, with limits of the caller. */
// Queries are arguments, or a JSON array on stdin; prints a JSON array of what became of each. The
// limits in ms, with commas between, are those of the first queries, and again of the next ones.
import { join } from "node:path";
import { readManifest } from "../../../scripts/archive/manifest.ts";
import { METRIC_ROWS_MAX } from "../../../scripts/base/limits.ts";
import { NO_PARAMETERS } from "../../../scripts/metrics/locked.ts";
import { Sandbox } from "../../../scripts/metrics/sandbox.ts";

const [data, limits, ...given] = process.argv.slice(2);
if (import.meta.main && data) {
  const queries: string[] = given.length > 0 ? given : await Bun.stdin.json();
  const archive = join(data, "archive");
  const database = new Sandbox(join(data, "results.db"));
  await database.open({ archive, manifest: readManifest(archive)!, sql: null });
  const became: unknown[] = [];
  const limits_ms = limits!.split(",").map(Number);
  for (const [i, sql] of queries.entries()) {
    const ms_max = limits_ms[i % limits_ms.length]!;
    const { rows, error } = await database.select(sql, NO_PARAMETERS, METRIC_ROWS_MAX, { ms_max }).then(
      ({ rows }) => ({ rows, error: null }),
      (error: Error) => ({ rows: null, error: error.message }),
    );
    became.push(rows ?? error);
  }
  process.stdout.write(`${JSON.stringify(given.length > 0 ? became : { became, ...database.cost })}\n`);
  database.close();
}
