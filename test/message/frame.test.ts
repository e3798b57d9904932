/** What kind of message a frame is, and a match in the ticker's shape (docs/feed.md). */
import { expect, test } from "bun:test";
import { asTicker, type Frame, readFrame } from "../../scripts/message/frame.ts";
import { endsAsHistory, unissuedFrame } from "../../scripts/message/own-records.ts";
import { parseRecord } from "../../scripts/message/parse.ts";
import { parseTime } from "../../scripts/message/time.ts";
import { matchFrame } from "../../scripts/simulator/exchange-frames.ts";
import { recordedLines } from "../support/data.ts";
import { tick } from "../support/feed.ts";

const read = (message: object | string): Frame =>
  readFrame(Buffer.from(typeof message === "string" ? message : JSON.stringify(message)));

test("every recorded message is a tick, of the product that the consumers read", () => {
  for (const line of recordedLines()) {
    const frame = readFrame(Buffer.from(line));
    const parsed = parseRecord(Buffer.from(line));
    if (frame.kind !== "tick" || parsed.kind !== "tick") throw new Error(line);
    expect(frame.product_id).toBe(parsed.tick.product_id);
  }
});

test("any spelling of a ticker is the same tick: other order, spaces, new fields, escapes", () => {
  const { type, ...rest } = tick(7, { best_bid_size: "1", new_field: { deep: [1] } }) as Record<string, unknown>;
  const expected = read(tick(7));
  expect(read({ ...rest, type })).toEqual(expected);
  expect(read(JSON.stringify(tick(7), null, 1))).toEqual(expected);
  expect(read(JSON.stringify(tick(7)).replace("BTC-USD", "BTC\\u002dUSD"))).toEqual(expected);
});

test("an incomplete ticker has no trade_id; one that names a trade is a tick even if it lacks other fields", () => {
  expect(read({ type: "ticker", product_id: "X-USD", price: "0" })).toEqual({
    kind: "incomplete",
    product_id: "X-USD",
  });
  expect(read({ type: "ticker", sequence: 1, product_id: "X-USD", price: "0", volume_24h: "0" }).kind).toBe(
    "incomplete",
  );
  expect(read(tick(5, { time: undefined })).kind).toBe("tick");
  expect(read(tick(5, { price: null })).kind).toBe("tick");
});

test("text that is not a JSON object is garbled; an unknown type is other", () => {
  for (const text of ["", "{", "null", "[]", "42", '{"type":"ticker","product_id":"BTC-USD"'])
    expect(read(text).kind).toBe("garbled");
  expect(read({ type: "status" }).kind).toBe("other");
  expect(read({}).kind).toBe("other");
  expect(read('{"__proto__":{"type":"ticker"},"type":"x"}').kind).toBe("other");
});

test("a heartbeat's time has up to nine digits after the point; null when it is not a valid time", () => {
  const base = Date.UTC(2023, 8, 5, 16, 0, 1) * 1_000;
  const cases = { "": 0, ".2": 200_000, ".281": 281_000, ".2817": 281_700, ".281719": 281_719, ".281719999": 281_719 };
  const heartbeat = (time: unknown) => read({ type: "heartbeat", product_id: "BTC-USD", time });
  for (const [fraction, us] of Object.entries(cases)) {
    const time = `2023-09-05T16:00:01${fraction}Z`;
    expect(parseTime(time)).toBe(base + us);
    expect(heartbeat(time)).toEqual({ kind: "heartbeat", product_id: "BTC-USD", time_us: base + us });
  }
  for (const time of [undefined, 5, "", "yesterday"]) expect(heartbeat(time)).toMatchObject({ time_us: null });
});

test("a match turned into the ticker's shape has the taker's side; there and back is the same trade", () => {
  for (const line of recordedLines().slice(0, 300)) {
    expect(asTicker(JSON.parse(matchFrame(line, "match")), "BTC-USD")).toBe(line);
  }
});

test("a match that is not a whole trade stays as it is: wrong types, missing fields", () => {
  const match = JSON.parse(matchFrame(JSON.stringify(tick(1)), "match"));
  for (const fields of [
    { trade_id: "1" },
    { trade_id: 2 ** 53 },
    { price: 5 },
    { size: undefined },
    { side: "up" },
    { time: null },
  ]) {
    expect(asTicker({ ...match, ...fields }, "BTC-USD")).toBeNull();
  }
});

test("history is known by its end: of trades and proofs as backfill writes them, and of no other record", () => {
  const isHistory = (record: string | Buffer) => endsAsHistory(Buffer.from(record), 0, Buffer.byteLength(record));
  const trade = JSON.parse(matchFrame(recordedLines()[0]!, "match"));
  const note = { product_id: "BTC-USD", first_trade_id: 5, last_trade_id: 6 };
  expect(isHistory(asTicker(trade, "BTC-USD", "backfill")!)).toBe(true);
  expect(isHistory(unissuedFrame({ ...note, source: "backfill" }))).toBe(true);
  const others = [asTicker(trade, "BTC-USD", "rest")!, asTicker(trade, "BTC-USD")!, unissuedFrame(note), "{}", ""];
  expect(others.map(isHistory)).toEqual(others.map(() => false));
});
