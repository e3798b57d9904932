/** The traps of docs/feed.md: from the socket through the log to ticks, dead letters and windows. */
import { expect, test } from "bun:test";
import { nowUs } from "../../scripts/base/clock.ts";
import { formatDecimal } from "../../scripts/base/decimal.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import { type Parsed, parseRecord } from "../../scripts/message/parse.ts";
import { WindowJob } from "../../scripts/window/job.ts";
import { ACK, ack, client, exchange, match, produce, SUBSCRIBE, scripted, tick } from "../support/feed.ts";
import { MemoryState } from "../support/memory-state.ts";
import { until } from "../support/process.ts";

const MINUTE = 60_000_000;
const START = Date.UTC(2023, 8, 5, 16) * 1_000;
type Options = Parameters<typeof produce>[1];

/** Sends frames over connections that are cut with 1008, but the last; returns what the stages read. */
async function arrive(connections: (object | string)[][], options: Options = {}) {
  await using server = scripted((session) => {
    session.send(...connections[session.connection - 1]!);
    session.socket.close(session.connection < connections.length ? 1008 : 1000, "slow reader");
  });
  const produced = await produce(server.url, options);
  expect(produced.error).toBeNull();
  const parsed = produced.records.map(({ value }) => parseRecord(value));
  return { ...produced, parsed, ticks: ticksOf(parsed), dead: deadOf(parsed), ...windowed(parsed) };
}

const ticksOf = (parsed: Parsed[]) => parsed.flatMap((one) => (one.kind === "tick" ? [one.tick] : []));
const deadOf = (parsed: Parsed[]) => parsed.flatMap((one) => (one.kind === "dead" ? [one.reason] : []));

function windowed(parsed: Parsed[]) {
  const state = new MemoryState();
  const settings = { windows: [{ size_us: MINUTE, every_us: MINUTE }], lateness_us: MINUTE, max_skew_us: MINUTE };
  const job = new WindowJob(settings, state);
  ticksOf(parsed).forEach((one, offset) => {
    job.tick(one, { partition: 0, offset, appended_us: nowUs() });
  });
  const step = job.take();
  state.store(step);
  const windows = [...state.windows.values()].sort((a, b) => a.window_start_us - b.window_start_us);
  return { windows, job: step.counts };
}

const ACK_MATCHES = ack(["BTC-USD"], "matches");

test("Numbers: trade_id and sequence are integers, sequence over 2^32; both stay as they are", async () => {
  const frames = [tick(1, { sequence: 66_000_000_001 }), tick(2 ** 53 - 1, { sequence: 2 ** 52 })];
  const { lines, ticks } = await arrive([[ACK, ...frames]]);
  expect(lines).toEqual(frames.map((frame) => JSON.stringify(frame)));
  expect(ticks.map((one) => one.trade_id)).toEqual([1, 2 ** 53 - 1]);
});

test("Numbers: dropped zeros, padded zeros, no point at all, 1e-8, any scale: the same exact value", async () => {
  const spellings = [
    ["21152.5", "21152.5"],
    ["21152.50", "21152.5"],
    ["18200", "18200"],
    ["7652.01000000", "7652.01"],
    ["0.03565", "0.03565"],
  ];
  const frames = spellings.map(([price], i) => tick(i + 1, { price, last_size: "0.00000001" }));
  const { ticks } = await arrive([[ACK, ...frames]]);
  expect(ticks.map((one) => formatDecimal(one.price_mantissa, one.price_scale))).toEqual(
    spellings.map(([, is]) => is!),
  );
  for (const one of ticks) expect(formatDecimal(one.size_mantissa, one.size_scale)).toBe("0.00000001");
});

test("Numbers: compared as numbers, never as text", async () => {
  const { windows } = await arrive([[ACK, ...["9.5", "10", "100", "99.75"].map((price, i) => tick(i + 1, { price }))]]);
  expect(windows).toMatchObject([{ min_price: "9.5", max_price: "100", price_range: "90.5" }]);
});

test("Time: six digits of fraction, five, four, three, nine, none", async () => {
  const cases = {
    ".281719": 281_719,
    ".28171": 281_710,
    ".2817": 281_700,
    ".281": 281_000,
    ".281719999": 281_719,
    "": 0,
  };
  const frames = Object.keys(cases).map((fraction, i) => tick(i + 1, { time: `2023-09-05T16:00:01${fraction}Z` }));
  const { ticks, counts } = await arrive([[ACK, ...frames]]);
  expect(ticks.map((one) => one.time_us - START - 1_000_000)).toEqual(Object.values(cases));
  expect(counts.garbled).toBe(0);
});

test("Time: no comparing as text, and many trades may share one microsecond", async () => {
  const at = (seconds: string) => ({ time: `2023-09-05T16:00:${seconds}Z` });
  const frames = [
    tick(1, { ...at("01.2"), price: "2" }),
    tick(2, { ...at("01.19"), price: "1" }),
    tick(3, { ...at("01.2"), price: "3" }),
    tick(4, { ...at("01.2"), price: "4" }),
  ];
  const { windows } = await arrive([[ACK, ...frames]]);
  expect(windows).toMatchObject([{ trade_count: 4, open_price: "1", close_price: "4" }]);
});

