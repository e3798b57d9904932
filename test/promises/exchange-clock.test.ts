/** An exchange whose clock is wrong moves the feed latency by that, and no other measure. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type FeedStatus, parseFeedStatus } from "../../scripts/contract/feed-status.ts";
import type { Slice } from "../../scripts/contract/measures.ts";
import { quantile } from "../../scripts/measure/buckets.ts";
import { histogramsOf, tempDir } from "../support/data.ts";
import { exchange } from "../support/feed.ts";
import { run } from "../support/process.ts";

const SPEED = 20;
/** More than a busy machine delays the feed's last messages. */
const SKEW_US = 10_000_000;
/** The quickest ticks: a busy machine delays most of them. */
const QUICK = 0.05;

/** The whole path over a few seconds of an exchange that is skewed by `skew_us`. */
async function measured(skew_us: number) {
  await using server = exchange({ speed: SPEED, trades: 400, heartbeat_ms: 100, skew_us });
  using dir = tempDir();
  const data = ["--data", dir.path, "--until-end", "--json"];
  const produced = await run("produce", [...data, "--feed", server.url]);
  expect([produced.code, produced.stderr]).toEqual([0, expect.any(String)]);
  const streamed = await run("stream", data);
  const feed = parseFeedStatus(readFileSync(join(dir.path, "feed.json"), "utf8")) as FeedStatus;
  const sums = (JSON.parse(feed.measures) as Slice[]).find(({ slice_us }) => slice_us === 0)!;
  const stream = histogramsOf(dir.path);
  const clock = feed.replay!;
  return {
    offset: feed.clock_offset!,
    feed_us: quantile(sums.histograms.feed!, QUICK)!,
    ingest_us: quantile(stream.ingest!, QUICK)!,
    /** Of the newest trade by the exchange's clock when the feed ended, as wall time. */
    age_us: (clock.clock_us - feed.newest_us!) / SPEED + (feed.ended_us! - clock.as_of_us),
    speed: clock.speed,
    ticks: streamed.json.ticks,
  };
}

test("ten seconds ahead or behind: the feed latency moves by them, the clock offset has them, all else stays", async () => {
  const [right, ahead, behind] = await Promise.all([measured(0), measured(SKEW_US), measured(-SKEW_US)]);
  expect(right.feed_us).toBeWithin(-500_000, 500_000);
  expect(ahead.feed_us - right.feed_us + SKEW_US).toBeWithin(-500_000, 500_000);
  expect(behind.feed_us - right.feed_us - SKEW_US).toBeWithin(-500_000, 500_000);
  for (const [one, skew_us] of [
    [right, 0],
    [ahead, SKEW_US],
    [behind, -SKEW_US],
  ] as const) {
    expect(skew_us).toBeWithin(one.offset.low_us, one.offset.high_us + 1);
    expect(one.offset.high_us - one.offset.low_us).toBeLessThan(SKEW_US / 5);
    expect(one.ingest_us).toBeWithin(0, 500_000);
    expect(one.age_us).toBeWithin(-100_000, SKEW_US / 2);
    expect([one.speed, one.ticks]).toEqual([SPEED, right.ticks]);
  }
}, 120_000);
