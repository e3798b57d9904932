/** The judge of the measures finds a wrong page: every cell of the matrix can fail. */
import { describe, expect, test } from "bun:test";
import { type Bound, judge, type Sample, type Truths } from "../../scripts/verify/cell-judge.ts";
import { CALM } from "../../scripts/verify/cells.ts";
import { cellsOf, MATRIX } from "../../scripts/verify/matrix.ts";
import { droppedIds, lateTicks, recordingOf, ticksOf } from "../../scripts/verify/synthetic-feed.ts";

type Cell = ReturnType<typeof cellsOf>[number];

/** Of a path that was stopped for three seconds. */
const TRUTHS: Truths = {
  ...{
    held: 3_000,
    noise: 30,
    gap: 4_200,
    rest: 3_500,
    overdue: 7_200,
    soon: 1_200,
    silent: 9_000,
    skew: 2_000,
    ticks: 1_800,
    late: 22,
    dropped: 36,
  },
  ...{ twice: 900, rate: 200, disk_bytes: 9_000_000, written: 3_000, stream_cost: 300, batch_cost: 900 },
  unattributed_cores: 0.8,
};

/** An answer in which a cell's figure is `value`; null: there is none, because of `note`. */
function answer(cell: Cell, phase: Sample["phase"], value: number | null, note = "", definition = ""): Sample {
  const { word, side, field, minus, over, quiet } = cell;
  const other = { values: null, note: "" };
  const values = value === null ? null : { [field]: value, ...(minus && { [minus]: 0 }), ...(over && { [over]: 1 }) };
  const row = { word, definition, stream: other, batch: other, [side]: { values, note } };
  const families = word === "" && value !== null ? { [field]: value } : {};
  const words = word === "" ? [] : [row];
  return { phase, words: quiet ? [] : words, quiet: quiet ? words : [], families };
}

/** What the judge reads where the figure was `before`, then `after`. */
function answers(cell: Cell, before: number | null, after: number | null, note = ""): Sample[] {
  return [
    answer(cell, "before", before),
    answer(cell, "during", before),
    answer(cell, "during", after, note),
    answer(cell, "after", after, note),
  ];
}

const bound = (of: Bound) => (typeof of === "number" ? of : TRUTHS[of[0]]! * of[1] + (of[2] ?? 0));

describe.each(MATRIX.map((scenario) => [scenario.name, scenario] as const))("%s", (_, scenario) => {
  test.each(cellsOf(scenario).map((cell) => [`${cell.side} ${cell.word} ${cell.field} ${cell.when}`, cell] as const))(
    "%s: right within its bounds, wrong outside them and without an answer",
    (_name, cell) => {
      const { least, most, none, text } = cell.wanted;
      const isRight = (samples: Sample[]) => judge(cell, samples, TRUTHS).right;
      expect(isRight([])).toBe(false);
      expect(isRight([{ phase: "after", words: [], quiet: [], families: {} }])).toBe(false);
      if (text !== undefined) {
        expect(isRight([answer(cell, "after", 1, text)])).toBe(true);
        expect(isRight([answer(cell, "after", 1, "", text)])).toBe(true);
        expect(isRight([answer(cell, "after", 1, "another clock")])).toBe(false);
        return;
      }
      const unit = /_(age|lag|freshness)_seconds/.test(cell.field) ? 0.001 : 0;
      const noise = TRUTHS.noise * (cell.field.endsWith("_ms") ? 1 : unit);
      const lowest = least === undefined ? null : bound(least) - noise;
      const highest = most === undefined ? null : bound(most) + noise;
      const base = cell.when === "ratio" ? 10 : 0;
      const at = (value: number) =>
        cell.when === "always"
          ? answers(cell, value, value)
          : answers(cell, base || (cell.when === "drift" ? 0 : 1), base ? value * base : value);
      for (const edge of [lowest, highest])
        if (edge !== null) expect(isRight(at(edge)) || cell.when === "ratio").toBe(true);
      if (lowest !== null) expect(isRight(at(lowest - Math.max(1e-3, Math.abs(lowest) * 1e-3)))).toBe(false);
      if (highest !== null) expect(isRight(at(highest + Math.max(1e-3, Math.abs(highest) * 1e-3)))).toBe(false);
      if (cell.word === "") return;
      expect(isRight(answers(cell, null, null, `the ${none} it`))).toBe(none !== undefined);
      expect(isRight(answers(cell, null, null, "for another reason"))).toBe(false);
    },
  );

  test("a page on which nothing moves is found, unless nothing is done", () => {
    // A calm page: what the cells of undisturbed figures accept.
    const calm = scenario.cells.filter(({ moves }) => moves);
    const found = calm.filter((cell) => judge(cell, answers(cell, 0, 0), { ...TRUTHS, noise: 0 }).right === false);
    expect(found).toHaveLength(calm.length);
    expect(calm.length > 0).toBe(scenario.name !== "control");
  });

  test("a figure that must not move is in no bounds of one that must", () => {
    for (const name of scenario.moved) expect(Object.keys(CALM)).toContain(name);
    const still = cellsOf(scenario).filter(({ moves }) => !moves);
    const moved = scenario.cells.filter(({ moves }) => moves);
    const key = ({ side, word, field, quiet, minus, when }: Cell) => [side, word, field, quiet, minus, when].join();
    expect(still.filter((cell) => moved.some((other) => key(other) === key(cell)))).toEqual([]);
  });
});