test("Side: the taker's in ticker; the maker's in match and last_match, inverted", async () => {
  const ticker = await arrive([[ACK, tick(1, { side: "buy" }), tick(2, { side: "sell" })]]);
  expect(ticker.ticks.map((one) => one.side)).toEqual(["buy", "sell"]);
  const frames = [match(1, { type: "last_match", side: "sell" }), match(2, { side: "buy" })];
  const full = await arrive([[ACK_MATCHES, ...frames]], { channel: "matches" });
  expect(full.ticks.map((one) => one.side)).toEqual(["buy", "sell"]);
});

test("Incomplete tickers: without a trade they are counted and skipped, with one they are dead letters; the connection stays", async () => {
  const { trade_id: _, ...without } = tick(1) as Record<string, unknown>;
  const { sequence: __, ...less } = without;
  const lacking = [{ time: undefined }, { side: undefined }, { last_size: undefined }, { price: "0" }];
  const broken = lacking.map((fields, i) => tick(i + 2, fields));
  const { counts, dead, ticks } = await arrive([[ACK, without, { ...less, price: "0" }, ...broken, tick(9)]]);
  expect(counts).toMatchObject({ incomplete: 2, reconnects: 0 });
  expect(dead).toEqual(["time is missing", "side is missing", "last_size is missing", 'price is "0"']);
  expect(ticks.map((one) => one.trade_id)).toEqual([9]);
});

test("Optional: sizes of quotes and quotes themselves may be absent; new fields and new types are ignored", async () => {
  const quotes = { best_bid: "21152.50", best_ask: "21152.51", best_bid_size: "0.1", best_ask_size: "2" };
  const frames = [tick(1, quotes), tick(2), tick(3, { brand_new: { of: ["any", "kind"] } })];
  const { ticks, counts } = await arrive([[ACK, { type: "brand_new", product_id: "BTC-USD" }, ...frames]]);
  expect(ticks.map((one) => one.best_bid)).toEqual(["21152.50", null, null]);
  expect(counts).toMatchObject({ ignored: 1, reconnects: 0 });
});

test("On subscribing: frames of other channels come in between, and the last trade made opens a window in the past", async () => {
  const old = tick(1, { time: "2023-09-05T15:52:30.000000Z" });
  const reply = {
    ...ACK,
    channels: [...ACK.channels, { name: "heartbeat", product_ids: ["BTC-USD"], account_ids: null }],
  };
  const depth = Array.from({ length: 20_000 }, (_, i) => [`${i}.25`, "0.1"]);
  const snapshot = { type: "snapshot", product_id: "BTC-USD", bids: depth };
  const { windows, job, outages, counts } = await arrive([[snapshot, reply, old, { type: "l2update" }, tick(2)]]);
  expect(JSON.stringify(snapshot).length).toBeGreaterThan(300_000);
  expect(windows.map((row) => row.window_start)).toEqual([
    "2023-09-05T15:52:00.000000Z",
    "2023-09-05T16:00:00.000000Z",
  ]);
  expect(job.late).toBe(0);
  expect(outages).toEqual([]);
  expect(counts).toMatchObject({ ignored: 2, reconnects: 0, refused: [] });
});

test("On subscribing again: the same trade comes again, a duplicate and harmless", async () => {
  const twice = await arrive([
    [ACK, tick(1), tick(2)],
    [ACK, tick(2), tick(3)],
  ]);
  expect(twice.job).toMatchObject({ ticks: 3, duplicates: 1 });
  const once = await arrive([[ACK, tick(1), tick(2), tick(3)]]);
  const stored = (rows: typeof once.windows) => rows.map(({ received_us: _, ...row }) => row);
  expect(stored(twice.windows)).toEqual(stored(once.windows));
});

test("Heartbeat: last_trade_id is not relied on, neither when it is 0 nor when it runs ahead", async () => {
  const beat = (last_trade_id: number) => ({
    type: "heartbeat",
    product_id: "BTC-USD",
    sequence: 1,
    last_trade_id,
    time: "2023-09-05T16:00:03.000000Z",
  });
  const frames = [ACK_MATCHES, match(1), beat(0), match(2), beat(5_000), match(3)];
  const { ids, counts, outages } = await arrive([frames], { channel: "matches" });
  expect(ids).toEqual([1, 2, 3]);
  expect(counts).toMatchObject({ heartbeats: 2, filled: 0, unfillable: 0 });
  expect(outages).toEqual([]);
});

test("Error: an error frame in mid-stream is reported, and the connection stays", async () => {
  const error = { type: "error", message: "Failed to subscribe", reason: "NO-SUCH is not a valid product" };
  const { warnings, ids, counts } = await arrive([[error, ACK, tick(1), { type: "error", message: "hm" }, tick(2)]]);
  expect(ids).toEqual([1, 2]);
  expect(counts).toMatchObject({ reconnects: 0 });
  expect(warnings.join("\n")).toContain("NO-SUCH is not a valid product");
});

