/** `query "SQL"`: its formats on stdout and in files, its limits and its errors. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDataDir } from "../../scripts/base/data-dir.ts";
import { lockStage } from "../../scripts/command/stage-lock.ts";
import { batchedBefore } from "../support/batch.ts";
import { STORED_TICKS, stored, tempDir } from "../support/data.ts";
import { evaluate, run } from "../support/process.ts";

setDefaultTimeout(300_000);

const data = batchedBefore({ one: "SELECT 1 AS a" });
const query = (...args: string[]) => run("query", ["--data", data.path, ...args]);

const VALUES = `SELECT * FROM (VALUES (CAST(1.50 AS DECIMAL(18, 10)), TIMESTAMP '2023-09-05 16:00:01.281719', '=x', 9007199254740993),
  (NULL, NULL, 'a "b", c', 2)) AS v("a price", t, s, big)`;

describe("what it takes", () => {
  test("a flag that the SQL doesn't use is reported; times are UTC, to the minute, in order, and days that there are", async () => {
    const unused = await query(
      "--product",
      "BTC-USD",
      "--from",
      "2023-09-05T16:00",
      "SELECT 1 AS a WHERE $from IS NOT NULL",
    );
    expect([unused.code, unused.stdout]).toEqual([0, expect.stringContaining("│ 1 │")]);
    expect(unused.stderr).toContain("the query doesn't use $product: --product has no effect");
    expect(unused.stderr).not.toContain("$from");
    const from = async (...args: string[]) => (await query(...args, "SELECT $from AS a, $to AS b")).stderr;
    expect(await from("--from", "2023-02-31")).toContain("Give a UTC time such as");
    expect(await from("--from", "2023-09-05T16:30+02:00")).toContain("Give a UTC time such as");
    expect(await from("--from", "2023-09-06", "--to", "2023-09-05")).toContain("is not before --to 2023-09-05");
  });

  test("DuckDB's words keep their lines: the mark is under the error", async () => {
    const { code, stderr } = await query("SELECT prize FROM ticks");
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^error: Binder Error: .*\n[\s\S]*\nLINE 1: SELECT prize FROM ticks\n {15}\^\n\[TIDEMARK_QUERY\]\n$/,
    );
  });

  test("more memory than a query may have, and the folder of a recording's data, are reported in our words", async () => {
    const much = await query("SELECT len(list(repeat('x', 1000) || i)) AS n FROM range(3000000) AS r(i)");
    expect([much.code, much.stderr]).toEqual([
      1,
      expect.stringContaining("It needed more than 1 GB, the limit for one query"),
    ]);
    using dir = tempDir();
    mkdirSync(join(dir.path, "replay"));
    writeFileSync(join(dir.path, "replay/ticks.db"), "");
    for (const [name, ...args] of [["query", "SELECT 1"], ["batch"]]) {
      const { code, stderr } = await run(name!, ["--data", dir.path, ...args]);
      expect([code, stderr]).toEqual([1, expect.stringContaining(`add \`--data ${dir.path}/replay\``)]);
    }
    expect(existsSync(join(dir.path, "results.db"))).toBe(false);
  });
});

describe("on stdout", () => {
  test("a table has the columns' names, no colours, and a line when there are no rows", async () => {
    const { code, stdout, stderr } = await query("SELECT count(*) AS ticks, 'x' AS name FROM ticks");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/│ +│ ticks +│ name +│\n/);
    expect(stdout).toMatch(new RegExp(`│ 0 +│ ${STORED_TICKS} +│ x +│\\n`));
    expect((await query("SELECT 1 AS a WHERE false")).stdout).toBe("(no rows)\n");
  });

  test("json is an array of row objects with exact decimals as text", async () => {
    const { code, stdout, stderr } = await query("--format", "json", VALUES);
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toEqual([
      { "a price": "1.5", t: "2023-09-05T16:00:01.281719Z", s: "=x", big: "9007199254740993" },
      { "a price": null, t: null, s: 'a "b", c', big: 2 },
    ]);
    expect((await query("--format", "json", "SELECT 1 AS a WHERE false")).stdout).toBe("[]\n");
  });

  test("csv is RFC 4180 with a header line, and text that a spreadsheet would run gets an apostrophe", async () => {
    const { code, stdout, stderr } = await query("--format", "csv", VALUES);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(`a price,t,s,big\n1.5,2023-09-05T16:00:01.281719Z,'=x,9007199254740993\n,,"a ""b"", c",2\n`);
    expect((await query("--format", "csv", "SELECT 1 AS a WHERE false")).stdout).toBe("a\n");
  });

  test("rows beyond --limit are cut, and stderr reports it; parquet needs a file", async () => {
    const cut = await query("--format", "json", "--limit", "2", "SELECT i FROM range(5) AS r(i)");
    expect([cut.code, JSON.parse(cut.stdout)]).toEqual([0, [{ i: 0 }, { i: 1 }]]);
    expect(cut.stderr).toContain("cut after 2 rows; --limit N gives more");
    const parquet = await query("--format", "parquet", "SELECT 1");
    expect([parquet.code, parquet.stdout]).toEqual([2, ""]);
    expect(parquet.stderr).toContain("--format parquet needs --output FILE. [TIDEMARK_USAGE]");
  });
});

/** The columns' types and rows of a Parquet file, read by a child process with a plain DuckDB. */
async function parquet(file: string): Promise<{ types: string[]; rows: Record<string, unknown>[] }> {
  const script = `const { DuckDBInstance } = require("@duckdb/node-api");
    const connection = await (await DuckDBInstance.create(":memory:")).connect();
    const reader = await connection.runAndReadAll("FROM read_parquet('" + process.argv[1] + "')");
    process.stdout.write(JSON.stringify({ types: reader.columnTypes().map(String), rows: reader.getRowObjectsJson() }));`;
  const { code, stdout, stderr } = await evaluate(script, [file]);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

describe("into a file", () => {
  test("parquet keeps names, types and every digit", async () => {
    const file = join(data.out, "new/values.parquet");
    mkdirSync(join(data.out, "new"));
    const sql = `SELECT *, DATE '2023-09-05' AS day, CAST(1 AS HUGEINT) << 100 AS huge, 170141183460469231731687303715884105727 AS huger, 0.1::DOUBLE + 0.2 AS f, true AS b,
      [1.25, 2] AS l, {'x': 'y', 'n': [3]} AS st, 'infinity'::DOUBLE AS inf, TIME '01:02:03' AS tm, 1::TINYINT AS "quo""te" FROM (${VALUES})`;
    const { code, stdout, stderr } = await query("--format", "parquet", "--output", file, sql);
    expect([code, stdout, stderr]).toEqual([0, "", expect.stringContaining(`2 rows in ${file}`)]);
    const { types, rows } = await parquet(file);
    expect(types).toEqual(
      `DECIMAL(18,10) TIMESTAMP VARCHAR BIGINT DATE DECIMAL(38,0) VARCHAR DOUBLE BOOLEAN DECIMAL(12,2)[]`
        .split(" ")
        .concat(`STRUCT("x" VARCHAR, "n" INTEGER[])`, "DOUBLE", "TIME", "TINYINT"),
    );
    expect(rows[0]).toEqual({
      "a price": "1.5000000000",
      t: "2023-09-05 16:00:01.281719",
      s: "=x",
      big: "9007199254740993",
      day: "2023-09-05",
      // Parquet has no integers of 128 bits.
      huge: String(2n ** 100n),
      huger: String(2n ** 127n - 1n),
      f: 0.1 + 0.2,
      b: true,
      l: ["1.25", "2.00"],
      st: { x: "y", n: [3] },
      inf: "Infinity",
      tm: "01:02:03",
      'quo"te': 1,
    });
    expect(rows[1]).toMatchObject({ "a price": null, t: null, s: 'a "b", c', big: "2" });
    expect(readdirSync(join(data.out, "new"))).toEqual(["values.parquet"]);
  });

  test("parquet without rows has its columns; all ticks are in it when --limit allows", async () => {
    const none = join(data.out, "none.parquet");
    await query("--format", "parquet", "--output", none, "SELECT price, time FROM ticks WHERE false");
    expect(await parquet(none)).toEqual({ types: ["DECIMAL(20,10)", "TIMESTAMP"], rows: [] });
    const all = join(data.out, "all.parquet");
    await query("--format", "parquet", "--output", all, "SELECT * FROM ticks ORDER BY product_id, trade_id");
    const { rows } = await parquet(all);
    expect(rows.length).toBe(STORED_TICKS);
    expect(rows[1]).toMatchObject({ product_id: "BTC-USD", trade_id: "1", price: "25741.0200000000", side: "sell" });
  });

  test("csv, json and table are what stdout would show; a file that was there is replaced", async () => {
    const file = join(data.out, "answer");
    for (const format of ["csv", "json", "table"]) {
      const sql = "SELECT 1 AS a, 'x' AS b";
      expect((await query("--format", format, "--output", file, sql)).stdout).toBe("");
      expect(readFileSync(file, "utf8")).toBe((await query("--format", format, sql)).stdout);
    }
  });

  test("a file in a folder that does not exist is refused, and no folder is created", async () => {
    const { code, stderr } = await query("--output", join(data.out, "typo/x.csv"), "SELECT 1 AS a");
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/typo\/x\.csv can't be written: ENOENT.*TIDEMARK_OUTPUT/),
    ]);
    expect(existsSync(join(data.out, "typo"))).toBe(false);
  });

  test("a query that fails leaves no file", async () => {
    const file = join(data.out, "failed.csv");
    const { code } = await query("--format", "csv", "--output", file, "SELECT prize FROM ticks");
    expect([code, existsSync(file)]).toEqual([1, false]);
  });
});

