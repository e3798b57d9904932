/** Odd and unclear columns and cells of answers: read right, or a plain sentence. */
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type AnswerOptions, readAnswers } from "../../../scripts/audit/index.ts";
import { tempDir } from "../../support/data.ts";
import { NO_OPTIONS, recordedHour, refusalOf, topicOf, windowsOf, written } from "../../support/foreign-answers.ts";

const folder = tempDir();
afterAll(() => folder[Symbol.dispose]());

const HEAD = "window_start,window_end,trade_count,avg_price\n";
const ROW = "2026-01-05 10:00:00,2026-01-05 10:01:00,3,1.5\n";
const NEXT = "2026-01-05 10:01:00,2026-01-05 10:02:00,4,2.5\n";

let files = 0;
const csv = (text: string) => written(folder.path, `${files++}.csv`, text);
const own = () => join(folder.path, `folder-${files++}`);

const refused = (place: string, options?: Partial<AnswerOptions>) => refusalOf(folder.path, place, options);
const read = async (place: string, options: Partial<AnswerOptions> = {}) =>
  windowsOf(await readAnswers(place, { ...NO_OPTIONS, ...options }));
const MINUTE = { window: { size_us: 60e6, every_us: 60e6 } };

describe("columns", () => {
  test("unknown ones are named with the flag to use; mapped ones are read", async () => {
    const odd = csv("when,trade_count,color\n2026-01-05 10:00:00,3,red\n");
    expect(await refused(odd)).toContain("USAGE (2): No column of");
    expect(await refused(odd)).toContain(
      "is recognised as the start of a window. Its columns: when, trade_count, color. Name one with --map theirs=window_start.",
    );
    const { columns, ignored } = await read(odd, { ...MINUTE, map: ["when=window_start"] });
    expect(columns).toEqual([{ name: "trade_count", theirs: "trade_count", type: "untyped" }]);
    expect(ignored).toEqual(["color"]);
    expect(await refused(csv("window_start,color\n2026-01-05,red\n"))).toContain(
      "Name one with --map theirs=avg_price.",
    );
  });

  test("ambiguous ones; the surest name wins without a flag", async () => {
    const two = csv("bucket,minute,n,count\n2026-01-05 10:00:00,2026-01-05 10:00:00,3,4\n");
    expect(await refused(two)).toContain("bucket and minute could each be window_start.");
    expect(await refused(two, { map: ["bucket=window_start"] })).toContain(
      "n and count could each be trade_count. The answer's columns: bucket, minute, n, count. Name one with --map n=trade_count, or leave one out with --map count=ignored.",
    );
    const { rows, ignored } = await read(two, { ...MINUTE, map: ["bucket=window_start", "n=ignored"] });
    expect(rows[0]!.cells).toEqual({ trade_count: "4" });
    expect(ignored).toEqual(["minute", "n"]);
    const sure = await read(csv("timestamp,windowStart,Trade Count,count\nx,2026-01-05 10:00:00,3,4\n"), MINUTE);
    expect(sure.rows[0]!.cells).toEqual({ trade_count: "3" });
    expect(sure.ignored).toEqual(["timestamp", "count"]);
  });

  test("an index without a name as pandas writes it, spaces, names that begin with a digit", async () => {
    const file = csv(",ts,n, 24h_volume\n0, 2026-01-05 10:00:00, 3,9\n");
    const { rows, ignored } = await read(file, MINUTE);
    expect(rows[0]).toMatchObject({ window_start_us: 1767607200e6, cells: { trade_count: "3" } });
    expect(ignored).toEqual(["column 1", "24h_volume"]);
    expect((await read(file, { ...MINUTE, map: ["24h_volume=total_volume"] })).rows[0]!.cells.total_volume).toBe("9");
  });

  test("products: our names are found, a row without one is refused, a column without any is none", async () => {
    const records = recordedHour();
    const text = (name: string) => csv(`ts,n,pair\n2026-01-05 10:00:00,3,${name}\n2026-01-05 10:01:00,3,btc/usd\n`);
    const { rows } = await read(text("BTCUSD"), { ...MINUTE, records });
    expect(rows.map(({ product_id }) => product_id)).toEqual(["BTC-USD", "BTC-USD"]);
    expect(await refused(text(""), { ...MINUTE, records })).toMatch(
      /csv:2 has no product, other rows have one\..*--map pair=ignored/,
    );
    const none = await read(csv("ts,n,pair\n2026-01-05 10:00:00,3,\n"), MINUTE);
    expect(none.rows[0]!.product_id).toBeNull();
  });

  test("OHLCV by one letter each", async () => {
    const { rows } = await read(csv("t,o,h,l,c,v,n,vw\n1767607200000,1,4,0.5,2,10,3,9\n"), MINUTE);
    expect(rows[0]).toMatchObject({
      window_start_us: 1767607200e6,
      cells: {
        open_price: "1",
        max_price: "4",
        min_price: "0.5",
        close_price: "2",
        total_volume: "10",
        trade_count: "3",
      },
    });
  });

  test("--map that names nothing, or twice", async () => {
    const file = csv(HEAD + ROW);
    expect(await refused(file, { map: ["x"] })).toContain(
      'USAGE (2): --map x does not name a column of ours after "=".',
    );
    expect(await refused(file, { map: ["avg_price=midpoint"] })).toContain(
      "--map avg_price=midpoint does not name a column of ours",
    );
    expect(await refused(file, { map: ["x=vwap"] })).toContain(
      '--map names the column "x", which the answer does not have.',
    );
    expect(await refused(file, { map: ["avg_price=vwap", "trade_count=vwap"] })).toContain("Map each column once.");
  });

  test("--map takes our usual names too", async () => {
    const file = csv("t0,t1,k\n2026-01-05 10:00:00,x,7\n");
    const { rows } = await read(file, { ...MINUTE, map: ["t0=minute", "k=num_trades", "t1=ignored"] });
    expect(rows[0]!.cells).toEqual({ trade_count: "7" });
    expect((await read(file, { ...MINUTE, map: ["t0=time", "k=n"] })).rows).toHaveLength(1);
  });

  test("--window that is longer than the distance of the rows", async () => {
    const file = csv(`n,start\n1,2026-01-05 10:00:00\n2,2026-01-05 10:01:00\n3,2026-01-05 10:02:00\n`);
    expect(await refused(file, { window: { size_us: 300e6, every_us: 300e6 } })).toContain(
      "USAGE (2): The rows are 1m apart, and windows that begin every 5m are not. Use --window 1m, or --every 1m",
    );
    expect((await read(file, { window: { size_us: 300e6, every_us: 60e6 } })).rows).toHaveLength(3);
  });

  test("a duplicated header, no header, other columns in another file", async () => {
    expect(await refused(csv(`window_start,n,n\n${ROW}`))).toContain('has two columns named "n".');
    const bare = csv(ROW + NEXT);
    expect(await refused(bare)).toContain(
      `USAGE (2): ${bare.split("/").at(-1)} has no header line: it begins with 2026-01-05 10:00:00,`,
    );
    expect((await read(bare, { columns: HEAD.trim().split(",") })).rows).toHaveLength(2);
    expect(await refused(csv(HEAD + ROW), { columns: HEAD.trim().split(",") })).toMatch(
      /^USAGE \(2\): \d+\.csv has a header line\. Leave --columns out\./,
    );
    expect(await refused(csv(HEAD + ROW), { columns: ["window_start", "x", "y", "z"] })).toContain("No column of");
    expect(await refused(csv(HEAD + ROW), { columns: ["window_start", "b", "n", "d"] })).toContain(
      'window_start is "window_start" at',
    );
    expect(await refused(bare, { columns: ["window_start", "n"] })).toContain("has 4 cells instead of 2.");
    const mixed = own();
    written(mixed, "a.csv", HEAD + ROW);
    written(
      mixed,
      "b.csv",
      "window_end,window_start,avg_price,trade_count\n2026-01-05 10:02:00,2026-01-05 10:01:00,2.5,4\n",
    );
    expect((await read(mixed)).rows.map(({ cells }) => cells)).toEqual([
      { trade_count: "3", avg_price: "1.5" },
      { trade_count: "4", avg_price: "2.5" },
    ]);
    written(mixed, "c.csv", "window_start,n\n");
    expect(await refused(mixed)).toContain(
      "c.csv has the columns window_start, n, other files have window_start, window_end",
    );
  });
});

