/** Columns that no usual name shows: pandas' levels, SQL's expressions, starts by value or by file. */
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { readAnswers } from "../../../scripts/audit/index.ts";
import { TidemarkError } from "../../../scripts/base/errors.ts";
import { tempDir } from "../../support/data.ts";
import { NO_OPTIONS, recordsOf, ticker, windowsOf, written } from "../../support/foreign-answers.ts";

const folder = tempDir();
afterAll(() => folder[Symbol.dispose]());

/** Two ticks, at 10:00:00 and 10:09:00. */
const records = recordsOf([ticker(1, 0, "100"), ticker(2, 540, "101")]);
let files = 0;
const read = async (text: string) =>
  windowsOf(await readAnswers(written(folder.path, `${files++}.csv`, text), { ...NO_OPTIONS, records }));
const kindOf = async (text: string) =>
  (await readAnswers(written(folder.path, `${files++}.csv`, text), { ...NO_OPTIONS, records })).kind;
const refused = (text: string) =>
  read(text).then(
    () => "nothing",
    (error) => (error instanceof TidemarkError ? error.message : String(error)),
  );
const columnsOf = ({ columns }: Awaited<ReturnType<typeof read>>) =>
  Object.fromEntries(columns.map(({ name, theirs }) => [name, theirs]));

const DATA = "2026-01-05 10:00:00+00:00,1,2,1.5,3,2\n2026-01-05 10:01:00+00:00,4,5,4.5,6,3\n";
const AGGREGATED = {
  min_price: "price_min",
  max_price: "price_max",
  avg_price: "price_mean",
  total_volume: "last_size_sum",
  trade_count: "trade_id_count",
};

describe("pandas' levels of columns", () => {
  test.each([
    ["with a line for the index", ",price,price,price,last_size,trade_id\n,min,max,mean,sum,count\ntime,,,,,\n"],
    ["with an index that has no name", ",price,price,price,last_size,trade_id\n,min,max,mean,sum,count\n"],
    ["after reset_index", "time,price,price,price,last_size,trade_id\n,min,max,mean,sum,count\n"],
  ])("%s", async (_, head) => {
    const answers = await read(head + DATA);
    expect(columnsOf(answers)).toEqual(AGGREGATED);
    expect(answers.rows.map(({ cells }) => cells.avg_price)).toEqual(["1.5", "4.5"]);
  });

  test("of unstack(), whose second level has a name, over epoch seconds", async () => {
    const answers = await read(",n,n\nside,buy,sell\nw,,\n1767607200,7,8\n1767607260,9,1\n");
    expect(columnsOf(answers)).toEqual({ buy_count: "n_buy", sell_count: "n_sell" });
    expect(answers.found_start).toBe('"w"');
  });

  test("not: a name twice with no second line of names, and a table of one level", async () => {
    expect(await refused(`time,price,price,a,b,c\n${DATA}`)).toContain('has two columns named "price"');
    // A row of words is a row: its start is missing.
    const words = "window_start,count,sentiment\n,,Neutral\n2026-01-05 10:00:00,3,Neutral\n";
    expect(await refused(words)).toContain("has no window_start");
    expect((await read(`,min,max,mean,volume,count\n${DATA}`)).rows).toHaveLength(2);
  });
});

test("what SQL, Spark and pandas call an aggregate", async () => {
  const names = "minute;count(DISTINCT trade_id);max(px);first(price);sum(qty);p_mean;id_max";
  const { columns } = await read(`${names}\n2026-01-05 10:00;2;3;4;5;6;7\n2026-01-05 10:01;2;3;4;5;6;7\n`);
  expect(columns.map(({ name }) => name).sort()).toEqual([
    "avg_price",
    "last_trade_id",
    "max_price",
    "open_price",
    "total_volume",
    "trade_count",
  ]);
  // Of two counts the ids come first; the other is listed.
  const twice = await read("minute,price_count,trade_id_nunique\n2026-01-05 10:00,3,2\n2026-01-05 10:01,3,2\n");
  expect([columnsOf(twice), twice.ignored]).toEqual([{ trade_count: "trade_id_nunique" }, ["price_count"]]);
});

describe("the start of windows by its values", () => {
  const rows = (...starts: string[]) => starts.map((start, i) => `${start},${i + 1},1.5\n`).join("");
  const HEAD = '"substr(time, 1, 16)",n,avg\n';

  test("right: multiples of one distance, in the time of the log", async () => {
    const answers = await read(HEAD + rows("2026-01-05 10:00", "2026-01-05 10:01", "2026-01-05 10:03"));
    expect(answers).toMatchObject({ found_start: '"substr(time, 1, 16)"', shape: { size_us: 60e6 } });
    expect((await read(`start,n,avg\n${rows("2026-01-05 10:00", "2026-01-05 10:01")}`)).found_start).toBeUndefined();
  });

  test("not: times of runs, times of another day, one row; two columns that could be it are refused", async () => {
    expect(await kindOf(HEAD + rows("2026-01-05 10:00:02", "2026-01-05 10:05:02", "2026-01-05 10:10:02"))).toBe(
      "batch_row",
    );
    expect(await kindOf(HEAD + rows("2026-02-05 10:00", "2026-02-05 10:01"))).toBe("batch_row");
    expect(await kindOf(HEAD + rows("2026-01-05 10:00"))).toBe("batch_row");
    const two = rows("2026-01-05 10:00,2026-01-05 10:01", "2026-01-05 10:01,2026-01-05 10:02");
    expect(await refused(`a,b,avg,x\n${two}`)).toContain("is recognised as the start of a window");
  });
});

describe("the start of windows by the names of the files", () => {
  const written_in = async (name: string, ...list: [string, string][]) => {
    for (const [file, text] of list) written(folder.path, join(name, file), text);
    return readAnswers(join(folder.path, name), { ...NO_OPTIONS, records });
  };
  const row = "count,avg\n3,1.5\n";

  test("right: each file is one window", async () => {
    const found = windowsOf(await written_in("w", ["2026-01-05T10-00.csv", row], ["2026-01-05T10-01.csv", row]));
    expect(found.rows.map(({ window_start_us }) => window_start_us / 60e6 - 29460120)).toEqual([0, 1]);
    expect(found.found_start).toBe("the names of the files");
    const plain = windowsOf(await written_in("p", ["w_20260105_1000.csv", row], ["w_20260105_1001.csv", row]));
    expect(plain.shape.size_us).toBe(60e6);
  });

  test("not: a file with two rows, a name without a time, a day that is none", async () => {
    const other = (name: string, file: string, text = row) =>
      written_in(name, ["2026-01-05T10-00.csv", row], [file, text]).then(({ kind }) => kind);
    expect(await other("two", "2026-01-05T10-01.csv", `${row}4,2.5\n`)).toBe("batch_row");
    expect(await other("plain", "part-00001.csv")).toBe("batch_row");
    expect(await other("day", "2026-02-30T10-01.csv")).toBe("batch_row");
  });
});
