/** The price of lateness: which quantity it is, what counts, and what real runs would have stored. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { OutOfOrderRow } from "../../scripts/contract/window.ts";
import { LatenessCurve, parseShare, pastEnd, type WholeWindow } from "../../scripts/measure/lateness-curve.ts";
import { WindowJob } from "../../scripts/window/job.ts";
import type { JobSettings } from "../../scripts/window/state.ts";
import { compareRuns, disorderedLines, records, withoutHeartbeats } from "../support/lateness-cells.ts";
import { MemoryState } from "../support/memory-state.ts";
import { play, SECOND, type Step, settings, stream } from "../support/streams.ts";

const CASES = Number(process.env.TIDEMARK_CASES ?? 300);
const MINUTE = 60 * SECOND;
const BASE = 1_693_929_600 * SECOND;

function row(time_us: number, mark_us: number, more: Partial<OutOfOrderRow> = {}): OutOfOrderRow {
  const place = { log_partition: 0, log_offset: 0, price: "100", last_size: "1", source: "feed" as const };
  return { product_id: "BTC-USD", trade_id: 1, time_us, mark_us, ...place, ...more };
}

const window = (start_us: number, ticks: number): WholeWindow => {
  return { start_us, ticks, total_volume: String(ticks), notional: String(ticks * 100) };
};
const minutes = (rows: OutOfOrderRow[], windows: WholeWindow[], mark_us = BASE + 60 * MINUTE) =>
  new LatenessCurve(rows, windows, { size_us: MINUTE, from_us: 0, mark_us, whole_size_us: MINUTE });

test("a tick is late at the lateness that its window's end is behind the high mark, and in time one microsecond above", () => {
  const late = row(BASE + 59 * SECOND, BASE + MINUTE + 30 * SECOND);
  expect(pastEnd(late, MINUTE)).toBe(30 * SECOND);
  const curve = minutes([late], [window(BASE, 2)]);
  expect([curve.at(30 * SECOND).late_ticks, curve.at(30 * SECOND + 1).late_ticks]).toEqual([1, 0]);
  expect(curve.at(30 * SECOND)).toMatchObject({ windows_revised: 1, windows_closed: 1, windows_unseen: 0 });
});

test("a tick behind the high mark inside its own window is late at no lateness, not even 0", () => {
  expect(pastEnd(row(BASE, BASE + MINUTE - 1), MINUTE)).toBe(-1);
  expect(minutes([row(BASE, BASE + MINUTE - 1)], [window(BASE, 2)]).at(0).late_ticks).toBe(0);
});

test("a window that a late tick alone made was unseen; volumes and averages differ by what came late", () => {
  const rows = [
    row(BASE, BASE + 3 * MINUTE, { price: "160", last_size: "2" }),
    row(BASE + MINUTE, BASE + 3 * MINUTE, { last_size: "0.5" }),
  ];
  const windows = [
    { start_us: BASE, ticks: 3, total_volume: "4", notional: "520" },
    { start_us: BASE + MINUTE, ticks: 1, total_volume: "0.5", notional: "50" },
  ];
  expect(minutes(rows, windows).at(MINUTE)).toMatchObject({
    late_ticks: 2,
    windows_unseen: 1,
    volume_error_max: "2",
    vwap_error_max: "30",
  });
});

test("ticks filled from REST are neither late nor counted", () => {
  const rows = [row(BASE, BASE + 9 * MINUTE, { source: "rest" }), row(BASE, BASE + 9 * MINUTE)];
  expect(minutes(rows, [window(BASE, 5)]).at(MINUTE)).toMatchObject({ late_ticks: 1, ticks: 4 });
  expect(minutes(rows.slice(0, 1), [window(BASE, 1)]).at(0)).toMatchObject({ ticks: 0, windows_closed: 0 });
});

test("a size that the stream's windows add up to is computed whole; of any other the windows closed are not known", () => {
  const rows = [row(BASE, BASE + 7 * MINUTE)];
  const windows = [0, 1, 5].map((n) => window(BASE + n * MINUTE, 2));
  const spec = { from_us: 0, mark_us: BASE + 9 * MINUTE, whole_size_us: MINUTE };
  const five = new LatenessCurve(rows, windows, { ...spec, size_us: 5 * MINUTE });
  expect(five.at(MINUTE)).toMatchObject({ late_ticks: 1, ticks: 6, windows_closed: 1, volume_error_max: "1" });
  const seven = new LatenessCurve(rows, windows, { ...spec, size_us: 7 * SECOND });
  expect(seven.at(MINUTE)).toMatchObject({ late_ticks: 1, ticks: 6, windows_closed: null, volume_error_max: null });
  expect(seven.smallestForWindows({ part: 1n, whole: 2n })).toBeNull();
});

test("the smallest lateness for a share allows as many late ticks as the share does, and no more", () => {
  const rows = [10, 20, 30].map((seconds) => row(BASE, BASE + MINUTE + seconds * SECOND));
  const curve = minutes(rows, [window(BASE, 100)]);
  const smallest = (text: string) => curve.smallestForTicks(parseShare(text)!);
  expect(["100%", "99%", "98.5%", "98%", "97%"].map(smallest)).toEqual(
    [30, 20, 20, 10].map((seconds) => seconds * SECOND + 1).concat(0),
  );
  expect(minutes([], []).smallestForTicks({ part: 1n, whole: 1n })).toBeNull();
});

test("a share is a percentage from 0 to 100", () => {
  expect(parseShare("99.99%")).toEqual({ part: 9_999n, whole: 10_000n });
  expect(["99.99", "-1%", "100.01%", "1e1%", "", "%"].map(parseShare)).toEqual(Array(6).fill(null));
});

/** Plays a stream at one lateness and returns what it stored. */
function played(steps: Step[], how: JobSettings, lateness_us: number): MemoryState {
  const state = new MemoryState();
  play(steps, { ...how, lateness_us }, state);
  return state;
}

