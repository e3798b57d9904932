/** The feed's client: what it puts into the log, and what it does when a connection ends. */
import { expect, test } from "bun:test";
import { Backoff } from "../../scripts/feed/backoff.ts";
import { asProducts } from "../../scripts/simulator/recording.ts";
import { ACK, exchange, HOUR, produce, scripted, tick } from "../support/feed.ts";

const beat = (time: string) => ({ type: "heartbeat", product_id: "BTC-USD", sequence: 1, last_trade_id: 0, time });

test("the recorded hour: 13,197 records, keyed by product, byte for byte", async () => {
  await using server = exchange();
  const { records, lines, counts, error } = await produce(server.url);
  expect(error).toBeNull();
  expect(lines).toEqual(HOUR.map((trade) => trade.line));
  expect(records.every((record) => record.key === "BTC-USD")).toBe(true);
  expect(counts).toMatchObject({ ticks: 13_197, reconnects: 0, outages: 0, incomplete: 0, garbled: 0 });
});

test("bytes are kept as they came: Unicode, escapes, spaces, duplicate keys, 19-digit ids, __proto__", async () => {
  const odd = [
    '{ "type": "ticker", "product_id": "ÅÄÖ-USD", "trade_id": 1, "note": "\\u0000 é 🙂" }',
    '{"type":"ticker","product_id":"BTC-USD","trade_id":1,"trade_id":2,"__proto__":{"x":1}}',
    '{"type":"ticker","product_id":"BTC-USD","trade_id":9223372036854775807,"price":"NaN","last_size":"-1"}',
    '{"type":"ticker","product_id":"BTC-USD","trade_id":"7","price":null,"last_size":"1e5"}',
  ];
  await using server = scripted((session) => {
    session.send(ACK, ...odd);
    session.socket.close(1000);
  });
  const { lines, records } = await produce(server.url);
  expect(lines).toEqual(odd);
  expect(records[0]!.key).toBe("ÅÄÖ-USD");
});

test("incomplete tickers are counted and skipped, unknown types ignored, and the connection stays", async () => {
  await using server = scripted((session) => {
    session.send(
      ACK,
      { type: "ticker", product_id: "X-USD", price: "0" },
      { type: "status" },
      { type: "l2update" },
      tick(1),
    );
    session.send(
      { type: "snapshot", product_id: "BTC-USD", bids: Array.from({ length: 20_000 }, (_, i) => [`${i}`, "0.1"]) },
      tick(2),
    );
    session.socket.close(1000);
  });
  const { ids, counts } = await produce(server.url);
  expect(ids).toEqual([1, 2]);
  expect(counts).toMatchObject({ incomplete: 1, ignored: 3, ticks: 2, reconnects: 0 });
});

test("heartbeats are put into the log unchanged, but only on request", async () => {
  const beats = [1, 2].map((s) => beat(`2023-09-05T16:00:0${s}Z`));
  const frames = [tick(1), beats[0]!, tick(2), beats[1]!].map((frame) => JSON.stringify(frame));
  await using server = scripted((session) => {
    session.send(ACK, ...frames);
    session.socket.close(1000);
  });
  const without = await produce(server.url);
  expect([without.ids, without.lines.length, without.counts.heartbeats]).toEqual([[1, 2], 2, 2]);
  const { lines, records } = await produce(server.url, { heartbeats: true });
  expect(lines).toEqual(frames);
  expect(records.every((record) => record.key === "BTC-USD")).toBe(true);
});

test("a cut connection is connected again, and the span without a feed is noted before the next trade", async () => {
  await using server = exchange({ trades: 1_000, faults: { cut_after: [100, 50, 200] } });
  const { lines, outages, counts, ids } = await produce(server.url);
  expect(counts).toMatchObject({ reconnects: 3, outages: 3 });
  expect(outages.length).toBe(3);
  for (const outage of outages) {
    expect(outage).toMatchObject({ type: "tidemark_outage", product_id: "BTC-USD" });
    const place = lines.indexOf(JSON.stringify(outage));
    expect(lines[place - 1]).toContain(`"trade_id":${outage.last_trade_id},`);
    expect(lines[place + 1]).toContain(`"trade_id":${outage.first_trade_id},`);
    expect(outage.to_us as number).toBeGreaterThanOrEqual(outage.from_us as number);
    expect(outage.reason).toContain("connection was lost");
  }
  expect(new Set(ids).size).toBe(1_000);
  expect(ids.at(-1)).toBe(1_000);
});

test("after a reconnect the last trade comes again: the same id twice in the log", async () => {
  await using server = exchange({ trades: 300, faults: { cut_after: [100], cut_code: 1001 } });
  const { ids } = await produce(server.url);
  expect(ids.length).toBe(301);
  expect(new Set(ids).size).toBe(300);
});

