/** The feed keeps state of accepted trades only, and its readers accept every note that it writes. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { nowUs } from "../../scripts/base/clock.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import { gapFrame, outageFrame } from "../../scripts/message/own-records.ts";
import { parseRecord } from "../../scripts/message/parse.ts";
import { ack, match, produce, scripted, tick } from "../support/feed.ts";

/** Sends frames over several connections; each but the last is dropped. */
async function arrive(connections: (object | string)[][], options: Parameters<typeof produce>[1] = {}) {
  await using server = scripted(({ connection, send, socket }) => {
    send(ack(["BTC-USD"], options.channel), ...connections[connection - 1]!);
    if (connection < connections.length) socket.terminate();
    else socket.close(1000);
  });
  const produced = await produce(server.url, options);
  expect(produced.error).toBeNull();
  return produced;
}

const raw = (trade_id: number, key: string, text: string) =>
  JSON.stringify(tick(trade_id)).replace(new RegExp(`"${key}":("[^"]*"|\\d+)`), `"${key}":${text}`);

/** Frames that name a trade and are not valid trades. */
const NO_TICKS: [string, string][] = [
  ["trade_id", "99999999999999999999"],
  ["trade_id", "-5"],
  ["trade_id", '"7"'],
  ["trade_id", "1e30"],
  ["time", '"9999-12-31T23:59:59.999999Z"'],
  ["time", '"yesterday"'],
  ["time", "null"],
  ["price", '"0"'],
  ["price", '"-1"'],
  ["last_size", '"1e5"'],
  ["side", '"both"'],
];

test("the last frame before a drop is not a trade: the outage has the ids and times of the trades around it", async () => {
  for (const [key, text] of NO_TICKS) {
    const { outages, lines } = await arrive([
      [tick(1), tick(2), raw(50, key, text)],
      [tick(5), tick(6)],
    ]);
    expect([key, text, outages]).toMatchObject([key, text, [{ last_trade_id: 2, first_trade_id: 5 }]]);
    const { from_us, to_us } = outages[0] as { from_us: number; to_us: number };
    expect(to_us - from_us).toBe(3_000_000);
    expect(lines.length).toBe(6);
  }
});

test("the first frame after a drop is not a trade: the outage ends with the first trade", async () => {
  for (const [key, text] of NO_TICKS) {
    const { outages } = await arrive([
      [tick(1), tick(2)],
      [raw(4, key, text), tick(5)],
    ]);
    expect([key, text, outages]).toMatchObject([key, text, [{ last_trade_id: 2, first_trade_id: 5 }]]);
  }
});

test("a trade of 1969 counts, and its outage is one that readers accept", async () => {
  const old = tick(1, { time: "1969-07-20T20:17:40.000000Z" });
  const { lines } = await arrive([[old], [tick(5)]]);
  const note = lines.find((line) => line.includes("tidemark_outage"))!;
  expect(parseRecord(Buffer.from(note))).toMatchObject({
    kind: "outage",
    outage: { from_us: -14_182_940_000_000, last_trade_id: 1, first_trade_id: 5 },
  });
  const after = await arrive([[tick(1), tick(2), tick(3, { time: "1969-07-20T20:17:40.000000Z" })], [tick(5)]]);
  expect(after.outages).toMatchObject([{ last_trade_id: 3, from_us: Date.UTC(2023, 8, 5, 16, 0, 2) * 1_000 }]);
});

test("live: a trade whose clock is far ahead does not make the outage begin or end there", async () => {
  const now_us = nowUs();
  const at = (id: number, ahead_us: number) => tick(id, { time: isoFromUs(now_us + ahead_us) });
  const year = 365 * 86_400_000_000;
  for (const [before, after] of [
    [year, 0],
    [0, year],
  ] as const) {
    const { outages, figures } = await arrive([[at(1, -1_000_000), at(2, before)], [at(5, after)]], { kind: "live" });
    const { from_us, to_us } = outages[0] as { from_us: number; to_us: number };
    for (const us of [from_us, to_us]) expect(us - now_us).toBeWithin(-2_000_000, 60_000_000);
    expect(figures.newest_us - now_us).toBeLessThan(60_000_000);
  }
});

