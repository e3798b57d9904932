/** The full tape: gaps in trade_id are found, filled from REST, or noted as outages. */
import { expect, test } from "bun:test";
import { GapTracker } from "../../../scripts/feed/tape/gaps.ts";
import { restUrlOf } from "../../../scripts/feed/tape/rest.ts";
import { matchFrame } from "../../../scripts/simulator/exchange-frames.ts";
import { ack, exchange, HOUR, produce, scripted } from "../../support/feed.ts";
import { until } from "../../support/process.ts";

const full = { channel: "matches" as const };
const sorted = (ids: number[]) => [...new Set(ids)].sort((a, b) => a - b);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test("a trade of matches is in the log as the ticker has it: same fields, the taker's side", async () => {
  await using server = exchange({ trades: 2_000 });
  const { lines } = await produce(server.url, full);
  expect(lines).toEqual(HOUR.slice(0, 2_000).map((trade) => trade.line));
});

test("dropped trades are filled from REST, marked so, and nothing is missing then", async () => {
  await using server = exchange({ trades: 1_000, faults: { drop_ids: [10, 11, 12, 500, 900] } });
  const { ids, lines, counts, outages } = await produce(server.url, full);
  expect(sorted(ids)).toEqual(range(1, 1_000));
  const filled = lines.filter((line) => line.includes('"source":"rest"'));
  expect(filled.length).toBe(5);
  for (const line of filled) {
    const { source, ...trade } = JSON.parse(line);
    const { sequence, ...own } = JSON.parse(HOUR[trade.trade_id - 1]!.line);
    expect(trade).toEqual(own);
  }
  expect(counts).toMatchObject({ filled: 5, unfillable: 0 });
  expect(outages).toEqual([]);
});

test("neighbours that changed places are not a gap: REST is not asked", async () => {
  await using server = exchange({ trades: 300, faults: { swap_ids: [50, 100] } });
  const { ids, counts } = await produce(server.url, full);
  expect(sorted(ids)).toEqual(range(1, 300));
  expect(counts).toMatchObject({ filled: 0, unfillable: 0 });
});

test("a gap over several pages is filled page by page", async () => {
  const drop_ids = range(100, 2_600);
  await using server = exchange({ trades: 3_000, faults: { drop_ids } });
  const { ids, counts } = await produce(server.url, full);
  expect(sorted(ids)).toEqual(range(1, 3_000));
  expect(counts.filled).toBe(2_501);
});

test("REST that answers 429, 500 and slowly is asked again", async () => {
  await using server = exchange({
    trades: 300,
    faults: { drop_ids: [100], rest: { statuses: [429, 500], delay_ms: 20 } },
  });
  const { counts, outages } = await produce(server.url, { ...full, retry_ms: 5 });
  expect(counts).toMatchObject({ filled: 1, unfillable: 0 });
  expect(outages).toEqual([]);
});

test("what REST lacks without a proof is an outage with the ids and times around it", async () => {
  await using server = exchange({
    trades: 300,
    faults: { drop_ids: [100, 101, 102], rest: { lacking_ids: [101, 102], page_max: 1 } },
  });
  const { counts, outages } = await produce(server.url, { ...full, retry_ms: 1 });
  expect(counts).toMatchObject({ filled: 1, unfillable: 2 });
  expect(outages).toEqual([
    {
      type: "tidemark_outage",
      product_id: "BTC-USD",
      from_us: HOUR[98]!.time_us,
      to_us: HOUR[102]!.time_us,
      last_trade_id: 100,
      first_trade_id: 103,
      reason: "not filled: REST does not know these trades",
    },
  ]);
});

