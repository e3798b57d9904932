/** The input of an audit: every kind of file and log gives the same records for the recorded hour. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { AuditRecord } from "../../scripts/audit/index.ts";
import { fileRecords, parseTickMap, recordsOfLog, tickSource } from "../../scripts/audit/index.ts";
import { dataPaths } from "../../scripts/base/data-dir.ts";
import { formatDecimal } from "../../scripts/base/decimal.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import { wholeLog } from "../../scripts/log/index.ts";
import { filesBelow, fillLog, quiet, RECORDING, ROOT, recordedLines, tempDir } from "../support/data.ts";
import { evaluate } from "../support/process.ts";

setDefaultTimeout(120_000);

const DISORDERED = join(ROOT, "data/recordings/coinbase-btc-usd-2023-09-05T16-disordered.jsonl.gz");
const none = { columns: null, mapped: {}, product: null };
const dir = tempDir();
afterAll(() => dir[Symbol.dispose]());

async function read(path: string, options: Partial<typeof none> & { map?: string[] } = {}): Promise<AuditRecord[]> {
  const source = tickSource(path);
  if (source.kind === "log") throw new Error("not a file");
  if (source.kind === "embedded") return recordsOfLog(path, wholeLog("embedded:", dataPaths(source.data), quiet));
  return fileRecords(source, { ...none, ...options, mapped: parseTickMap(options.map ?? []) });
}

const ticksOf = (records: AuditRecord[]) => records.map(({ tick }) => tick);
let hour: AuditRecord[];

/** The recorded hour as a CSV of trades, as others would write it. */
function csv(line: (tick: NonNullable<AuditRecord["tick"]>) => string, head: string): string {
  return `${[head, ...hour.map(({ tick }) => line(tick!))].join("\n")}\n`;
}
const price = (tick: NonNullable<AuditRecord["tick"]>) => formatDecimal(tick.price_mantissa, tick.price_scale);
const size = (tick: NonNullable<AuditRecord["tick"]>) => formatDecimal(tick.size_mantissa, tick.size_scale);

beforeAll(async () => {
  hour = await read(RECORDING);
});

test("a recording: every line in order, also one that was cut off", async () => {
  expect([hour.length, hour[0]!.offset, hour.at(-1)!.offset, hour.filter(({ tick }) => tick === null)]).toEqual([
    13_197,
    0,
    13_196,
    [],
  ]);
  const disordered = await read(DISORDERED);
  const refused = disordered.filter(({ tick }) => tick === null);
  expect(disordered).toHaveLength(13_232);
  expect(refused.map(({ offset, reason, raw }) => [offset + 1, reason, raw?.trade_id ?? null])).toEqual([
    expect.arrayContaining([expect.stringMatching(/^(price|last_size) is /)]),
    expect.anything(),
    expect.anything(),
  ]);
  expect(refused.find(({ offset }) => offset === 9_022)).toMatchObject({ reason: "not JSON", raw: null });
  expect(refused.find(({ raw }) => raw?.price === "abc")).toMatchObject({
    raw: { trade_id: "20002", side: expect.any(String) },
  });
});

test("an embedded log, a dump of a topic, CSV and Parquet of trades give the same ticks", async () => {
  await fillLog(dir.path, recordedLines());
  const before = filesBelow(dir.path);
  const log = await read(dir.path);
  expect(ticksOf(log)).toEqual(ticksOf(hour));
  expect(log.map(({ offset }) => offset)).toEqual(hour.map(({ offset }) => offset));
  expect(ticksOf(await read(join(dir.path, "log.db")))).toEqual(ticksOf(hour));
  // A guest leaves no position behind: SQLite adds its shared memory and an empty WAL.
  const changed = Object.entries(filesBelow(dir.path)).filter(([name, text]) => before[name] !== text && text !== "");
  expect(changed.map(([name]) => name)).toEqual(["log.db-shm"]);

  const dump = join(dir.path, "dump.jsonl.gz");
  const lines = recordedLines().map((payload, offset) =>
    JSON.stringify({ topic: "t", partition: 0, offset, payload, ts: 1 }),
  );
  writeFileSync(dump, gzipSync(lines.join("\n")));
  expect(ticksOf(await read(dump))).toEqual(ticksOf(hour));

  const file = join(dir.path, "trades.csv");
  const head = "product_id,trade_id,time,price,last_size,side";
  writeFileSync(
    file,
    csv((t) => `${t.product_id},${t.trade_id},${isoFromUs(t.time_us)},${price(t)},${size(t)},${t.side}`, head),
  );
  expect(ticksOf(await read(file))).toEqual(ticksOf(hour));

  const strange = join(dir.path, "strange.txt");
  writeFileSync(
    strange,
    csv(
      (t) => `${t.trade_id};${t.time_us};${price(t)};${size(t)};${t.side === "sell"}`,
      "Trade ID;ts;px;Quantity;is_buyer_maker",
    ),
  );
  expect(ticksOf(await read(strange, { product: "BTC-USD" } as never))).toEqual(ticksOf(hour));

  const headless = join(dir.path, "headless.csv.gz");
  writeFileSync(headless, gzipSync(readFileSync(file, "utf8").replace(/^.*\n/, "")));
  const columns = ["product_id", "number", "time", "price", "last_size", "side"];
  expect(ticksOf(await read(headless, { columns: columns as never, map: ["number=trade_id"] }))).toEqual(ticksOf(hour));

  // Written by a process of its own: DuckDB's file must be whole when it is read.
  const folder = join(dir.path, "parquet");
  mkdirSync(folder);
  const { stderr } = await evaluate(
    `import { DuckDBInstance } from "@duckdb/node-api";
     const [file, folder] = process.argv.slice(-2);
     const connection = await (await DuckDBInstance.create(":memory:")).connect();
     await connection.run("SET TimeZone = 'UTC'");
     await connection.run("COPY (SELECT product_id AS symbol, trade_id::BIGINT AS trade_id, time::TIMESTAMPTZ AS time, " +
       "price::DECIMAL(20,10) AS price, last_size::DOUBLE AS size, side, trade_id::BIGINT - 1 AS log_offset FROM " +
       "read_csv('" + file + "', all_varchar = true) ORDER BY trade_id DESC) TO '" + folder + "/part-0.parquet' (FORMAT parquet)");`,
    [file, folder],
  );
  expect(stderr).toBe("");
  const parquet = await read(folder);
  expect(ticksOf(parquet)).toEqual(ticksOf(hour));
  expect(parquet.map(({ offset }) => offset)).toEqual(hour.map(({ offset }) => offset));
});

