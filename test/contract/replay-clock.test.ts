/** The exchange's clock as feed.json has it. */
import { expect, test } from "bun:test";
import { feedTimesOf } from "../../scripts/contract/replay-clock.ts";

const clockOf = (text: string) => feedTimesOf(text).clock;
const clock = (fields: object) => clockOf(JSON.stringify(fields));

test("live it is ours; in a replay the recording's at its speed, which stops at its end", () => {
  expect(clock({ kind: "live", replay: null })!(5)).toBe(5);
  const replay = { clock_us: 1_000, as_of_us: 10, speed: 30 };
  expect(clock({ kind: "replay", replay })!(12)).toBe(1_060);
  expect(clock({ kind: "replay", replay: { ...replay, speed: 0 } })!(12)).toBe(1_000);
});

test("it is not known at full speed, before the first report, or from another text", () => {
  const replay = { clock_us: 1_000, as_of_us: 10, speed: null };
  expect([clock({ kind: "replay", replay }), clock({ kind: "replay", replay: null }), clock({})]).toEqual([
    null,
    null,
    null,
  ]);
  expect(["", "{", "null", "[]"].map(clockOf)).toEqual([null, null, null, null]);
});
