/** Every kind of place gives the same answers for the same rows; what each kind has of its own. */
import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Answers, readAnswers, type TopicReader } from "../../../scripts/audit/index.ts";
import { tempDir } from "../../support/data.ts";
import { committedBatch, inDuckDb, NO_OPTIONS, topicOf, windowsOf, written } from "../../support/foreign-answers.ts";

const folder = tempDir();
afterAll(() => folder[Symbol.dispose]());

/** Three windows; the first was written twice (W9), a price is null. Numbers as their texts. */
const ROWS = [
  ["BTC-USD", "2026-01-05 10:00:00", "2026-01-05 10:01:00", 1, "25741.02", "8.5", "Normal"],
  ["BTC-USD", "2026-01-05 10:00:00", "2026-01-05 10:01:00", 238, "25741.03", "8.40453046", "High"],
  ["BTC-USD", "2026-01-05 10:01:00", "2026-01-05 10:02:00", 7, null, "0.0001", "Normal"],
  ["ETH-USD", "2026-01-05 10:00:00", "2026-01-05 10:01:00", 9, "1600.5", "12", "Normal"],
] as const;
const NAMES = [
  "product_id",
  "window_start",
  "window_end",
  "trade_count",
  "max_price",
  "total_volume",
  "volatility_flag",
];
const sqlRows = ROWS.map((row) => `(${row.map((cell) => (cell === null ? "NULL" : `'${cell}'`)).join(", ")})`).join(
  ", ",
);
const VALUES = `(VALUES ${sqlRows}) AS t(${NAMES.join(", ")})`;
const csvRow = (row: readonly unknown[]) => row.map((cell) => cell ?? "").join(",");
const json = (row: readonly unknown[], numbers: boolean) =>
  JSON.stringify(Object.fromEntries(row.map((cell, i) => [NAMES[i], cell]))).replace(
    /"(max_price|total_volume)":"([^"]*)"/g,
    numbers ? '"$1":$2' : "$&",
  );

