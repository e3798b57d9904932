/** What REST may answer: waits, refusals, redirects, packed, huge and slow bodies, incomplete pages. */
import { expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { GAPS_AT_ONCE_MAX, REST_BYTES_MAX, REST_TRIES_MAX } from "../../../scripts/base/limits.ts";
import { RestTrades, retryAfterMs } from "../../../scripts/feed/tape/rest.ts";
import { matchFrame } from "../../../scripts/simulator/exchange-frames.ts";
import { ack, exchange, HOUR, produce, scripted } from "../../support/feed.ts";

/** Trade `id` of the recorded hour as REST has it. */
function trade(id: number): object {
  const { trade_id, side, size, price, time } = JSON.parse(matchFrame(HOUR[id - 1]!.line, "match"));
  return { trade_id, side, size, price, time };
}

function page(ids: number[]): Response {
  return Response.json(ids.map(trade), { headers: ids.length > 0 ? { "cb-after": String(ids.at(-1)) } : {} });
}

/** Descending ids below `after`, at most `limit`. */
function honest(request: Request, known = (_: number) => true): number[] {
  const query = new URL(request.url).searchParams;
  const [after, limit] = [Number(query.get("after")), Number(query.get("limit"))];
  return Array.from({ length: Math.max(0, after - 1) }, (_, i) => after - 1 - i)
    .filter(known)
    .slice(0, limit);
}

/** A scripted REST server; `answer` gets the request and its number from 1. */
function rest(answer: (request: Request, n: number) => Response | Promise<Response>) {
  const times: number[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      times.push(performance.now());
      return answer(request, times.length);
    },
  });
  const url = `http://127.0.0.1:${server.port}`;
  return { url, times, [Symbol.asyncDispose]: () => server.stop(true) };
}

/** Trades 1 to `last` of the hour without `lost`, then the end. */
function tape(lost: number[], last = 20) {
  return scripted(({ send, socket }) => {
    send(ack(["BTC-USD"], "matches"));
    for (const { trade_id, line } of HOUR.slice(0, last)) if (!lost.includes(trade_id)) send(matchFrame(line, "match"));
    socket.close(1000);
  });
}

const full = { channel: "matches" as const, retry_ms: 1 };

test("Retry-After: seconds and HTTP dates, bounded; anything else is none", () => {
  const now_ms = Date.UTC(2026, 10, 27, 12);
  const cases: [string | null, number | null][] = [
    [null, null],
    ["", null],
    ["3", 3_000],
    [" 0 ", 0],
    ["1.5", 1_500],
    ["Fri, 27 Nov 2026 12:00:07 GMT", 7_000],
    ["Friday, 27-Nov-26 12:00:07 GMT", 7_000],
    ["Fri, 27 Nov 2026 11:00:00 GMT", 0],
    ["999999999", 300_000],
    ["soon", null],
    ["-5", 0],
  ];
  for (const [header, ms] of cases) {
    const found = retryAfterMs(header, now_ms);
    if (header === "-5") expect(found === null || found === 0).toBe(true);
    else expect([header, found]).toEqual([header, ms]);
  }
});

for (const [form, header] of [
  ["seconds", () => "1"],
  ["an HTTP date", () => new Date(Date.now() + 2_000).toUTCString()],
] as const) {
  test(`a 429 with Retry-After as ${form}: no request of any gap comes before that time`, async () => {
    await using server = rest((request, n) =>
      n === 1 ? new Response("", { status: 429, headers: { "retry-after": header() } }) : page(honest(request)),
    );
    await using feed = tape([5, 10, 15]);
    const { counts, outages } = await produce(feed.url, { ...full, rest_url: server.url });
    expect(counts).toMatchObject({ filled: 3, unfillable: 0 });
    expect(outages).toEqual([]);
    const [first, ...others] = server.times;
    expect(others.filter((time) => time < first! + 900).length).toBe(0);
    expect(server.times.length).toBe(4);
  });
}

test("a page that lacks an id between its neighbours proves that it was never issued: one request, no outage", async () => {
  await using server = rest((request) => page(honest(request, (id) => id !== 10)));
  await using feed = tape([10]);
  const { counts, outages, unissued } = await produce(feed.url, { ...full, retry_ms: 5_000, rest_url: server.url });
  expect(counts).toMatchObject({ filled: 0, unfillable: 0, unissued: 1 });
  expect([outages, unissued]).toEqual([[], [[10, 10]]]);
  expect(server.times.length).toBe(1);
});

