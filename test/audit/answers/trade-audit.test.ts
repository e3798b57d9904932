/** A table of trades against the log: each missing, surplus or altered one is named with its reason. */
import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { AuditRecord } from "../../../scripts/audit/audit-types.ts";
import { auditTrades, readAnswers, type TradesReport } from "../../../scripts/audit/index.ts";
import { tempDir } from "../../support/data.ts";
import { inDuckDb, NO_OPTIONS, recordsOf, ticker, written } from "../../support/foreign-answers.ts";

const folder = tempDir();
afterAll(() => folder[Symbol.dispose]());

interface Fields {
  trade_id: number;
  price: string;
  best_bid: string;
  best_ask: string;
  side: string;
  time: string;
  last_size: string;
}
const LINES = Array.from({ length: 40 }, (_, i) => ticker(i + 1, i + i / 1e6, (100 + i / 100).toFixed(2)));
const fields = (line: string) => JSON.parse(line) as Fields;

let tables = 0;
/** The replaced pipeline's table with a row per message, as its consumer converts them. */
function table(
  lines: readonly string[],
  change: (row: Fields) => Partial<Record<keyof Fields, unknown>> = () => ({}),
): string {
  const file = join(folder.path, `${tables++}.db`);
  const db = new Database(file);
  db.run(
    "CREATE TABLE btc_prices (trade_id INTEGER PRIMARY KEY, price REAL, best_bid REAL, best_ask REAL, side TEXT, time TEXT, last_size REAL)",
  );
  const insert = db.prepare("INSERT OR IGNORE INTO btc_prices VALUES (?, ?, ?, ?, ?, ?, ?)");
  db.transaction(() => {
    for (const line of lines) {
      const row = { ...fields(line), ...change(fields(line)) };
      insert.run(
        ...([row.trade_id, row.price, row.best_bid, row.best_ask, row.side, row.time, row.last_size] as never[]),
      );
    }
  })();
  db.close();
  return file;
}

async function audited(records: readonly AuditRecord[], place: string): Promise<TradesReport> {
  const found = await readAnswers(place, { ...NO_OPTIONS, records });
  if (found.kind !== "trades") throw new Error(found.kind);
  return auditTrades(records, found.answers);
}

/** Each named trade in a few words. */
const named = ({ trades }: TradesReport) =>
  trades.map(({ trade_id, what, reason }) => `${trade_id} ${what} ${reason ?? "unexplained"}`);
const judged = async (lines: readonly string[], place: string) => named(await audited(recordsOf(lines), place));

