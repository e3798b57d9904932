/** Which records have a receipt time: what the feed's socket delivered, and nothing else. */
import { expect, test } from "bun:test";
import { nowUs } from "../../scripts/base/clock.ts";
import { FEED_BUFFER_BYTES_MAX } from "../../scripts/base/limits.ts";
import type { AppendRecord } from "../../scripts/contract/log.ts";
import { FeedBuffer } from "../../scripts/feed/buffer.ts";
import { ACK, exchange, produce, scripted, tick } from "../support/feed.ts";

const textOf = ({ value }: AppendRecord) => Buffer.from(value).toString();
const isNote = (record: AppendRecord) => /"type":"tidemark_(outage|gap)"/.test(textOf(record));
const isRest = (record: AppendRecord) => textOf(record).includes('"source":"rest"');

test("each frame has the time at which it left the socket, in order, also a heartbeat and one that can't be decoded", async () => {
  let sent_us = 0;
  await using server = scripted(({ send, socket }) => {
    sent_us = nowUs();
    send(
      ACK,
      tick(1),
      { type: "heartbeat", product_id: "BTC-USD", time: "2023-09-05T16:00:01Z" },
      "rubb\0ish",
      tick(2),
    );
    setTimeout(() => socket.close(1000), 50);
  });
  const { records } = await produce(server.url, { heartbeats: true });
  const times = records.map(({ received_us }) => received_us!);
  expect(records).toHaveLength(4);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  for (const us of times) expect(us).toBeWithin(sent_us, nowUs() + 1);
});

test("notes of ours and trades from REST have no receipt time: they are not measured as the feed", async () => {
  await using server = exchange({ trades: 400, faults: { drop_ids: [51, 52, 120] } });
  const { records, counts } = await produce(server.url, { channel: "matches" });
  expect(counts.filled).toBe(3);
  const without = records.filter(({ received_us }) => received_us === undefined);
  expect(without.length).toBe(records.filter((record) => isNote(record) || isRest(record)).length);
  expect(without.every((record) => isNote(record) || isRest(record))).toBe(true);
  expect(records.filter(isRest)).toHaveLength(3);
});

test("an outage's note before the next trade has no receipt time, the trade has", async () => {
  let connections = 0;
  await using server = scripted(({ send, socket }) => {
    const first = connections++ === 0;
    send(ACK, tick(first ? 1 : 5));
    setTimeout(() => socket.close(first ? 1011 : 1000), 50);
  });
  const { records } = await produce(server.url);
  expect(records.map((record) => [isNote(record), record.received_us === undefined])).toEqual([
    [false, false],
    [true, true],
    [false, false],
  ]);
});

test("the buffer's bound in bytes includes each receipt time", () => {
  const half = new Uint8Array(FEED_BUFFER_BYTES_MAX / 2 - 8);
  const pushed = (received_us: number | undefined) => {
    const buffer = new FeedBuffer();
    return [half, half].map((value) => buffer.push({ key: "", value, ...(received_us ? { received_us } : {}) }));
  };
  expect(pushed(undefined)).toEqual([true, true]);
  expect(pushed(nowUs())).toEqual([true, false]);
});
