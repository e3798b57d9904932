/** A window of a tick that is stamped too far ahead: where the main chart's ranges end. */
import { expect, test } from "bun:test";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import type { Row } from "../../../scripts/contract/results.ts";
import { chartAnswer, spanOfRange, streamBarsSince } from "../../../web/model/chart.ts";
import type { Selection } from "../../../web/model/selection.ts";
import { openSources } from "../../../web/model/sources.ts";
import { follow, recordedLines, sqlite, tempDir } from "../../support/data.ts";
import { run } from "../../support/process.ts";

const MINUTE = 60_000_000;
const START = 1_693_929_600_000_000;
const YEAR = 365 * 86_400_000_000;
const minutes: Selection = { product: "BTC-USD", size: { us: MINUTE, name: "1m" } };
const FIVE: Selection = { product: "BTC-USD", size: { us: 5 * MINUTE, name: "5m", from_us: MINUTE } };
const RANGES = ["15m", "1h", "all"] as const;

test("it leaves each range where the other windows are, on both sides, and is not sent to pages", async () => {
  using dir = tempDir();
  await follow(dir.path, recordedLines().slice(0, 1_500));
  expect((await run("batch", ["--data", dir.path])).code).toBe(0);
  const before = RANGES.map((range) => spanOfRange(openSources(dataPaths(dir.path)), FIVE, range));
  const [newest] = sqlite<Row>(dir.path, "windows.db", "SELECT * FROM windows ORDER BY window_start_us DESC LIMIT 1");
  const [start_us, change_id] = [Number(newest!.window_start_us) + YEAR, Number(newest!.change_id)];
  const ahead = { ...newest, window_start_us: start_us, window_end_us: start_us + MINUTE, change_id: change_id + 1 };
  const values = Object.values(ahead).map((value) => (value === null ? "NULL" : `'${value}'`));
  sqlite(dir.path, "windows.db", `INSERT INTO windows (${Object.keys(ahead)}) VALUES (${values})`);
  const sources = openSources(dataPaths(dir.path));
  const get = sources.metrics.get.bind(sources.metrics);
  sources.metrics.get = (name: string) => {
    const result = get(name);
    if (name !== "windows_by_minute" || result === null) return result;
    return {
      ...result,
      rows: [{ ...result.rows[0], window_start: new Date(start_us / 1e3).toISOString() }, ...result.rows],
    };
  };
  expect(RANGES.map((range) => spanOfRange(sources, FIVE, range))).toEqual(before);
  const { stream, batch, first_s } = chartAnswer(sources, minutes, spanOfRange(sources, minutes, "all"));
  expect([stream.length, batch.length, first_s]).toEqual([8, 8, START / 1e6]);
  expect(streamBarsSince(sources, minutes, change_id)).toEqual([]);
}, 120_000);