test("only a close with 1000 ends --until-end; any other close is a drop", async () => {
  const codes = [1001, 1002, 1008, 1011, 1012, 4000, 1000];
  await using server = scripted((session) => {
    session.send(ACK, tick(session.connection));
    session.socket.close(codes[session.connection - 1]);
  });
  const { counts, ids } = await produce(server.url);
  expect(counts.reconnects).toBe(6);
  expect(ids).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test("without --until-end even a close with 1000 is a drop; the signal ends it", async () => {
  const stop = new AbortController();
  await using server = scripted((session) => {
    session.send(ACK, tick(session.connection));
    if (session.connection < 3) session.socket.close(1000);
    else setTimeout(() => stop.abort(), 20);
  });
  const { counts, error } = await produce(server.url, { until_end: false, signal: stop.signal });
  expect(error).toBeNull();
  expect(counts).toMatchObject({ reconnects: 2, ticks: 3 });
});

test("an open socket that is silent is terminated and connected again", async () => {
  await using server = exchange({ trades: 500, heartbeat_ms: 20, faults: { silent_after: [100] } });
  const { counts, outages, ids } = await produce(server.url, { silence_ms: 200 });
  expect(counts.reconnects).toBe(1);
  expect(outages[0]!.reason).toContain("silent for 0.2 s");
  expect(ids.at(-1)).toBe(500);
});

test("heartbeats without ticks are a quiet market, not a dead connection", async () => {
  await using server = scripted((session) => {
    session.send(ACK);
    const beats = setInterval(() => session.send(beat("2023-09-05T16:00:00Z")), 20);
    setTimeout(() => {
      clearInterval(beats);
      session.socket.close(1000);
    }, 500);
  });
  const { counts } = await produce(server.url, { silence_ms: 150 });
  expect(counts).toMatchObject({ reconnects: 0, ticks: 0 });
});

test("the back-off doubles up to its cap, with full jitter", () => {
  const high = new Backoff({ random: () => 1 });
  expect(Array.from({ length: 9 }, () => high.next())).toEqual([
    500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
  ]);
  const middle = new Backoff({ random: () => 0.5 });
  expect([middle.next(), middle.next()]).toEqual([250, 500]);
  const low = new Backoff({ random: () => 0 });
  expect(low.next()).toBe(150);
});

test("the back-off is reset by a new tick, not by a connect, an acknowledgement or a repeated tick", async () => {
  const waits = async (frames: (connection: number) => object[]) => {
    const asked: number[] = [];
    await using server = scripted((session) => {
      session.send(...frames(session.connection));
      session.socket.close(session.connection < 5 ? 1011 : 1000);
    });
    const { warnings } = await produce(server.url, {
      backoff: { base_ms: 8, cap_ms: 1_000, gap_ms: 0, random: () => 1 },
    });
    for (const warning of warnings) asked.push(1_000 * Number(/again in ([\d.]+) s/.exec(warning)?.[1]));
    return asked;
  };
  expect(await waits(() => [ACK])).toEqual([8, 16, 32, 64]);
  expect(await waits(() => [ACK, tick(1)])).toEqual([8, 16, 32, 64]);
  expect(await waits((connection) => [ACK, tick(connection)])).toEqual([8, 8, 8, 8]);
});

test("connects that fail at once in a loop are never more than eight per second", async () => {
  const stop = new AbortController();
  await using server = scripted(
    () => {},
    ({ socket, connection }) => (connection < 10 ? socket.terminate() : stop.abort()),
  );
  await produce(server.url, { until_end: false, signal: stop.signal, backoff: { random: () => 0 } });
  expect(server.connections()).toBe(10);
  for (const time of server.times) {
    expect(server.times.filter((other) => other >= time && other < time + 1_000).length).toBeLessThanOrEqual(8);
  }
});

test("a refused product is named once and the others are read", async () => {
  await using server = exchange({ trades: 300, faults: { cut_after: [100] } });
  const { ids, counts, warnings, error } = await produce(server.url, { products: ["NO-SUCH", "BTC-USD"] });
  expect(error).toBeNull();
  expect(ids.at(-1)).toBe(300);
  expect(counts.refused).toEqual(["NO-SUCH"]);
  expect(warnings.filter((warning) => warning.includes("NO-SUCH")).length).toBe(1);
});

test("a feed that refuses every product is an error that names them", async () => {
  await using server = exchange();
  const { error } = await produce(server.url, { products: ["NO-SUCH", "NOR-THIS"] });
  expect(error).toMatchObject({ code: "FEED_REFUSED" });
  expect((error as Error).message).toContain("NO-SUCH, NOR-THIS");
});

test("a refusal of all products after an earlier acceptance is a lost connection like any other", async () => {
  await using server = scripted((session) => {
    if (session.connection === 2)
      return session.send({ type: "error", message: "Failed to subscribe", reason: "maintenance" });
    session.send(ACK, tick(session.connection));
    session.socket.close(session.connection === 1 ? 1012 : 1000);
  });
  const { ids, error } = await produce(server.url);
  expect(error).toBeNull();
  expect(ids).toEqual([1, 3]);
});

test("a message over the cap ends the connection, is not held in memory, and the next connection continues", async () => {
  await using server = exchange({ trades: 300, faults: { insert: [{ before: 100, bytes: 32 * 1024 * 1024 }] } });
  const held = () => {
    // What earlier tests of this process left is not this message.
    Bun.gc(true);
    return process.memoryUsage.rss();
  };
  const before = held();
  const { counts, ids, outages } = await produce(server.url);
  expect(counts.reconnects).toBe(1);
  expect(outages[0]!.reason).toContain("Max payload");
  expect(ids.at(-1)).toBe(300);
  expect(held() - before).toBeLessThan(200 * 1024 * 1024);
});

test("duplicates and neighbours that changed places are kept in the order in which they came", async () => {
  await using server = exchange({ trades: 10, faults: { duplicate_every: 5, swap_ids: [3] } });
  expect((await produce(server.url)).ids).toEqual([1, 2, 4, 3, 5, 5, 6, 7, 8, 9, 10, 10]);
});

test("truncated frames don't end the connection", async () => {
  await using server = exchange({ trades: 100, faults: { truncate_every: 10 } });
  const { ids, counts } = await produce(server.url);
  expect(ids.length).toBe(90);
  expect(counts).toMatchObject({ garbled: 10, reconnects: 0 });
});

test("a feed that can't be reached is an error with --until-end, after a while", async () => {
  const { error } = await produce("ws://127.0.0.1:1", { give_up_ms: 50 });
  expect(error).toMatchObject({ code: "FEED_UNREACHABLE" });
});

test("latency is our receipt minus the exchange's time, signed, by the replay's own clock", async () => {
  // At speed 20 a trade 20 s before the heartbeat's clock is 1 s late, one 20 h after it 1 h early.
  const measured = async (time: string) => {
    await using server = scripted((session) => {
      session.send(
        { ...ACK, tidemark_replay: { speed: 20 } },
        beat("2023-09-05T16:00:20Z"),
        tick(1),
        tick(2, { time }),
      );
      session.socket.close(1000);
    });
    return (await produce(server.url)).latencies_us[0];
  };
  expect(await measured("2023-09-05T16:00:00Z")).toBeWithin(1_000_000, 60_000_000);
  expect(await measured("2023-09-06T12:00:20Z")).toBeWithin(-3_600_000_000, -3_500_000_000);
});

test("a replay's clock keeps running after the feed's end, at the speed of before", async () => {
  const began_ms = performance.now();
  await using server = exchange({ speed: 20, trades: 50, heartbeat_ms: 10 });
  const { figures } = await produce(server.url);
  const now_us = HOUR[0]!.time_us + 20 * 1_000 * (performance.now() - began_ms);
  const { clock_us, as_of_us, speed } = figures.replayClock();
  expect([figures.state, speed]).toEqual(["ended", 20]);
  expect(clock_us).toBeWithin(HOUR[0]!.time_us, now_us);
  expect(clock_us + (figures.ended_us - as_of_us) * 20).toBeWithin(HOUR[49]!.time_us, now_us);
  await using fast = exchange({ trades: 50, heartbeat_ms: 1 });
  expect((await produce(fast.url)).figures.replayClock()).toMatchObject({ clock_us: HOUR[49]!.time_us, speed: null });
});

test("a replay's clock runs since its first heartbeat, and from a later one if it steps", async () => {
  const clock = async (...times: string[]) => {
    await using server = scripted((session) => {
      session.send({ ...ACK, tidemark_replay: { speed: 20 } }, ...times.map(beat), tick(1));
      session.socket.close(1000);
    });
    return { began_us: Date.now() * 1_000, since_us: 0, ...(await produce(server.url)).figures.replayClock() };
  };
  const { began_us, since_us, as_of_us } = await clock("2023-09-05T16:00:20Z", "2023-09-05T16:00:20Z");
  expect(since_us).toBeWithin(began_us - 1_000, as_of_us + 1);
  const stepped = await clock("2023-09-05T16:00:20Z", "2023-09-05T18:00:20Z");
  expect(stepped.since_us).toBe(stepped.as_of_us);
});

test("twenty products at once, each in its own order", async () => {
  const products = Array.from({ length: 20 }, (_, i) => `P${i}-USD`);
  await using server = exchange({ recorded: asProducts(HOUR.slice(0, 500), products) });
  const { records, ids } = await produce(server.url, { products });
  expect(records.length).toBe(10_000);
  for (const product of products) {
    const own = ids.filter((_, i) => records[i]!.key === product);
    expect(own).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
  }
});
