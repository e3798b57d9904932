/** What results.db has of the newest answers: the next run adds to it only if all of it can be read. */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import type { RunSnapshot } from "../../scripts/contract/measures.ts";
import { Results } from "../../scripts/metrics/results-db.ts";
import { tempDir } from "../support/data.ts";

const SNAPSHOT: RunSnapshot = {
  positions: { 0: 10 },
  collected_to: 9,
  store_created: "1",
  newest_us: { "BTC-USD": 5 },
  waiting_us: {},
  histograms: { pipeline: [[3, 1]] },
  unreceived: 0,
  exchange_us: null,
};
const dir = tempDir();
const path = join(dir.path, "results.db");
const results = new Results(path);
const db = new Database(path);
db.run("INSERT INTO runs (run_id, state, pid, started_us) VALUES (1, 'done', 1, 1)");
afterAll(() => {
  db.close();
  results.close();
  dir[Symbol.dispose]();
});

test("before the first run with answers it is nothing, and then that run's snapshot", () => {
  expect(results.answered()).toBe("nothing");
  store(JSON.stringify(SNAPSHOT));
  expect(results.answered()).toEqual(SNAPSHOT);
});

test.each([
  "{",
  "null",
  "[]",
  "{}",
  damaged({ positions: null }),
  damaged({ positions: { 0: "1) OR (1" } }),
  damaged({ collected_to: "9" }),
  damaged({ store_created: undefined }),
  damaged({ newest_us: [5] }),
  damaged({ waiting_us: { "BTC-USD": null } }),
  damaged({ histograms: { pipeline: 1 } }),
  damaged({ histograms: { pipeline: [[1]] } }),
  damaged({ unreceived: null }),
])("a damaged snapshot is unknown: %s", (text) => {
  store(text);
  expect(results.answered()).toBe("unknown");
});

function damaged(change: Partial<Record<keyof RunSnapshot, unknown>>): string {
  return JSON.stringify({ ...SNAPSHOT, ...change });
}

function store(snapshot: string): void {
  db.run("UPDATE runs SET snapshot = ? WHERE run_id = 1", [snapshot]);
}
