/** feed.json has one type for both ends: what `produce` writes is what the page can read. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseFeedStatus } from "../../scripts/contract/feed-status.ts";
import { tempDir } from "../support/data.ts";
import { exchange, produce } from "../support/feed.ts";

test("a reader gets every field that `produce` writes", async () => {
  using dir = tempDir();
  await using server = exchange({ trades: 20 });
  const status_path = join(dir.path, "feed.json");
  await produce(server.url, { status_path });
  const text = readFileSync(status_path, "utf8");
  const read = parseFeedStatus(text);
  expect(read).toEqual(JSON.parse(text));
  expect(read!.ended_us).toBeWithin(read!.run_started_us, read!.as_of_us + 1);
  expect(read).toMatchObject({ state: "ended", kind: "replay", ticks: 20, gaps_open: 0, problems: [] });
});

test("fields that an older `produce` did not write may be absent; a damaged file is null", () => {
  const older = {
    ...{ state: "connected", waiting_for: null, kind: "live", channel: "ticker", products: ["BTC-USD"] },
    ...{
      as_of_us: 2,
      newest_us: 1,
      buffered: 0,
      reconnects: 0,
      outages: 0,
    },
    ...{ incomplete: 0, garbled: 0, gaps_open: 0, replay: null, run_pid: 1, run_started_us: 1, run_records: 1 },
    ...{ run_cpu_us: 1, run_peak_rss_bytes: 1 },
  };
  expect(parseFeedStatus(JSON.stringify(older))).toEqual({ ...older, problems: [] } as never);
  const [right, wrong] = [{ code: "clock-jump", sentence: "It moved.", stops: false, since_us: 1 }, { code: 1 }];
  expect(parseFeedStatus(JSON.stringify({ ...older, problems: [right, wrong] }))?.problems).toEqual([right]);
  expect(parseFeedStatus(JSON.stringify({ ...older, buffered: "0" }))).toBeNull();
  expect(parseFeedStatus("{")).toBeNull();
});
