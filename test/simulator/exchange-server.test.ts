/** The simulator follows docs/feed.md in everything that the exchange's side decides. */
import { expect, test } from "bun:test";
import { nowUs } from "../../scripts/base/clock.ts";
import { isoFromUs, usFromIso } from "../../scripts/base/iso.ts";
import { afterIds } from "../../scripts/command/feed-flags.ts";
import { parseFaults } from "../../scripts/simulator/faults.ts";
import { asProducts } from "../../scripts/simulator/recording.ts";
import { client, exchange, HOUR, SUBSCRIBE } from "../support/feed.ts";
import { until } from "../support/process.ts";

test("without a subscription in time the connection is closed", async () => {
  await using server = exchange({ subscribe_ms: 50 });
  using idle = await client(server.url);
  expect(await idle.closed).toEqual({ code: 1008, reason: "no subscription in time" });
});

test("every recorded message comes, byte for byte and in order, and then a close with 1000", async () => {
  await using server = exchange();
  using one = await client(server.url, SUBSCRIBE);
  expect((await one.closed).code).toBe(1000);
  expect(one.texts.filter((text) => text.includes('"type":"ticker"'))).toEqual(HOUR.map((trade) => trade.line));
  await server.ended;
});

test("the reply lists all channels so far, with account_ids null", async () => {
  await using server = exchange({ speed: 1 });
  using one = await client(server.url, SUBSCRIBE, { ...SUBSCRIBE, channels: ["heartbeat"] });
  await until("two replies", () => one.of("subscriptions").length === 2);
  const [first, second] = one.of("subscriptions");
  expect(first!.channels).toEqual([{ name: "ticker", product_ids: ["BTC-USD"], account_ids: null }]);
  expect((second!.channels as object[]).length).toBe(2);
});

test("a bad product gives an error frame while the others are acknowledged", async () => {
  await using server = exchange({ speed: 1 });
  using one = await client(server.url, { ...SUBSCRIBE, product_ids: ["NO-SUCH", "BTC-USD"] });
  await until("a reply", () => one.of("subscriptions").length === 1);
  expect(one.frames[0]).toEqual({
    type: "error",
    message: "Failed to subscribe",
    reason: "NO-SUCH is not a valid product",
  });
  expect(one.of("subscriptions")[0]!.channels).toEqual([
    { name: "ticker", product_ids: ["BTC-USD"], account_ids: null },
  ]);
});

test("channels with products of their own, unknown channels, unknown messages, text that is not JSON", async () => {
  await using server = exchange({ speed: 1 });
  using one = await client(server.url, {
    type: "subscribe",
    channels: [{ name: "ticker", product_ids: ["BTC-USD"] }, "level9"],
  });
  one.say({ type: "dance" });
  one.socket.send("{no json");
  await until("three refusals", () => one.of("error").length === 3);
  expect(one.of("error").map((frame) => frame.message)).toEqual([
    "Failed to subscribe",
    "Malformed message",
    "Malformed JSON",
  ]);
});

test("unsubscribing stops a channel and the reply lists the others", async () => {
  await using server = exchange({ speed: 1 });
  using one = await client(server.url, { ...SUBSCRIBE, channels: ["ticker", "heartbeat"] });
  one.say({ type: "unsubscribe", product_ids: ["BTC-USD"], channels: ["ticker"] });
  await until("two replies", () => one.of("subscriptions").length === 2);
  expect(one.of("subscriptions")[1]!.channels).toEqual([
    { name: "heartbeat", product_ids: ["BTC-USD"], account_ids: null },
  ]);
});

test("on subscribing the last trade already made comes first, as ticker and as last_match", async () => {
  await using server = exchange({ speed: 1, after: 500 });
  using one = await client(server.url, { ...SUBSCRIBE, channels: ["ticker", "matches"] });
  await until("the last match", () => one.of("last_match").length === 1);
  expect(one.of("ticker")[0]!.trade_id).toBe(500);
  expect(one.of("last_match")[0]!.trade_id).toBe(500);
});

test("a match has the maker's side, the ticker the taker's, for the same trade", async () => {
  await using server = exchange({ trades: 200 });
  using one = await client(server.url, { ...SUBSCRIBE, channels: ["ticker", "matches"] });
  await one.closed;
  const takers = new Map(one.of("ticker").map((frame) => [frame.trade_id, frame.side]));
  expect(one.of("match").length).toBe(200);
  for (const { trade_id, side } of one.of("match")) expect(side).toBe(takers.get(trade_id) === "buy" ? "sell" : "buy");
});

test("heartbeats come for each product, with the replay's clock", async () => {
  await using server = exchange({ speed: 10, heartbeat_ms: 20 });
  using one = await client(server.url, { ...SUBSCRIBE, channels: ["heartbeat"] });
  await until("three heartbeats", () => one.of("heartbeat").length >= 3);
  const [first, , third] = one.of("heartbeat").map((frame) => Date.parse(frame.time as string));
  expect(first).toBeGreaterThanOrEqual(Date.parse("2023-09-05T16:00:01Z"));
  expect(third! - first!).toBeGreaterThan(200);
  expect(one.of("ticker")).toEqual([]);
});