describe("when it can't answer", () => {
  const FAILS: [sql: string, words: RegExp][] = [
    ["SELECT prize FROM ticks", /"prize" not found.*price.*\[TIDEMARK_QUERY\]/s],
    ["SELECT 1 +", /syntax error at end of input.*\[TIDEMARK_QUERY\]/s],
    ["DROP VIEW ticks", /Only a SELECT runs here, and this is DROP\. \[TIDEMARK_QUERY\]/],
    ["SELECT * FROM read_text('/etc/hostname')", /read_text\(\) doesn't run here.*\[TIDEMARK_QUERY\]/s],
    ["SELECT $colour", /\$colour isn't a parameter: use \$product, \$from or \$to\. \[TIDEMARK_QUERY\]/],
    ["", /It has no statement\. \[TIDEMARK_QUERY\]/],
  ];
  for (const [sql, words] of FAILS) {
    test(`${JSON.stringify(sql)}: exit 1, one sentence, nothing on stdout`, async () => {
      const { code, stdout, stderr } = await query("--format", "json", sql);
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(words);
      expect(stderr).not.toMatch(/^\s+at /m);
    });
  }

  test("before the first batch it is refused and creates nothing; --fresh collects first, unless a batch does", async () => {
    using none = tempDir();
    const nowhere = join(none.path, "nowhere");
    const missing = await run("query", ["--data", nowhere, "SELECT 1"]);
    expect([missing.code, existsSync(nowhere)]).toEqual([1, false]);
    expect(missing.stderr).toContain("yet. [TIDEMARK_NO_DATA]\nRun `bun run batch` first, or query with --fresh.");

    using dir = await stored();
    const fresh = ["--data", dir.path, "--fresh", "--format", "csv", "SELECT count(*) AS n FROM ticks"];
    const release = lockStage(openDataDir(dir.path), "batch");
    const busy = await run("query", fresh);
    release();
    expect([busy.code, busy.stdout]).toEqual([1, ""]);
    expect(busy.stderr).toContain(`Another batch (pid ${process.pid})`);
    expect((await run("query", fresh)).stdout).toBe(`n\n${STORED_TICKS}\n`);
  });
});