describe("cells", () => {
  test("a line that was cut, a quote that does not close, text after a quote", async () => {
    expect(await refused(csv(`${HEAD}${ROW}2026-01-05 10:01`))).toMatch(/\d+\.csv:3 has 1 cells instead of 4\./);
    expect(await refused(csv(`${HEAD}"2026-01-05 10:00:00,`))).toMatch(/\d+\.csv:2 has a quote that does not close\./);
    expect(await refused(csv(`${HEAD}"2026"x,1,2,3\n`))).toMatch(/\d+\.csv:2 has text after a closing quote\./);
  });

  test("line breaks and quotes in quotes, blank lines, no line break at the end", async () => {
    const text = `product,${HEAD}\n"a ""b""\nc",${ROW}\n"d",${NEXT.trim()}`;
    expect((await read(csv(text))).rows.map(({ product_id, where }) => [product_id, where.split(":")[1]])).toEqual([
      ['a "b"\nc', "3"],
      ["d", "6"],
    ]);
  });

  test("NULL: a value is null, a start is refused", async () => {
    const { rows } = await read(csv(`${HEAD}2026-01-05 10:00:00,,"",\n`), MINUTE);
    expect(rows[0]).toMatchObject({ window_end_us: null, cells: { trade_count: null, avg_price: null } });
    expect(await refused(csv(`${HEAD}${ROW},2026-01-05 10:02:00,1,1\n`))).toContain(".csv:3 has no window_start.");
  });

  test("times of every kind are one time", async () => {
    const at = [
      "1767607200",
      "1767607200000",
      "1767607200000000",
      "1767607200000000000",
      "1767607200.0",
      "1.7676072E9",
      "1.7676072e+12",
      "2026-01-05T10:00:00",
      "2026-01-05 10:00",
      "2026-01-05 10:00:00.000000000",
      "2026-01-05T10:00:00.000Z",
      "2026-01-05T10:00Z",
      "2026-01-05T15:30:00+05:30",
      "2026-01-05 15:30:00.000+0530",
      "2026-01-05T02:00:00-08",
      "2026-01-05 10:00:00 UTC",
      "2026-01-05T11:00:00+01:00[Europe/Berlin]",
    ];
    for (const time of at) {
      const { rows, shape } = await read(csv(`ts,n\n${time},1\n`), MINUTE);
      expect([time, rows[0]!.window_start_us]).toEqual([time, 1767607200e6]);
      expect([time, shape.hasZone]).toEqual([time, !/^2026-01-05[T ]10:00(:00)?(\.0+)?$/.test(time)]);
    }
    const fractions = await read(csv("ts,n\n1767607200.1234567,1\n1767607260.123456,1\n"), MINUTE);
    expect(fractions.rows.map(({ window_start_us }) => window_start_us % 1e6)).toEqual([123_456, 123_456]);
  });

  test("a window as text: Spark's cast, old and new, and an interval of pandas", async () => {
    for (const [open, close] of ["{}", "[]", "[)"].map((pair) => [pair[0], pair[1]])) {
      const text = `${open}2026-01-05 10:00:00, 2026-01-05 10:01:00${close}`;
      const { rows, ignored } = await read(csv(`n,window,x\n3,"${text}",1\n`));
      expect(rows[0]).toMatchObject({
        window_start_us: 1767607200e6,
        window_end_us: 1767607260e6,
        cells: { trade_count: "3" },
      });
      expect(ignored).toEqual(["x"]);
      expect(await refused(csv(`n,window\n3,"${text}"\n4,soon\n`))).toContain(
        'window.start (window_start) is "soon" at',
      );
    }
  });

  test("what is not a time, or is one with and without a zone", async () => {
    for (const time of [
      "soon",
      "2026-02-31 10:00:00",
      "20260105100000",
      "12",
      "2026-01-05T10:00:00+99:99",
      "NaN",
      "1e400",
    ])
      expect(await refused(csv(`window_start,n\n${time},1\n`), MINUTE)).toContain(
        `window_start is ${JSON.stringify(time)} at`,
      );
    expect(await refused(csv("ts,n\n2026-01-05 10:00:00,1\n2026-01-05 10:01:00Z,1\n"), MINUTE)).toMatch(
      /ts \(window_start\) names a zone at \d+\.csv:3 \(2026-01-05 10:01:00Z\) and none at \d+\.csv:2 \(2026-01-05 10:00:00\)/,
    );
    expect(await refused(csv("ts,n\n1767607200,1\n2026-01-05 10:01:00,1\n"), MINUTE)).toContain(
      'ts (window_start) is "2026-01-05 10:01:00" at',
    );
  });

  test("a topic's value that is not JSON, or not an object", async () => {
    const topic = (value: string) => readAnswers("kafka://h/t", NO_OPTIONS, () => topicOf(['{"ts":1}', value]));
    await expect(topic("rubbish")).rejects.toThrow("The record at partition 0 offset 1 of kafka://h/t is not JSON");
    await expect(topic("[1]")).rejects.toThrow(
      "The record at partition 0 offset 1 of kafka://h/t is not a JSON object.",
    );
    const connect = '{"schema":{},"payload":{"window":{"start":1767607200000,"end":1767607260000},"count":3}}';
    const found = windowsOf(await readAnswers("kafka://h/t", NO_OPTIONS, () => topicOf([connect])));
    expect(found.rows[0]).toMatchObject({ window_end_us: 1767607260e6, cells: { trade_count: "3" } });
  });

  test("--window leaves rows of other sizes out, and reports how many", async () => {
    const file = csv(`${HEAD}${ROW}${NEXT}2026-01-05 10:00:00,2026-01-05 10:05:00,7,2\n`);
    expect(await refused(file)).toContain(
      "USAGE (2): The answer has windows of several sizes (1m: 2 rows, 5m: 1 rows;",
    );
    const { rows, notes } = await read(file, MINUTE);
    expect(rows).toHaveLength(2);
    expect(notes).toEqual(["1 rows of windows of other sizes"]);
    expect(await refused(file, { window: { size_us: 1e6, every_us: 1e6 } })).toContain("has no window of 1s.");
  });
});
