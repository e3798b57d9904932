/** The window job, case by case (docs/semantics.md "Edge cases"). */
import { describe, expect, test } from "bun:test";
import type { Position, Tick } from "../../scripts/contract/tick.ts";
import { WindowJob } from "../../scripts/window/job.ts";
import type { JobSettings } from "../../scripts/window/state.ts";
import { MemoryState } from "../support/memory-state.ts";

const MINUTE = 60_000_000;
const BASE = 1_693_929_600_000_000;
const settings: JobSettings = {
  windows: [{ size_us: MINUTE, every_us: MINUTE }],
  lateness_us: MINUTE,
  max_skew_us: MINUTE,
};

function tick(trade_id: number, time_us: number, more: Partial<Tick> = {}): Tick {
  const price = { price_mantissa: 10050, price_scale: 2, size_mantissa: 5, size_scale: 1, side: "buy" as const };
  return { product_id: "BTC-USD", trade_id, time_us, ...price, ...more };
}

/** Runs ticks through a fresh job, committing after each `every` ticks. */
function run(ticks: Tick[], options: { appended_us?: number; every?: number; settings?: JobSettings } = {}) {
  const state = new MemoryState();
  const job = new WindowJob(options.settings ?? settings, state);
  const counts = { ticks: 0, duplicates: 0, late: 0, skewed: 0 };
  const commit = () => {
    const step = job.take();
    state.store(step);
    job.committed();
    for (const [name, n] of Object.entries(step.counts)) counts[name as keyof typeof counts] += n;
  };
  ticks.forEach((t, i) => {
    const at: Position = { partition: 0, offset: i, appended_us: options.appended_us ?? BASE + 3600e6 };
    job.tick(t, at);
    if ((i + 1) % (options.every ?? 1000) === 0) commit();
  });
  commit();
  const window = (start: number) => state.windows.get(`BTC-USD ${MINUTE} ${start}`);
  return { state, job, counts, window, commit };
}

describe("placing", () => {
  test("a tick at exactly window_end belongs to the next window, one at end − 1 µs to this one", () => {
    const { window } = run([tick(1, BASE + MINUTE - 1), tick(2, BASE + MINUTE), tick(3, BASE + MINUTE + 1)]);
    expect(window(BASE)?.trade_count).toBe(1);
    expect(window(BASE + MINUTE)?.trade_count).toBe(2);
  });

  test("a time before 1970 goes into the window below it, by floor and not by truncation", () => {
    const { window } = run([tick(1, -1), tick(2, 0)]);
    expect(window(-MINUTE)?.trade_count).toBe(1);
    expect(window(0)?.trade_count).toBe(1);
  });

  test("empty windows are never stored", () => {
    const { state } = run([tick(1, BASE), tick(2, BASE + 10 * MINUTE)]);
    expect(state.windows.size).toBe(2);
  });

  test("open and close follow (time, trade_id), in any order of arrival", () => {
    const cheap = { price_mantissa: 1, price_scale: 0 };
    const { window } = run([tick(5, BASE + 10), tick(3, BASE + 10, cheap), tick(4, BASE + 10)]);
    expect(window(BASE)?.open_price).toBe("1");
    expect(window(BASE)?.close_price).toBe("100.5");
  });
});