test("ids that were never issued: each span between two neighbours of one page is noted, the rest of a gap is filled", async () => {
  const drop_ids = [...range(99, 101), ...range(103, 110), 200, ...range(400, 403), 1_600];
  const unissued_ids = [100, 105, 106, 110, 150, 202, 203, 300, 1_599];
  await using server = exchange({ trades: 1_700, faults: { drop_ids, unissued_ids } });
  const { ids, counts, outages, unissued, lines } = await produce(server.url, full);
  const lost = new Set(unissued_ids);
  expect(sorted(ids)).toEqual(range(1, 1_700).filter((id) => !lost.has(id)));
  expect(unissued.sort(([a], [b]) => Number(a) - Number(b))).toEqual([
    [100, 100],
    [105, 106],
    [110, 110],
    [150, 150],
    [202, 203],
    [300, 300],
    [1_599, 1_599],
  ]);
  expect(counts).toMatchObject({ filled: 13, unfillable: 0, unissued: unissued_ids.length });
  expect(outages).toEqual([]);
  const gaps = lines.filter((line) => line.includes("tidemark_gap")).map((line) => JSON.parse(line));
  const closed = gaps.filter(({ state }) => state === "closed");
  expect(closed.map(({ missing }) => missing)).toEqual(closed.map(() => 0));
  expect(new Set(gaps.map((gap) => gap.last_trade_id)).size).toBe(closed.length);
});

for (const page_max of [2, 3, 7, 1_000]) {
  test(`never issued at every place of a page of ${page_max}: first, last, across the edge of two pages`, async () => {
    const unissued_ids = [...range(51, 53), 56, ...range(58, 59), 62, 64, 66, ...range(70, 79), 81];
    await using server = exchange({
      trades: 100,
      faults: { drop_ids: range(50, 82), unissued_ids, rest: { page_max } },
    });
    const { ids, unissued, outages, counts } = await produce(server.url, full);
    expect(outages).toEqual([]);
    expect(counts).toMatchObject({ unfillable: 0, unissued: unissued_ids.length });
    expect(unissued.flatMap(([lo, hi]) => range(Number(lo), Number(hi))).sort((a, b) => a - b)).toEqual(unissued_ids);
    expect(sorted(ids)).toEqual(range(1, 100).filter((id) => !unissued_ids.includes(id)));
  });
}

test("REST that is behind proves what it has both neighbours of; the rest of the gap stays lacking", async () => {
  const faults = { drop_ids: range(90, 98), unissued_ids: [92, 93, 97], rest: { behind: 5 } };
  await using server = exchange({ trades: 100, faults });
  const { ids, counts, outages, unissued } = await produce(server.url, { ...full, retry_ms: 1 });
  // The newest trade of REST is 94: nothing above it is proved.
  expect(unissued).toEqual([[92, 93]]);
  expect(counts).toMatchObject({ filled: 3, unissued: 2, unfillable: 4 });
  expect(outages).toMatchObject([{ last_trade_id: 94, first_trade_id: 99 }]);
  expect(outages[0]!.reason).toBe("not filled: REST does not have trade 99 after the gap yet");
  expect(sorted(ids)).toEqual([...range(1, 91), 94, 99, 100]);
});

test("REST that fails until the feed has ended makes an outage, and the feed continues", async () => {
  const statuses = Array.from({ length: 50 }, () => 500);
  await using server = exchange({ trades: 300, faults: { drop_ids: [100], rest: { statuses } } });
  const { ids, outages } = await produce(server.url, { ...full, retry_ms: 1 });
  expect(outages[0]!.reason).toBe("not filled: REST answers 500");
  expect(ids.at(-1)).toBe(300);
});

test("REST that fails for more than six tries: the gap stays open, and is filled when REST answers again", async () => {
  const statuses = Array.from({ length: 7 }, () => 500);
  await using rest = exchange({ trades: 300, after: 300, faults: { rest: { statuses } } });
  await using feed = scripted(async ({ send, socket }) => {
    send(ack(["BTC-USD"], "matches"));
    for (const { trade_id, line } of HOUR.slice(0, 300)) if (trade_id !== 10) send(matchFrame(line, "match"));
    // At the feed's end a gap that has had its tries is given up.
    await until("the request after those that fail", () => rest.counts().rest_requests > statuses.length);
    socket.close(1000);
  });
  const rest_url = rest.url.replace("ws:", "http:");
  const { ids, counts, outages } = await produce(feed.url, { ...full, retry_ms: 1, rest_url });
  expect(counts).toMatchObject({ filled: 1, unfillable: 0 });
  expect(outages).toEqual([]);
  expect(sorted(ids)).toEqual(range(1, 300));
});