test("Error: a slow reader that was cut connects again and the outage has the reason", async () => {
  const { outages, counts } = await arrive([
    [ACK, tick(1)],
    [ACK, tick(5)],
  ]);
  expect(counts.reconnects).toBe(1);
  expect(outages).toMatchObject([{ last_trade_id: 1, first_trade_id: 5 }]);
  expect(outages[0]!.reason).toContain("slow reader");
});

test("Limits: 8 connections and 100 messages per second, then refusals", async () => {
  await using server = exchange({ speed: 1 });
  const upgrade = { headers: { upgrade: "websocket", connection: "Upgrade", "sec-websocket-version": "13" } };
  const key = { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" };
  const headers = { ...upgrade.headers, ...key };
  const answers = await Promise.all(
    // More than may connect while a busy machine keeps this process waiting.
    Array.from({ length: 100 }, () =>
      fetch(server.url.replace("ws:", "http:"), { headers }).then(
        ({ status }) => status,
        () => 0,
      ),
    ),
  );
  expect(answers.filter((status) => status === 429).length).toBeGreaterThan(0);
  await using other = exchange({ speed: 1 });
  using one = await client(other.url, SUBSCRIBE);
  for (let i = 0; i < 1_000; i++) one.say({ type: "unsubscribe", product_ids: [], channels: [] });
  await until("the refusal", () => one.of("error").length > 0);
  expect(one.of("error")[0]).toMatchObject({ message: "Too many messages" });
});

test("Loss: gaps in sequence mean nothing, in ticker and in matches", async () => {
  const jumps = [10, 5_000, 7, 9_000_000_000].map((sequence, i) => ({ trade_id: i + 1, sequence }));
  const ticker = await arrive([[ACK, ...jumps.map(({ trade_id, ...fields }) => tick(trade_id, fields))]]);
  const matches = jumps.map(({ trade_id, ...fields }) => match(trade_id, fields));
  const full = await arrive([[ACK_MATCHES, ...matches]], { channel: "matches" });
  for (const { counts, windows, outages } of [ticker, full]) {
    expect(counts).toMatchObject({ ticks: 4, filled: 0, unfillable: 0 });
    expect(windows).toMatchObject([{ trade_count: 4, missing: 0 }]);
    expect(outages).toEqual([]);
  }
});

test("Loss: a step of trade_id in ticker is coverage, not an outage, and nothing to fill", async () => {
  const { outages, counts, windows } = await arrive([[ACK, tick(1), tick(4), tick(5)]]);
  expect(outages).toEqual([]);
  expect(counts).toMatchObject({ filled: 0, unfillable: 0 });
  expect(windows).toMatchObject([{ trade_count: 3, missing: 2 }]);
});

test("Loss: adjacent messages that changed places give the windows of the right order", async () => {
  const inOrder = await arrive([[ACK, tick(1), tick(2), tick(3), tick(4)]]);
  const swapped = await arrive([[ACK, tick(1), tick(3), tick(2), tick(4)]]);
  const stored = (rows: typeof inOrder.windows) => rows.map(({ received_us: _, ...row }) => row);
  expect(stored(swapped.windows)).toEqual(stored(inOrder.windows));
  expect(swapped.job).toMatchObject({ late: 0, duplicates: 0 });
});

test("Loss: after a reconnect an older trade or a broken one does not end the outage, and hides nothing of it", async () => {
  const broken = [tick(3, { time: undefined }), tick(4, { trade_id: "4" })];
  const { outages } = await arrive([
    [ACK, tick(1), tick(2)],
    [ACK, ...broken, tick(1), tick(6), tick(7)],
  ]);
  expect(outages).toMatchObject([{ last_trade_id: 2, first_trade_id: 6 }]);
  const wild = await arrive([
    [ACK, tick(1), tick(2 ** 40)],
    [ACK, tick(50), tick(51)],
  ]);
  expect(wild.outages).toMatchObject([{ last_trade_id: 2 ** 40, first_trade_id: 50 }]);
});

test("Clocks: latency is signed, an exchange that is ahead makes it negative", async () => {
  const ahead = isoFromUs(nowUs() + 3_600_000_000);
  const { latencies_us } = await arrive([[ACK, tick(1), tick(2, { time: ahead })]], { kind: "live" });
  expect(latencies_us[0]).toBeWithin(-3_600_000_000, -3_500_000_000);
});

test("The Advanced Trade feed is another protocol: its envelopes are ignored, a trade_id of text is a dead letter", async () => {
  const trades = [{ trade_id: "12010154", product_id: "BTC-USD", price: "21260", size: "0.3", side: "BUY" }];
  const envelope = { channel: "market_trades", sequence_num: 0, events: [{ type: "snapshot", trades }] };
  const { counts, dead, ticks } = await arrive([[ACK, envelope, tick(1), tick(2, { trade_id: "12010154" })]]);
  expect(counts.ignored).toBe(1);
  expect(dead).toEqual(['trade_id is "12010154"']);
  expect(ticks.length).toBe(1);
});