test("wrong pages as older versions showed them are found", () => {
  const cellOf = (scenario: string, match: (cell: Cell) => boolean) =>
    cellsOf(MATRIX.find(({ name }) => name === scenario)!).find(match)!;
  const verdict = (cell: Cell, values: (number | null)[], note = "") => {
    const phases = ["before", "during", "during", "after"] as const;
    return judge(
      cell,
      phases.map((phase, i) => answer(cell, phase, values[i]!, note)),
      TRUTHS,
    ).right;
  };
  const stalled = cellOf("log stalled", ({ word }) => word === "pipeline latency, since start");
  expect(verdict(stalled, [78, 78, 78, 78])).toBe(false);
  expect(verdict(stalled, [78, 78, 78, 2_900])).toBe(true);
  const share = cellOf("control", ({ word, side }) => word === "completeness, since start" && side === "stream");
  expect(verdict(share, [1.506, 1, 1, 1])).toBe(false);
  const constant = cellOf("consume stopped", ({ word, side }) => word.startsWith("completeness") && side === "batch");
  expect(verdict(constant, [1, 1, 1, 1])).toBe(false);
  const alternating = cellOf("run in progress", ({ when }) => when === "ratio");
  expect(verdict(alternating, [900, 900, 120, 900])).toBe(false);
  expect(verdict(alternating, [900, 900, 950, 700])).toBe(true);
  const dead = cellOf("feed ended", ({ word, side }) => word === "age, now" && side === "stream");
  expect(verdict(dead, [4, 0, 0, 0])).toBe(false);
  expect(verdict(dead, [null, null, null, null], "the feed ended at 12:00:14")).toBe(true);
});

test("a truth that the machine can't measure leaves its cell out, and does not make it right", () => {
  const cell = cellsOf(MATRIX.find(({ name }) => name === "machine used")!).find(
    ({ field }) => field === "disk_bytes",
  )!;
  const { disk_bytes: _, ...without } = TRUTHS;
  expect(judge(cell, answers(cell, 0, 5), without).right).toBeNull();
});

describe("the synthetic feed", () => {
  const plan = { rate: 100, speed: 30, to_minute_s: 30, late_every: 80 };

  test("late ticks come 90 s of the recording after their time, the others in order", () => {
    const ticks = ticksOf(plan, 10);
    expect(ticks.every((tick, i) => i === 0 || ticks[i - 1]!.at_us <= tick.at_us)).toBe(true);
    const late = ticks.filter(({ time_us, at_us }) => at_us !== time_us);
    expect(new Set(late.map(({ time_us, at_us }) => at_us - time_us))).toEqual(new Set([90_000_000]));
    // 1,000 ticks, of which the last 300 would come after the end.
    expect(late).toHaveLength(9);
    // The last window, which is not closed at the end, has 100 ticks.
    expect(lateTicks(ticks, 1_000_000)).toEqual({ late: 9, ticks: 900 });
  });

  test("dropped ids are those of the product at equal steps, and a recording has a line per tick", () => {
    const ticks = ticksOf({ rate: 10, speed: 1, to_minute_s: 1, drop_every: 20 }, 10);
    expect(droppedIds({ rate: 10, speed: 1, to_minute_s: 1, drop_every: 20 }, ticks)).toEqual([
      1_001, 1_021, 1_041, 1_061, 1_081,
    ]);
    expect(recordingOf(ticks).trim().split("\n")).toHaveLength(ticks.length);
  });
});
