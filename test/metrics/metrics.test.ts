/** Metric files: their header, what of their SQL is refused, and that a wrong one fails alone. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { METRIC_ROWS_MAX, RUNS_KEPT_MAX, SUMMARY_FILES_MAX } from "../../scripts/base/limits.ts";
import { chartOf } from "../../scripts/metrics/chart-header.ts";
import { withHeader } from "../../scripts/metrics/metric.ts";
import { batch, metricFolder, resultRows } from "../support/batch.ts";
import { filesBelow, type Row, STORED_TICKS, sqlite, stored } from "../support/data.ts";
import { childOf, runToEnd } from "../support/process.ts";

setDefaultTimeout(120_000);

let data: Awaited<ReturnType<typeof stored>>;
beforeAll(async () => {
  data = await stored();
});
afterAll(() => data[Symbol.dispose]());

/** The files of a folder as metrics of the data directory. */
const run = (folder: string) => batch(data.path, ["--sql", folder]);
const kept = (metric: string) =>
  sqlite<Row>(data.path, "results.db", `SELECT * FROM results WHERE metric = '${metric}'`)[0];

describe("the header", () => {
  const parseHeader = (sql: string, name: string, file: string) => withHeader({ name, file, sql, hash: "" });
  /** text → title, description, chart. */
  const GOOD: [string, object][] = [
    ["SELECT 1", { title: "Biggest hour", description: "", chart: { type: "table", y: [] } }],
    ["-- title: A: b -- c\n--   description:   d  \nSELECT 1", { title: "A: b -- c", description: "d" }],
    ["\n  -- a remark\n\n--title:T\nSELECT 1", { title: "T" }],
    ["-- chart: number y=ticks\nSELECT 1", { chart: { type: "number", y: ["ticks"] } }],
    ["-- chart: bar x=hour y=volume\nSELECT 1", { chart: { type: "bar", x: "hour", y: ["volume"] } }],
    [
      "-- chart: line  x=t y=a,b  series=product_id\nSELECT 1",
      { chart: { type: "line", x: "t", y: ["a", "b"], series: "product_id" } },
    ],
    [
      "-- chart: candle x=t open=o high=h low=l close=c volume=v series=p\nSELECT 1",
      {
        chart: { type: "candle", x: "t", y: [], open: "o", high: "h", low: "l", close: "c", volume: "v", series: "p" },
      },
    ],
    ["-- group: Prices, by hour\n-- order: 20\nSELECT 1", { group: "Prices, by hour", order: 20 }],
    ["SELECT 1", { group: "", order: null }],
    ["-- portable: no (QUALIFY)\nSELECT 1", { only_duckdb: "QUALIFY" }],
    ["SELECT 1\n-- title: below the SQL it is a comment", { title: "Biggest hour" }],
    ["-- https://en.wikipedia.org/wiki/Volume-weighted_average_price\nSELECT 1", { title: "Biggest hour" }],
    ["-- sqlfluff:dialect:duckdb\n-- title: Linted\nSELECT 1", { title: "Linted" }],
    ["-- vim: set ft=sql :\n-- noqa: disable=all\n-- file: x.sql\n-- start: 1\nSELECT 1", { title: "Biggest hour" }],
    ["-- constructor: x\n-- titel:x\r\n-- title: T\r\nSELECT 1", { title: "T" }],
    ["-- Note: capitals and several words: these are remarks\nSELECT 1", { title: "Biggest hour" }],
  ];
  for (const [text, header] of GOOD) {
    test(JSON.stringify(text), () => {
      expect(parseHeader(text, "biggest_hour", "sql/biggest_hour.sql")).toMatchObject(header);
    });
  }

  /** text → line, and what is said of it. */
  const BAD: [string, number, string][] = [
    ["-- title: A\n-- title: B\nSELECT 1", 2, "title is given twice"],
    ["-- title:\nSELECT 1", 1, "title is empty."],
    [`-- title: ${"x".repeat(81)}\nSELECT 1`, 1, "title has 81 characters; at most 80."],
    [`\n-- description: ${"x".repeat(501)}\nSELECT 1`, 2, "description has 501 characters; at most 500."],
    [
      "-- title: T\n-- chart: pie x=a\nSELECT 1",
      2,
      '"pie" is not a chart type; valid: table, number, line, bar, candle.',
    ],
    ["-- titel: T\nSELECT 1", 1, 'unknown key "titel"; valid: title, description, chart, group, order, portable.'],
    ["-- tilte: T\nSELECT 1", 1, `unknown key "tilte"`],
    ["-- charts: line\nSELECT 1", 1, `unknown key "charts"`],
    ["-- title: T\n-- desciption: D\nSELECT 1", 2, `unknown key "desciption"`],
    ["-- potable: no (x)\nSELECT 1", 1, `unknown key "potable"`],
    ["-- chart: line x=a\nSELECT 1", 1, "chart: a line needs x=COLUMN and y=COLUMN"],
    ["-- chart: bar y=a\nSELECT 1", 1, "chart: a bar needs x=COLUMN and y=COLUMN"],
    ["-- chart: bar x=a y\nSELECT 1", 1, 'chart: "y" isn\'t x=COLUMN, y=COLUMN[,COLUMN] or series=COLUMN'],
    ["-- chart: bar x=a y=b colour=red\nSELECT 1", 1, 'chart: "colour=red" isn\'t x=COLUMN'],
    ["-- chart: bar x=a y=b,\nSELECT 1", 1, 'chart: "y=b," isn\'t x=COLUMN'],
    ["-- chart: line x=a x=b y=c\nSELECT 1", 1, "chart: x is given twice"],
    ["-- chart: candle x=a open=b\nSELECT 1", 1, "chart: a candle needs high=COLUMN, low=COLUMN, close=COLUMN"],
    [
      "-- chart: candle x=a y=b\nSELECT 1",
      1,
      'chart: "y=b" isn\'t x, open, high, low, close, volume or series and =COLUMN',
    ],
    ["-- chart: candle x=a open=b,c\nSELECT 1", 1, 'chart: "open=b,c" isn\'t x, open'],
    ["-- title: T\n-- order: first\nSELECT 1", 2, "order is not a whole number from 0 to 999999"],
    ["-- order: -1\nSELECT 1", 1, "order is not a whole number"],
    ["-- group:\nSELECT 1", 1, "group is empty."],
    [`-- group: ${"x".repeat(41)}\nSELECT 1`, 1, "group has 41 characters; at most 40."],
    ["-- gruop: A\nSELECT 1", 1, `unknown key "gruop"`],
    ["-- portable: perhaps\nSELECT 1", 1, "portable can only be `no (why)`"],
  ];
  for (const [text, line, words] of BAD) {
    test(`${JSON.stringify(text.slice(0, 60))} is refused with its line`, () => {
      expect(() => parseHeader(text, "m", "sql/metrics/m.sql")).toThrow(`sql/metrics/m.sql:${line}: ${words}`);
    });
  }

  test("a chart's columns are found as SQL finds them; one that the result lacks is named, with those that it has, and y is a number", () => {
    const chart = { type: "line" as const, x: "t", y: ["a", "B"], series: "s" };
    const columns = (names: string[], type = "DOUBLE") => names.map((name) => ({ name, type }));
    expect(() => chartOf(chart, columns(["t", "b"]))).toThrow("The chart names a, s, and the result has t, b.");
    expect(chartOf(chart, columns(["T", "a", "b", "S", "more"]))).toEqual({
      ...chart,
      x: "T",
      y: ["a", "b"],
      series: "S",
    });
    expect(() => chartOf({ type: "bar", x: "t", y: ["p"] }, [...columns(["t"]), ...columns(["p"], "VARCHAR")])).toThrow(
      "The chart's y names p, which is VARCHAR; y needs a number.",
    );
    const candle = { type: "candle" as const, x: "t", y: [], open: "O", high: "h", low: "l", close: "c" };
    const prices = columns(["o", "h", "l"]);
    expect(chartOf(candle, [...columns(["t"]), ...prices, ...columns(["c"])])).toEqual({ ...candle, open: "o" });
    expect(() => chartOf(candle, [...columns(["t"]), ...prices, ...columns(["c"], "DOUBLE[]")])).toThrow(
      "The chart's close names c, which is DOUBLE[]; close needs a number.",
    );
    const number = { type: "number" as const, x: undefined, y: ["p"], series: undefined };
    expect(chartOf(number, columns(["p"], "INTERVAL"))).toEqual(number);
  });
});

