/** The simulator reads and writes frames itself: its reading agrees with the consumers' rule. */
import { expect, test } from "bun:test";
import { parseRecord } from "../../scripts/message/parse.ts";
import { matchFrame, readLine } from "../../scripts/simulator/exchange-frames.ts";
import { recordedLines } from "../support/data.ts";
import { tick } from "../support/feed.ts";

test("every recorded message is a trade, with the product, id and time that the consumers read", () => {
  for (const line of recordedLines()) {
    const parsed = parseRecord(Buffer.from(line));
    if (parsed.kind !== "tick") throw new Error(line);
    const { product_id, trade_id, time_us } = parsed.tick;
    expect(readLine(line)).toEqual({ line, product_id, trade_id, time_us });
  }
});

test("times have any number of digits after the point", () => {
  const time_us = Date.UTC(2023, 8, 5, 16, 0, 1) * 1_000;
  const cases = { "": 0, ".2": 200_000, ".281": 281_000, ".2817": 281_700, ".281719": 281_719, ".281719999": 281_719 };
  for (const [fraction, us] of Object.entries(cases)) {
    const line = JSON.stringify(tick(7, { time: `2023-09-05T16:00:01${fraction}Z` }));
    expect(readLine(line)).toMatchObject({ time_us: time_us + us });
  }
  for (const time of [undefined, 5, "", "yesterday"])
    expect(readLine(JSON.stringify(tick(7, { time })))).toBe("a ticker without a time");
});

test("other messages are skipped, damaged lines are named", () => {
  expect(readLine(JSON.stringify({ type: "heartbeat", product_id: "BTC-USD" }))).toBe("other");
  expect(readLine(JSON.stringify(tick(7, { trade_id: undefined })))).toBe("other");
  for (const line of ["", "{", "null", "[]", "42"]) expect(readLine(line)).toBe("not a JSON message");
});

test("a match has the maker's side", () => {
  const { side, size, last_size } = JSON.parse(matchFrame(JSON.stringify(tick(7)), "match"));
  expect([side, size, last_size]).toEqual(["sell", "0.00000001", undefined]);
});