describe("btc_prices", () => {
  test("with every trade is equal, repeats in the log or not; ids in 64 bits", async () => {
    const large = ticker(2 ** 53 - 1, 50, "100.5");
    const lines = [...LINES, LINES[4]!, large];
    const found = await audited(recordsOf(lines), table([...LINES, large]));
    expect(found.totals).toEqual({
      rows: 41,
      expected: 41,
      equal: 41,
      missing: 0,
      surplus: 0,
      altered: 0,
      unexplained: 0,
      consistent: 0,
      by_reason: [],
    });
    expect(found.columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      "price float64",
      "last_size float64",
      "side text",
      "time text",
      "best_bid float64",
      "best_ask float64",
    ]);
  });

  test("W13: trades of one time, price and size are one row, the first or the last", async () => {
    const like = (i: number, id: number) => LINES[i]!.replace(`"trade_id":${i + 1},`, `"trade_id":${id},`);
    const lines = [...LINES.slice(0, 20), like(4, 901), like(4, 902), like(9, 903), ...LINES.slice(20)];
    const kept = (...lost: number[]) => table(lines.filter((line) => !lost.includes(fields(line).trade_id)));
    expect(await judged(lines, kept(901, 902, 903))).toEqual(["901 missing W13", "902 missing W13", "903 missing W13"]);
    expect(await judged(lines, kept(5, 901, 10))).toEqual(["5 missing W13", "10 missing W13", "901 missing W13"]);
    // Not: one set has two rows; of one set the first, of another the last; another trade is lost.
    expect(await judged(lines, kept(901, 903))).toEqual(["901 missing unexplained", "903 missing unexplained"]);
    expect(await judged(lines, kept(901, 902, 10))).toContain("10 missing unexplained");
    expect(await judged(lines, kept(901, 902, 903, 30))).toContain("30 missing unexplained");
    const pair = lines.filter((line) => ![901, 902].includes(fields(line).trade_id));
    expect(await judged(pair, kept(901, 902, 903))).toEqual(["903 missing unexplained"]);
  });

  test("a lost trade, an invented one and an altered digit are unexplained", async () => {
    const found = table(
      LINES.filter((_, i) => i !== 10),
      ({ trade_id, price }) => (trade_id === 20 ? { price: `${price}1` } : trade_id === 30 ? { trade_id: 777 } : {}),
    );
    const report = await audited(recordsOf(LINES), found);
    expect(named(report).sort()).toEqual([
      "11 missing unexplained",
      "20 altered unexplained",
      "30 missing unexplained",
      "777 surplus unexplained",
    ]);
    expect(report.totals).toMatchObject({ unexplained: 4, equal: 37 });
    const altered = report.trades.find(({ what }) => what === "altered")!;
    expect(altered.differences).toEqual([{ column: "price", theirs: "100.191", exact: "100.19" }]);
    expect(altered).toMatchObject({ position: { partition: 0, offset: 19 }, where: "btc_prices row 19" });
  });

  test("every column counts: side, time, size, quotes", async () => {
    const changes: Partial<Fields>[] = [
      { side: "sell" },
      { time: fields(LINES[30]!).time },
      { last_size: "0.50000001" },
      { best_bid: "98" },
      { best_ask: "102" },
    ];
    for (const change of changes)
      expect(
        await judged(
          LINES,
          table(LINES, ({ trade_id }) => (trade_id === 1 ? change : {})),
        ),
      ).toEqual(["1 altered unexplained"]);
  });

  test("W1: numbers of 32 bits in the whole table, and not in one row", async () => {
    const large = LINES.map((line) => line.replace('"price":"100', '"price":"25741'));
    const float = ({ price }: Fields) => ({ price: Math.fround(Number(price)) });
    const all = await audited(recordsOf(large), table(large, float));
    expect(all.totals).toMatchObject({ unexplained: 0, altered: 38, by_reason: [{ reason: "W1", trades: 38 }] });
    expect(
      await judged(
        large,
        table(large, (row) => (row.trade_id === 7 ? float(row) : {})),
      ),
    ).toEqual(["7 altered unexplained"]);
    const forged = table(large, (row) => (row.trade_id === 7 ? { price: Number(row.price) + 0.01 } : float(row)));
    expect((await judged(large, forged))[0]).toBe("7 altered unexplained");
  });

  test("W3: the last record of a repeated id replaces the first, in each row or in none", async () => {
    const conflicts = [ticker(5, 4.000004, "1.00"), ticker(9, 8.000008, "2.00"), ticker(13, 12.000012, "3.00")];
    const lines = [...LINES, ...conflicts];
    const last = new Map(lines.map((line) => [fields(line).trade_id, line]));
    expect(await judged(lines, table([...last.values()]))).toEqual(["5 altered W3", "9 altered W3", "13 altered W3"]);
    expect(await judged(lines, table(LINES))).toEqual([]);
    expect(
      await judged(
        lines,
        table(LINES, ({ trade_id }) => (trade_id === 9 ? { price: "2.00" } : {})),
      ),
    ).toEqual(["9 altered unexplained"]);
  });

  test("W5: a refused record that was stored, with its values and not with others", async () => {
    const refused = [ticker(900, 8, "100.11", { last_size: "-3" }), ticker(901, 9, "abc")];
    const lines = [...LINES.slice(0, 20), ...refused, ...LINES.slice(20)];
    expect(await judged(lines, table(lines))).toEqual(["900 surplus W5", "901 surplus W5"]);
    expect(
      await judged(
        lines,
        table(lines, ({ trade_id }) => (trade_id === 900 ? { last_size: "3" } : {})),
      ),
    ).toEqual(["900 surplus unexplained", "901 surplus W5"]);
  });

  test("W6: an id of 32 bits is the trade that it was cut from, if the values are its", async () => {
    const id = 2 ** 32 + 55;
    const lines = [...LINES, ticker(id, 60, "100.77"), ticker(id + 2 ** 31, 61, "100.78")];
    const cut = ({ trade_id }: Fields) => ({ trade_id: trade_id | 0 });
    expect(await judged(lines, table(lines, cut))).toEqual([`${(id + 2 ** 31) | 0} altered W6`, "55 altered W6"]);
    const other = table(lines, (row) => ({ ...cut(row), ...(row.trade_id === id ? { price: "1" } : {}) }));
    expect((await judged(lines, other)).slice(0, 2)).toEqual(["55 surplus unexplained", `${id} missing unexplained`]);
  });

  test("W7: times of a zone, or cut to ms, in all rows; one moved time is unexplained", async () => {
    const moved = ({ time }: Fields) => ({ time: time.replace("T10:", "T15:") });
    const zone = await audited(recordsOf(LINES), table(LINES, moved));
    expect(zone.totals).toMatchObject({ unexplained: 0, by_reason: [{ reason: "W7", trades: 40 }] });
    expect(zone.how).toEqual(["Times differ by 18000 s from UTC."]);
    const cut = await audited(
      recordsOf(LINES),
      table(LINES, ({ time }) => ({ time: `${time.slice(0, 23)}Z` })),
    );
    expect(cut.totals).toMatchObject({ unexplained: 0, equal: 1 });
    expect(
      await judged(
        LINES,
        table(LINES, (row) => (row.trade_id === 3 ? moved(row) : {})),
      ),
    ).toEqual(["3 altered unexplained"]);
  });

  test("W10: trades before the table's first; after its newest nothing can decide", async () => {
    const report = await audited(recordsOf(LINES), table(LINES.slice(2, 38)));
    expect(named(report)).toEqual(["1 missing W10", "2 missing W10", "39 missing behind", "40 missing behind"]);
    expect(report.totals).toMatchObject({ unexplained: 0, consistent: 2, missing: 4 });
  });

  test("ids of a second product: the first stays, or the other is there instead", async () => {
    const eth = LINES.slice(0, 3).map((line) => line.replace("BTC-USD", "ETH-USD").replace('"0.5"', '"7"'));
    const first = await audited(recordsOf([...LINES, ...eth]), table(LINES));
    expect(named(first)).toEqual(["1 missing key", "2 missing key", "3 missing key"]);
    expect(first.trades[0]!.product_id).toBe("ETH-USD");
    expect(await judged([...eth, ...LINES], table([...eth, ...LINES]))).toEqual([
      "1 missing key",
      "2 missing key",
      "3 missing key",
    ]);
    expect(await judged([...LINES, ...eth], table(LINES.slice(1)))).toContain("1 missing W10");
  });

  test("messages without quotes: skipped by all of their consumer, or lost", async () => {
    const bare = ticker(100, 20, "100.2", { best_bid: undefined, best_ask: undefined });
    const lines = [...LINES.slice(0, 20), bare, ticker(101, 20, "100.2", { best_bid: undefined }), ...LINES.slice(20)];
    expect(await judged(lines, table(LINES))).toEqual(["100 missing quotes", "101 missing quotes"]);
    expect(await judged(lines, table([...LINES, bare]))).toEqual(["101 missing unexplained"]);
  });

  test("NULL cells and a NULL id", async () => {
    const csv = [
      "trade_id,price,size,side",
      ...LINES.map(fields).map((row) => `${row.trade_id},${row.trade_id === 4 ? "" : row.price},0.5,${row.side}`),
      ",1,1,buy",
    ];
    expect(await judged(LINES, written(folder.path, "nulls.csv", csv.join("\n")))).toEqual([
      "4 altered unexplained",
      "null surplus unexplained",
    ]);
  });

  test("lists are bounded, totals are not", async () => {
    const lines = Array.from({ length: 700 }, (_, i) => ticker(i + 1, i, "100"));
    const { trades, totals } = await audited(recordsOf(lines), table([lines[0]!, lines[699]!]));
    expect(trades).toHaveLength(200);
    expect(totals).toMatchObject({ missing: 698, unexplained: 698 });
  });
});

test("a Parquet table with a product column and timestamps: ids of two products are apart", async () => {
  const eth = LINES.slice(0, 3).map((line) => line.replace("BTC-USD", "ETH-USD"));
  const rows = [...LINES, ...eth].map((line) => {
    const { trade_id, price, side, time, last_size } = fields(line);
    return `('${line.includes("ETH") ? "ETH-USD" : "BTC-USD"}', ${trade_id}, ${price}, '${side}', TIMESTAMPTZ '${time}', ${last_size})`;
  });
  const file = join(folder.path, "trades.parquet");
  await inDuckDb([
    `COPY (SELECT * FROM (VALUES ${rows.join(", ")}) AS t(symbol, id, price, side, ts, size)) TO '${file}'`,
  ]);
  expect((await audited(recordsOf([...LINES, ...eth]), file)).totals).toMatchObject({
    rows: 43,
    equal: 43,
    unexplained: 0,
  });
});