describe("a wrong file fails alone", () => {
  /** name → text, and its error from the file's name on. */
  const BROKEN: Record<string, [sql: string, words: RegExp]> = {
    syntax: ["-- title: T\nSELECT 1,\nFROM WHERE ticks", /syntax\.sql:3: .*syntax error at or near "WHERE"/s],
    column: ["SELECT product_id,\n  prize\nFROM ticks", /column\.sql:2: .*"prize" not found.*price/s],
    table: [
      "SELECT * FROM tocks",
      /table\.sql:1: .*tocks does not exist!\nThere are ticks, minutes, .* and thresholds \(docs\/metrics\.md\)\.\n/s,
    ],
    late: ["SELECT CAST(side AS INTEGER) FROM ticks", /late\.sql:1: .*Could not convert string '(buy|sell)' to INT32/s],
    chart: ["-- title: T\n-- chart: line x=minute y=ticks\nSELECT 1 AS ticks", /chart\.sql:2: The chart names minute/],
    header: ["-- title: T\n-- chart: pie x=a\nSELECT 1", /header\.sql:2: "pie" is not a chart type/],
    parameter: ["SELECT 1\nWHERE $prodcut IS NULL", /parameter\.sql:2: \$prodcut isn't a parameter/],
    end: ["SELECT 1,\n  2 +\n", /end\.sql:2: Parser Error: syntax error at end of input/],
    file: ["-- read_csv in a remark\nSELECT *\nFROM read_csv('x')", /file\.sql:3: read_csv\(\) doesn't run here/],
    huge: [
      "SELECT repeat('x', 20000) AS x FROM range(10000)",
      /huge\.sql: Its first 800 rows hold over 16000000 characters/,
    ],
    empty: ["", /empty\.sql: It has no statement/],
    returns: ["-- title: CR alone\rSELECT 1,\r  prize FROM ticks", /returns\.sql:3: .*"prize" not found/s],
  };

  test("each error has file and line, the others run, the run ends with 1 and adds no line to batch_log.txt", async () => {
    using folder = metricFolder({
      ...Object.fromEntries(Object.entries(BROKEN).map(([name, [sql]]) => [name, sql])),
      good: "SELECT count(*) AS ticks FROM ticks",
      many: `SELECT i FROM range(${2 * METRIC_ROWS_MAX}) AS r(i)`,
      "not a metric": "SELECT 1",
    });
    writeFileSync(join(folder.path, "UP.SQL"), "SELECT 1");
    const { code, json, stderr } = await run(folder.path);
    expect([code, json.metrics]).toEqual([1, Object.keys(BROKEN).length + 2]);
    expect(json.failed.map(({ metric }) => metric)).toEqual(Object.keys(BROKEN).sort());
    for (const { metric, error } of json.failed) {
      expect(error).toMatch(BROKEN[metric]![1]);
      expect(error).toStartWith(`${folder.path}/${metric}.sql:`);
      expect(stderr).toContain(error.split("\n")[0]!);
      expect(kept(metric)).toMatchObject({
        ok: 0,
        stale: 0,
        error,
        rows: "[]",
        sql: BROKEN[metric]![0].replaceAll("\r", "\n"),
      });
    }
    for (const name of ["not a metric.sql", "UP.SQL"])
      expect(stderr).toContain(
        `${name} is not a valid metric file: a name has letters, digits and _ only, and ends in .sql.`,
      );
    // Failing again doesn't make a last result that worked.
    const again = await run(folder.path);
    expect(again.code).toBe(1);
    for (const metric of Object.keys(BROKEN)) expect(kept(metric)).toMatchObject({ ok: 0, stale: 0 });
    expect(resultRows(data.path, "good")).toEqual([{ ticks: STORED_TICKS }]);
    expect(kept("many")).toMatchObject({ ok: 1, truncated: 1, row_count: METRIC_ROWS_MAX });
    const [last] = sqlite(data.path, "results.db", "SELECT * FROM runs ORDER BY run_id DESC LIMIT 1");
    expect(last).toMatchObject({ state: "done", failed: Object.keys(BROKEN).length, error: json.failed[0]!.error });
    expect(() => readFileSync(join(data.path, "batch_log.txt"))).toThrow("ENOENT");
  });

  test("a file broken by an edit keeps its last good rows, marked stale; fixed it is fresh; deleted it is gone", async () => {
    using folder = metricFolder({ one: "-- title: One\nSELECT 1 AS a", two: "SELECT 2 AS a" });
    await run(folder.path);
    const one = join(folder.path, "one.sql");
    writeFileSync(one, "SELECT 1 AS a,\n  prize FROM ticks");
    rmSync(join(folder.path, "two.sql"));
    expect((await run(folder.path)).code).toBe(1);
    expect(kept("one")).toMatchObject({ ok: 0, stale: 1, title: "One", rows: '[{"a":1}]' });
    expect(String(kept("one")!.error)).toStartWith(`${one}:2: `);
    expect(kept("two")).toBeUndefined();
    writeFileSync(one, "SELECT 3 AS a");
    expect((await run(folder.path)).code).toBe(0);
    expect(kept("one")).toMatchObject({ ok: 1, stale: 0, error: null, rows: '[{"a":3}]' });
  });

  test("values are exact: decimals as text, times in UTC with microseconds, integers beyond 2^53, nested ones", async () => {
    using folder = metricFolder({
      values: `SELECT CAST('12345678901234567890.123456789' AS DECIMAL(38, 9)) AS d, TIMESTAMP '2023-09-05 16:00:01.281719' AS t,
        DATE '2023-09-05' AS day, 9007199254740993 AS big, CAST(1 AS HUGEINT) << 100 AS huge, 0.1::DOUBLE + 0.2 AS f, NULL AS n,
        [1.50, 2] AS l, {'a': 'x', 'b': [true]} AS s, '=1+1' AS formula, 'a "b", c' AS quoted, -1.5 AS minus, 'nan'::DOUBLE AS nan`,
    });
    expect((await run(folder.path)).json.failed).toEqual([]);
    expect(resultRows<object>(data.path, "values")).toEqual([
      {
        d: "12345678901234567890.123456789",
        t: "2023-09-05T16:00:01.281719Z",
        day: "2023-09-05",
        big: "9007199254740993",
        huge: "1267650600228229401496703205376",
        f: 0.1 + 0.2,
        n: null,
        l: ["1.5", "2"],
        s: { a: "x", b: [true] },
        formula: "=1+1",
        quoted: 'a "b", c',
        minus: "-1.5",
        nan: "NaN",
      },
    ]);
    const [, row] = readFileSync(join(data.path, "batch_output/metrics/values.csv"), "utf8").split("\n");
    expect(row).toBe(
      `12345678901234567890.123456789,2023-09-05T16:00:01.281719Z,2023-09-05,9007199254740993,1267650600228229401496703205376,${0.1 + 0.2},,"[""1.5"",""2""]","{""a"":""x"",""b"":[true]}",'=1+1,"a ""b"", c",-1.5,NaN`,
    );
  });
});

test("the market summary's newest files are kept, and runs beyond the history's limit are gone", async () => {
  using data = await stored();
  const folder = join(data.path, "batch_output");
  mkdirSync(folder);
  const name = (i: number) => `market_summary_20230905T16${String(i).padStart(4, "0")}.000Z.csv`;
  for (let i = 0; i <= SUMMARY_FILES_MAX; i++) writeFileSync(join(folder, name(i)), "");
  writeFileSync(join(folder, "mine.csv"), "");
  expect((await batch(data.path, ["--metric", "market_summary"])).code).toBe(0);
  const old = (state: string, id: string) =>
    sqlite(
      data.path,
      "results.db",
      `INSERT INTO runs (run_id, state, pid, started_us) VALUES (${id}, '${state}', 1, 1)`,
    );
  const files = readdirSync(folder).filter((file) => file.startsWith("market_summary_"));
  expect([files.length, existsSync(join(folder, "mine.csv"))]).toEqual([SUMMARY_FILES_MAX, true]);
  expect(files.sort().slice(0, 2)).toEqual([name(2), name(3)]);
  expect(files.at(-1)).toStartWith(`market_summary_${new Date().getUTCFullYear()}`);
  old("done", String(RUNS_KEPT_MAX + 1));
  expect((await batch(data.path, ["--metric", "market_summary"])).code).toBe(0);
  expect(sqlite(data.path, "results.db", "SELECT run_id FROM runs")).toEqual(
    [RUNS_KEPT_MAX + 1, RUNS_KEPT_MAX + 2].map((run_id) => ({ run_id })),
  );
});

describe("what is refused", () => {
  const lines = readFileSync(join(import.meta.dir, "refused.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  const refused = lines.map((line) => JSON.parse(line) as { sql: string; error: string });

  test(`${refused.length} ways out of the archive, each refused with its reason; nothing is read, written or changed`, async () => {
    const archive = join(data.path, "archive");
    const name = (i: number) => `m${String(i).padStart(3, "0")}`;
    const here = (text: string) => text.replaceAll("ARCHIVE", archive);
    using good = metricFolder({ z_good: "SELECT count(*) AS ticks, max(utc(time_us)) = max(time) AS same FROM ticks" });
    await run(good.path);
    const before = Object.keys(filesBelow(join(archive, "ticks")));
    for (const [i, { sql }] of refused.entries()) writeFileSync(join(good.path, `${name(i)}.sql`), here(sql));
    const { json } = await run(good.path);
    const found = new Map(json.failed.map(({ metric, error }) => [metric, error]));
    const answers = refused.map(({ sql, error }, i) => ({
      sql,
      error: here(error),
      failed: found.get(name(i)) ?? "it ran",
    }));
    expect(answers.filter(({ error, failed }) => !failed.includes(error))).toEqual([]);
    expect(json.failed.length).toBe(refused.length);
    expect(resultRows<object>(data.path, "z_good")).toEqual([{ ticks: STORED_TICKS, same: true }]);
    expect(Object.keys(filesBelow(join(archive, "ticks")))).toEqual(before);
    expect(Object.keys(filesBelow(data.path)).filter((file) => /out\.|copy/.test(file))).toEqual([]);
  });

  test("a query without end is stopped at its limit, even inside one function's call, and the next one runs", async () => {
    const endless = [
      "SELECT count(*) FROM range(1000000000) a, range(1000000000) b",
      "WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t) SELECT max(i) FROM t",
      "SELECT sleep_ms(3600000)",
      "SELECT list_sum(list_transform(range(30000000), x -> list_sum(range(x)))) FROM range(1000)",
    ];
    using folder = metricFolder({ one: "SELECT 1" });
    await run(folder.path);
    const limits = [...endless.map(() => 300), 120_000].join();
    const { code, stdout } = await runToEnd(childOf("limited", [data.path, limits, ...endless, "SELECT 1 AS a"]));
    const stopped = "It was stopped after 0.3 s, the limit for one query.";
    expect([code, JSON.parse(stdout)]).toEqual([0, [...endless.map(() => stopped), [{ a: 1 }]]]);
  });
});
