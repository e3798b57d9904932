/** What windows.db keeps for the measures, and what leaves. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { CLOSINGS_MAX } from "../../scripts/base/limits.ts";
import { type Closing, SLICE_US, SLICES_KEPT } from "../../scripts/contract/measures.ts";
import { WindowStore } from "../../scripts/store/window-store.ts";
import { tempDir } from "../support/data.ts";

const SECOND = 1_000_000;
const NOW = 1_700_000_000 * SECOND;

function open(): { store: WindowStore; [Symbol.dispose](): void } {
  const dir = tempDir();
  const store = new WindowStore(join(dir.path, "windows.db"));
  return {
    store,
    [Symbol.dispose]() {
      store.close();
      dir[Symbol.dispose]();
    },
  };
}
const times = (store: WindowStore, table: string, column: string) =>
  store.db
    .query<{ at: number }, []>(`SELECT ${column} AS at FROM ${table} ORDER BY ${column}`)
    .all()
    .map(({ at }) => at);

test("slices of five minutes and the one since the start are kept, and none of a clock that was ahead", () => {
  using opened = open();
  const { store } = opened;
  for (const n of [-40, -31, -30, -1, 0, 1, 400]) store.measures.putSlice(NOW + n * SLICE_US, {});
  store.measures.putSlice(0, { ingest: [[5, 1]] });
  store.measures.pruneSlices(NOW);
  expect(times(store, "measure_slices", "slice_us")).toEqual([0, ...[-30, -1, 0].map((n) => NOW + n * SLICE_US)]);
  expect(SLICES_KEPT).toBe(31);
  expect(store.measures.slice(0)).toEqual({ ingest: [[5, 1]] });
  expect(store.measures.slice(1)).toEqual({});
});

test("a damaged slice begins again, and stops nothing", () => {
  using opened = open();
  const { store } = opened;
  for (const text of ["{", "null", '{"pipeline":{}}']) {
    store.db.query("INSERT OR REPLACE INTO measure_slices VALUES (0, ?)").run(text);
    expect(store.measures.slice(0)).toEqual({});
  }
});

test("older samples are kept at equal steps since the start, and none after the present time", () => {
  using opened = open();
  const { store } = opened;
  const sample = (s: number) => ({
    ...{ at_us: NOW + s * SECOND, product_id: "A", answer_us: s, received_us: s, waiting_us: null },
  });
  store.measures.putSamples([-12, -9, -8, -6, -5, -4, -3, 2].map(sample), NOW);
  store.measures.putSamples([{ ...sample(-3), waiting_us: 7 }], NOW);
  expect(times(store, "answer_samples", "at_us - 1700000000000000")).toEqual(
    [-12, -9, -8, -6, -5, -4, -3].map((s) => s * SECOND),
  );
  store.measures.thinSamples(NOW - 5 * SECOND, { since_us: NOW - 10 * SECOND, until_us: NOW, step_us: 4 * SECOND });
  expect(store.measures.samplesSince(0).map(({ at_us }) => (at_us - NOW) / SECOND)).toEqual([-8, -5, -4, -3]);
  expect(store.measures.samplesSince(NOW - 3 * SECOND)).toEqual([{ ...sample(-3), waiting_us: 7 }]);
  store.measures.thinSamples(NOW - 3 * SECOND, { since_us: 0, until_us: NOW - 5 * SECOND, step_us: SECOND });
  expect(store.measures.samplesSince(0).map(({ at_us }) => (at_us - NOW) / SECOND)).toEqual([-8, -5, -3]);
});

test("the newest closings are kept", () => {
  using opened = open();
  const { store } = opened;
  const closing = (n: number): Closing => ({
    ...{ product_id: "A", size_us: SECOND, window_start_us: n, window_end_us: n + SECOND, log_partition: 0 },
    ...{ log_offset: n, closed_time_us: n, received_us: n, is_appended: 0, committed_us: n },
  });
  const closings = Array.from({ length: CLOSINGS_MAX + 5 }, (_, n) => closing(n));
  store.db.transaction(() => {
    store.measures.addClosings(closings.slice(0, 10));
    store.measures.addClosings(closings.slice(10));
  })();
  const offsets = times(store, "closings", "log_offset");
  expect([offsets.length, offsets[0], offsets.at(-1)]).toEqual([CLOSINGS_MAX, 5, CLOSINGS_MAX + 4]);
});

test("a process continues the samples of its partitions' products, each from its newest tick that is not skewed", () => {
  using opened = open();
  const { store } = opened;
  const product = store.db.query("INSERT INTO products VALUES (?, ?, 1, 1, 1, 0, 0, 0, 0)");
  const end = store.db.query("INSERT INTO closed_ends VALUES (?, ?, 0, 1)");
  const columns = store.db.query<{ name: string; type: string }, []>("PRAGMA table_info(windows)").all();
  const window = (fields: Record<string, string | number>) =>
    store.db
      .query(`INSERT INTO windows VALUES (${columns.map(() => "?").join(", ")})`)
      .run(...columns.map(({ name, type }) => fields[name] ?? (type === "TEXT" ? "" : 0)));
  for (const [id, partition] of [
    ["A", 0],
    ["B", 1],
    ["C", null],
  ] as const) {
    product.run(id, NOW);
    for (const size_us of [SECOND, 60 * SECOND]) end.run(id, size_us);
    if (partition !== null) store.db.query("INSERT INTO product_partitions VALUES (?, ?, 0)").run(id, partition);
  }
  const size_us = SECOND;
  window({ product_id: "A", size_us, window_start_us: 1, close_time_us: 1 });
  window({ product_id: "A", size_us, window_start_us: 2, close_time_us: 2, skewed: 1 });
  window({ product_id: "A", size_us, window_start_us: 3, close_time_us: NOW + 9, skewed: 1 });
  window({ product_id: "A", size_us: 60 * SECOND, window_start_us: 0, close_time_us: NOW + 9, skewed: 1 });
  store.measures.putSamples(
    [4, 6].map((s) => ({ at_us: s, product_id: "C", answer_us: 1, received_us: 1, waiting_us: null })),
    NOW,
  );
  expect(store.measures.sampledProducts([0])).toEqual([
    { product_id: "C", answer_us: null, sampled_us: 6 },
    { product_id: "A", answer_us: 2, sampled_us: null },
  ]);
  expect(store.measures.sampledProducts([0, 1]).map(({ product_id }) => product_id)).toEqual(["C", "A", "B"]);
  expect(store.measures.sampledProducts([]).map(({ product_id }) => product_id)).toEqual(["C"]);
});
