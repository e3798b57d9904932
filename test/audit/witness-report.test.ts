/** The witness's text: all unexplained minutes, the first explained ones, unstored hours as one. */
import { expect, test } from "bun:test";
import type { MinuteVerdict } from "../../scripts/audit/witness-minute.ts";
import { witnessText, witnessTotals } from "../../scripts/audit/witness-report.ts";

const START = 1_693_929_600_000_000;
const minute = (i: number, given: Partial<MinuteVerdict>): MinuteVerdict => ({
  start_us: START + i * 60e6,
  ...{ outcome: "explained", rules: [], differences: [], ids: [], why: `why ${i}.`, needsTrades: false },
  ...given,
});

test("of 70 lacking, 2 unexplained and 28 unstored minutes: 50, 2, and one line; the totals have all", () => {
  const lacking = {
    rules: ["lacking" as const],
    ids: [{ what: "lacking" as const, count: 2, ranges: [[5, 6] as const] }],
  };
  const minutes = Array.from({ length: 100 }, (_, i) => {
    if (i < 28) return minute(i, { rules: ["not_stored"], why: "What is stored begins later." });
    return minute(i, i < 30 ? { outcome: "unexplained" } : lacking);
  });
  const of = { product: "A", exchange: "http://x", has_ids: true, from_us: START, to_us: START + 101 * 60e6 };
  const unchecked = { from_us: START + 100 * 60e6, why: "it was stopped" };
  const report = { ...of, minutes, streamless: 0, unchecked };
  const text = witnessText(report);
  expect(text.match(/^ {2}not stored: 5 to 6$/gm)).toHaveLength(50);
  expect(text.match(/unexplained\n {2}why/g)).toHaveLength(2);
  expect(text).toContain("\n20 minutes more explained: --json has all\n");
  expect(text).toContain("2023-09-05T16:00:00Z to 2023-09-05T16:27:00Z  not stored\n  28 minutes. What is stored");
  expect(text).toContain("it was stopped). Not checked: 1 minute from 2023-09-05T17:40:00Z.");
  expect(text).toContain("100 minutes: 0 equal; 70 explained: trade ids that are not stored (140 ids); 28 explained");
  expect(witnessTotals(report)).toMatchObject({ explained: 98, unexplained: 2, unchecked: 1 });
});