/** The curve of one product and size from what a run stored. */
function curveOf(state: MemoryState, product_id: string, size_us: number): LatenessCurve {
  const isThis = (w: { product_id: string; size_us: number }) => w.product_id === product_id && w.size_us === size_us;
  const whole = new Map([...state.windows].filter(([, w]) => isThis(w)));
  for (const [key, rows] of state.revisions) if (isThis(rows[0]!)) whole.set(key, rows.at(-1)!);
  const windows = [...whole.values()].map((w) => ({ ...w, start_us: w.window_start_us, ticks: w.trade_count }));
  const rows = state.outOfOrder.filter((one) => one.product_id === product_id);
  const mark_us = state.product(product_id)?.max_time_us ?? Number.MIN_SAFE_INTEGER;
  return new LatenessCurve(rows, windows, {
    size_us,
    from_us: Number.MIN_SAFE_INTEGER,
    mark_us,
    whole_size_us: size_us,
  });
}

test(`${CASES} random streams: one run gives late ticks, revised and closed windows of a run at any lateness`, () => {
  const sizes = fc.constantFrom([7, 10, 60], [0.5, 10]);
  const tumbling = fc.tuple(settings, sizes).map(([how, seconds]) => ({
    ...how,
    windows: seconds.map((size) => ({ size_us: size * SECOND, every_us: size * SECOND })),
  }));
  const latenesses = fc.array(fc.integer({ min: 0, max: 40 * SECOND }), { minLength: 1, maxLength: 3 });
  const property = fc.property(stream, tumbling, latenesses, (all, how, latenesses_us) => {
    const steps = all.filter(({ kind }) => kind !== "flush");
    const once = played(steps, how, how.lateness_us);
    for (const lateness_us of [...latenesses_us, 0, 5 * SECOND]) {
      const run = played(steps, how, lateness_us);
      expect(run.outOfOrder).toEqual(once.outOfOrder);
      for (const product_id of run.productIds()) {
        for (const { size_us } of how.windows) {
          const late = run.late.filter((one) => one.product_id === product_id && one.size_us === size_us);
          const rows = [...run.windows.values()].filter((w) => w.product_id === product_id && w.size_us === size_us);
          const finals = rows.filter(({ final }) => final === 1).map((w) => w.window_start_us);
          const revised = late.map((one) => one.window_start_us);
          const { late_ticks, windows_revised, windows_closed } = curveOf(once, product_id, size_us).at(lateness_us);
          expect([late_ticks, windows_revised, windows_closed]).toEqual([
            late.length,
            new Set(revised).size,
            new Set([...finals, ...revised]).size,
          ]);
        }
      }
    }
  });
  fc.assert(property, { numRuns: CASES });
}, 600_000);