test("the pace is the recorded time divided by the speed", async () => {
  await using server = exchange({ speed: 100, trades: 250 });
  const started = performance.now();
  using one = await client(server.url, SUBSCRIBE);
  await one.closed;
  const recorded_ms = (HOUR[249]!.time_us - HOUR[0]!.time_us) / 1_000;
  expect(performance.now() - started).toBeWithin(recorded_ms / 100 - 20, recorded_ms / 2);
});

test("a client that comes back continues at the play's position: the clock kept running", async () => {
  await using server = exchange({ speed: 100, trades: 600 });
  const one = await client(server.url, SUBSCRIBE);
  await until("twenty ticks", () => one.of("ticker").length > 20);
  const last = one.of("ticker").at(-1)!.trade_id as number;
  one.socket.terminate();
  await Bun.sleep(200);
  using two = await client(server.url, SUBSCRIBE);
  await two.closed;
  expect(two.of("ticker")[0]!.trade_id).toBeGreaterThan(last);
  expect(two.of("ticker").at(-1)!.trade_id).toBe(600);
});

test("a slow reader is waited for and gets everything; a quick one beside it is not held up", async () => {
  const products = ["BTC-USD", ...Array.from({ length: 9 }, (_, i) => `P${i}`)];
  await using server = exchange({ recorded: asProducts(HOUR, products) });
  const all = { ...SUBSCRIBE, product_ids: products };
  using slow = await client(server.url, all);
  slow.socket.pause();
  using quick = await client(server.url, SUBSCRIBE);
  await quick.closed;
  expect(server.counts().frames).toBeLessThan(20 * HOUR.length);
  slow.socket.resume();
  expect((await slow.closed).code).toBe(1000);
  expect(slow.of("ticker").length).toBe(10 * HOUR.length);
});

test("in a loop times and ids are shifted and keep rising", async () => {
  await using server = exchange({ trades: 50, loop: true });
  using one = await client(server.url, SUBSCRIBE);
  await until("three times fifty ticks", () => one.of("ticker").length > 160);
  const ticks = one.of("ticker").slice(0, 160);
  expect(ticks.map((frame) => frame.trade_id)).toEqual(Array.from({ length: 160 }, (_, i) => i + 1));
  const times = ticks.map((frame) => frame.time as string);
  expect(times).toEqual([...times].sort());
  expect(ticks[50]!.price).toBe(ticks[0]!.price);
});

test("--after begins after a trade id, in a loop in the round that the id is of", async () => {
  await using server = exchange({ trades: 50, loop: true, after: 120 });
  using one = await client(server.url, SUBSCRIBE);
  await until("some ticks", () => one.of("ticker").length > 3);
  expect(
    one
      .of("ticker")
      .slice(0, 3)
      .map((frame) => frame.trade_id),
  ).toEqual([120, 121, 122]);
});