/** Writes the rows to a place of its kind; returns the place, and the records of a topic. */
const KINDS: Record<string, (own: string) => Promise<string | TopicReader>> = {
  "one CSV": async (own) => written(own, "answers.csv", `${[NAMES.join(","), ...ROWS.map(csvRow)].join("\n")}\n`),
  "a CSV with a byte-order mark, CRLF and quotes": async (own) =>
    written(
      own,
      "a.csv",
      `\uFEFF${[NAMES, ...ROWS].map((row) => row.map((cell) => `"${cell ?? ""}"`).join(",")).join("\r\n")}`,
    ),
  "a CSV with semicolons and other names": async (own) =>
    written(
      own,
      "a.csv",
      ["Symbol;start;end;n;HIGH;Volume;volatility", ...ROWS.map((row) => row.map((cell) => cell ?? "").join(";"))].join(
        "\n",
      ),
    ),
  "a gzipped CSV": async (own) => written(own, "a.csv.gz", gzipSync([NAMES.join(","), ...ROWS.map(csvRow)].join("\n"))),
  "a folder as Spark writes it": async (own) => {
    written(own, "part-00000-z.csv", [NAMES.join(","), csvRow(ROWS[0])].join("\n"));
    written(own, "part-00000-a.csv", [NAMES.join(","), ...ROWS.slice(1).map(csvRow)].join("\n"));
    written(own, "part-00001-b.csv", "");
    written(own, ".part-00000-a.csv.crc", "crc");
    written(own, "_SUCCESS", "");
    committedBatch(own, "0", ["part-00000-z.csv"]);
    committedBatch(own, "1", ["part-00000-a.csv", "part-00001-b.csv"]);
    return own;
  },
  "a folder without a header line, partitioned by product": async (own) => {
    const part = (product: string) => ROWS.filter(([own]) => own === product).map((row) => csvRow(row.slice(1)));
    written(own, "product_id=BTC-USD/part-0.csv", part("BTC-USD").join("\n"));
    written(own, "product_id=ETH-USD/part-0.csv", part("ETH-USD").join("\n"));
    return own;
  },
  "a Parquet file": async (own) => {
    await inDuckDb([`COPY (${typed()}) TO '${own}/a.parquet' (FORMAT parquet)`]);
    return join(own, "a.parquet");
  },
  "a Parquet folder with a window struct": async (own) => {
    const select = `SELECT product_id, {'start': window_start, 'end': window_end} AS "window", * EXCLUDE (product_id, window_start, window_end) FROM (${typed()})`;
    await inDuckDb(
      [0, 1].map(
        (part) => `COPY (SELECT * FROM (${select}) LIMIT 2 OFFSET ${2 * part}) TO '${own}/part-${part}.parquet'`,
      ),
    );
    committedBatch(own, "1.compact", ["part-0.parquet", "part-1.parquet"]);
    return own;
  },
  "a table of a DuckDB file": async (own) => {
    const other = "CREATE TABLE settings (name VARCHAR, value INTEGER)";
    await inDuckDb([`CREATE TABLE answers AS ${typed()}`, other], `${own}/a.duckdb`);
    return join(own, "a.duckdb");
  },
  "a table of a SQLite file": async (own) => {
    const db = new Database(join(own, "a.db"));
    db.run("CREATE TABLE settings (name TEXT, value INTEGER)");
    db.run(
      `CREATE TABLE windows (product_id TEXT, window_start TEXT, window_end TEXT, trade_count INTEGER, max_price REAL, total_volume REAL, volatility_flag TEXT)`,
    );
    db.run(`INSERT INTO windows SELECT * FROM (VALUES ${sqlRows})`);
    db.close();
    return join(own, "a.db:windows");
  },
  "JSON lines": async (own) => written(own, "a.jsonl", ROWS.map((row) => json(row, true)).join("\n")),
  "a folder of JSON as Spark writes it, partitioned by product": async (own) => {
    const lines = (from: number, to: number) =>
      ROWS.slice(from, to).map((row) => json(row, true).replace(/"product_id":"[^"]*",/, ""));
    written(own, "product_id=BTC-USD/part-00000-z.json", lines(0, 1).join("\n"));
    written(own, "product_id=BTC-USD/part-00000-a.json", lines(1, 3).join("\n"));
    written(own, "product_id=ETH-USD/part-00001-b.json", lines(3, 4).join("\n"));
    written(own, "product_id=ETH-USD/part-00002-c.json", "");
    committedBatch(own, "0", ["product_id=BTC-USD/part-00000-z.json"]);
    committedBatch(own, "1", ["product_id=BTC-USD/part-00000-a.json", "product_id=ETH-USD/part-00001-b.json"]);
    return own;
  },
  "a topic of JSON texts": async () => () => topicOf(ROWS.map((row) => json(row, false))),
  "a topic of JSON numbers": async () => () => topicOf(ROWS.map((row) => json(row, true))),
  "a topic with windowed keys": async () => () =>
    topicOf(
      ROWS.map(([product, start, end, ...rest]) => {
        const [from, to] = [start, end].map((time) => Date.parse(`${time.replace(" ", "T")}Z`));
        const fields = Object.fromEntries(rest.map((cell, i) => [NAMES[i + 3]!, cell]));
        return { key: `[${product}@${from}/${to}]`, value: JSON.stringify(fields) };
      }),
    ),
};

/** The rows with declared types. */
function typed(): string {
  return `SELECT product_id, CAST(window_start AS TIMESTAMP) AS window_start, CAST(window_end AS TIMESTAMP) AS window_end,
    CAST(trade_count AS BIGINT) AS trade_count, CAST(max_price AS DOUBLE) AS max_price,
    CAST(total_volume AS DECIMAL(20, 8)) AS total_volume, volatility_flag FROM ${VALUES}`;
}

async function read(kind: string): Promise<Answers> {
  const own = mkdtempSync(join(folder.path, "kind-"));
  const place = await KINDS[kind]!(own);
  const columns = kind.includes("without a header") ? NAMES.slice(1) : null;
  if (typeof place === "string") return windowsOf(await readAnswers(place, { ...NO_OPTIONS, columns }));
  return windowsOf(await readAnswers("kafka://host/topic", NO_OPTIONS, place));
}

/** A declared scale adds zeros, an untyped cell of text does not. */
const plain = (rows: Answers["rows"]) =>
  rows.map(({ where, cells, ...row }) => {
    expect(where).not.toBe("");
    const values = Object.entries(cells).map(([name, cell]) => [
      name,
      cell?.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "") ?? null,
    ]);
    return { ...row, cells: Object.fromEntries(values) };
  });

