/** A child process of metrics.test.ts and the sandbox's tests: queries (from stdin as a JSON array where none is an argument) in a sandbox over a data directory's archive, each with a limit that no flag sets. Prints a JSON array of what became of each. */
import { join } from "node:path";
import { readManifest } from "../../scripts/archive/manifest.ts";
import { METRIC_ROWS_MAX } from "../../scripts/base/limits.ts";
import { NO_PARAMETERS } from "../../scripts/metrics/locked.ts";
import { Sandbox } from "../../scripts/metrics/sandbox.ts";

const [data, ms_max, ...given] = process.argv.slice(2);
if (import.meta.main && data) {
  const queries: string[] = given.length > 0 ? given : await Bun.stdin.json();
  const archive = join(data, "archive");
  const database = new Sandbox(join(data, "results.db"));
  await database.open({ archive, manifest: readManifest(archive)!, sql: null });
  const became: unknown[] = [];
  for (const sql of queries) {
    const { rows, error } = await database.select(sql, NO_PARAMETERS, METRIC_ROWS_MAX, { ms_max: Number(ms_max) }).then(
      ({ rows }) => ({ rows, error: null }),
      (error: Error) => ({ rows: null, error: error.message }),
    );
    became.push(rows ?? error);
  }
  process.stdout.write(`${JSON.stringify(given.length > 0 ? became : { became, ...database.cost })}\n`);
  database.close();
}
