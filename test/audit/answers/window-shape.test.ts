/** The size, hop, alignment and zone of foreign windows, found from their times and what they hold. */
import { describe, expect, test } from "bun:test";
import { detectShape } from "../../../scripts/audit/answers/window-shape.ts";
import type { ForeignRow } from "../../../scripts/audit/audit-types.ts";
import { type HourWindow, hourWindows, recordedHour } from "../../support/foreign-answers.ts";

const MINUTE = 60e6;
const SEED = 20260105;
/** Numbers from 0 to 1, the same for a seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
}
const FREE = { hasZone: false, zone: null, window: null };

/** Rows of windows, their times moved by `shift_us`. */
function rowsOf(
  windows: readonly HourWindow[],
  { shift_us = 0, size_us = MINUTE, end = size_us as number | null } = {},
): ForeignRow[] {
  return windows.map(({ start_us, ...values }, i) => ({
    window_start_us: start_us + shift_us,
    window_end_us: end === null ? null : start_us + shift_us + end,
    product_id: "BTC-USD",
    cells: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)])),
    where: `row ${i + 1}`,
  }));
}

/** Rows of an engine with faults: every sixth lost its last tick, every fifth counts one twice. */
function faulty(rows: readonly ForeignRow[]): ForeignRow[] {
  return rows.map((row, i) => {
    const change = i % 6 === 0 ? -1 : i % 5 === 0 ? 1 : 0;
    if (change === 0) return row;
    const { trade_count, total_volume } = row.cells;
    return {
      ...row,
      cells: {
        ...row.cells,
        trade_count: `${Number(trade_count) + change}`,
        total_volume: `${Number(total_volume) + change / 7}`,
      },
    };
  });
}

const detect = (rows: readonly ForeignRow[], given: Partial<typeof FREE> | { zone: string } = {}) =>
  detectShape(rows, recordedHour(), { ...FREE, ...given });

describe("the shift to UTC", () => {
  const cases: [title: string, shift_us: number, found: number, zone: string | null][] = [
    ["none", 0, 0, "UTC"],
    ["+05:30", 330 * MINUTE, -330 * MINUTE, "+05:30"],
    ["-03:30", -210 * MINUTE, 210 * MINUTE, "-03:30"],
    ["+14:00", 840 * MINUTE, -840 * MINUTE, "+14:00"],
    ["the end as the label", MINUTE, -MINUTE, null],
    ["half a second", 500_000, -500_000, null],
    ["1,234 ms", 1_234_000, -1_234_000, null],
    ["2 h 7 min 11 s, of no zone", 7_631e6, -7_631e6, null],
  ];
  for (const [title, shift_us, found, zone] of cases)
    test(title, () => {
      for (const rows of [rowsOf(hourWindows(), { shift_us }), faulty(rowsOf(hourWindows(), { shift_us }))]) {
        const shape = detect(rows);
        // Between two ticks at the windows' edges a shift of a few ms changes nothing.
        expect(Math.abs(shape.shift_us - found)).toBeLessThan(zone === null ? 20_000 : 1);
        expect(shape).toMatchObject({ size_us: MINUTE, every_us: MINUTE });
        if (zone !== null || title.startsWith("the end"))
          expect(shape).toMatchObject({ zone, offset_us: 0, shift_us: found });
      }
    });

  test("faults in every window do not move it, and do not hide a zone", () => {
    const random = randomOf(SEED);
    const engines: Record<string, Parameters<typeof hourWindows>[3]> = {
      "the last tick lost": (ticks) => ticks.slice(0, -1),
      "the last three lost": (ticks) => ticks.slice(0, -3),
      "the first and the last lost": (ticks) => ticks.slice(1, -1),
      "one in twenty lost": (ticks) => ticks.filter(() => random() > 0.05),
      "one in twenty counted twice": (ticks) => ticks.flatMap((tick) => (random() < 0.05 ? [tick, tick] : [tick])),
      "the last one counted twice": (ticks) => [...ticks, ticks.at(-1)!],
    };
    for (const [engine, change] of Object.entries(engines))
      for (const size_us of engine.startsWith("the last") ? [10e6, MINUTE] : [MINUTE]) {
        const windows = hourWindows(size_us, size_us, 0, change);
        for (const count of [3, 20]) {
          const from = Math.floor(random() * (windows.length - count));
          const title = `${engine}, ${count} windows of ${size_us / 1e6} s from ${from}, seed ${SEED}`;
          const some = windows.slice(from, from + count);
          expect(`${title}: ${detect(rowsOf(some, { size_us })).shift_us}`).toBe(`${title}: 0`);
          if (count < 20) continue;
          const zone = detect(rowsOf(some, { size_us, shift_us: 330 * MINUTE })).zone;
          expect(`${title}: ${zone}`).toBe(`${title}: +05:30`);
        }
      }
  });

  test("five windows that lost their last tick are not windows shifted by 70 ms", () => {
    const windows = hourWindows(10e6, 10e6, 0, (ticks) => ticks.slice(0, -1)).slice(184, 189);
    expect(detect(rowsOf(windows, { size_us: 10e6 })).shift_us).toBe(0);
  });

  test("windows that begin at half minutes are not shifted", () => {
    expect(detect(rowsOf(hourWindows(MINUTE, MINUTE, 30e6)))).toMatchObject({
      shift_us: 0,
      offset_us: 30e6,
      zone: "UTC",
    });
    const labelled = detect(rowsOf(hourWindows(), { shift_us: 30e6 }));
    expect(labelled).toMatchObject({ shift_us: -30e6, offset_us: 0, zone: null });
  });

  test("one row of a wrong start does not move it, nor two", () => {
    for (const wrong of [[7], [7, 30]])
      for (const by of [MINUTE, 1e6, 900e6, -330 * MINUTE]) {
        const rows = rowsOf(hourWindows()).map((row, i) =>
          wrong.includes(i)
            ? { ...row, window_start_us: row.window_start_us + by, window_end_us: row.window_end_us! + by }
            : row,
        );
        expect(detect(rows)).toMatchObject({ size_us: MINUTE, every_us: MINUTE, shift_us: 0, offset_us: 0 });
      }
  });

  test("two rows are too few to find one", () => {
    expect(detect(rowsOf(hourWindows().slice(10, 12), { shift_us: 60 * MINUTE })).shift_us).toBe(0);
  });

  test("--zone is taken as it is: an offset, a name, UTC", () => {
    const rows = rowsOf(hourWindows());
    expect(detect(rows, { zone: "+05:30" })).toMatchObject({ shift_us: -330 * MINUTE, zone: "+05:30" });
    expect(detect(rows, { zone: "Asia/Kolkata" })).toMatchObject({ shift_us: -330 * MINUTE, zone: "+05:30" });
    expect(detect(rows, { zone: "-08" })).toMatchObject({ shift_us: 480 * MINUTE, zone: "-08:00" });
    expect(detect(rows, { zone: "utc" })).toMatchObject({ shift_us: 0, zone: "UTC" });
    expect(() => detect(rows, { zone: "Mars/Base" })).toThrow("--zone Mars/Base is not a known zone.");
    const year = rowsOf(
      [0, 180].map((days) => ({ ...hourWindows()[0]!, start_us: hourWindows()[0]!.start_us + days * 86_400e6 })),
    );
    expect(() => detect(year, { zone: "Europe/Berlin" })).toThrow("changes its distance to UTC");
  });

  test("an answer without a value that can be compared, or of another product, is not shifted", () => {
    const bare = rowsOf(hourWindows(), { shift_us: 60 * MINUTE }).map((row) => ({ ...row, cells: { vwap: "1" } }));
    expect(detect(bare).shift_us).toBe(0);
    const other = rowsOf(hourWindows(), { shift_us: 60 * MINUTE }).map((row) => ({ ...row, product_id: "DOGE-USD" }));
    expect(detect(other).shift_us).toBe(0);
  });
});