test("--after takes an id per product: each continues behind it, one that isn't named begins at its start", async () => {
  expect(afterIds("120")).toBe(120);
  expect(afterIds("A-USD:30,B-USD:10")).toEqual(
    new Map([
      ["A-USD", 30],
      ["B-USD", 10],
    ]),
  );
  for (const wrong of ["", "x", "A-USD", "A-USD:1,2", "A-USD:-1"]) expect(() => afterIds(wrong)).toThrow();
  const recorded = asProducts(HOUR.slice(0, 40), ["A-USD", "B-USD"]);
  const idsOf = async (after: ReadonlyMap<string, number>) => {
    await using server = exchange({ recorded, after });
    using one = await client(server.url, { ...SUBSCRIBE, product_ids: ["A-USD", "B-USD"] });
    await one.closed;
    return Map.groupBy(one.of("ticker"), (frame) => String(frame.product_id));
  };
  const both = await idsOf(
    new Map([
      ["A-USD", 30],
      ["B-USD", 30],
    ]),
  );
  for (const product of ["A-USD", "B-USD"]) expect(both.get(product)!.at(-10)!.trade_id).toBe(31);
  const one = await idsOf(new Map([["A-USD", 30]]));
  expect(one.get("B-USD")!.map((frame) => frame.trade_id)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
});

test("several products come from one recording, each with all its trades", async () => {
  const products = Array.from({ length: 20 }, (_, i) => `P${i}-USD`);
  await using server = exchange({ recorded: asProducts(HOUR.slice(0, 100), products) });
  using one = await client(server.url, { ...SUBSCRIBE, product_ids: products });
  await one.closed;
  for (const product of products)
    expect(one.of("ticker").filter((frame) => frame.product_id === product).length).toBe(100);
});

test("after the end a client that was away is still informed, then the exchange has ended", async () => {
  await using server = exchange({ speed: 2_000, trades: 50, linger_ms: 60_000 });
  const one = await client(server.url, SUBSCRIBE);
  one.socket.terminate();
  await Bun.sleep(50);
  using two = await client(server.url, SUBSCRIBE);
  expect((await two.closed).code).toBe(1000);
  await server.ended;
});

const rest = async (server: { port: number }, query: string, product = "BTC-USD") =>
  await fetch(`http://127.0.0.1:${server.port}/products/${product}/trades${query}`);

test("REST trades: newest first, the maker's side, pages by CB-AFTER and CB-BEFORE", async () => {
  await using server = exchange({ speed: 1, after: 1_000 });
  const first = await rest(server, "?limit=100");
  const page = (await first.json()) as { trade_id: number; side: string; size: string }[];
  expect(page.map((trade) => trade.trade_id)).toEqual(Array.from({ length: 100 }, (_, i) => 1_000 - i));
  expect([first.headers.get("cb-before"), first.headers.get("cb-after")]).toEqual(["1000", "901"]);
  expect(page[0]!.side).toBe(HOUR[999]!.line.includes('"side":"buy"') ? "sell" : "buy");
  const second = (await (await rest(server, "?limit=2&after=901")).json()) as { trade_id: number }[];
  expect(second.map((trade) => trade.trade_id)).toEqual([900, 899]);
  const newer = (await (await rest(server, "?before=998")).json()) as { trade_id: number }[];
  expect(newer.map((trade) => trade.trade_id)).toEqual([1_000, 999]);
});

test("REST refuses unknown products, bad numbers, and more than 10 requests per second", async () => {
  await using server = exchange();
  expect((await rest(server, "", "NO-SUCH")).status).toBe(404);
  expect((await rest(server, "?limit=many")).status).toBe(400);
  // A busy machine may keep this process waiting meanwhile.
  const statuses = await Promise.all(Array.from({ length: 60 }, async () => (await rest(server, "?limit=1")).status));
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(5);
});

const time = async (server: { port: number }) => {
  const sent_us = nowUs();
  const response = await fetch(`http://127.0.0.1:${server.port}/time`);
  const received_us = nowUs();
  return {
    sent_us,
    received_us,
    status: response.status,
    ...((await response.json()) as { iso: string; epoch: number }),
  };
};

test("GET /time is this machine's clock in milliseconds, in text and in seconds, and no request for trades", async () => {
  await using server = exchange();
  const { sent_us, received_us, iso, epoch } = await time(server);
  expect(iso).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(usFromIso(iso)).toBe(Math.round(epoch * 1e6));
  expect(usFromIso(iso)).toBeWithin(sent_us - 2_000, received_us + 1);
  expect(server.counts().rest_requests).toBe(0);
});

test.each([2_000_000, -2_000_000])(
  "an exchange skewed by %d µs: /time and all stamps move, in recording time by the speed",
  async (skew_us) => {
    const began_ms = performance.now();
    await using server = exchange({ speed: 20, after: 500, trades: 520, heartbeat_ms: 10, skew_us });
    const { sent_us, received_us, iso } = await time(server);
    expect(usFromIso(iso)! - skew_us).toBeWithin(sent_us - 2_000, received_us + 1);
    using one = await client(server.url, { ...SUBSCRIBE, channels: ["ticker", "matches", "heartbeat"] });
    await one.closed;
    const stamp = (index: number) => isoFromUs(HOUR[index]!.time_us + 20 * skew_us);
    const ofTrade = (type: string, trade_id: number) => one.of(type).find((frame) => frame.trade_id === trade_id)!.time;
    expect([ofTrade("ticker", 501), ofTrade("match", 501), ofTrade("last_match", 500)]).toEqual([
      stamp(500),
      stamp(500),
      stamp(499),
    ]);
    const beat_us = usFromIso(String(one.of("heartbeat").at(-1)!.time))!;
    const played_us = 20 * 1_000 * (performance.now() - began_ms);
    expect(beat_us - 20 * skew_us).toBeWithin(HOUR[499]!.time_us, HOUR[500]!.time_us + played_us);
    expect(one.of("subscriptions")[0]!.tidemark_replay).toEqual({ speed: 20, ahead_us: 20 * skew_us });
    const page = (await (await rest(server, "?limit=1&after=502")).json()) as { time: string }[];
    expect(page[0]!.time).toBe(stamp(500));
  },
);

test("as fast as it is read, a skewed exchange's stamps move by the skew itself", async () => {
  await using server = exchange({ trades: 10, skew_us: -1_500_000 });
  using one = await client(server.url, SUBSCRIBE);
  await one.closed;
  expect(one.of("ticker").map((frame) => frame.time)).toEqual(
    HOUR.slice(0, 10).map((trade) => isoFromUs(trade.time_us - 1_500_000)),
  );
});

test("an answer to GET /time is delayed on either way, or refused, by the script of faults", async () => {
  await using there = exchange({ faults: parseFaults('{"time":{"to_ms":300}}') });
  const late = await time(there);
  expect(usFromIso(late.iso)!).toBeGreaterThan(late.sent_us + 290_000);
  await using back = exchange({ faults: parseFaults('{"time":{"back_ms":300}}') });
  const early = await time(back);
  expect(usFromIso(early.iso)!).toBeLessThan(early.received_us - 290_000);
  await using refuses = exchange({ faults: parseFaults('{"time":{"status":503}}') });
  expect((await time(refuses)).status).toBe(503);
});