test(`${CASES} random curves: the smallest lateness reaches the wanted share, and one microsecond less does not`, () => {
  const placed = fc.tuple(fc.integer({ min: 0, max: 600 * SECOND }), fc.integer({ min: 0, max: 300 * SECOND }));
  const property = fc.property(
    fc.array(placed, { maxLength: 40 }),
    fc.integer({ min: 0, max: 1_000 }),
    (pairs, part) => {
      const rows = pairs.map(([time_us, behind_us]) => row(BASE + time_us, BASE + time_us + behind_us));
      const counts = Map.groupBy(rows, ({ time_us }) => Math.floor(time_us / MINUTE) * MINUTE);
      const curve = minutes(
        rows,
        [...counts].map(([start_us, those]) => window(start_us, those.length + 1)),
      );
      const want = { part: BigInt(part), whole: 1_000n };
      const inTime = (us: number) => {
        const { late_ticks, ticks } = curve.at(us);
        return (ticks - late_ticks) * 1_000 >= ticks * part;
      };
      const untouched = (us: number) => {
        const { windows_revised, windows_closed } = curve.at(us);
        return windows_closed! > 0 && (windows_closed! - windows_revised) * 1_000 >= windows_closed! * part;
      };
      const [ticks, windows] = [curve.smallestForTicks(want), curve.smallestForWindows(want)];
      if (rows.length > 0) expect([inTime(ticks!), ticks === 0 || !inTime(ticks! - 1)]).toEqual([true, true]);
      if (windows !== null)
        expect([untouched(windows), windows === 0 || !untouched(windows - 1)]).toEqual([true, true]);
    },
  );
  fc.assert(property, { numRuns: CASES });
}, 600_000);

test("a tick is kept when a window of whole seconds may have closed before it, or a finer one where the stream has it", () => {
  const kept = (size_us: number) => {
    const job = new WindowJob(
      { windows: [{ size_us, every_us: size_us }], lateness_us: 0, max_skew_us: MINUTE },
      new MemoryState(),
    );
    for (const [trade_id, ms] of [1_700, 1_300, 900].entries()) {
      const trade = { price_mantissa: 1, price_scale: 0, size_mantissa: 1, size_scale: 0, side: "buy" as const };
      const at = { partition: 0, offset: trade_id, appended_us: BASE + MINUTE };
      job.tick({ product_id: "BTC-USD", trade_id, time_us: BASE + ms * 1_000, ...trade }, at);
    }
    return job.take().out_of_order.map((one) => one.trade_id);
  };
  expect([kept(MINUTE), kept(SECOND / 2)]).toEqual([[2], [1, 2]]);
});

test("largest time so far − own time is not the quantity: on the disordered hour 865 against 57 at one second", () => {
  const state = new MemoryState();
  const how = { windows: [{ size_us: MINUTE, every_us: MINUTE }], lateness_us: SECOND, max_skew_us: MINUTE };
  const lines = withoutHeartbeats(disorderedLines());
  const job = new WindowJob(how, state);
  for (const { offset, ...tick } of records(lines)) {
    const trade = { price_mantissa: 1, price_scale: 0, size_mantissa: 1, size_scale: 0, side: "buy" as const };
    const at = { partition: 0, offset, appended_us: 1_764_000_000 * SECOND };
    job.tick({ product_id: "BTC-USD", ...tick, ...trade }, at);
  }
  state.store(job.take());
  const behind = state.outOfOrder.filter(({ time_us, mark_us }) => mark_us - time_us >= SECOND).length;
  const { late_ticks } = curveOf(state, "BTC-USD", MINUTE).at(SECOND);
  expect([behind, late_ticks, state.late.length]).toEqual([865, 57, 57]);
});

test("6 cells of real runs of `stream` over disordered ticks, with heartbeats and without: every figure is the run's", async () => {
  const lines = disorderedLines().slice(0, 4_000);
  const withThem = await compareRuns(lines, [5, 60]);
  expect(withThem.cells).toBe(6);
  expect(withThem.late).toBeGreaterThan(20);
  expect(withThem.closings).toBeGreaterThan(100);
  // Heartbeats move the high mark and are not in ticks.db, so the ticks alone give another curve.
  const without = await compareRuns(withoutHeartbeats(lines), [5]);
  expect(without.rows.length).toBeLessThan(withThem.rows.length / 2);
}, 120_000);
