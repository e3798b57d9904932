/** The curve of completeness counts each tick of a window once, by the time of its commit. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Buckets } from "../../scripts/contract/measures.ts";
import type { WindowRow } from "../../scripts/contract/window.ts";
import { samplesOf } from "../../scripts/measure/buckets.ts";
import { CompletenessCurve } from "../../scripts/measure/completeness-curve.ts";
import { SliceHistograms } from "../../scripts/measure/slices.ts";
import type { StepResult } from "../../scripts/window/state.ts";
import { MemoryState } from "../support/memory-state.ts";
import { play, SECOND, settings, stream } from "../support/streams.ts";

const CASES = Number(process.env.TIDEMARK_CASES ?? 300);
const START = 1_700_000_000 * SECOND;
const NEVER = Number.MAX_SAFE_INTEGER;
/** No tick is in its answer before its window's end plus this. */
const DELAY_US = 5 * SECOND;

/** Committed rows, with a curve beside them; a restart forgets what the curve had in memory. */
class Curved extends MemoryState {
  readonly histograms = new SliceHistograms(START);
  #curve = this.#begin();
  #next = 0;

  override store(step: StepResult, next = 0): void {
    const growth = this.#curve.growth(step, new Map([[0, this.#next]]));
    super.store(step);
    const latest_us = Math.max(0, ...growth.map(({ window_end_us }) => window_end_us));
    this.#curve.committed(step, growth, latest_us + DELAY_US);
    this.#next = next;
  }

  override reopen(): void {
    this.#curve = this.#begin();
  }

  curve(size_us: number): Buckets {
    return (
      this.histograms.unstored(START, true).find(({ slice_us }) => slice_us === 0)?.histograms[`curve ${size_us}`] ?? []
    );
  }

  #begin(): CompletenessCurve {
    const key = (row: WindowRow) => `${row.product_id} ${row.size_us} ${row.window_start_us}`;
    return new CompletenessCurve(this.histograms, (row) => this.windows.get(key(row))?.trade_count ?? 0);
  }
}

test(`${CASES} random streams with restarts: as many ticks as the windows' rows have, and as many never as were late`, () => {
  const property = fc.property(stream, settings, (steps, how) => {
    const state = new Curved();
    play(steps, how, state);
    const all = how.windows.map(({ size_us }) => [size_us, state.curve(size_us)] as const);
    for (const [size_us, curve] of all) {
      const rows = [...state.windows.values()].filter((row) => row.size_us === size_us);
      const late = state.late.filter((row) => row.size_us === size_us).length;
      const never = samplesOf(curve.filter(([bucket]) => bucket === NEVER));
      expect([size_us, never, samplesOf(curve) - never]).toEqual([
        size_us,
        late,
        rows.reduce((sum, { trade_count }) => sum + trade_count, 0),
      ]);
      expect(curve.every(([bucket]) => bucket >= DELAY_US)).toBe(true);
    }
  });
  fc.assert(property, { numRuns: CASES });
}, 120_000);

test("a tick in the answer before its window's end is in bucket 0; without a clock nothing is counted", () => {
  const histograms = new SliceHistograms(START);
  const curve = new CompletenessCurve(histograms, () => 0);
  const row = {
    product_id: "A",
    size_us: 10,
    window_start_us: 0,
    window_end_us: 10 * SECOND,
    trade_count: 3,
  } as WindowRow;
  const grown = (trade_count: number, exchange_us: number | null) => {
    const step = { updated: [{ ...row, trade_count }], closed: [], late: [] };
    curve.committed(step, curve.growth(step, new Map()), exchange_us);
    const slices = histograms.unstored(START);
    histograms.stored(slices);
    return slices.map(({ histograms }) => histograms);
  };
  expect(grown(3, null)).toEqual([]);
  expect(grown(5, 9 * SECOND)[0]).toEqual({ "curve 10": [[0, 2]] });
});