describe("the same rows from", () => {
  const start_us = Date.UTC(2026, 0, 5, 10) * 1_000;
  const window = (product_id: string, minute: number) => ({
    product_id,
    window_start_us: start_us + minute * 60e6,
    window_end_us: start_us + (minute + 1) * 60e6,
  });
  const cells = (trade_count: string, max_price: string | null, total_volume: string, volatility_flag: string) => ({
    cells: { trade_count, max_price, total_volume, volatility_flag },
  });
  for (const kind of Object.keys(KINDS))
    test(kind, async () => {
      const { rows, superseded, uncommitted, shape } = await read(kind);
      expect(plain(rows)).toEqual([
        { ...window("BTC-USD", 0), ...cells("238", "25741.03", "8.40453046", "High") },
        { ...window("BTC-USD", 1), ...cells("7", null, "0.0001", "Normal") },
        { ...window("ETH-USD", 0), ...cells("9", "1600.5", "12", "Normal") },
      ]);
      expect(plain(superseded)).toEqual([{ ...window("BTC-USD", 0), ...cells("1", "25741.02", "8.5", "Normal") }]);
      expect(uncommitted).toEqual([]);
      expect(shape).toMatchObject({ size_us: 60e6, every_us: 60e6, offset_us: 0, shift_us: 0, zone: "UTC" });
    });
});

test("declared types stay, text is untyped, and words are text", async () => {
  const types = async (kind: string) => (await read(kind)).columns.map(({ type }) => type);
  expect(await types("a Parquet file")).toEqual(["integer", "float64", "decimal", "text"]);
  expect(await types("a table of a DuckDB file")).toEqual(["integer", "float64", "decimal", "text"]);
  expect(await types("a table of a SQLite file")).toEqual(["integer", "float64", "float64", "text"]);
  expect(await types("one CSV")).toEqual(["untyped", "untyped", "untyped", "text"]);
});

test("W11: files that no batch names are apart, also a cut one; copied times do not matter", async () => {
  const own = join(folder.path, "uncommitted");
  const file = (start: string, count: number) => `window_start,trade_count\n2026-01-05 10:0${start}:00,${count}\n`;
  written(own, "part-0.csv", file("0", 1));
  written(own, "part-1.csv", file("1", 2));
  written(own, "part-2.csv", `${file("1", 3)}2026-01-05 10:0`);
  written(own, "part-3.csv", file("0", 4));
  committedBatch(own, "8", ["gone-with-a-compaction/part-1.csv"]);
  committedBatch(own, "9.compact", ["part-3.csv", "part-1.csv"]);
  committedBatch(own, "10", ["part-0.csv"]);
  utimesSync(join(own, "part-0.csv"), 1, 1);
  const answers = windowsOf(await readAnswers(own, { ...NO_OPTIONS, window: { size_us: 60e6, every_us: 60e6 } }));
  expect(answers.rows.map(({ cells, where }) => [cells.trade_count, where])).toEqual([
    ["1", "part-0.csv:2"],
    ["2", "part-1.csv:2"],
  ]);
  expect(answers.superseded.map(({ where }) => where)).toEqual(["part-3.csv:2"]);
  expect(answers.uncommitted.map(({ where }) => where)).toEqual(["part-2.csv:2"]);
  expect(answers.notes![0]).toStartWith("the rest of part-2.csv");
});

test("W11 of a folder of JSON: whole rows of a cut file are apart", async () => {
  const own = join(folder.path, "cut-json");
  const line = (minute: number, count: number) => `{"start":"2026-01-05T10:0${minute}:00.000Z","count":${count}}\n`;
  written(own, "part-0.json", line(0, 1));
  written(own, "part-1.json", `${line(1, 2)}${line(2, 3)}{"start":"2026`);
  committedBatch(own, "0", ["part-0.json"]);
  const answers = windowsOf(await readAnswers(own, { ...NO_OPTIONS, window: { size_us: 60e6, every_us: 60e6 } }));
  expect(answers.rows.map(({ cells, where }) => [cells.trade_count, where])).toEqual([["1", "part-0.json row 1"]]);
  expect(answers.uncommitted.map(({ cells }) => cells.trade_count)).toEqual(["2", "3"]);
  expect(answers.notes![0]).toStartWith("the rest of part-1.json, which no batch committed:");
});

