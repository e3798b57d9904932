/** Every DuckDB type through every output: JSON, CSV and Parquet say the value exactly. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { readManifest } from "../../scripts/archive/manifest.ts";
import { csvCell } from "../../scripts/base/csv.ts";
import { LockedDatabase, NO_PARAMETERS } from "../../scripts/metrics/locked.ts";
import { copyToParquet } from "../../scripts/metrics/rows-out.ts";
import { batch, batched, metricFolder, resultRows } from "../support/batch.ts";
import { type stored, tempDir } from "../support/data.ts";
import { run } from "../support/process.ts";
import { HUGE, UHUGE, VALUES } from "../support/type-values.ts";

setDefaultTimeout(120_000);

/** Columns that keep their type in Parquet, or its parts', and which one. */
const PARQUET_TYPES: [sql: string, type: string][] = [
  ["{'BIT': 1, 'HUGEINT': 'x'}", 'STRUCT("BIT" INTEGER, HUGEINT VARCHAR)'],
  ["[5::HUGEINT]", "DECIMAL(38,0)[]"],
  [`[${HUGE}::HUGEINT, NULL]`, "VARCHAR[]"],
  [`{'n': 1, 'h': ${UHUGE}::UHUGEINT}`, "STRUCT(n INTEGER, h VARCHAR)"],
  ["{'n': 1, 'u': union_value(t := 'x')}", "STRUCT(n INTEGER, u VARCHAR)"],
  ["MAP {'a': 5::UHUGEINT}", "MAP(VARCHAR, DECIMAL(38,0))"],
  ["TIMESTAMP_S 'infinity'", "TIMESTAMP"],
  ["'HUGEINT'::ENUM('HUGEINT')", "VARCHAR"],
  ["'\\xAA'::BLOB", "BLOB"],
];
const columns = VALUES.map(([sql], i) => `${sql} AS c${i}`).join(", ");
const ALL = `SELECT ${columns}`;

let data: Awaited<ReturnType<typeof stored>>;
const out = tempDir();
beforeAll(async () => {
  data = await batched({ types: ALL });
});
afterAll(() => {
  data[Symbol.dispose]();
  out[Symbol.dispose]();
});
const written = async (ending: string, sql = ALL) => {
  const file = join(out.path, `types.${ending}`);
  const ran = await run("query", ["--data", data.path, "--output", file, sql]);
  expect([ran.code, ran.stderr]).toEqual([0, expect.stringMatching(/\d rows? in /)]);
  return file;
};

test("JSON and the batch's result have each value exactly", async () => {
  const expected = Object.fromEntries(VALUES.map(([, json], i) => [`c${i}`, json]));
  const [row] = JSON.parse(readFileSync(await written("json"), "utf8"));
  expect(row).toEqual(expected);
  expect(resultRows(data.path, "types") as unknown[]).toEqual([expected]);
});

test("CSV has the values of JSON", async () => {
  const [, line] = readFileSync(await written("csv"), "utf8").split("\n");
  expect(line).toBe(VALUES.map(([, json]) => csvCell(json, false)).join(","));
});

test("Parquet has each value, or its text where it has no such type", async () => {
  const file = await written("parquet");
  const texts = VALUES.map((_, i) => `c${i}::VARCHAR`).join(", ");
  const [row] = await rowsIn(`SELECT ${texts} FROM '${file}'`);
  for (const [i, [sql, json, parquet]] of VALUES.entries())
    expect([sql, row![i]]).toEqual([sql, (parquet ?? json) as string]);
});

test("Parquet keeps what it has a type for, also inside of nested values; a name is not a type", async () => {
  const list = PARQUET_TYPES.map(([sql], i) => `${sql} AS c${i}`).join(", ");
  // One of 6,000 rows does not fit 38 digits.
  const late = `SELECT ${list}, CASE WHEN i = 5000 THEN ${HUGE} ELSE i END::HUGEINT AS late FROM range(6000) AS r(i)`;
  const file = await written("parquet", late);
  const types = (await rowsIn(`DESCRIBE FROM '${file}'`)).map(([, type]) => type);
  expect(types as unknown[]).toEqual([...PARQUET_TYPES.map(([, type]) => type), "VARCHAR"]);
  expect(await rowsIn(`SELECT DISTINCT late FROM '${file}' WHERE length(late) > 4`)).toEqual([[HUGE]]);
});

