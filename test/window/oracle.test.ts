/** Random streams against the naive oracle (faults.md 4.1). A failing seed is printed and shrunk by fast-check. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { WindowRow } from "../../scripts/common/window.ts";
import { WindowJob } from "../../scripts/window/job.ts";
import type { JobSettings } from "../../scripts/window/state.ts";
import { MemoryState } from "../support/memory-state.ts";
import { type Logged, naiveWindow, oracle } from "../support/oracle.ts";

const SECOND = 1_000_000;
const RUNS = Number(process.env.TIDEMARK_TEST_RUNS ?? 300);

const entry = fc.record({
  product_id: fc.constantFrom("BTC-USD", "ETH-USD"),
  trade_id: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 4090, max: 4100 })),
  // Whole seconds often, so that boundaries and equal times are common; now and then far ahead.
  time_us: fc.oneof(
    fc.integer({ min: -5, max: 60 }).map((s) => s * SECOND),
    fc.integer({ min: 0, max: 60 * SECOND }),
    fc.constant(100_000 * SECOND),
  ),
  price: fc.constantFrom([2574102, 2], [1, 10], [9_007_199_254, 2], [99_999_999, 0], [5, 0], [812, 8]),
  size: fc.constantFrom([371005, 8], [1, 8], [9_999_999_999, 0], [25, 1]),
  side: fc.constantFrom("buy" as const, "sell" as const),
  restart: fc.integer({ min: 0, max: 9 }),
});

const shape = fc.constantFrom(
  { size_us: 10 * SECOND, every_us: 10 * SECOND },
  { size_us: 10 * SECOND, every_us: 5 * SECOND },
);

test(`${RUNS} random streams: windows, late ticks and revisions are the naive oracle's`, () => {
  const property = fc.property(
    fc.array(entry, { maxLength: 120 }),
    shape,
    fc.integer({ min: 0, max: 15 }),
    (moves, spec, lateness) => {
      const settings: JobSettings = { windows: [spec], lateness_us: lateness * SECOND, max_skew_us: 120 * SECOND };
      const log: Logged[] = moves.map((m, offset) => ({
        tick: {
          product_id: m.product_id,
          trade_id: m.trade_id,
          time_us: m.time_us,
          price_mantissa: m.price[0]!,
          price_scale: m.price[1]!,
          size_mantissa: m.size[0]!,
          size_scale: m.size[1]!,
          side: m.side,
        },
        at: { partition: 0, offset, appended_us: 60 * SECOND },
      }));
      const state = new MemoryState();
      let job = new WindowJob(settings, state);
      log.forEach(({ tick, at }, i) => {
        job.tick(tick, at);
        if (moves[i]!.restart > 6) {
          state.store(job.take());
          job.committed();
        }
        if (moves[i]!.restart === 9) job = new WindowJob(settings, state);
      });
      state.store(job.take());
      compare(state, log, { ...spec, lateness_us: lateness * SECOND, max_skew_us: 120 * SECOND });
    },
  );
  fc.assert(property, { numRuns: RUNS });
});

function compare(state: MemoryState, log: Logged[], settings: Parameters<typeof oracle>[1]): void {
  const expected = oracle(log, settings);
  const keys = (map: Map<string, unknown>) => [...map.keys()].sort();
  const short = (key: string) => key.replace(` ${settings.size_us} `, " ");
  expect([...state.windows.keys()].map(short).sort()).toEqual(keys(expected.onTime));
  expect([...state.revisions.keys()].map(short).sort()).toEqual(keys(expected.late));
  for (const row of state.windows.values()) {
    const key = `${row.product_id} ${row.window_start_us}`;
    expect(picked(row)).toEqual(naive(expected.onTime.get(key)!));
    expect(row.final).toBe(expected.closed(row.product_id, row.window_start_us) ? 1 : 0);
  }
  for (const [key, rows] of state.revisions) {
    const ticks = expected.late.get(short(key))!;
    expect(rows.map((row) => row.caused_by_trade_id)).toEqual(ticks.map((t) => t.trade_id));
    expect(picked(rows.at(-1)!)).toEqual(naive([...(expected.onTime.get(short(key)) ?? []), ...ticks]));
  }
}

function naive(ticks: Parameters<typeof naiveWindow>[0]) {
  const { window_start_us: _, ...row } = naiveWindow(ticks);
  return row;
}

function picked(row: WindowRow) {
  const { product_id, trade_count, buy_count, price_sum, total_volume, notional, min_price, max_price } = row;
  const { open_price, close_price, first_trade_id, last_trade_id } = row;
  const sums = { product_id, trade_count, buy_count, price_sum, total_volume, notional, min_price, max_price };
  return { ...sums, open_price, close_price, first_trade_id, last_trade_id };
}

test("where the commits fall changes no stored row", () => {
  const property = fc.property(fc.array(entry, { maxLength: 80 }), (moves) => {
    const settings: JobSettings = {
      windows: [{ size_us: 10 * SECOND, every_us: 10 * SECOND }],
      lateness_us: 5 * SECOND,
      max_skew_us: 120 * SECOND,
    };
    const results = [1, 7, 1000].map((every) => {
      const state = new MemoryState();
      const job = new WindowJob(settings, state);
      moves.forEach((m, offset) => {
        const numbers = {
          price_mantissa: m.price[0]!,
          price_scale: m.price[1]!,
          size_mantissa: m.size[0]!,
          size_scale: m.size[1]!,
        };
        const { product_id, trade_id, time_us, side } = m;
        job.tick(
          { product_id, trade_id, time_us, side, ...numbers },
          { partition: 0, offset, appended_us: 60 * SECOND },
        );
        if ((offset + 1) % every === 0) {
          state.store(job.take());
          job.committed();
        }
      });
      state.store(job.take());
      return JSON.stringify([[...state.windows].sort(), [...state.revisions].sort(), state.late]);
    });
    expect(results[1]).toBe(results[0]!);
    expect(results[2]).toBe(results[0]!);
  });
  fc.assert(property, { numRuns: RUNS });
});