test("partitions become one order by append time, each kept in order of its offsets", async () => {
  const lines = recordedLines().slice(0, 6);
  const at = [
    [1, 0, 10],
    [0, 0, 20],
    [0, 1, 15],
    [1, 1, 30],
    [0, 2, 40],
    [1, 2, 35],
  ];
  const file = join(dir.path, "partitions.jsonl");
  writeFileSync(
    file,
    lines
      .map((value, i) => JSON.stringify({ partition: at[i]![0], offset: at[i]![1], timestamp: at[i]![2], value }))
      .join("\n"),
  );
  const read_ = await read(file);
  expect(read_.map(({ partition, offset }) => [partition, offset])).toEqual([
    [1, 0],
    [0, 0],
    [0, 1],
    [1, 1],
    [1, 2],
    [0, 2],
  ]);
});

test("rows that are not trades keep their reason; ids, sides and products that a file lacks need a word", async () => {
  const write = (name: string, text: string) => {
    writeFileSync(join(dir.path, name), text);
    return join(dir.path, name);
  };
  const bad = await read(
    write(
      "bad.csv",
      `trade_id,time,price,size,side,symbol\n1,2023-09-05 16:00:00,1e-05,1,BUY,X\n2.5,yesterday,1,1,buy,X\n3,2023-09-05T18:00:00+02:00,abc,1,sell,X\n`,
    ),
  );
  expect(bad.map(({ tick, reason }) => tick?.time_us ?? reason)).toEqual([
    1_693_929_600_000_000,
    'trade_id is "2.5"',
    'price is "abc"',
  ]);
  expect(bad[0]!.tick).toMatchObject({ price_mantissa: 1, price_scale: 5, side: "buy" });

  // A row that was cut is a record too: their pipeline read it, and made something of it.
  const cut = await read(
    write("ragged.csv", "id;ts;p;qty;side;symbol\r\n1;1693929600;1,5;1;b;X\r\n2;1693929600;1.5\r\n"),
  );
  expect(cut.map(({ offset, reason }) => [offset, reason])).toEqual([
    [0, 'price is "1,5"'],
    [1, "a line of 3 cells instead of 6"],
  ]);
  await expect(read(write("twice.csv", "id,ts,price,price,size\n"))).rejects.toThrow('two columns named "price"');
  await expect(read(write("bare.csv", "1,2023-09-05T16:00:00Z,1.5\n"))).rejects.toThrow("has no header line");

  const noIds = write(
    "no-ids.csv",
    "symbol,side,price,amount,timestamp\nX,buy,1.5,2,2023-09-05T16:00:00Z\nX,buy,1.5,2,2023-09-05T16:00:00Z\n",
  );
  await expect(read(noIds)).rejects.toThrow(
    /has no column of trade ids; it has symbol, side, price, amount, timestamp/,
  );
  expect((await read(noIds, { map: ["@row=trade_id"] })).map(({ tick }) => tick?.trade_id)).toEqual([1, 2]);

  const few = write("few.csv", "id,price,size,time\n1,1,1,2023-09-05T16:00:00Z\n");
  await expect(read(few)).rejects.toThrow("no column of the taker's side");
  await expect(read(few, { map: ["@buy=side"] })).rejects.toThrow("no column of products");
  expect(await read(few, { map: ["@buy=side", "@X=product_id"] })).toMatchObject([
    { tick: { product_id: "X", side: "buy" } },
  ]);
  await expect(read(few, { map: ["none=side"] })).rejects.toThrow('has no column "none"');
  expect(() => parseTickMap(["px"])).toThrow("does not end with a field of a trade");
});

test("what holds no ticks is refused with a sentence that names what can", async () => {
  const refused = async (path: string) => {
    try {
      await read(path);
      return "read";
    } catch (error) {
      return `${(error as Error).message} ${(error as { hint?: string }).hint}`;
    }
  };
  expect(await refused(join(dir.path, "none"))).toMatch(/there is no file or folder there\. Name a topic .*Parquet/);
  mkdirSync(join(dir.path, "empty"));
  expect(await refused(join(dir.path, "empty"))).toContain("holds no log.db, and no Parquet or CSV files");
  for (const [name, text, sentence] of [
    ["empty.jsonl", "\n\n", "holds no record"],
    ["cut.jsonl.gz", gzipSync("x".repeat(9_000)).subarray(0, 20), "can't be read to its end"],
    ["cut.parquet", "PAR1", "can't be read"],
    ["only-head.csv", "trade_id,time,price,size,side,symbol\n", "holds no trade"],
    ["windows.db", "SQLite format 3\0", "is a SQLite file, but not a log.db"],
  ] as const) {
    writeFileSync(join(dir.path, name), text);
    expect(await refused(join(dir.path, name))).toContain(sentence);
  }
});