test("a page proves nothing out of order, with an id twice, with one that is text, or without a neighbour", async () => {
  const pages: [string, (ids: number[]) => unknown[]][] = [
    ["out of order", ([first, ...rest]) => [...rest.map(trade), trade(first!)]],
    ["an id twice", (ids) => [...ids, ids.at(-1)!].map(trade)],
    ["text", (ids) => [...ids.map(trade), { ...trade(8), trade_id: "8" }]],
    ["no neighbour below", (ids) => ids.filter((id) => id >= 11).map(trade)],
    ["a trade of the feed lacks", (ids) => ids.filter((id) => id !== 11).map(trade)],
  ];
  for (const [name, of] of pages) {
    await using server = rest((request) => {
      const ids = honest(request, (id) => id !== 10);
      return Response.json(of(ids), { headers: { "cb-after": String(ids.at(-1) ?? 1) } });
    });
    await using feed = tape([10]);
    const { counts, unissued, outages } = await produce(feed.url, { ...full, rest_url: server.url });
    expect([name, unissued, counts.unfillable]).toEqual([name, [], 1]);
    expect([name, outages]).toMatchObject([name, [{ last_trade_id: 9, first_trade_id: 11 }]]);
  }
});

for (const [error, fails] of [
  ["REST answers 429", () => new Response("", { status: 429 })],
  ["REST answers with text that is not JSON", () => new Response("<html>")],
] as const) {
  test(`a last try that fails (${error}) hides no earlier answer: its proofs stay, and the outage has both reasons`, async () => {
    // REST is behind by the trades above 12, and 9 and 11 were never issued.
    await using server = rest((request, n) =>
      n < REST_TRIES_MAX ? page(honest(request, (id) => id <= 12 && id !== 9 && id !== 11)) : fails(),
    );
    await using feed = tape([9, 10, 11, 12, 13, 14]);
    const { counts, outages, unissued } = await produce(feed.url, { ...full, rest_url: server.url });
    expect(unissued).toEqual([
      [11, 11],
      [9, 9],
    ]);
    expect(counts).toMatchObject({ filled: 2, unissued: 2, unfillable: 2 });
    const reason = `not filled: REST does not have trade 15 after the gap yet; the last try failed: ${error}`;
    expect(outages).toMatchObject([{ last_trade_id: 12, first_trade_id: 15, reason }]);
    expect(server.times.length).toBe(REST_TRIES_MAX);
  });
}

test("pages that fail after the first one: what the first proved is noted, and asked for no more", async () => {
  const known = (id: number) => id !== 2_000 && id !== 500;
  let [pages, open] = [0, false];
  await using server = rest((request) => {
    const after = Number(new URL(request.url).searchParams.get("after"));
    if (after < 1_500 && !open) {
      open = ++pages > 3;
      return new Response("", { status: 429 });
    }
    return page(honest(request, known));
  });
  const lost = Array.from({ length: 2_000 }, (_, i) => 100 + i);
  await using feed = tape(lost, 2_200);
  const { counts, outages, unissued, lines } = await produce(feed.url, { ...full, rest_url: server.url });
  expect([unissued, outages]).toEqual([
    [
      [2_000, 2_000],
      [500, 500],
    ],
    [],
  ]);
  expect(counts).toMatchObject({ filled: lost.length - 2, unissued: 2, unfillable: 0 });
  const gaps = lines.filter((line) => line.includes("tidemark_gap")).map((line) => JSON.parse(line));
  const reason = "filled, without ids that were never issued";
  expect(gaps.at(-1)).toMatchObject({ state: "closed", last_trade_id: 99, first_trade_id: 2_100, missing: 0, reason });
  expect(lines.length - gaps.length).toBe(2_200);
});

test("REST that is behind the feed is asked again until it has the trade after the gap", async () => {
  await using server = rest((request, n) => page(honest(request, (id) => n > 3 || id < 10)));
  await using feed = tape([10]);
  const { counts } = await produce(feed.url, { ...full, rest_url: server.url });
  expect(counts).toMatchObject({ filled: 1, unfillable: 0 });
  expect(server.times.length).toBe(4);
});

test("a further page of an older list, or an empty one, is asked again: the trades between are not lost", async () => {
  const lost = Array.from({ length: 12 }, (_, i) => 5 + i);
  for (const older of [[3, 2, 1], []]) {
    await using server = rest((request, n) => page(n === 2 ? older : honest(request).slice(0, 4)));
    await using feed = tape(lost);
    const { counts } = await produce(feed.url, { ...full, rest_url: server.url });
    expect(counts).toMatchObject({ filled: 12, unfillable: 0, unissued: 0 });
  }
});

test("one gap that can't be filled delays no other", async () => {
  const wanted = (request: Request) => Number(new URL(request.url).searchParams.get("after"));
  const answered: number[] = [];
  await using server = rest((request) => {
    if (wanted(request) === 7) return new Response("", { status: 500 });
    answered.push(wanted(request));
    return page(honest(request));
  });
  await using feed = tape([5, 10, 15]);
  const { counts, lines } = await produce(feed.url, { ...full, retry_ms: 100, rest_url: server.url });
  expect(counts).toMatchObject({ filled: 2, unfillable: 1 });
  expect(answered).toEqual([12, 17]);
  const isFilled = (id: number) => (line: string) => line.includes(`"trade_id":${id},`) && line.includes('"rest"');
  const outage = lines.findIndex((line) => line.includes("tidemark_outage"));
  for (const id of [10, 15]) expect(lines.findIndex(isFilled(id))).toBeWithin(0, outage);
});

