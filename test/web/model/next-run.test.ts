/** When the page expects the next batch: at its due time, at the end of a rest, or never. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import type { LogView } from "../../../web/model/log-view.ts";
import { pageStatus } from "../../../web/model/page-status.ts";
import { Sources } from "../../../web/model/sources.ts";
import { statusNow } from "../../../web/model/status.ts";
import { tempDir } from "../../support/data.ts";

const log: LogView = {
  name: "embedded:",
  last: { spans: null, asked_us: null, error: null, away_us: null },
  async refresh() {},
};

test("the next run is the due time, while nothing is new the end of the rest, and none without a schedule", () => {
  using dir = tempDir();
  const paths = dataPaths(dir.path);
  const sources = new Sources(paths, log, null);
  const selection = { product: "BTC-USD", size: { us: 60_000_000, name: "1m" } };
  const next = (noted: object | null) => {
    writeFileSync(paths.schedule, JSON.stringify({ pid: 1, began_us: 0, status: 0, ...noted }));
    return pageStatus(sources, selection, statusNow(sources)).next_run_ms;
  };
  const now_us = Date.now() * 1_000;
  const [due_us, rest_until_us] = [now_us + 3_600e6, now_us + 7_200e6];
  expect(next({ due_us })).toBe(due_us / 1_000);
  expect(next({ due_us, rest_until_us })).toBe(rest_until_us / 1_000);
  expect(next({ due_us: now_us - 5e6 })).toBeNull();
  expect(next({ due_us: null })).toBeNull();
  sources.close();
});
