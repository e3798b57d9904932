/** An open gap is a record of the log: the next start fills it after a kill at any record. */
import { expect, test } from "bun:test";
import { openDataDir } from "../../scripts/base/data-dir.ts";
import type { AppendRecord } from "../../scripts/contract/log.ts";
import { OPEN_GAP_REASON } from "../../scripts/contract/tick.ts";
import { openLog } from "../../scripts/log/open.ts";
import { parseRecord } from "../../scripts/message/parse.ts";
import type { ExchangeOptions } from "../../scripts/simulator/exchange-server.ts";
import { asProducts } from "../../scripts/simulator/recording.ts";
import { Producer } from "../../scripts/stages/produce.ts";
import { quiet, rowsOf, tempDir } from "../support/data.ts";
import { exchange, HOUR, produce } from "../support/feed.ts";
import { run, startStage, until } from "../support/process.ts";

const LOST = [100, 101];
const gaps = (records: readonly AppendRecord[]) =>
  records.flatMap(({ value }) => {
    const parsed = parseRecord(value);
    return parsed.kind === "gap" ? [parsed.gap] : [];
  });
const outages = (data: string) =>
  rowsOf<{ last_trade_id: number; first_trade_id: number; reason: string }>(
    data,
    "ticks.db",
    "SELECT last_trade_id, first_trade_id, reason FROM outages ORDER BY outage_id",
  );
const missing = (data: string) =>
  rowsOf<{ n: number }>(data, "ticks.db", "SELECT max(trade_id) - min(trade_id) + 1 - count(*) AS n FROM ticks")[0]!.n;
const refuses = { statuses: Array.from({ length: 500 }, () => 429), retry_after: "60" };

/** All records of a play whose gap REST does not fill; it is stopped just after its last trade. */
async function unfilled(trades: number, products = ["BTC-USD"]): Promise<AppendRecord[]> {
  const recorded = asProducts(HOUR.slice(0, trades), products);
  await using server = exchange({ recorded, faults: { drop_ids: LOST, rest: refuses } });
  const stop = new AbortController();
  const logger = Object.assign(Object.create(quiet), { info: (text: string) => text.includes("ended") && end() });
  const end = () => setTimeout(() => stop.abort(), 500);
  const { records } = await produce(server.url, { channel: "matches", products, signal: stop.signal, logger });
  return records;
}

/** Runs `produce` in this process on a log with `records`, with a REST that answers. */
async function continueOn(data: string, records: AppendRecord[], play: Pick<ExchangeOptions, "faults"> = {}) {
  const log = await openLog("embedded:", openDataDir(data), { role: "writer", logger: quiet });
  for (let i = 0; i < records.length; i += 5_000) await log.append(records.slice(i, i + 5_000));
  await using server = exchange({ trades: 300, after: 250, ...play });
  const added: AppendRecord[] = [];
  const producer = new Producer({
    kind: "replay",
    url: server.url,
    channel: "matches",
    products: ["BTC-USD"],
    heartbeats: false,
    until_end: true,
    rest_url: server.url.replace("ws:", "http:"),
    status_path: null,
    logger: quiet,
  });
  await producer.resume(log);
  await producer.run(async (batch) => {
    added.push(...batch);
    await log.append(batch);
  }, new AbortController().signal);
  await log.close();
  return { counts: producer.counts, added };
}

test("a gap that REST does not fill is noted as open; a stop writes the note again at the log's end", async () => {
  const records = await unfilled(250);
  const notes = gaps(records);
  expect(notes.length).toBeGreaterThanOrEqual(2);
  for (const note of notes)
    expect(note).toEqual({
      product_id: "BTC-USD",
      state: "opened",
      last_trade_id: 99,
      first_trade_id: 102,
      from_us: HOUR[98]!.time_us,
      to_us: HOUR[101]!.time_us,
      missing: 2,
      reason: OPEN_GAP_REASON,
    });
  expect(parseRecord(records.at(-1)!.value).kind).toBe("gap");
});

test("killed after any record behind the jump: the next start finds the gap, fills it, and closes a note that was written", async () => {
  const records = await unfilled(250);
  const jump = records.findIndex(({ value }) => Buffer.from(value).includes('"trade_id":102,'));
  const noted = records.findIndex(({ value }) => parseRecord(value).kind === "gap");
  for (const cut of [jump + 1, noted, noted + 1, records.length]) {
    using dir = tempDir();
    const { counts, added } = await continueOn(dir.path, records.slice(0, cut));
    expect([cut, counts.unfillable]).toEqual([cut, 0]);
    const states = gaps([...records.slice(0, cut), ...added]).map(
      ({ state, last_trade_id }) => `${state} ${last_trade_id}`,
    );
    expect(states.filter((one) => one === "closed 99").length).toBe(states.includes("opened 99") ? 1 : 0);
    await run("consume", ["--data", dir.path, "--until-end"]);
    expect([cut, missing(dir.path), outages(dir.path)]).toEqual([cut, 0, []]);
  }
}, 120_000);

