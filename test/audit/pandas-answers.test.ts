/** What pandas 3.1.1 wrote of the disordered hour (test/audit/pandas), bit for bit. */
// Minutes by resample, or by groupby of the floored time, each after drop_duplicates: of the id, or
// of time, price and size.
import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { audited, counted, lastDigit, linesOf, refused, withCell, written } from "../support/audited.ts";
import { ROOT, tempDir } from "../support/data.ts";
import { disorderedHour } from "../support/engines.ts";

const dir = tempDir();
afterAll(() => dir[Symbol.dispose]());
const LOG = written(join(dir.path, "ticks.jsonl"), disorderedHour());
const fixture = (name: string) => join(ROOT, "test/audit/pandas", `${name}.csv`);

test.each([
  ["resample-float64", { equal: 12, W1: 43, W12: 5 }, "by event time, as pandas' sorted groups."],
  ["resample-float32", { equal: 0, W1: 55, W12: 5 }, "pandas' sorted groups, with totals of 32 bits."],
  ["groupby-float32-content", { equal: 0, W1: 3, W3: 1, W12: 4, W13: 52 }, "pandas' groups, with totals of 32 bits."],
] as const)("%s", async (name, rules, how) => {
  const found = await audited(LOG, fixture(name));
  expect(counted(found)).toEqual({ ...rules, consistent: 0, unexplained: 0 });
  expect(found.passed).toBe(true);
  expect(found.report.how.join("\n")).toContain(how);
});

test("a last digit of a sum is refused", async () => {
  const lines = linesOf(fixture("resample-float64"));
  const changed = withCell(lines, "16:01", "price_sum", lastDigit);
  const found = await audited(LOG, written(join(dir.path, "digit.csv"), changed));
  expect(refused(found)).toEqual({ unexplained: ["16:01"], passed: false });
  // No tick is behind it: those that are equal would only be swapped.
  expect(found.report.windows.filter(({ hint }) => hint !== undefined)).toEqual([]);
});
