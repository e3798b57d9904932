/** `batch --engine spark`: the portable metrics on both engines, row by row; others run on DuckDB. */

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { METRICS_DIR } from "../../../scripts/base/project.ts";
import { metricNames, readMetric } from "../../../scripts/metrics/metric.ts";
import { sparkHome } from "../../../scripts/metrics/spark/spark-run.ts";
import { notForSpark } from "../../../scripts/metrics/spark/spark-script.ts";
import { recordedLines, runPath, tempDir, troubledLines } from "../../support/data.ts";
import { run } from "../../support/process.ts";
import { SHORT_LIVED_JVM } from "../../support/short-lived-jvm.ts";

setDefaultTimeout(300_000);

const missing = sparkHome() === null ? "pyspark isn't in .cache/spark" : Bun.which("java") ? null : "there is no Java";

/**
 * Metrics of a user: what DuckDB alone understands, what each engine refuses, what Spark could be made
 * to do.
 */
const MINE: Record<string, string> = {
  mine_portable: `-- title: Mine
-- a comment; with ' and "
SELECT product_id AS "the product", count(*) AS n, -- "; and 'here
       date_trunc('hour', min(time)) AS hour
FROM ticks WHERE ($product IS NULL OR product_id = $product) GROUP BY product_id ORDER BY product_id;
`,
  mine_views: "SELECT final, count(*) AS n, sum(total_volume) AS volume FROM windows GROUP BY final ORDER BY final",
  mine_duckdb: "-- portable: no (list_sort is DuckDB's)\nSELECT list_sort(list_value(2, 1)) AS l",
  mine_unsaid: "-- title: x\nSELECT 1 AS n,\n  list_sort(list_value(2, 1)) AS l",
  mine_escape: "SELECT '\\' AS a, ' UNION SELECT 2 --' AS b",
  mine_java: "SELECT java_method('java.lang.System', 'getProperty', 'user.home') AS home",
  mine_two: "SELECT 1 AS n; SELECT 2 AS n",
};

interface Result {
  metric: string;
  ok: number;
  error: string | null;
  columns: string;
  rows: string;
}
function results(data: string): Map<string, Result> {
  const db = new Database(join(data, "results.db"), { readonly: true });
  const rows = db.query<Result, []>("SELECT metric, ok, error, columns, rows FROM results").all();
  db.close();
  return new Map(rows.map((row) => [row.metric, row]));
}

/**
 * Of a double the last bits may differ: sums in another order, another logarithm. All else is equal to
 * the last digit.
 */
const DOUBLE_DIFFERENCE_MAX = 1e-12;
function same(a: unknown, b: unknown): boolean {
  if (typeof a !== "number" || typeof b !== "number" || Number.isInteger(a)) return a === b;
  return Math.abs(a - b) <= DOUBLE_DIFFERENCE_MAX * Math.max(Math.abs(a), Math.abs(b));
}

