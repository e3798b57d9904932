/** Candles of the exchange as exact text, and the requests for them in the queue of all others. */
import { expect, test } from "bun:test";
import { usFromIso } from "../../scripts/base/iso.ts";
import { CANDLE_US } from "../../scripts/contract/candle.ts";
import { minuteCandles, parseCandles } from "../../scripts/feed/candles.ts";
import { RestQueue, RestTrades } from "../../scripts/feed/tape/rest.ts";
import { exchange } from "../support/feed.ts";

const FROM = usFromIso("2023-09-05T16:00:00Z")!;
const signal = new AbortController().signal;

test("numbers are the digits that were sent: exponents, floats of the exchange, trailing zeros, quotes", () => {
  const text = `[ [1515264780, 994.50, 1.2e-06, 994.5E+2, "7", 14.697630010000001],
    [1515264720,0.00,0,1e3,100.100,0.00000001,"more"]]`;
  expect(parseCandles(text)).toEqual([
    {
      start_us: 1_515_264_780_000_000,
      ...{ low: "994.5", high: "0.0000012", open: "99450", close: "7", volume: "14.697630010000001" },
    },
    { start_us: 1_515_264_720_000_000, low: "0", high: "0", open: "1000", close: "100.1", volume: "0.00000001" },
  ]);
  expect(parseCandles(" [ ] ")).toEqual([]);
});

test("anything else is refused with a sentence, never a guess", () => {
  for (const text of ["", "{}", '{"message":"NotFound"}', "[[1,2,3]", "[1,2]", "[[1,2,3]] x"])
    expect(() => parseCandles(text)).toThrow(
      /^REST answers with (no list of candles|a candle that is not six numbers)/,
    );
  for (const row of ["1,2,3,4,5", "1,2,3,4,5,null", "1,2,3,4,5,0x10", "1.5e300,2,3,4,5,6", `1,2,3,4,5,1e999`])
    expect(() => parseCandles(`[[${row}]]`)).toThrow("a candle that is not six numbers");
});

test("a span is asked for with both ends inclusive, and returned oldest first, each once, none outside", async () => {
  const asked: string[] = [];
  await using server = Bun.serve({
    port: 0,
    fetch(request) {
      asked.push(new URL(request.url).search);
      const rows = [180, 120, 120, 60, 0, -60].map((s) => `[${FROM / 1e6 + s},1,2,1,2,3]`);
      return new Response(`[${rows.join(",")}]`);
    },
  });
  const queue = new RestQueue(server.url.href);
  const candles = await minuteCandles(queue, "A/B", { from_us: FROM, to_us: FROM + 3 * CANDLE_US }, signal);
  expect(candles.map(({ start_us }) => (start_us - FROM) / 1e6)).toEqual([0, 60, 120]);
  expect(asked).toEqual(["?granularity=60&start=2023-09-05T16:00:00Z&end=2023-09-05T16:02:00Z"]);
  const long = { from_us: FROM, to_us: FROM + 301 * CANDLE_US };
  expect(minuteCandles(queue, "A", long, signal)).rejects.toThrow("more than 300");
});

test("trades and candles are requested in one queue: a Retry-After of one holds for the other", async () => {
  await using server = exchange({ after: 99_999, faults: { candles: { statuses: [429], retry_after: "0.3" } } });
  const queue = new RestQueue(server.url.replace("ws:", "http:"));
  const span = { from_us: FROM, to_us: FROM + CANDLE_US };
  const began = performance.now();
  expect(minuteCandles(queue, "BTC-USD", span, signal)).rejects.toThrow("asks to wait 1 s");
  const { trades } = await new RestTrades(queue).page("BTC-USD", null, 1, signal);
  expect(trades).toMatchObject([{ trade_id: 13_197 }]);
  expect(performance.now() - began).toBeGreaterThanOrEqual(295);
});
