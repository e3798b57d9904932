/** A child process of metrics.test.ts and sandbox.test.ts: queries in a sandbox over a data directory's archive, each with a limit that no flag sets. Prints a JSON array of what became of each. */
import { join } from "node:path";
import { NO_PARAMETERS } from "../../scripts/batch/locked.ts";
import { readManifest } from "../../scripts/batch/manifest.ts";
import { Sandbox } from "../../scripts/batch/sandbox.ts";

const [data, ms_max, ...queries] = process.argv.slice(2);
if (import.meta.main && data) {
  const archive = join(data, "archive");
  const database = new Sandbox(join(data, "results.db"));
  await database.open({ archive, manifest: readManifest(archive)!, sql: null });
  const became: unknown[] = [];
  for (const sql of queries) {
    const { rows, error } = await database.select(sql, NO_PARAMETERS, 1, Number(ms_max)).then(
      ({ rows }) => ({ rows, error: null }),
      (error: Error) => ({ rows: null, error: error.message }),
    );
    became.push(rows ?? error);
  }
  process.stdout.write(`${JSON.stringify(became)}\n`);
  database.close();
}
