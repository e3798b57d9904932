/** The simulator's history: trades from before the recording that REST alone has. */
import { expect, test } from "bun:test";
import { client, exchange, HOUR, SUBSCRIBE } from "../support/feed.ts";

test("REST has trades from before the recording, the same in each run, also before the play; the socket has not", async () => {
  await using server = exchange({ trades: 20, history: 1_500 });
  await using again = exchange({ trades: 20, history: 1_500, speed: 1 });
  type Trade = { trade_id: number; price: string; size: string; side: string; time: string };
  const page = async (one: typeof server, query: string) => {
    const response = await fetch(`http://127.0.0.1:${one.port}/products/BTC-USD/trades${query}`);
    return { trades: (await response.json()) as Trade[], after: response.headers.get("cb-after") };
  };
  const first = await page(server, "?limit=1000");
  expect(first.trades.map(({ trade_id }) => trade_id)).toEqual(Array.from({ length: 1_000 }, (_, i) => 1_500 - i));
  expect(await page(again, "?limit=1000")).toEqual(first);
  const second = await page(server, `?limit=1000&after=${first.after}`);
  expect([second.trades.length, second.after]).toEqual([500, "1"]);
  expect((await page(server, "?after=1")).trades).toEqual([]);
  const all = [...first.trades, ...second.trades];
  const times = all.map(({ time }) => time);
  expect(times).toEqual(times.toSorted().reverse());
  expect(times[0]! < HOUR[0]!.line.match(/"time":"([^"]+)"/)![1]!).toBe(true);
  expect(Date.parse(times[0]!) - Date.parse(times.at(-1)!)).toBeWithin(14_000_000, 16_000_000);
  expect(all.every(({ price, size }) => /^\d+\.\d{2}$/.test(price) && Number(size) > 0)).toBe(true);
  using one = await client(server.url, SUBSCRIBE);
  await one.closed;
  expect(one.of("ticker").map(({ trade_id }) => trade_id)).toEqual(Array.from({ length: 20 }, (_, i) => 1_501 + i));
  expect((await page(server, "?limit=21")).trades.map(({ trade_id }) => trade_id)).toEqual(
    Array.from({ length: 21 }, (_, i) => 1_520 - i),
  );
});
