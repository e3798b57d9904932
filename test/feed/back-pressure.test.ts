/** The log is away or full: the buffer is bounded, then the socket is not read, and nothing is lost. */
import { expect, test } from "bun:test";
import { TidemarkError } from "../../scripts/base/errors.ts";
import { FEED_BUFFER_BYTES_MAX, FEED_BUFFER_RECORDS_MAX } from "../../scripts/base/limits.ts";
import type { AppendRecord } from "../../scripts/contract/log.ts";
import { FeedBuffer } from "../../scripts/feed/buffer.ts";
import { asProducts } from "../../scripts/simulator/recording.ts";
import { Producer } from "../../scripts/stages/produce.ts";
import { quiet } from "../support/data.ts";
import { exchange, HOUR } from "../support/feed.ts";
import { until } from "../support/process.ts";

test("while the log takes nothing the socket is not read past the buffer's bound; then everything arrives once and in order", async () => {
  const products = Array.from({ length: 16 }, (_, i) => `P${i}-USD`);
  await using server = exchange({ recorded: asProducts(HOUR, products) });
  const producer = new Producer({
    kind: "replay",
    url: server.url,
    channel: "ticker",
    products,
    heartbeats: false,
    until_end: true,
    rest_url: "",
    status_path: null,
    logger: quiet,
  });
  const room = Promise.withResolvers<void>();
  const taken = new Map<string, number[]>();
  let [refusals, records] = [0, 0];
  const append = async (batch: AppendRecord[]) => {
    await room.promise;
    if (refusals++ === 0) throw new TidemarkError("DISK_FULL", "The disk is full.", "Make room.");
    records += batch.length;
    for (const { key, value } of batch) {
      const id = Number(/"trade_id":(\d+)/.exec(Buffer.from(value).toString())![1]);
      const ids = taken.get(key);
      if (ids === undefined) taken.set(key, [id]);
      else ids.push(id);
    }
  };
  const running = producer.run(append, new AbortController().signal);
  await until("the socket waits", () => producer.feed.figures.paused);
  let frames = -1;
  // The kernel's buffers fill up, too; then the exchange can't send.
  while (frames !== server.counts().frames) {
    frames = server.counts().frames;
    await Bun.sleep(200);
  }
  expect(producer.feed.figures.ticks).toBeWithin(FEED_BUFFER_RECORDS_MAX, FEED_BUFFER_RECORDS_MAX + 10_000);
  expect(frames).toBeLessThan(products.length * HOUR.length);
  room.resolve();
  await running;
  expect([records, producer.counts.reconnects, producer.counts.outages]).toEqual([products.length * HOUR.length, 0, 0]);
  const ids = HOUR.map((trade) => trade.trade_id);
  for (const product of products) expect(taken.get(product)).toEqual(ids);
}, 120_000);

test("the buffer is also bounded in bytes, and reports when it has room again", async () => {
  const buffer = new FeedBuffer();
  let roomy = 0;
  buffer.onRoom = () => roomy++;
  const value = new Uint8Array(FEED_BUFFER_BYTES_MAX / 4);
  expect([1, 2, 3, 4].map(() => buffer.push({ key: "", value }))).toEqual([true, true, true, false]);
  expect(buffer.push({ key: "", value: new Uint8Array(1) })).toBe(false);
  buffer.end();
  const sizes: number[] = [];
  const append = async (batch: AppendRecord[]) => void sizes.push(...batch.map((record) => record.value.length));
  await buffer.drain(append, { logger: quiet, onAppended: () => {}, onWaiting: () => {} });
  expect(sizes).toEqual([...Array.from({ length: 4 }, () => value.length), 1]);
  expect([roomy, buffer.length]).toEqual([1, 0]);
});