describe("closing", () => {
  test("a window is closed when the watermark is exactly its end, and open one microsecond before", () => {
    const before = run([tick(1, BASE), tick(2, BASE + 2 * MINUTE - 1)]);
    expect(before.window(BASE)?.final).toBe(0);
    const at = run([tick(1, BASE), tick(2, BASE + 2 * MINUTE)]);
    expect(at.window(BASE)?.final).toBe(1);
    expect(at.window(BASE)?.closed_offset).toBe(1);
  });

  test("a tick that jumps over many windows closes each in order of end", () => {
    const state = new MemoryState();
    const job = new WindowJob(settings, state);
    for (let i = 0; i < 2; i++)
      job.tick(tick(i, BASE + i * MINUTE), { partition: 0, offset: i, appended_us: BASE + 1e12 });
    job.tick(tick(9, BASE + 60 * MINUTE), { partition: 0, offset: 9, appended_us: BASE + 1e12 });
    expect(job.take().closed.map((w) => w.window_start_us)).toEqual([BASE, BASE + MINUTE]);
  });

  test("a tick is late exactly when its own window is closed, not when it is older than the watermark", () => {
    const { counts, window } = run([tick(1, BASE + 2 * MINUTE + 30e6), tick(2, BASE + MINUTE + 1)]);
    expect(counts.late).toBe(0);
    expect(window(BASE + MINUTE)?.trade_count).toBe(1);
  });

  test("one product can't make another late", () => {
    const { counts } = run([tick(1, BASE + 50 * MINUTE), tick(1, BASE, { product_id: "ETH-USD" })]);
    expect(counts.late).toBe(0);
  });

  test("with no lateness a tick closes its predecessor's window and goes into its own", () => {
    const { window } = run([tick(1, BASE), tick(2, BASE + MINUTE)], { settings: { ...settings, lateness_us: 0 } });
    expect([window(BASE)?.final, window(BASE)?.trade_count]).toEqual([1, 1]);
    expect([window(BASE + MINUTE)?.final, window(BASE + MINUTE)?.trade_count]).toEqual([0, 1]);
  });

  test("the high mark never falls: after an older tick the same windows are closed", () => {
    const { counts } = run([tick(1, BASE), tick(2, BASE + 2 * MINUTE), tick(3, BASE + MINUTE), tick(4, BASE + 1)]);
    expect(counts.late).toBe(1);
  });

  test("an idle product's last window stays open, however far others are", () => {
    const others = Array.from({ length: 100 }, (_, i) => tick(i, BASE + i * MINUTE, { product_id: "ETH-USD" }));
    expect(run([tick(1, BASE), ...others]).window(BASE)?.final).toBe(0);
  });

  test("a heartbeat stamped too far ahead closes nothing, one of a product without trades stores no window", () => {
    const { job, commit, window, state } = run([tick(1, BASE)]);
    const at = { partition: 0, offset: 1, appended_us: BASE + MINUTE };
    job.heartbeat("BTC-USD", BASE + 2 * MINUTE + 1, at);
    job.heartbeat("NEW-USD", BASE + 2 * MINUTE, at);
    commit();
    expect(window(BASE)?.final).toBe(0);
    expect(state.windows.size).toBe(1);
    job.heartbeat("BTC-USD", BASE + 2 * MINUTE, at);
    commit();
    expect(window(BASE)?.final).toBe(1);
  });

  test("a heartbeat of the log closes a quiet window and is not counted as a trade", () => {
    const { job, commit, window, counts } = run([tick(1, BASE)]);
    job.heartbeat("BTC-USD", BASE + 2 * MINUTE, { partition: 0, offset: 1, appended_us: BASE + 3600e6 });
    commit();
    expect(window(BASE)?.final).toBe(1);
    expect(counts.ticks).toBe(1);
  });
});