test("a second try's file stays when the statement of the first, which failed, is collected", async () => {
  using folder = tempDir();
  const archive = join(data.path, "archive");
  const sql = `SELECT CASE WHEN i = 5000 THEN ${HUGE} ELSE i END::HUGEINT AS late FROM range(6000) AS r(i)`;
  const database = await LockedDatabase.open(archive, readManifest(archive)!, sql, folder.path);
  const query = { sql, parameters: NO_PARAMETERS, rows_max: Number.POSITIVE_INFINITY };
  const { name, rows } = await copyToParquet(database, query, folder.path);
  for (let i = 0; i < 5; i++) {
    Bun.gc(true);
    await Bun.sleep(0);
  }
  database.close();
  expect([rows, await rowsIn(`SELECT count(*)::INTEGER FROM '${join(folder.path, name)}'`)]).toEqual([6000, [[6000]]]);
});

async function rowsIn(sql: string) {
  const db = await DuckDBInstance.create(":memory:");
  const connection = await db.connect();
  try {
    return await (await connection.run(sql)).getRows();
  } finally {
    connection.closeSync();
    db.closeSync();
  }
}

test("a struct without names is refused with a sentence: its fields would replace each other", async () => {
  const refused = await run("query", ["--data", data.path, "--format", "json", "SELECT row(1, 2) AS pair"]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("fields that have no names")]);
});

test("a CSV text that is wholly a number has no apostrophe; a formula keeps it, also one of an ENUM", async () => {
  for (const text of ["-2.00", "+1", "-.5", "-1e-7", "+2."]) expect(csvCell(text, true)).toBe(text);
  for (const text of ["-2.00+1", "=1", "@a", "+", "-", "-1 ", "\t1", "- 1", "-1\n=2", "+1\n"])
    expect(csvCell(text, true).replace(/^"/, "").startsWith("'")).toBe(true);
  const file = await written("csv", "SELECT '=1'::ENUM('=1') AS a, '-2.00' AS b, '=1' AS c");
  expect(readFileSync(file, "utf8")).toBe("a,b,c\n'=1,-2.00,'=1\n");
});

const csvOf = (name: string) => join(data.path, "batch_output/metrics", `${name}.csv`);

test("a result of more rows than a batch keeps: its CSV has all of them, in the folder and from query; a name of 251 characters is one", async () => {
  const name = "n".repeat(251);
  using folder = metricFolder({ long: "SELECT i, '-1+1' AS t FROM range(20000) AS r(i)", [name]: "SELECT 1 AS a" });
  const { json, stderr } = await batch(data.path, ["--sql", folder.path]);
  expect([json.failed, stderr.includes("is not written")]).toEqual([[], false]);
  const lines = readFileSync(csvOf("long"), "utf8").trimEnd().split("\n");
  expect([lines.length, lines[0], lines[10_001], lines[20_000]]).toEqual([20_001, "i,t", "10000,'-1+1", "19999,'-1+1"]);
  expect(resultRows(data.path, "long").length).toBe(10_000);
  expect(readFileSync(csvOf(name), "utf8")).toBe("a\n1\n");
  const file = join(out.path, "long.csv");
  await run("query", ["--data", data.path, "--sql", folder.path, "--metric", "long", "--output", file]);
  expect(readFileSync(file, "utf8").trimEnd().split("\n")).toEqual(lines);
});

test("a CSV that would be too large, or whose later rows fail, is not written, and no older one is left; the result is kept", async () => {
  using folder = metricFolder({ large: "SELECT 1 AS a", late: "SELECT 1 AS a" });
  await batch(data.path, ["--sql", folder.path]);
  expect([existsSync(csvOf("large")), existsSync(csvOf("late"))]).toEqual([true, true]);
  writeFileSync(join(folder.path, "large.sql"), "SELECT repeat('x', 1000) AS t FROM range(60000)");
  writeFileSync(
    join(folder.path, "late.sql"),
    "SELECT CASE WHEN i = 300000 THEN error('too late') ELSE i END AS i FROM range(400000) AS r(i)",
  );
  const { json, stderr } = await batch(data.path, ["--sql", folder.path]);
  expect(json.failed).toEqual([]);
  expect(stderr).toContain("the CSV of large is not written: it would be larger than 50000000 bytes.");
  expect(stderr).toMatch(/the CSV of late is not written: .*too late/);
  expect(resultRows(data.path, "large").length).toBe(10_000);
  expect(readdirSync(dirname(csvOf("x"))).filter((name) => /^(large|late)\.|\.tmp$/.test(name))).toEqual([]);
});

test("a reconciliation.sql without the verdict's columns is an error that names them", async () => {
  using folder = metricFolder({});
  writeFileSync(join(folder.path, "reconciliation.sql"), "SELECT 'equal' AS outcome");
  const { json } = await batch(data.path, ["--sql", folder.path]);
  expect(json.failed[0]?.error).toContain("columns that the result lacks: windows_alike, windows_in_all");
});
