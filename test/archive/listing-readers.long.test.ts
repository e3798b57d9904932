/** Other programs that list archive/ticks while batches merge: each count is right and none is smaller. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sparkHome } from "../../scripts/metrics/spark/spark-run.ts";
import { batch, metricFolder } from "../support/batch.ts";
import { sqlite, stored } from "../support/data.ts";
import { runToEnd } from "../support/process.ts";
import { countBeside, readersMissing } from "../support/readers.ts";
import { SHORT_LIVED_JVM } from "../support/short-lived-jvm.ts";

setDefaultTimeout(300_000);

const RUNS = 24;
const missing = readersMissing();
const folder = metricFolder({ one: "SELECT count(*) AS n FROM ticks" });

test.skipIf(missing !== null)(
  `${RUNS} batches with merges beside DuckDB, pandas, pyarrow and polars: an error or a right count${missing ? ` (skipped: ${missing})` : ""}`,
  async () => {
    using dir = await stored();
    sqlite(dir.path, "ticks.db", "CREATE TABLE rest AS SELECT * FROM ticks");
    sqlite(dir.path, "ticks.db", "DELETE FROM ticks");
    const grow = async (to: number) => {
      sqlite(
        dir.path,
        "ticks.db",
        `INSERT INTO ticks SELECT * FROM rest WHERE insert_id > ${to - 10} AND insert_id <= ${to}`,
      );
      expect((await batch(dir.path, ["--sql", folder.path])).json.ticks_total).toBe(to);
    };
    await grow(10);
    const rounds = await countBeside(dir.path, async () => {
      for (let i = 2; i <= RUNS; i++) await grow(10 * i);
    });
    expect(rounds.length).toBeGreaterThan(10);
    const newest: Record<string, number> = {};
    let counted = 0;
    for (const [at, round] of rounds.entries()) {
      for (const [reader, count] of Object.entries(round)) {
        if (typeof count !== "number") continue;
        counted += 1;
        expect([at, reader, count % 10, count >= (newest[reader] ?? 10), count <= 10 * RUNS]).toEqual([
          at,
          reader,
          0,
          true,
          true,
        ]);
        newest[reader] = count;
      }
    }
    expect(counted).toBeGreaterThan(rounds.length * 6);
  },
);

test.skipIf(!process.env.CI && sparkHome() === null)(
  "Spark counts each tick once after a merge (skipped without Spark)",
  async () => {
    using dir = await stored();
    expect((await batch(dir.path, ["--sql", folder.path])).json.ticks_total).toBe(3_002);
    const script = join(mkdtempSync(join(dir.path, "spark-")), "count.sql");
    const path = join(dir.path, "archive/ticks").replaceAll("'", "\\'");
    writeFileSync(script, `SELECT concat('n=', count(*)) FROM parquet.\`${path}\`;\n`);
    const home = sparkHome()!;
    const spark = await runToEnd(
      [
        join(home, "bin/spark-sql"),
        "--master",
        "local[1]",
        "--conf",
        "spark.ui.enabled=false",
        "--conf",
        "spark.driver.host=127.0.0.1",
        "--conf",
        "spark.sql.catalogImplementation=in-memory",
        "-f",
        script,
      ],
      { cwd: dir.path, env: { SPARK_HOME: home, JAVA_TOOL_OPTIONS: SHORT_LIVED_JVM } },
    );
    expect(spark.stdout).toContain("n=3002");
  },
);
