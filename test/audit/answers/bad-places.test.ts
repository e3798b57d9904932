/** Places of answers that are missing, empty, cut or unclear: read right, or a plain sentence. */
import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type AnswerOptions, readAnswers } from "../../../scripts/audit/index.ts";
import { tempDir } from "../../support/data.ts";
import {
  committedBatch,
  inDuckDb,
  NO_OPTIONS,
  refusalOf,
  topicOf,
  windowsOf,
  written,
} from "../../support/foreign-answers.ts";

const folder = tempDir();
afterAll(() => folder[Symbol.dispose]());

const HEAD = "window_start,window_end,trade_count,avg_price\n";
const ROW = "2026-01-05 10:00:00,2026-01-05 10:01:00,3,1.5\n";

let files = 0;
const csv = (text: string | Uint8Array) => written(folder.path, `${files++}.csv`, text);
const own = () => join(folder.path, `folder-${files++}`);

const refused = (place: string, options?: Partial<AnswerOptions>) => refusalOf(folder.path, place, options);
const read = async (place: string, options: Partial<AnswerOptions> = {}) =>
  windowsOf(await readAnswers(place, { ...NO_OPTIONS, ...options }));
const MINUTE = { window: { size_us: 60e6, every_us: 60e6 } };

describe("a place", () => {
  test("that is missing", async () => {
    expect(await refused(join(folder.path, "none.csv"))).toStartWith("DATA_DIR (1): none.csv does not exist.");
    expect(await refused(join(folder.path, "none.db:table"))).toStartWith("DATA_DIR (1): none.db does not exist.");
    expect(await refused("kafka://host/topic")).toStartWith("DATA_DIR (1): kafka://host/topic can't be read here.");
  });

  test("a folder without answers, or with two kinds", async () => {
    const empty = own();
    mkdirSync(empty);
    expect(await refused(empty)).toContain(`NO_DATA (1): ${empty.split("/").at(-1)} has no CSV, Parquet or JSON file.`);
    written(empty, "_SUCCESS", "");
    written(empty, ".part-0.csv.crc", "");
    expect(await refused(empty)).toStartWith("NO_DATA (1)");
    written(empty, "a.csv", HEAD);
    written(empty, "a.parquet", "");
    expect(await refused(empty)).toContain("has 1 CSV files and 1 Parquet files.");
  });

  test("an empty file, a header line alone, a topic without records", async () => {
    expect(await refused(csv(""))).toMatch(/^NO_DATA \(1\): \d+.csv is empty\./);
    expect(await refused(csv(HEAD))).toMatch(/^NO_DATA \(1\): \d+.csv has no row\./);
    const spark = own();
    written(spark, "part-0.csv", "");
    expect(await refused(spark)).toStartWith("NO_DATA (1): The CSV files in");
    const topic = readAnswers("kafka://h/t", NO_OPTIONS, () => topicOf([null]));
    await expect(topic).rejects.toThrow("kafka://h/t has no record with a value.");
  });

  test("a Parquet file that was cut, and one that only has its name", async () => {
    const whole = join(folder.path, "whole.parquet");
    await inDuckDb([`COPY (SELECT 1767607200 AS ts, 1 AS n) TO '${whole}'`]);
    const bytes = new Uint8Array(await Bun.file(whole).arrayBuffer());
    expect(await refused(written(folder.path, "cut.parquet", bytes.slice(0, 60)))).toStartWith(
      "DATA_DIR (1): cut.parquet can't be read:",
    );
    expect(await refused(written(folder.path, "text.parquet", "abc"))).toStartWith(
      "DATA_DIR (1): text.parquet is not a Parquet file",
    );
    const spark = own();
    written(spark, "part-0.parquet", bytes);
    written(spark, "part-1.parquet", bytes.slice(0, 60));
    committedBatch(spark, "0", ["part-0.parquet"]);
    const { rows, notes } = await read(spark, MINUTE);
    expect(rows).toHaveLength(1);
    expect(notes![0]).toStartWith("part-1.parquet, which no batch committed:");
  });

  test("a folder of which a committed file or a batch's list is missing, or is not Spark's", async () => {
    const spark = own();
    written(spark, "part-0.csv", HEAD + ROW);
    committedBatch(spark, "0", ["part-0.csv", "part-1.csv"]);
    expect(await refused(spark)).toContain("_spark_metadata names part-1.csv, which is not in");
    committedBatch(spark, "0", ["part-0.csv"]);
    committedBatch(spark, "2", []);
    expect(await refused(spark)).toContain("_spark_metadata has no batch 1.");
    rmSync(join(spark, "_spark_metadata/2"));
    written(spark, "_spark_metadata/1", "v9\n{}");
    expect(await refused(spark)).toContain('begins with "v9", not with "v1"');
    written(spark, "_spark_metadata/1", "v1\n{cut");
    expect(await refused(spark)).toContain("has a line that is not Spark's");
    written(spark, "_spark_metadata/1", "v1");
    expect(await read(spark, MINUTE)).toMatchObject({ rows: [{ where: "part-0.csv:2" }], isAppended: true });
    expect(await read(csv(HEAD + ROW), MINUTE)).toMatchObject({ isAppended: false });
    rmSync(join(spark, "_spark_metadata/0"));
    expect(await refused(spark)).toContain("has no row of a committed batch.");
  });

  test("tables of other formats, text of other encodings, a JSON array", async () => {
    const delta = own();
    written(delta, "part-0.csv", HEAD + ROW);
    mkdirSync(join(delta, "_delta_log"));
    expect(await refused(delta)).toContain("is a Delta table, which is not read here.");
    expect(await refused(csv(Buffer.from(`\uFEFF${HEAD}${ROW}`, "utf16le")))).toContain("is UTF-16, not UTF-8.");
    expect(await refused(csv("[{}]"))).toContain("is a JSON array. Write one object per line");
  });

  test("tables: none, two that fit, one that is not there, none that fits", async () => {
    const file = join(folder.path, "tables.db");
    const db = new Database(file);
    db.run("PRAGMA user_version = 1");
    expect(await refused(file)).toContain("NO_DATA (1): tables.db has no table.");
    db.run("CREATE TABLE settings (name TEXT, value TEXT)");
    db.run("CREATE TABLE users (id INTEGER, mail TEXT)");
    expect(await refused(file)).toContain(
      "No table of tables.db has the columns of an answer. Its tables: settings (name, value); users (id, mail).",
    );
    db.run("CREATE TABLE one (window_start TEXT, trade_count INTEGER)");
    db.run("CREATE TABLE two (window_start TEXT, trade_count INTEGER, vwap REAL)");
    expect(await refused(file)).toContain(
      "USAGE (2): 2 tables of tables.db can be the answer: two, one. Name one, for example tables.db:two.",
    );
    expect(await refused(`${file}:three`)).toContain('has no table "three". Its tables: one, settings, two, users.');
    expect(await refused(`${file}:users`)).toContain(
      "No column of tables.db:users is recognised as the start of a window. Its columns: id, mail.",
    );
    expect(await refused(`${csv(HEAD + ROW)}:one`)).toContain(
      'is not a SQLite or DuckDB file, so it has no table "one"',
    );
    expect(await refused(`${file}:one`, { columns: ["a"] })).toContain("--columns is for CSV");
    db.close();
  });

  test("a SQLite file that is damaged, a DuckDB file that is not one", async () => {
    const damaged = written(folder.path, "damaged.db", `SQLite format 3\0${"x".repeat(4_000)}`);
    expect(await refused(damaged)).toMatch(/^(STORE_CORRUPT|DATA_DIR) \(1\): damaged\.db/);
    const duck = written(folder.path, "damaged.duckdb", `12345678DUCK${"x".repeat(20_000)}`);
    expect(await refused(duck)).toStartWith("DATA_DIR (1): damaged.duckdb can't be read:");
  });

  test("with more rows than one audit takes", async () => {
    const many = 1_000_001;
    const file = join(folder.path, "many.db");
    const db = new Database(file);
    db.run("CREATE TABLE t (ts INTEGER, n INTEGER)");
    db.run(
      `WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${many}) INSERT INTO t SELECT i, 1 FROM c`,
    );
    db.close();
    const limit =
      "has more than 1,000,000 rows, the limit of one audit. Audit a part of it: one product, or fewer days.";
    expect(await refused(file)).toContain(`DATA_DIR (1): many.db:t ${limit}`);
    await inDuckDb([`COPY (SELECT i AS ts, 1 AS n FROM range(${many}) r(i)) TO '${folder.path}/many.parquet'`]);
    expect(await refused(join(folder.path, "many.parquet"))).toContain(limit);
    expect(await refused(csv(`ts,n${"\n1,1".repeat(many)}`))).toContain(limit);
  });
});