test("killed after any record: what a note proves never issued is not asked for again, and the gap is closed once", async () => {
  // The gap lacks 99 to 102, of which 100 and 101 were never issued.
  const [drop_ids, unissued_ids] = [[99, 102], LOST];
  const faults = { drop_ids, unissued_ids, rest: { statuses: [500, 500, 500] } };
  await using server = exchange({ trades: 250, faults });
  const { records } = await produce(server.url, { channel: "matches", retry_ms: 1 });
  const kinds = records.map(({ value }) => parseRecord(value).kind);
  const [opened, proved] = [kinds.indexOf("gap"), kinds.indexOf("unissued")];
  expect([opened < proved, kinds.lastIndexOf("gap")]).toEqual([true, records.length - 1]);
  for (const cut of [proved, proved + 1, records.length]) {
    using dir = tempDir();
    const before = records.slice(0, cut);
    const { counts, added } = await continueOn(dir.path, before, { faults: { unissued_ids } });
    const all = [...before, ...added];
    const notes = all.flatMap(({ value }) => (parseRecord(value).kind === "unissued" ? [value] : []));
    expect([cut, notes.length, counts.unfillable]).toEqual([cut, 1, 0]);
    expect(counts.unissued).toBe(cut > proved ? 0 : 2);
    expect(gaps(all).filter(({ state, missing: n }) => state === "closed" && n === 0).length).toBe(1);
    const parsed = await Promise.all(
      ["stream", "consume"].map((name) => run(name, ["--data", dir.path, "--until-end"])),
    );
    expect(parsed.map(({ code }) => code)).toEqual([0, 0]);
    expect([missing(dir.path), outages(dir.path)]).toEqual([2, []]);
    expect(rowsOf(dir.path, "windows.db", "SELECT first_trade_id, last_trade_id FROM unissued_ids")).toEqual([
      { first_trade_id: 100, last_trade_id: 101 },
    ]);
  }
}, 120_000);

test("a gap far behind the log's end: its note is repeated, and found for a product that is quiet since", async () => {
  const busy = Array.from({ length: 12_000 }, (_, i) => HOUR[i]!);
  const others = asProducts(busy, ["OTHER-USD", "THIRD-USD"]).map(({ line, product_id }) => ({
    key: product_id,
    value: Buffer.from(line),
  }));
  const records = await unfilled(250);
  using dir = tempDir();
  const { counts } = await continueOn(dir.path, [...records, ...others]);
  expect(counts).toMatchObject({ unfillable: 0 });
  expect(counts.filled).toBeGreaterThanOrEqual(LOST.length);
  await run("consume", ["--data", dir.path, "--until-end"]);
  const open = outages(dir.path);
  expect(open).toEqual([]);
  // None of the 24,000 records between is in the part of the log that a start reads for its products.
  const many = await unfilled(11_000, ["BTC-USD", "ETH-USD"]);
  const places = many.flatMap(({ value }, i) => (parseRecord(value).kind === "gap" ? [i] : []));
  expect(many.length).toBeGreaterThan(20_000);
  for (const place of places.slice(1).keys()) expect(places[place + 1]! - places[place]!).toBeLessThan(10_000);
}, 120_000);

test("kill -9 while REST asks to wait: the open gap is an outage in ticks.db, and none after the next start has filled it", async () => {
  using dir = tempDir();
  await using server = exchange({ trades: 250, faults: { drop_ids: LOST, rest: refuses } });
  const args = ["--data", dir.path, "--feed", server.url, "--channel", "matches", "--until-end"];
  const child = startStage("produce", args);
  await until("the note is in the log", async () => {
    await run("consume", ["--data", dir.path, "--until-end"]);
    return outages(dir.path).length > 0;
  });
  await child.stop("SIGKILL");
  expect(outages(dir.path)).toEqual([{ last_trade_id: 99, first_trade_id: 102, reason: OPEN_GAP_REASON }]);
  await continueOn(dir.path, []);
  await run("consume", ["--data", dir.path, "--until-end"]);
  expect([missing(dir.path), outages(dir.path)]).toEqual([0, []]);
}, 120_000);
