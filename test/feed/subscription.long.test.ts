/** Replies to a subscription: in parts, errors with and without a product's name, pings, closes. */
import { expect, test } from "bun:test";
import { FEED_WORDS_MAX } from "../../scripts/base/limits.ts";
import { printable } from "../../scripts/base/printable.ts";
import { namedIn } from "../../scripts/feed/named-products.ts";
import { ack, exchange, produce, type Session, scripted, tick } from "../support/feed.ts";

const error = (reason: string) => ({ type: "error", message: "Failed to subscribe", reason });
const of = (product_id: string, trade_id = 1) => tick(trade_id, { product_id });

/** Replies by script, counts requests, and closes with 1000 once all `products` had a reply. */
async function subscribe(products: string[], answer: (session: Session) => void, ends = 1) {
  const asked: string[][] = [];
  await using server = scripted((session) => {
    asked.push(session.asked);
    answer(session);
    // After the client has decided about the last request, also on a busy machine.
    if (asked.length === ends) setTimeout(() => session.socket.close(1000), 400);
  });
  const produced = await produce(server.url, { products, refusal_ms: 40 });
  return { ...produced, asked, connections: server.connections(), refused: produced.counts.refused };
}

test("a reply in three parts, of which the last lists our channel, is one reply", async () => {
  const {
    error: failed,
    ids,
    connections,
  } = await subscribe(["BTC-USD"], ({ send, socket }) => {
    send({ type: "subscriptions", channels: [] });
    setTimeout(() => send({ type: "subscriptions", channels: [{ name: "heartbeat", product_ids: ["BTC-USD"] }] }), 30);
    setTimeout(() => socket.send(JSON.stringify(ack(["BTC-USD"]))), 60);
    setTimeout(() => send(of("BTC-USD")), 80);
  });
  expect([failed, ids, connections]).toEqual([null, [1], 1]);
});

test("an error before, between or after the parts of a reply changes nothing for the products that it doesn't name", async () => {
  const parts = [ack(["A-USD"]), ack(["A-USD", "B-USD"])];
  for (const place of [0, 1, 2]) {
    const frames = (parts as object[]).toSpliced(place, 0, error("heartbeat is not a valid channel"));
    const { refused, asked, warnings } = await subscribe(["A-USD", "B-USD"], ({ send }) =>
      send(...frames, of("A-USD"), of("B-USD")),
    );
    expect([place, refused, asked.length]).toEqual([place, [], 1]);
    expect(warnings.join()).toContain("heartbeat is not a valid channel");
  }
});

test("ids are compared as whole words", () => {
  const named: [string, string, boolean][] = [
    ["BTC-USDC is not a valid product", "BTC-USD", false],
    ["BTC-USDC is not a valid product", "BTC-USDC", true],
    ["WBTC-USD is not valid", "BTC-USD", false],
    ["BTC-USD-PERP is not valid", "BTC-USD", false],
    ["BTC-USD.X is not valid", "BTC-USD", false],
    ["not valid: BTC-USD.", "BTC-USD", true],
    ['"BTC-USD",ETH-USD', "BTC-USD", true],
    ["btc-usd is not valid", "BTC-USD", true],
    ["BTC-USDC and BTC-USD are not valid", "BTC-USD", true],
    ["", "BTC-USD", false],
  ];
  expect(namedIn("btc-usd is not valid", ["BTC-USD", "btc-usd"])).toEqual(["btc-usd"]);
  for (const [text, id, expected] of named)
    expect([text, id, namedIn(text, [id]).length === 1]).toEqual([text, id, expected]);
});

test("an error about BTC-USDC does not refuse BTC-USD, and the refused one keeps the feed's own words", async () => {
  const { refused, warnings, ids } = await subscribe(["BTC-USD", "BTC-USDC"], ({ send }) =>
    send(error("BTC-USDC is not a valid product"), ack(["BTC-USD"]), of("BTC-USD")),
  );
  expect([refused, ids]).toEqual([["BTC-USDC"], [1]]);
  expect(warnings).toEqual([
    "the feed refused BTC-USDC: Failed to subscribe: BTC-USDC is not a valid product; the other products are read",
  ]);
});

test("an error without a name: products are asked one by one, and only the bad one is refused", async () => {
  const accepted: string[] = [];
  const { refused, asked, ids, connections } = await subscribe(
    ["A-USD", "BAD", "C-USD"],
    ({ asked: products, send }) => {
      if (products.includes("BAD")) return send(error("invalid request"));
      accepted.push(...products);
      send(ack(accepted), ...products.map((product) => of(product)));
    },
    4,
  );
  expect(asked).toEqual([["A-USD", "BAD", "C-USD"], ["A-USD"], ["BAD"], ["C-USD"]]);
  expect([refused, ids, connections]).toEqual([["BAD"], [1, 1], 1]);
});

