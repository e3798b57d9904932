/** The portable metrics on Spark instead of DuckDB: one `spark-sql -f` per run, over the same archive. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { escapedPath, type Manifest } from "../../archive/index.ts";
import { monotonicMs, nowUs } from "../../base/clock.ts";
import { shortened, TidemarkError } from "../../base/errors.ts";
import { METRIC_MEMORY, METRIC_MS_MAX, METRIC_ROWS_MAX, SPARK_START_MS_MAX } from "../../base/limits.ts";
import { spawnProgram } from "../../base/process.ts";
import { PROJECT_ROOT } from "../../base/project.ts";
import { quoted } from "../../base/sql-text.ts";
import { onAbort } from "../../base/wait.ts";
import { chartOf } from "../chart-header.ts";
import type { Metric } from "../metric.ts";
import { streamed } from "../row-stream.ts";
import { emptyOutcome, type MetricOutcome, withLine } from "../run.ts";
import { readColumns, readRows } from "../values.ts";
import { CsvFile } from "../whole-csv.ts";
import { MARK, notForSpark, sparkScript } from "./spark-script.ts";

/** One run on Spark. */
interface SparkRun {
  archive: string;
  manifest: Manifest;
  /** Only metrics that DuckDB has accepted (locked.ts `check`), with functions that both engines have. */
  metrics: Metric[];
  /** `local[*]` or `spark://host:port`. */
  master: string;
  signal: AbortSignal;
  /** The file for the CSV of a metric's result, if that is too long to be kept. */
  csv: (metric: string) => string;
}

/**
 * The metrics' outcomes one by one, in their order; a metric that fails on Spark fails alone. Rejects
 * with CHILD_FAILED when Spark isn't installed or doesn't start.
 */
export async function* runMetricsOnSpark(run: SparkRun): AsyncGenerator<MetricOutcome> {
  // In the archive: a cluster's workers see it, and the next run removes what a killed one left.
  const folder = mkdtempSync(join(run.archive, "snapshot", `spark-${run.manifest.sequence}-`));
  try {
    const file = join(folder, "script.sql");
    const metrics = run.metrics.filter(({ sql }) => notForSpark(sql) === null);
    writeFileSync(file, sparkScript(run.archive, run.manifest, metrics, folder));
    const printed = await runSpark(run, file, folder);
    for (const metric of run.metrics)
      yield await readOutcome(metric, folder, printed.get(metric.name), run.csv(metric.name));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Spark's home: SPARK_HOME, or the pyspark of the project's cache. */
export function sparkHome(): string | null {
  if (process.env.SPARK_HOME) return existsSync(sparkSql(process.env.SPARK_HOME)) ? process.env.SPARK_HOME : null;
  const cache = join(PROJECT_ROOT, ".cache", "spark");
  if (!existsSync(cache)) return null;
  const found = new Bun.Glob("lib/python*/site-packages/pyspark/bin/spark-sql").scanSync({ cwd: cache });
  for (const path of found) return join(cache, path, "../..");
  return null;
}

function sparkSql(home: string): string {
  return join(home, "bin", "spark-sql");
}

const SETTINGS: Record<string, string> = {
  "spark.sql.catalogImplementation": "in-memory",
  "spark.ui.enabled": "false",
  "spark.log.level": "ERROR",
  "spark.sql.session.timeZone": "UTC",
  "spark.sql.timestampType": "TIMESTAMP_NTZ",
  "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
  "spark.sql.ansi.enabled": "true",
  "spark.sql.ansi.doubleQuotedIdentifiers": "true",
  // A difference of sums keeps its last digit, or fails: never rounded.
  "spark.sql.decimalOperations.allowPrecisionLoss": "false",
  "spark.sql.variable.substitute": "false",
  "spark.sql.shuffle.partitions": "8",
};

/** What Spark printed about one metric, and the time that it took. */
interface Printed {
  text: string;
  elapsed_ms: number;
}

/** Runs the script; output between a metric's mark and the next mark is about that metric. */
async function runSpark(
  { master, metrics, signal }: SparkRun,
  file: string,
  folder: string,
): Promise<Map<string, Printed>> {
  const home = sparkHome();
  if (home === null) {
    throw new TidemarkError(
      "CHILD_FAILED",
      "Spark isn't here: neither SPARK_HOME names one nor is pyspark in .cache/spark.",
      "python3 -m venv .cache/spark && .cache/spark/bin/pip install pyspark==4.3.0 (it needs Java 17 or newer).",
    );
  }
  const local = master.startsWith("local")
    ? { "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1" }
    : {};
  const settings = Object.entries({ ...SETTINGS, ...local }).flatMap(([name, value]) => ["--conf", `${name}=${value}`]);
  const args = ["--master", master, ...settings, "--hiveconf", "hive.cli.errors.ignore=true", "-f", file];
  // One pipe for both of its outputs, so that an error comes after its metric's mark.
  const ms_max = SPARK_START_MS_MAX + METRIC_MS_MAX * metrics.length;
  const options = { cwd: folder, stdout: "pipe", env: { SPARK_HOME: home }, ms_max } as const;
  const child = spawnProgram(["sh", "-c", 'exec "$0" "$@" 2>&1', sparkSql(home), ...args], options);
  const kill = () => child.kill("SIGKILL");
  const forget = onAbort(signal, kill);
  try {
    const printed = await readOutput(child.stdout);
    const text = `It was stopped after ${ms_max / 1000} s, the limit for this run on Spark.`;
    if ((await child.ended).isLate)
      for (const { name } of metrics) if (!printed.get(name)?.elapsed_ms) printed.set(name, { text, elapsed_ms: 0 });
    return printed;
  } finally {
    forget();
    kill();
  }
}

async function readOutput(stdout: ReadableStream<Uint8Array>): Promise<Map<string, Printed>> {
  const printed = new Map<string, Printed>();
  const decoder = new TextDecoder();
  let [rest, begin, name] = ["", "", ""];
  let since_ms = monotonicMs();
  for await (const chunk of stdout) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const of = printed.get(name);
      if (line.startsWith(MARK)) {
        if (of) of.elapsed_ms = monotonicMs() - since_ms;
        name = line.slice(MARK.length);
        since_ms = monotonicMs();
        printed.set(name, { text: "", elapsed_ms: 0 });
      } else if (of) of.text += `${line}\n`;
      else begin += `${line}\n`;
    }
  }
  if (printed.size === 0) throw new TidemarkError("CHILD_FAILED", `Spark didn't start: ${sentenceOf(begin)}.`);
  return printed;
}