describe("late ticks", () => {
  const late = [tick(1, BASE), tick(2, BASE + 2 * MINUTE), tick(3, BASE + 5, { price_mantissa: 1, price_scale: 0 })];

  test("a late tick leaves the final row alone, is kept whole and makes a revision", () => {
    const { state, window, counts } = run(late);
    expect(counts.late).toBe(1);
    expect(window(BASE)?.trade_count).toBe(1);
    expect(state.late[0]).toMatchObject({ trade_id: 3, price: "1", lateness_us: 2 * MINUTE - 5, log_offset: 2 });
    const revision = state.revisions.get(`BTC-USD ${MINUTE} ${BASE}`)![0]!;
    expect(revision).toMatchObject({
      revision: 1,
      caused_by_trade_id: 3,
      trade_count: 2,
      min_price: "1",
      price_sum: "101.5",
    });
  });

  test("a late tick for a window that had none makes a revision without a final row", () => {
    const { state, window } = run([tick(1, BASE), tick(2, BASE + 9 * MINUTE), tick(3, BASE + 3 * MINUTE)]);
    expect(window(BASE + 3 * MINUTE)).toBeUndefined();
    expect(state.revisions.get(`BTC-USD ${MINUTE} ${BASE + 3 * MINUTE}`)?.[0]?.trade_count).toBe(1);
  });

  test("a second late tick makes a second revision that holds both; the first one stays", () => {
    const { state } = run([...late, tick(4, BASE + 6)], { every: 1 });
    const revisions = state.revisions.get(`BTC-USD ${MINUTE} ${BASE}`)!;
    expect(revisions.map((row) => [row.revision, row.caused_by_trade_id, row.trade_count])).toEqual([
      [1, 3, 2],
      [2, 4, 3],
    ]);
  });

  test("a tick that is late for two hopping windows is one late tick, with a row for each", () => {
    const windows = [{ size_us: 2 * MINUTE, every_us: MINUTE }];
    const ticks = [tick(1, BASE), tick(2, BASE + 9 * MINUTE), tick(3, BASE + 1)];
    const { state, counts } = run(ticks, { settings: { ...settings, windows } });
    expect(counts.late).toBe(1);
    expect(state.late.map((row) => row.window_start_us)).toEqual([BASE, BASE - MINUTE]);
  });

  test("a duplicate of a late tick is a duplicate, not late again", () => {
    const { counts } = run([...late, late[2]!, late[0]!]);
    expect(counts).toMatchObject({ late: 1, duplicates: 2 });
  });
});

describe("duplicates and clocks", () => {
  test("a duplicate is dropped before it can move the high mark", () => {
    const { counts, window } = run([tick(1, BASE), tick(1, BASE + 30 * MINUTE)]);
    expect(counts).toMatchObject({ ticks: 1, duplicates: 1 });
    expect(window(BASE)?.final).toBe(0);
  });

  test("a restart forgets neither the high mark, nor what was seen, nor what is closed", () => {
    const { state, counts } = run([tick(1, BASE), tick(2, BASE + 2 * MINUTE), tick(3, BASE + 2 * MINUTE + 1)]);
    expect(counts.late).toBe(0);
    const again = new WindowJob(settings, state);
    const at = { partition: 0, offset: 9, appended_us: BASE + 3600e6 };
    again.tick(tick(1, BASE), at);
    again.tick(tick(4, BASE + 5), at);
    again.tick(tick(5, BASE + 2 * MINUTE + 2), at);
    const step = again.take();
    expect(step.counts).toEqual({ ticks: 2, duplicates: 1, late: 1, skewed: 0 });
    expect(step.late[0]).toMatchObject({ trade_id: 4, lateness_us: 2 * MINUTE - 4 });
    expect(step.updated.map((row) => row.trade_count)).toEqual([3]);
  });

  test("a stamp exactly as far ahead as --max-skew allows counts, one microsecond more is skewed", () => {
    const at = { appended_us: BASE };
    expect(run([tick(1, BASE + MINUTE)], at).counts.skewed).toBe(0);
    expect(run([tick(1, BASE + MINUTE + 1)], at).counts.skewed).toBe(1);
  });

  test("equal time, price and size are two trades when their ids differ", () => {
    expect(run([tick(1, BASE), tick(2, BASE)]).window(BASE)?.trade_count).toBe(2);
  });

  test("a tick one day ahead of the log is counted in its window and makes none of the next 1,000 late", () => {
    const good = Array.from({ length: 1000 }, (_, i) => tick(i + 2, BASE + i * 1000));
    const { counts, window } = run([tick(1, BASE + 86_400e6), ...good], { appended_us: BASE + 1e6 });
    expect(counts).toMatchObject({ late: 0, skewed: 1, ticks: 1001 });
    expect(window(BASE + 86_400e6)).toMatchObject({ trade_count: 1, skewed: 1 });
  });
});