describe.skipIf(missing !== null)(`on both engines${missing ? ` (skipped: ${missing})` : ""}`, () => {
  const duck = tempDir();
  const spark = tempDir();
  const sql = tempDir();
  const dirs = [duck, spark, sql];
  let on_duck: Map<string, Result>;
  let on_spark: Map<string, Result>;
  let said = "";
  afterAll(() => {
    for (const dir of dirs) dir[Symbol.dispose]();
  });

  beforeAll(async () => {
    cpSync(METRICS_DIR, sql.path, { recursive: true });
    for (const [name, text] of Object.entries(MINE)) writeFileSync(join(sql.path, `${name}.sql`), text);
    const quoted = recordedLines()
      .slice(0, 700)
      .map((line, i) => ({
        ...JSON.parse(line),
        product_id: "x*'(y)",
        best_bid: `${25_700 - i}.5`,
        best_ask: "25901",
      }));
    const proof = { type: "tidemark_unissued", product_id: "BTC-USD", first_trade_id: 5_000, last_trade_id: 5_009 };
    await runPath(
      duck.path,
      [...troubledLines(3_000), JSON.stringify(proof), ...quoted.map((tick) => JSON.stringify(tick))],
      sql.path,
    );
    cpSync(duck.path, spark.path, { recursive: true });
    const args = ["--data", spark.path, "--sql", sql.path, "--engine", "spark", "--json"];
    const ran = await run("batch", args, { JAVA_TOOL_OPTIONS: SHORT_LIVED_JVM });
    said = ran.stderr;
    on_duck = results(duck.path);
    on_spark = results(spark.path);
  });

  const portable = metricNames(METRICS_DIR).filter((name) => readMetric(METRICS_DIR, name).only_duckdb === null);
  for (const name of [...portable, "mine_portable", "mine_views"]) {
    test(`${name}: the same rows in the same order, every decimal to its last digit`, () => {
      const [a, b] = [on_duck.get(name)!, on_spark.get(name)!];
      expect([a.error, b.error]).toEqual([null, null]);
      const [want, got] = [JSON.parse(a.rows), JSON.parse(b.rows)] as Record<string, unknown>[][];
      expect(want!.length).toBeGreaterThan(0);
      expect(got!.length).toBe(want!.length);
      const names = (row: Result) => (JSON.parse(row.columns) as { name: string }[]).map((column) => column.name);
      expect(names(b)).toEqual(names(a));
      for (const [i, row] of want!.entries()) {
        for (const [column, value] of Object.entries(row)) {
          if (!same(value, got![i]![column]))
            expect({ i, column, value: got![i]![column] }).toEqual({ i, column, value });
        }
      }
    });
  }

  test("ids that were never issued are not loss on either engine", () => {
    const rows = JSON.parse(on_spark.get("coverage")!.rows) as Record<string, unknown>[];
    expect(rows.find(({ product_id }) => product_id === "BTC-USD")).toMatchObject({ ids_unissued: 10 });
  });

  test("what isn't portable runs on DuckDB, and the number of each is reported", () => {
    for (const name of ["reconciliation", "gaps", "mine_duckdb"])
      expect(on_spark.get(name)).toEqual(on_duck.get(name)!);
    expect(said).toMatch(/1[5-9] metrics on Spark \(local\[\*\]\), 6 on DuckDB/);
  });

  test("a metric for DuckDB alone without `portable: no` fails alone, with file, line and Spark's words", () => {
    expect(on_duck.get("mine_unsaid")!.ok).toBe(1);
    expect(on_spark.get("mine_unsaid")).toMatchObject({ ok: 0 });
    expect(on_spark.get("mine_unsaid")!.error).toMatch(/mine_unsaid\.sql:3: Spark: \[UNRESOLVED_ROUTINE\].*list_sort/);
  });

  test("what DuckDB refuses never reaches Spark, nor what Spark would read differently", () => {
    for (const name of ["mine_java", "mine_two"]) expect(on_spark.get(name)!.error).toBe(on_duck.get(name)!.error!);
    expect(on_duck.get("mine_escape")!.ok).toBe(1);
    expect(on_spark.get("mine_escape")!.error).toContain('"\\" has another meaning in Spark\'s SQL');
  });
});

/** Each is one harmless SELECT to DuckDB, and more than that to Spark. */
const OTHERWISE = [
  "SELECT '\\' AS a, '; SELECT java_method(1) --' AS b",
  "SELECT $$ ' $$ AS a, $$ ; SELECT 1 $$ AS b",
  "SELECT $x$ ' $x$ AS a",
  "SELECT ';' AS a",
  "SELECT 1 /* /* */ UNION SELECT java_method(1) -- */",
  "SELECT E'\\'' AS a, ' -- ' AS b",
  "SELECT '`' AS a",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is Spark's form of a variable
  "SELECT '${env:HOME}' AS a",
];
for (const text of OTHERWISE) {
  test(`not for Spark: ${text}`, () => expect(notForSpark(text)).toContain("has another meaning in Spark's SQL"));
}

test("every shipped metric without `portable: no` is in the dialect that both share", () => {
  for (const name of metricNames(METRICS_DIR)) {
    const metric = readMetric(METRICS_DIR, name);
    if (metric.only_duckdb === null) expect([name, notForSpark(metric.sql)]).toEqual([name, null]);
  }
});