test("trades made while the connection was lost are filled, so the tape is whole and no outage is left", async () => {
  await using server = exchange({ speed: 200, trades: 2_000, faults: { cut_after: [100, 50] } });
  const { ids, counts, outages } = await produce(server.url, {
    ...full,
    backoff: { base_ms: 60, cap_ms: 60, gap_ms: 60 },
  });
  expect(counts.reconnects).toBe(2);
  expect(counts.filled).toBeGreaterThan(0);
  expect(sorted(ids)).toEqual(range(1, 2_000));
  expect(outages).toEqual([]);
});

test("requests to REST keep their distance", async () => {
  await using server = exchange({ trades: 300, faults: { drop_ids: [50, 100, 150, 200] } });
  const started = performance.now();
  const { counts } = await produce(server.url, full);
  expect(counts.filled).toBe(4);
  expect(performance.now() - started).toBeGreaterThan(590);
});

test("gaps: a jump opens one, trades inside narrow and split it, repeats change nothing", () => {
  let records = 0;
  const gaps = new GapTracker(() => records, 100);
  const see = (id: number, now_ms = 0) => gaps.see("P", id, id * 10, now_ms);
  const left = () => gaps.open.flatMap((gap) => gap.left.map(({ lo, hi }) => [lo, hi]));
  see(5);
  expect(gaps.open).toEqual([]);
  see(12);
  expect(gaps.due(99)).toEqual([]);
  expect(gaps.toNote(99)).toEqual([]);
  expect(gaps.due(100)).toMatchObject([{ product_id: "P", lo: 6, hi: 11, from_us: 50, to_us: 120 }]);
  expect(gaps.toNote(100)).toHaveLength(1);
  records = 5_000;
  expect(gaps.toNote(99)).toHaveLength(1);
  see(8);
  expect(left()).toEqual([
    [6, 7],
    [9, 11],
  ]);
  for (const id of [6, 11, 8, 4]) see(id);
  expect(left()).toEqual([
    [7, 7],
    [9, 10],
  ]);
  gaps.found("P", 1, 20);
  expect(gaps.open).toEqual([]);
  expect(gaps.takeClosed()).toMatchObject([{ lo: 6, hi: 11 }]);
  expect(gaps.takeClosed()).toEqual([]);
});

test("gaps: an id far ahead counts once the next one is near it; ids that begin again are followed", () => {
  const gaps = new GapTracker(() => 0, 0);
  const see = (...ids: number[]) => ids.forEach((id, i) => void gaps.see("P", id, 1_000_000 + id + i, 0));
  const left = () => gaps.open.flatMap((gap) => gap.left.map(({ lo, hi }) => [lo, hi]));
  see(1, 2, 2 ** 40, 3, 5);
  expect(left()).toEqual([[4, 4]]);
  see(50_000, 50_001, 50_003);
  expect(left()).toEqual([
    [4, 4],
    [6, 49_999],
    [50_002, 50_002],
  ]);
  gaps.see("P", 7, 9_000_000, 0);
  gaps.see("P", 9, 9_000_001, 0);
  expect(left().at(-1)).toEqual([8, 8]);
});

test("the REST address follows from the feed's", () => {
  expect(restUrlOf("wss://ws-feed.exchange.coinbase.com")).toBe("https://api.exchange.coinbase.com");
  expect(restUrlOf("wss://ws-feed-public.sandbox.exchange.coinbase.com")).toBe(
    "https://api-public.sandbox.exchange.coinbase.com",
  );
  expect(restUrlOf("ws://127.0.0.1:8400")).toBe("http://127.0.0.1:8400");
});
