/** Figures that move: prices, ages, times until, trends, and how far lanes have come. */
import { expect, test } from "bun:test";
import type { Lane, StatusEvent } from "../../../scripts/contract/page-events.ts";
import {
  ageWords,
  lagWords,
  openWords,
  reaches,
  shortPrice,
  trendOf,
  untilWords,
} from "../../../web/public/figure-words.ts";

test("prices have two decimals in sight, small ones four digits", () => {
  const prices = ["25735.9700000000", "0", "1234567.005", "0.00001234567", "-3.5"];
  expect(prices.map(shortPrice)).toEqual(["25,735.97", "0.00", "1,234,567.01", "0.00001235", "-3.50"]);
});

test("ages are as precise as they can be read while they move, and never negative", () => {
  const ages = [-5, 0, 249, 9_960, 12_900, 119_999, 120_000, 7_199_999, 7_200_000];
  expect(ages.map(ageWords)).toEqual(["0.0 s", "0.0 s", "0.2 s", "10.0 s", "12 s", "119 s", "2 min", "119 min", "2 h"]);
  expect([untilWords(900), untilWords(0), untilWords(-1)]).toEqual(["in 0.9 s", "now", "now"]);
});

test("a lag grows or falls by more than half a second and a fifth; otherwise it is steady", () => {
  expect(trendOf([])).toBe("steady");
  expect(trendOf([0, 9_000, 9_000])).toBe("steady");
  expect(trendOf([1_000, 1_100, 1_300, 1_450])).toBe("steady");
  expect(trendOf([1_000, 2_000, 3_000, 4_000])).toBe("grows");
  expect(trendOf([60_000, 59_000, 55_000, 54_000])).toBe("steady");
  expect(trendOf([9_000, 8_000, 1_000, 0])).toBe("falls");
});

test("lanes share one scale, which ends at the newest and is at least a minute", () => {
  expect(reaches([100_000, 100_000, 70_000, null])).toEqual([1, 1, 0.5, null]);
  expect(reaches([600_000, 0])).toEqual([1, 0.5]);
  expect(reaches([null, null])).toEqual([null, null]);
});

test("the open window: what it waits for, be it the stream itself; one trade; seconds where windows are shorter", () => {
  const clock = (ms: number, form: "minute" | "second") =>
    new Date(ms).toISOString().slice(11, form === "minute" ? 16 : 19);
  const at = (time: string) => Date.parse(`2023-09-05T${time}Z`);
  const words = (more: Partial<StatusEvent>, trades = 2_796) => {
    const open = { start_s: at("16:52:00") / 1_000, trades, closes_ms: at("16:54:00") };
    const status = { of: "BTC-USD/1m", open, traded_ms: at("16:52:30"), stream_newest_ms: at("16:52:03"), ...more };
    const known = { at_ms: 0, speed: 30, mode: "replay", exchange_ms: null, ended_ms: null, ...status };
    return openWords(known as StatusEvent, 1_000, clock);
  };
  expect(words({ exchange_ms: at("16:53:00") })).toBe("window 16:52: 2,796 trades, closes in 30 s");
  expect(words({ exchange_ms: at("16:54:00") }, 1)).toBe(
    "window 16:52: 1 trade, closes with the first trade after 16:54:00",
  );
  const passed = { exchange_ms: at("16:57:51"), traded_ms: at("16:57:51") };
  expect(words(passed)).toBe("window 16:52: 2,796 trades, the stream is at 16:52:03");
  expect(words({ of: "BTC-USD/10s" })).toBe("window 16:52:00: 2,796 trades, open");
  expect(words({ ended_ms: 1 })).toEndWith(", stays open: the feed has ended");
});

test("a lane's lag has a trend while it is known; the batch's, a saw-tooth, has none", () => {
  const lane = (more: Partial<Lane>): Lane => ({
    ...{ name: "stream", state: "running", read_ms: 0, behind: 5, lag_ms: 2_000, reason: "" },
    ...more,
  });
  const grows = [1_000, 2_000, 3_000, 4_000];
  expect(lagWords(lane({}), 500, grows)).toBe("2.5 s behind, grows");
  expect(lagWords(lane({}), 0, [])).toBe("2.0 s behind");
  expect(lagWords(lane({ name: "batch" }), 500, grows)).toBe("2.5 s behind");
  // The server is not heard of: nothing counts up.
  expect([4_000, 9_000].map((since_ms) => lagWords(lane({}), since_ms, grows))).toEqual([
    "2.0 s behind",
    "2.0 s behind",
  ]);
  expect(lagWords(lane({ lag_ms: 0 }), 500, grows)).toBe("has everything");
  expect(lagWords(lane({ lag_ms: null, behind: 1_234 }), 500, grows)).toBe("1,234 behind");
});