test("trade id 0, equal times, an outlier among the ids, meaningless heartbeats: nothing is lost or invented", async () => {
  const time = "2023-09-05T16:00:00.000000Z";
  const beats = [
    { type: "heartbeat", product_id: "BTC-USD", time: "never", last_trade_id: -1 },
    { type: "heartbeat", time: "9999-12-31T23:59:59Z" },
    { type: "heartbeat", product_id: 7, time: null, last_trade_id: "x" },
  ];
  const { ids, outages, counts } = await arrive([
    [tick(0, { time }), ...beats, tick(1, { time }), tick(2, { time })],
    [tick(2, { time }), tick(3, { time })],
  ]);
  expect(ids).toEqual([0, 1, 2, 2, 3]);
  expect(counts.heartbeats).toBe(3);
  expect(outages).toMatchObject([{ last_trade_id: 2, first_trade_id: 2 }]);
  const outlier = await arrive([
    [tick(1), tick(2 ** 45, { time: "2023-09-05T16:00:01.5Z" }), tick(2), tick(3)],
    [tick(5)],
  ]);
  expect(outlier.outages).toMatchObject([{ last_trade_id: 3, first_trade_id: 5 }]);
});

test("matches: an invalid trade opens no gap, an outlier among the ids opens none of a billion", async () => {
  const { counts, outages } = await arrive(
    [[match(1), match(2), match(900, { price: "0" }), match(2 ** 45), match(3), match(4)]],
    { channel: "matches", rest_url: "http://127.0.0.1:1" },
  );
  expect(counts).toMatchObject({ filled: 0, unfillable: 0 });
  expect(outages).toEqual([]);
});

const id = fc.maxSafeNat();
const us = fc.maxSafeInteger();
const words = fc.string({ unit: "binary" });
const product = fc.string({ minLength: 1, maxLength: 20, unit: "grapheme-ascii" });

test("property: the readers accept every note, field by field", () => {
  const outage = fc.record({
    product_id: product,
    from_us: us,
    to_us: us,
    last_trade_id: fc.option(id),
    first_trade_id: fc.option(id),
    reason: words,
  });
  const gap = fc.record({
    product_id: product,
    state: fc.constantFrom("opened" as const, "closed" as const),
    from_us: us,
    to_us: us,
    last_trade_id: id,
    first_trade_id: id,
    missing: id,
    reason: words,
  });
  fc.assert(
    fc.property(outage, gap, (one, other) => {
      expect(parseRecord(outageFrame(one))).toEqual({ kind: "outage", outage: one });
      expect(parseRecord(gapFrame(other))).toEqual({ kind: "gap", gap: other });
    }),
    { numRuns: 500 },
  );
});

test("property: over random frames and drops each note is accepted and names trades that counted", async () => {
  const frame = fc.oneof(
    { weight: 4, arbitrary: fc.nat(40).map((n) => JSON.stringify(tick(n))) },
    fc.tuple(fc.nat(60), fc.constantFrom(...NO_TICKS)).map(([n, [key, text]]) => raw(n, key, text)),
    fc.nat(60).map((n) => JSON.stringify(tick(n, { time: "1969-07-20T20:17:40Z" }))),
    fc.maxSafeNat().map((n) => JSON.stringify(tick(n))),
  );
  const connections = fc.array(fc.array(frame, { maxLength: 6 }), { minLength: 2, maxLength: 4 });
  const check = async (frames: string[][]) => {
    const { records } = await arrive(frames);
    const accepted = new Set<number>();
    for (const { value } of records) {
      const parsed = parseRecord(value);
      if (parsed.kind === "tick") accepted.add(parsed.tick.trade_id);
    }
    for (const { value } of records) {
      if (!Buffer.from(value).includes("tidemark_outage")) continue;
      const parsed = parseRecord(value);
      if (parsed.kind !== "outage") throw new Error(Buffer.from(value).toString());
      const { from_us, to_us, last_trade_id, first_trade_id } = parsed.outage;
      expect(from_us).toBeLessThanOrEqual(to_us);
      for (const one of [last_trade_id, first_trade_id]) expect(accepted.has(one!)).toBe(true);
    }
  };
  await fc.assert(fc.asyncProperty(connections, check), { numRuns: 60 });
}, 120_000);