describe("size and hop", () => {
  test("by the ends, also inclusive ones", () => {
    for (const end of [MINUTE, MINUTE - 1, MINUTE - 1_000, MINUTE - 1e6])
      expect(detect(rowsOf(hourWindows(), { end }))).toMatchObject({ size_us: MINUTE, every_us: MINUTE });
  });

  test("without ends, by the distance of starts, with holes and a wrong row", () => {
    const rows = rowsOf(hourWindows(), { end: null });
    expect(detect(rows)).toMatchObject({ size_us: MINUTE, every_us: MINUTE });
    expect(detect(rows.filter((_, i) => i % 5 < 2 && i % 7 !== 3))).toMatchObject({ size_us: MINUTE });
    expect(detect([0, 2, 5].map((i) => rows[i]!))).toMatchObject({ size_us: MINUTE });
    const wrong = rows.map((row, i) => (i === 20 ? { ...row, window_start_us: row.window_start_us + 1e6 } : row));
    expect(detect(wrong)).toMatchObject({ size_us: MINUTE, offset_us: 0 });
  });

  test("hopping windows", () => {
    const size_us = 5 * MINUTE;
    expect(detect(rowsOf(hourWindows(size_us, MINUTE), { size_us }))).toMatchObject({
      size_us,
      every_us: MINUTE,
      shift_us: 0,
    });
    const two = { size_us: 2 * MINUTE };
    expect(detect(rowsOf(hourWindows(2 * MINUTE, MINUTE), two))).toMatchObject({
      size_us: 2 * MINUTE,
      every_us: MINUTE,
    });
  });

  test("--window decides; without it and without a distance there is a sentence", () => {
    const [row] = rowsOf(hourWindows().slice(10, 11), { end: null });
    expect(
      detectShape([row!], recordedHour(), { ...FREE, window: { size_us: MINUTE, every_us: MINUTE } }),
    ).toMatchObject({ size_us: MINUTE });
    expect(() => detect([row!])).toThrow("The size of the answer's windows is not clear");
  });

  test("windows of several sizes, or with one wrong end, need --window", () => {
    const rows = rowsOf(hourWindows());
    rows[9] = { ...rows[9]!, window_end_us: rows[9]!.window_end_us! + 1e6 };
    expect(() => detect(rows)).toThrow("several sizes (1m: 59 rows, 61s: 1 rows; the first other one is row 10)");
    expect(() => detect(rowsOf(hourWindows(), { end: -MINUTE }))).toThrow("ends before it begins");
  });
});
