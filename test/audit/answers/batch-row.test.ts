/** One-row answers of a batch: each is the table of one consumer after part of the log, or unexplained. */
import { describe, expect, test } from "bun:test";
import type { AuditColumn, AuditRecord } from "../../../scripts/audit/audit-types.ts";
import { auditBatchRow, type BatchRowReport, readAnswers } from "../../../scripts/audit/index.ts";
import { buySellRatio } from "../../../scripts/contract/thresholds.ts";
import { recordedLines, tempDir } from "../../support/data.ts";
import { NO_OPTIONS, recordsOf, ticker, written } from "../../support/foreign-answers.ts";
import { RECORDING as DISORDERED } from "../../support/lateness-cells.ts";

type Cells = Partial<Record<AuditColumn, string | null>>;

/** The replaced pipeline's own batch on Spark 4.3.0, over a table that its consumer filled. */
const SPARK = `avg_price,max_price,min_price,total_volume,trade_count,buy_count,sell_count,price_range,volatility_flag,market_sentiment,volume_spike,buy_sell_ratio
25770.84200772805,25828.51,25714.11,475.4209380700026,13199,6522,6677,114.39999999999782,High,Neutral,Spike,0.9767859802654096
`;

function report(records: readonly AuditRecord[], ...rows: Cells[]): BatchRowReport {
  const names = Object.keys(rows[0]!) as AuditColumn[];
  return auditBatchRow(records, {
    rows: rows.map((cells, i) => ({ cells, where: `row ${i + 1}` })),
    columns: names.map((name) => ({ name, theirs: name, type: "untyped" })),
    ignored: [],
    uncommitted: [],
  });
}

/** Outcome and reasons of one row. */
function judged(records: readonly AuditRecord[], cells: Cells): string {
  const [row] = report(records, cells).rows;
  return [row!.outcome, ...row!.reasons].join(" ");
}

interface Trade {
  price: number;
  size: number;
  side: string;
}

/** What a program with doubles makes of these trades; numbers in cents and 10^-8 are exact. */
function summary(trades: readonly Trade[]): Cells {
  const prices = trades.map(({ price }) => price);
  const [buys, sells] = ["buy", "sell"].map((side) => trades.filter((trade) => trade.side === side).length) as [
    number,
    number,
  ];
  return {
    trade_count: String(trades.length),
    buy_count: String(buys),
    sell_count: String(sells),
    avg_price: String(prices.reduce((a, b) => a + b, 0) / prices.length),
    max_price: String(Math.max(...prices)),
    min_price: String(Math.min(...prices)),
    price_range: String(Math.max(...prices) - Math.min(...prices)),
    total_volume: String(trades.reduce((sum, { size }) => sum + size, 0)),
    buy_sell_ratio: String(buySellRatio(buys, sells)),
  };
}

const LINES = Array.from({ length: 60 }, (_, i) =>
  ticker(i + 1, i, (100 + ((i * 37) % 50) / 100).toFixed(2), { last_size: "0.25" }),
);
const trade = (line: string): Trade => {
  const { price, last_size, side } = JSON.parse(line) as { price: string; last_size: string; side: string };
  return { price: Number(price), size: Number(last_size), side };
};
const TRADES = LINES.map(trade);

describe("the replaced pipeline's row on Spark", () => {
  const records = recordsOf(recordedLines(DISORDERED).filter((line) => line.endsWith("}")));

  test("is explained: a refused record counted (W5), sums of doubles (W1)", async () => {
    using folder = tempDir();
    written(folder.path, "part-00000.csv", SPARK);
    const found = await readAnswers(folder.path, { ...NO_OPTIONS, records });
    if (found.kind !== "batch_row") throw new Error(found.kind);
    const { rows, how, totals } = auditBatchRow(records, found.answers);
    expect(totals).toEqual({
      rows: 1,
      equal: 0,
      unexplained: 0,
      by_reason: [{ reason: "W5", rows: 1 }],
      uncommitted_rows: 0,
    });
    expect(how[0]).toContain(
      "stores what is not a trade if its numbers are numbers (W5), keeps the first record of a repeated id",
    );
    expect(rows[0]!.differences.map(({ column, reasons }) => `${column} ${reasons.join(" ")}`)).toEqual([
      "trade_count W5",
      "buy_count W5",
      "avg_price W5 W1",
      "price_range W1",
      "total_volume W5 W1",
      "buy_sell_ratio W5",
    ]);
    expect(rows[0]!.differences[0]!.exact).toBe("13198");
  });

  test("a last digit that only another order of adding makes is consistent, not explained", () => {
    const [names, values] = SPARK.trim()
      .split("\n")
      .map((line) => line.split(",")) as [AuditColumn[], string[]];
    const row = Object.fromEntries(names.map((name, i) => [name, values[i]!])) as Cells;
    for (const change of [{ avg_price: "25770.84200772806" }, { total_volume: "475.4209380700025" }]) {
      const [found] = report(records, { ...row, ...change }).rows;
      expect(found!.outcome).toBe("consistent");
      expect(found!.why).toStartWith(`${Object.keys(change)[0]}: only another order of adding`);
    }
  });

  test("each forged digit is refused", () => {
    const [names, values] = SPARK.trim()
      .split("\n")
      .map((line) => line.split(",")) as [AuditColumn[], string[]];
    const row = Object.fromEntries(names.map((name, i) => [name, values[i]!])) as Cells;
    expect(judged(records, row)).toBe("explained W5 W1");
    const forged: Cells[] = [
      { total_volume: "475.4209380800026" },
      { avg_price: "25770.8420082" },
      { max_price: "25828.52" },
      { buy_count: "6521", sell_count: "6678" },
      { price_range: "114.41" },
    ];
    for (const change of forged)
      expect(`${JSON.stringify(change)} ${judged(records, { ...row, ...change })}`).toContain("unexplained");
  });
});