/** Spark's result of a metric, read back with exact decimals in Spark's order. */
async function readOutcome(
  metric: Metric,
  folder: string,
  printed: Printed | undefined,
  csv: string,
): Promise<MetricOutcome> {
  const { name } = metric;
  const elapsed_ms = printed?.elapsed_ms ?? 0;
  const result = { ...emptyOutcome(name, metric, csv), metric, elapsed_ms, finished_us: nowUs() };
  const other = notForSpark(metric.sql);
  if (other !== null) return { ...result, error: shortened(`${metric.file}: ${other}.`) };
  if (!existsSync(join(folder, name, "_SUCCESS"))) {
    const text = printed?.text ?? "It ended before this metric's turn came.";
    // The file's text begins on the statement's second line.
    const line = /\bline (\d+)[,\s]+pos/.exec(text)?.[1];
    return {
      ...result,
      error: shortened(`${metric.file}${line ? `:${Number(line) - 1}` : ""}: Spark: ${sentenceOf(text)}`),
    };
  }
  const instance = await DuckDBInstance.create(":memory:", { memory_limit: METRIC_MEMORY });
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    const files = quoted(`${escapedPath(join(folder, name))}/*.parquet`);
    const file = new CsvFile(csv);
    const { found, failed } = await streamed({ connection, isDeaf: false }, async () => {
      const read = await connection.stream(`SELECT * FROM read_parquet(${files})`);
      return { ...(await readRows(read, METRIC_ROWS_MAX, file)), columns: readColumns(read) };
    });
    if (failed) throw new TidemarkError("QUERY", "The file that Spark wrote for it can't be read to its end.");
    const { rows, truncated, columns } = found;
    const chart = chartOf(metric.chart, columns);
    return { ...result, metric: { ...metric, chart }, columns, rows, truncated, whole: file.end() };
  } catch (error) {
    return { ...result, error: withLine(metric, error) };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** The sentence of Spark's message: up to its SQLSTATE, without the plan and the stack behind it. */
function sentenceOf(text: string): string {
  const known = /\[[A-Z_0-9.]+\][\s\S]*?SQLSTATE: \w+/.exec(text)?.[0];
  return known ?? text.trim().slice(0, 500);
}