test("a product that is only missing in the reply is requested alone before it counts as refused", async () => {
  const { refused, asked, warnings } = await subscribe(
    ["A-USD", "LATE", "NEVER"],
    ({ asked: products, send }) => send(ack(products.length > 1 ? ["A-USD"] : ["A-USD", "LATE"])),
    3,
  );
  expect(asked).toEqual([["A-USD", "LATE", "NEVER"], ["LATE"], ["NEVER"]]);
  expect(refused).toEqual(["NEVER"]);
  expect(warnings.at(-1)).toContain("NEVER: it is not among those acknowledged");
});

test("a feed that closes the connection on a bad product: the others are read, and it is not requested again and again", async () => {
  const asked: string[] = [];
  await using server = scripted(({ asked: products, send, socket, connection }) => {
    asked.push(products.join());
    if (products.includes("BAD")) {
      send(error("invalid request"));
      socket.close(1008);
      return;
    }
    send(ack(["B-USD"]), of("B-USD", connection));
    if (asked.filter((one) => one.includes("BAD")).length === 3) setTimeout(() => socket.close(1000), 150);
  });
  const { counts, ids, error: failed } = await produce(server.url, { products: ["BAD", "B-USD"] });
  expect([counts.refused, failed, ids.length > 0]).toEqual([["BAD"], null, true]);
  expect(asked).toEqual(["BAD,B-USD", "BAD", "B-USD", "BAD", "B-USD"]);
});

test("all products refused, by name or without: an error with the feed's words, control characters as text", async () => {
  for (const reason of ["A-USD and B-USD are unknown\u001b[31m", "go away\u0007"]) {
    const { error: failed } = await subscribe(["A-USD", "B-USD"], ({ send }) => send(error(reason)), 99);
    expect(failed).toMatchObject({ code: "FEED_REFUSED" });
    expect((failed as Error).message).toContain(printable(reason, FEED_WORDS_MAX));
    expect((failed as Error).message).not.toMatch(/\p{Cc}/u);
  }
});

test("a product refused once is requested again after a reconnect, and read when the feed accepts it", async () => {
  const { refused, ids } = await subscribe(
    ["A-USD", "NEW"],
    ({ connection, asked, send, socket }) => {
      if (connection === 1) {
        send(error("NEW is not valid"), ack(["A-USD"]), of("A-USD"));
        return setTimeout(() => socket.close(1012), 20);
      }
      send(ack(asked.includes("NEW") ? ["A-USD", "NEW"] : ["A-USD"]), of(asked[0]!, 7));
    },
    3,
  );
  expect([refused, ids]).toEqual([[], [1, 7, 7]]);
});

test("a process that stood still longer than it waits for a reply reads what has arrived before it counts a refusal", async () => {
  await using server = scripted((session) => {
    Bun.sleepSync(400);
    session.send(ack(["BTC-USD"]), tick(1));
    session.socket.close(1000);
  });
  const { ids, error } = await produce(server.url);
  expect([ids, error]).toEqual([[1], null]);
});

test("no reply at all but trades: they prove the subscription", async () => {
  const {
    error: failed,
    ids,
    figures,
  } = await subscribe(["BTC-USD"], ({ send }) => send(of("BTC-USD"), of("BTC-USD", 2)));
  expect([failed, ids, figures.reconnects]).toEqual([null, [1, 2], 0]);
});

test("pings without heartbeats are a live connection; a flood of them costs nothing", async () => {
  for (const [every_ms, pings] of [
    [20, 1],
    [5, 2_000],
  ] as const) {
    await using server = scripted(({ socket, send }) => {
      send(ack(["BTC-USD"]), of("BTC-USD"));
      const timer = setInterval(() => {
        for (let i = 0; i < pings; i++) socket.ping();
      }, every_ms);
      setTimeout(() => {
        clearInterval(timer);
        send(of("BTC-USD", 2));
        socket.close(1000);
      }, 400);
    });
    const { counts, ids } = await produce(server.url, { silence_ms: 100 });
    expect([counts.reconnects, counts.outages, ids]).toEqual([0, 0, [1, 2]]);
  }
});

test("the simulator's own answers: one bad product of three, with 1012 and 1013 between", async () => {
  for (const cut_code of [1012, 1013]) {
    await using server = exchange({ trades: 300, faults: { cut_after: [100, 50], cut_code } });
    const { counts, ids, error: failed } = await produce(server.url, { products: ["NO-SUCH", "BTC-USD", "btc-usd"] });
    expect(failed).toBeNull();
    expect(counts.refused.toSorted()).toEqual(["NO-SUCH", "btc-usd"]);
    expect(new Set(ids).size).toBe(300);
  }
});