describe("a row", () => {
  test("of exact decimals is equal, also of the first trades only; a repeated one does not count", () => {
    const records = recordsOf([...LINES.slice(0, 20), LINES[3]!, ...LINES.slice(20)]);
    for (const count of [20, 33, 60]) {
      const { rows } = report(records, { trade_count: `${count}`, total_volume: `${count * 0.25}`, min_price: "100" });
      expect(rows[0]).toMatchObject({ outcome: "equal", reasons: [], differences: [], read: { from: { offset: 0 } } });
      expect(rows[0]!.read!.to.offset).toBe(count === 20 ? 19 : count);
    }
  });

  test("W1: sums of doubles in any order, and no other digit", () => {
    const records = recordsOf(LINES);
    for (const trades of [TRADES, TRADES.toReversed(), TRADES.toSorted((a, b) => a.price - b.price)])
      expect(judged(records, summary(trades))).toMatch(/^explained W1$|^equal$/);
    expect(judged(records, { trade_count: "60", price_range: "0.4899999999999949" })).toBe("explained W1");
    expect(judged(records, { trade_count: "60", price_range: String(Math.fround(Math.fround(100.49) - 100)) })).toBe(
      "explained W1",
    );
    const average = Number(summary(TRADES).avg_price);
    expect(judged(records, { trade_count: "60", avg_price: String(average + 1e-11) })).toBe("unexplained");
  });

  test("each forged cell is refused", () => {
    const records = recordsOf(LINES);
    const row = { ...summary(TRADES), volatility_flag: "Normal", market_sentiment: "Bullish", volume_spike: "Normal" };
    expect(judged(records, row)).toMatch(/^explained W1$|^equal$/);
    const forged: Cells[] = [
      { min_price: "100.001" },
      { trade_count: "59" },
      { sell_count: "21" },
      { volatility_flag: "High" },
      { market_sentiment: "Neutral" },
      { volume_spike: "Spike" },
      { buy_sell_ratio: "1.9999" },
      { total_volume: null },
      { total_volume: "NaN" },
      { avg_price: "" },
    ];
    for (const change of forged)
      expect(`${JSON.stringify(change)} ${judged(records, { ...row, ...change })}`).toEndWith("unexplained");
  });

  test("W3: each repeat counted, or the last record of an id kept", () => {
    const conflict = ticker(9, 8, "100.11");
    const records = recordsOf([...LINES, LINES[3]!, conflict]);
    expect(judged(records, summary([...TRADES, TRADES[3]!, trade(conflict)]))).toStartWith("explained W3");
    const replaced = TRADES.map((each, i) => (i === 8 ? trade(conflict) : each));
    expect(judged(records, summary(replaced))).toStartWith("explained W3");
    expect(judged(records, summary([...TRADES, TRADES[4]!]))).toBe("unexplained");
  });

  test("W5: with the numbers of a refused record, or with its nulls", () => {
    const refused = ticker(900, 8, "100.11", { last_size: "-3" });
    const records = recordsOf([...LINES, refused]);
    expect(judged(records, summary([...TRADES, trade(refused)]))).toStartWith("explained W5");
    const nulls = recordsOf([...LINES, ticker(900, 8, "abc")]);
    const row = {
      ...summary(TRADES),
      trade_count: "61",
      total_volume: "15.5",
      buy_count: "40",
      buy_sell_ratio: null,
      sell_count: "21",
    };
    expect(judged(nulls, row)).toBe("unexplained");
    const counted = summary([...TRADES, { price: 100, size: 0.5, side: "sell" }]);
    expect(judged(nulls, { ...counted, avg_price: summary(TRADES).avg_price! })).toStartWith("explained W5");
    expect(judged(recordsOf(LINES), counted)).toBe("unexplained");
  });

  test("W10: read from a later offset to the end, and not in the middle", () => {
    expect(judged(recordsOf(LINES), summary(TRADES.slice(15)))).toStartWith("explained W10");
    expect(judged(recordsOf(LINES), summary(TRADES.slice(15, 40)))).toBe("unexplained");
  });

  test("the id alone as the key: trades of another product with the same ids are lost", () => {
    const eth = LINES.slice(0, 10).map((line) => line.replace("BTC-USD", "ETH-USD").replace("0.25", "7"));
    const records = recordsOf([...LINES, ...eth]);
    expect(judged(records, summary([...TRADES, ...eth.map(trade)]))).toMatch(/^explained W1$|^equal$/);
    // The table after the first 60 records is the same: the key is not needed to explain it.
    expect(judged(records, summary(TRADES))).toMatch(/^explained W1$|^equal$/);
    const mixed = recordsOf([...eth, ...LINES]);
    expect(judged(mixed, summary([...eth.map(trade), ...TRADES.slice(10)]))).toStartWith("explained key");
  });

  test("W13: trades of one time, price and size are one, and not where one of them alone is lost", () => {
    // Trades 11 to 14 are like 10; trade 21 is like 20 but for its size, 31 is like 30 but for its time.
    const like = (i: number, n: number, change: object = {}) =>
      JSON.stringify({ ...JSON.parse(LINES[i]!), trade_id: 900 + n, ...change });
    const twins = [1, 2, 3, 4].map((n) => like(9, n));
    const lines = [...LINES.slice(0, 30), ...twins, like(19, 5, { last_size: "0.5" }), ...LINES.slice(30)];
    const [records, all] = [recordsOf(lines), lines.map(trade)];
    const without = (...ids: number[]) => summary(all.filter((_, i) => !ids.includes(JSON.parse(lines[i]!).trade_id)));
    expect(judged(records, without(901, 902, 903, 904))).toStartWith("explained W13");
    expect(judged(records, without(901, 902, 903, 904, 905))).toStartWith("explained W13");
    expect(judged(records, without(901, 902, 903))).toBe("unexplained");
    expect(judged(records, without(901, 902, 903, 904, 20))).toBe("unexplained");
    // Of one pair alone a lost trade looks the same.
    const pair = [...LINES.slice(0, 30), twins[0]!, ...LINES.slice(30)];
    expect(judged(recordsOf(pair), summary(LINES.map(trade)))).toStartWith("consistent W13");
  });

  test("that lacks one trade names it, or those that it can be, and stays unexplained", () => {
    const sized = LINES.map((line, i) => line.replace('"0.25"', `"0.${250 + i}"`));
    const why = (lines: readonly string[], cells: Cells) => {
      const [row] = report(recordsOf(lines), cells).rows;
      return [row!.outcome, row!.why.split("reproduced. ")[1]];
    };
    const lost = (lines: readonly string[]) => summary(lines.filter((_, i) => i !== 17).map(trade));
    expect(why(sized, lost(sized))).toEqual(["unexplained", "As if 18 were missing."]);
    expect(why(sized, { ...lost(sized), min_price: "99" })).toEqual(["unexplained", undefined]);
    const { price, last_size, side } = JSON.parse(sized[17]!);
    const twin = sized.with(40, JSON.stringify({ ...JSON.parse(sized[40]!), price, last_size, side }));
    expect(why(twin, lost(twin))[1]).toBe("As if one of 2 trades were missing: 18, 41.");
  });

  test("one consumer explains all rows, or the others are unexplained", () => {
    const refused = ticker(900, 8, "100.11", { last_size: "-3" });
    const records = recordsOf([...LINES.slice(0, 30), refused, ...LINES.slice(30)]);
    const [skips, counts] = [summary(TRADES.slice(0, 40)), summary([...TRADES.slice(0, 50), trade(refused)])];
    const { totals } = report(records, counts, skips, summary([...TRADES, trade(refused)]));
    expect(totals).toMatchObject({ rows: 3, unexplained: 1 });
  });

  test("of an empty log", () => {
    expect(judged([], summary(TRADES))).toBe("unexplained");
    expect(judged([], { trade_count: "0", avg_price: null })).toBe("equal");
  });
});