test("more failing gaps than are filled at once delay no other: a gap that waits for its next try gives way", async () => {
  const lost = Array.from({ length: GAPS_AT_ONCE_MAX + 1 }, (_, i) => 2 + 2 * i);
  const stop = new AbortController();
  const asked: number[] = [];
  await using server = rest((request) => {
    asked.push(Number(new URL(request.url).searchParams.get("after")) - 2);
    if (asked.at(-1) !== lost.at(-1)) return new Response("", { status: 500 });
    setTimeout(() => stop.abort(), 100);
    return page(honest(request));
  });
  await using feed = tape(lost);
  const { counts } = await produce(feed.url, { ...full, retry_ms: 60_000, rest_url: server.url, signal: stop.signal });
  expect(asked).toEqual(lost);
  expect(counts).toMatchObject({ filled: 1, unfillable: 0 });
});

test("what else REST may answer: each is a reason for people, and no trade is taken from it", async () => {
  const big = "x".repeat(REST_BYTES_MAX + 1);
  const packed = { headers: { "content-encoding": "gzip" } };
  const cases: [string, (url: string) => Response, string][] = [
    ["403", () => new Response("", { status: 403 }), "REST answers 403"],
    ["404", () => Response.json({ message: "NotFound" }, { status: 404 }), "REST answers 404"],
    ["503", () => new Response("", { status: 503 }), "REST answers 503"],
    ["not JSON", () => new Response("<html>"), "REST answers with text that is not JSON"],
    ["no list", () => Response.json({ message: "hello" }), "REST answers with no list of trades"],
    ["huge", () => new Response(big), `REST answers with more than ${REST_BYTES_MAX} bytes`],
    [
      "huge when unpacked",
      () => new Response(gzipSync(big), packed),
      `REST answers with more than ${REST_BYTES_MAX} bytes`,
    ],
    ["damaged gzip", () => new Response("no gzip", packed), ""],
    ["a loop", (url) => Response.redirect(url, 302), "REST redirects more than 3 times"],
    [
      "another scheme",
      () => new Response("", { status: 302, headers: { location: "file:///etc/passwd" } }),
      "REST redirects to an address that is not http or https",
    ],
    ["no target", () => new Response("", { status: 302 }), "REST answers 302"],
  ];
  for (const [name, answer, reason] of cases) {
    await using server = rest((request) => answer(request.url));
    const said = await new RestTrades(server.url)
      .page("BTC-USD", 5, 3, new AbortController().signal)
      .catch((error) => error as Error);
    if (!(said instanceof Error)) throw new Error(`${name}: taken`);
    expect([name, said.message.slice(0, reason.length)]).toEqual([name, reason]);
  }
});

test("a packed body and a redirect are followed; wrong entries of a page are skipped", async () => {
  await using target = rest((request) => {
    const body = gzipSync(
      JSON.stringify([null, 5, { trade_id: "10" }, { trade_id: 10, price: "NaN" }, ...honest(request).map(trade)]),
    );
    return new Response(body, { headers: { "content-encoding": "gzip", "cb-after": "9" } });
  });
  await using server = rest((request) => Response.redirect(request.url.replace(server.url, target.url), 301));
  await using feed = tape([10]);
  const { counts } = await produce(feed.url, { ...full, rest_url: `${server.url}/` });
  expect(counts).toMatchObject({ filled: 1, unfillable: 0 });
});

test("a slow body ends at its limit, a stop ends it at once", async () => {
  const slow = () =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode("[")),
      }),
    );
  await using server = rest(slow);
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);
  const stopped = await new RestTrades(server.url).page("BTC-USD", 5, 3, stop.signal).catch((error) => error);
  expect(stopped).toBeInstanceOf(Error);
  const late = await new RestTrades(server.url, 100)
    .page("BTC-USD", 5, 3, new AbortController().signal)
    .catch((error) => error.message);
  expect(late).toBe("REST did not answer within 0.1 s");
});

test("the simulator's REST: Retry-After by script", async () => {
  await using server = exchange({
    trades: 300,
    faults: { drop_ids: [100], rest: { statuses: [429], retry_after: "1" } },
  });
  const started = performance.now();
  const { counts } = await produce(server.url, full);
  expect(counts).toMatchObject({ filled: 1, unfillable: 0 });
  expect(performance.now() - started).toBeGreaterThan(990);
});