test("aggregates without a name of their own, as Spark, SQL and pandas call them", async () => {
  const read = async (name: string, header: string) => {
    const file = written(folder.path, name, `${header}\n2026-01-05 10:00:00,1,2,3,4,5\n`);
    const answers = windowsOf(await readAnswers(file, { ...NO_OPTIONS, window: { size_us: 60e6, every_us: 60e6 } }));
    return answers.columns.map(({ name }): string => name);
  };
  const names = ["trade_count", "avg_price", "max_price", "min_price", "total_volume"];
  expect(await read("s.csv", "start,count(1),avg(price),max(price),min(price),sum(last_size)")).toEqual(names);
  expect(await read("q.csv", "minute,count_star(),avg(price),max(price),min(price),sum(size)")).toEqual(names);
  expect(await read("p.csv", "time,trade_id_count,price_mean,price_max,price_min,last_size_sum")).toEqual(names);
});

test("rows of one window in several partitions: the later append is newer, within one the offset", async () => {
  const value = (count: number) => JSON.stringify({ windowStart: 1767607200000, windowEnd: 1767607260000, count });
  const records = topicOf([
    { partition: 0, offset: 5, appended_us: 300, value: value(1) },
    { partition: 1, offset: 9, appended_us: 900, value: value(2) },
    { partition: 0, offset: 6, appended_us: 100, value: value(3) },
    { partition: 1, offset: 10, value: null },
  ]);
  const { rows, superseded, notes } = windowsOf(await readAnswers("kafka://h/t", NO_OPTIONS, () => records));
  expect([...superseded, ...rows].map(({ cells }) => cells.trade_count)).toEqual(["1", "3", "2"]);
  expect(notes).toEqual(["1 records without a value"]);
});

test("numbers of JSON and integers of SQLite keep every digit", async () => {
  const value =
    '{"ts":1767607200,"n":18446744073709551617,"vwap":1.10,"high":1e3,"first_id":9007199254740993,"low":null,"v":"NaN"}';
  const window = { size_us: 60e6, every_us: 60e6 };
  const { rows } = windowsOf(await readAnswers("kafka://h/t", { ...NO_OPTIONS, window }, () => topicOf([value])));
  expect(rows[0]!.cells).toEqual({
    trade_count: "18446744073709551617",
    vwap: "1.10",
    max_price: "1e3",
    min_price: null,
    first_trade_id: "9007199254740993",
    total_volume: "NaN",
  });
  const file = join(folder.path, "ids.sqlite");
  const db = new Database(file);
  db.run("CREATE TABLE t (start INTEGER, end INTEGER, last_id INTEGER, high REAL)");
  db.run("INSERT INTO t VALUES (1767607200, 1767607260, 9007199254740993, 9e999)");
  db.close();
  const own = windowsOf(await readAnswers(file, NO_OPTIONS));
  expect(own.rows[0]!.cells).toEqual({ last_trade_id: "9007199254740993", max_price: "Infinity" });
});

test("32-bit floats of Parquet have their shortest text, NaN and infinities their usual one", async () => {
  const file = join(folder.path, "floats.parquet");
  await inDuckDb([
    `COPY (SELECT TIMESTAMPTZ '2026-01-05 10:00:00+00' + i * INTERVAL 1 MINUTE AS start, x AS high, CAST(x AS DOUBLE) AS low
     FROM (VALUES (0, CAST(1263.8086 AS FLOAT)), (1, CAST('nan' AS FLOAT)), (2, CAST('-inf' AS FLOAT))) t(i, x)) TO '${file}'`,
  ]);
  const { rows, columns, shape } = windowsOf(await readAnswers(file, NO_OPTIONS));
  expect(rows.map(({ cells }) => cells.max_price)).toEqual(["1263.8086", "NaN", "-Infinity"]);
  expect(rows[0]!.cells.min_price).toBe("1263.80859375");
  expect(columns.map(({ type }) => type)).toEqual(["float32", "float64"]);
  expect(shape.hasZone).toBe(true);
});

test("a file in a folder whose name has characters of a pattern", async () => {
  const own = join(folder.path, "a [b] *");
  mkdirSync(own);
  await inDuckDb([
    `COPY (SELECT 1767607200 + 60 * i AS ts, 1 AS n FROM range(3) t(i)) TO '${folder.path}/plain.parquet'`,
  ]);
  copyFileSync(join(folder.path, "plain.parquet"), join(own, "part-0.parquet"));
  expect(windowsOf(await readAnswers(own, NO_OPTIONS)).rows).toHaveLength(3);
});
