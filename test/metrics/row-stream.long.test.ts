/** A query that fails after its first rows is an error, although DuckDB's stream ends without one. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { batch, batchedBefore, metricFolder, resultRows } from "../support/batch.ts";
import { childOf, run, runToEnd } from "../support/process.ts";

setDefaultTimeout(300_000);

const data = batchedBefore({ one: "SELECT 1 AS a" });

/** What fails at row `at`, and DuckDB's words. */
const FAILS: Record<string, [failing: (at: number) => string, words: string]> = {
  error: [(at) => `CASE WHEN i = ${at} THEN error('too late') ELSE i END`, "too late"],
  cast: [
    (at) => `CAST(CASE WHEN i = ${at} THEN 'zz' ELSE '1' END AS INTEGER)`,
    "Could not convert string 'zz' to INT32",
  ],
  overflow: [(at) => `(9223372036854775807 - ${at} + i) + 1`, "Overflow in addition"],
  day: [(at) => `strptime(CASE WHEN i = ${at} THEN 'zz' ELSE '2023' END, '%Y')`, "Could not parse string"],
};

test("a metric fails with file, line and DuckDB's words, and keeps its last rows", async () => {
  using folder = metricFolder({ late: "SELECT 7 AS n" });
  await batch(data.path, ["--sql", folder.path]);
  const [failing, words] = FAILS.cast!;
  writeFileSync(join(folder.path, "late.sql"), `SELECT\n  ${failing(8_000)} AS v\nFROM range(9000) AS r(i);`);
  const { json } = await batch(data.path, ["--sql", folder.path]);
  expect(json.failed).toEqual([{ metric: "late", error: expect.stringContaining(words) }]);
  expect(json.failed[0]!.error).toContain("late.sql:2: ");
  expect(resultRows<object>(data.path, "late")).toEqual([{ n: 7 }]);
});

for (const [name, [failing, words]] of Object.entries(FAILS)) {
  test(`${name}: query ends with exit 1 and DuckDB's words, without a file; a limit below the fault is met`, async () => {
    const sql = `SELECT ${failing(300_000)} AS v FROM range(400000) AS r(i)`;
    const file = join(data.out, `late.${name === "cast" ? "json" : "csv"}`);
    const { code, stderr } = await run("query", ["--data", data.path, "--output", file, sql]);
    expect([code, stderr, existsSync(file)]).toEqual([1, expect.stringContaining(words), false]);
    expect(stderr).not.toContain("EXPLAIN");
    const limited = await run("query", ["--data", data.path, "--format", "csv", "--limit", "5", sql]);
    expect([limited.code, limited.stdout.split("\n").length]).toEqual([0, 7]);
  });
}

test("a query that is stopped after its first rows is an error, not fewer rows; the next one runs", async () => {
  // The first rows come at once; 6,000 that take milliseconds each follow.
  const slow = `SELECT repeat('x', 1000) AS wide, CASE WHEN i < 3000 THEN 0 ELSE levenshtein(repeat('a', 600), repeat('b', 600) || i) END AS v
    FROM range(9000) AS r(i)`;
  const { stdout } = await runToEnd(childOf("limited", [data.path, "1000,120000", slow, "SELECT 1 AS a"]));
  expect(JSON.parse(stdout)).toEqual(["It was stopped after 1 s, the limit for one query.", [{ a: 1 }]]);
});