describe("completeness certificate", () => {
  test("missing counts the ids after the previous window's last, up to this one's last, that were never seen", () => {
    const ids = [10, 11, 14, 15, 20];
    const { window } = run(ids.map((id, i) => tick(id, BASE + (i < 3 ? 0 : MINUTE) + i)));
    expect(window(BASE)).toMatchObject({ missing: 2, after_trade_id: 10 });
    expect(window(BASE + MINUTE)).toMatchObject({ missing: 4, after_trade_id: 14 });
  });

  test("a gap over a window's end: ids that were the first window's come late, and the second's certificate becomes complete too", () => {
    const [second, third] = [BASE + MINUTE, BASE + 4 * MINUTE];
    const ticks = [tick(1, BASE), tick(4, second), tick(5, third), tick(3, BASE + 2), tick(2, BASE + 1)];
    for (const every of [1, 1000]) {
      const { state, window } = run(ticks, { every });
      expect(window(second)).toMatchObject({ after_trade_id: 1, missing: 2, final: 1 });
      const revisions = (start: number) => state.revisions.get(`BTC-USD ${MINUTE} ${start}`)!;
      expect(
        revisions(second).map((row) => [row.revision, row.caused_by_trade_id, row.missing, row.trade_count]),
      ).toEqual([
        [1, 3, 1, 1],
        [2, 2, 0, 1],
      ]);
      expect(revisions(BASE).at(-1)).toMatchObject({ trade_count: 3, missing: 0 });
      expect(state.late.length).toBe(2);
    }
  });

  test("it becomes complete when the last missing trade comes late", () => {
    const { state } = run([tick(1, BASE), tick(3, BASE + 1), tick(4, BASE + 3 * MINUTE), tick(2, BASE)]);
    expect(state.windows.get(`BTC-USD ${MINUTE} ${BASE}`)?.missing).toBe(1);
    expect(state.revisions.get(`BTC-USD ${MINUTE} ${BASE}`)?.[0]?.missing).toBe(0);
  });
});

test("an outlier trade id is counted as what it is, and triggers no scan of every id below it", () => {
  const outlier = Number.MAX_SAFE_INTEGER;
  const { window, commit, job } = run([tick(1, BASE), tick(5_000, BASE + 1), tick(outlier, BASE + 2)], { every: 1 });
  expect(window(BASE)).toMatchObject({ trade_count: 3, missing: outlier - 3, last_trade_id: outlier });
  job.reset();
  job.tick(tick(2, BASE + 3), { partition: 0, offset: 3, appended_us: BASE + 3600e6 });
  commit();
  expect(window(BASE)?.missing).toBe(outlier - 4);
});

test("--flush closes open windows as flushed, and a tick that still comes makes a revision", () => {
  const { job, commit, window, state } = run([tick(1, BASE)]);
  job.flush(["BTC-USD"]);
  commit();
  expect(window(BASE)?.final).toBe(2);
  job.tick(tick(2, BASE + 1), { partition: 0, offset: 1, appended_us: BASE + 3600e6 });
  commit();
  expect(state.revisions.get(`BTC-USD ${MINUTE} ${BASE}`)?.[0]?.trade_count).toBe(2);
});

test("--flush leaves a window ahead of the high mark open: a wrong clock's stamp makes nothing late after it", () => {
  const { job, commit, window, counts } = run([tick(1, BASE), tick(2, BASE + 86_400e6)], { appended_us: BASE + 1e6 });
  job.flush(["BTC-USD"]);
  commit();
  expect([window(BASE)?.final, window(BASE + 86_400e6)?.final]).toEqual([2, 0]);
  job.tick(tick(3, BASE + 2 * MINUTE), { partition: 0, offset: 2, appended_us: BASE + 2 * MINUTE });
  commit();
  expect(window(BASE + 2 * MINUTE)?.trade_count).toBe(1);
  expect(counts.late).toBe(0);
});

test("several sizes from one pass, and hopping windows, each hold the tick", () => {
  const windows = [
    { size_us: 10_000_000, every_us: 10_000_000 },
    { size_us: 5 * MINUTE, every_us: MINUTE },
  ];
  const { state } = run([tick(1, BASE + 4 * MINUTE)], { settings: { ...settings, windows } });
  expect(state.windows.size).toBe(6);
});
