/** Ages of both answers, counted in the browser. */
import { expect, test } from "bun:test";
import { AGES_SPAN_MS, AgeSamples, type AgeStatus, runsFrom } from "../../../web/public/age-samples.ts";

const BEGAN = 1_700_000_000_000;
const live = (second: number, batch_s: number, change: Partial<AgeStatus> = {}): AgeStatus => ({
  at_ms: BEGAN + second * 1000,
  mode: "live",
  speed: null,
  exchange_ms: BEGAN + second * 1000,
  stream_newest_ms: BEGAN + second * 1000 - 300,
  batch_newest_ms: BEGAN + batch_s * 1000,
  ...change,
});

test("one flat line, one that grows and falls at the moment of a run", () => {
  const ages = new AgeSamples();
  for (const second of [0, 1, 2]) ages.add(live(second, -4));
  ages.ran(BEGAN / 1000 + 1, BEGAN + 2500);
  ages.add(live(3, 1));
  expect(ages.samples().map(({ stream_ms }) => stream_ms)).toEqual([300, 300, 300, 800, 800, 300]);
  expect(ages.samples().map(({ batch_ms }) => batch_ms)).toEqual([4000, 5000, 6000, 6500, 1500, 2000]);
});

test("in a replay ages are of recording time, also between two statuses", () => {
  const ages = new AgeSamples();
  ages.add(live(0, -10, { mode: "replay", speed: 30 }));
  ages.ran(BEGAN / 1000 + 5, BEGAN + 500);
  expect(ages.samples().map(({ batch_ms }) => batch_ms)).toEqual([10_000, 25_000, 10_000]);
});

test("after the feed's end, and without a status, there is a gap and no age of 0", () => {
  const ages = new AgeSamples();
  ages.add(live(0, -4));
  ages.add(live(20, -4));
  ages.add(live(21, -4, { exchange_ms: null }));
  expect(ages.samples().map(({ batch_ms }) => batch_ms)).toEqual([4000, null, 24_000, null]);
});

test("five minutes are kept, also in a day", () => {
  const ages = new AgeSamples();
  for (let second = 0; second < 86_400; second++) ages.add(live(second, second - (second % 5)));
  const found = ages.samples();
  expect(found.length).toBeLessThanOrEqual(AGES_SPAN_MS / 1000 + 2);
  expect(found.at(-1)!.at_ms - found[0]!.at_ms).toBeLessThanOrEqual(AGES_SPAN_MS + 1000);
});

test("the batch's runs before the page was opened are drawn, once", () => {
  const ages = new AgeSamples();
  ages.add(live(100, 95));
  ages.fill([
    [1, BEGAN / 1000 + 80, BEGAN / 1000 + 78],
    [2, BEGAN / 1000 + 90, BEGAN / 1000 + 88],
  ]);
  ages.fill([[3, BEGAN / 1000 + 95, BEGAN / 1000 + 94]]);
  expect(ages.samples().map(({ stream_ms, batch_ms }) => [stream_ms, batch_ms])).toEqual([
    [null, 2000],
    [null, 11_999],
    [null, 2000],
    [300, 5000],
  ]);
});

test("runs are asked for over 15 minutes of the wall's clock: more event time in a fast replay", () => {
  const before = (status: AgeStatus) => {
    const from_ms = runsFrom(status);
    return from_ms === null ? null : status.exchange_ms! - from_ms;
  };
  expect(before(live(0, 0))).toBe(3 * AGES_SPAN_MS);
  expect(before(live(0, 0, { mode: "replay", speed: 30 }))).toBe(30 * 3 * AGES_SPAN_MS);
  expect(before(live(0, 0, { mode: "replay" }))).toBeNull();
  expect(before(live(0, 0, { exchange_ms: null }))).toBeNull();
});

test("a server whose clock was turned back begins again", () => {
  const ages = new AgeSamples();
  ages.add(live(100, 95));
  ages.add(live(100, 95));
  ages.add(live(10, 5));
  expect(ages.samples().map(({ at_ms }) => at_ms - BEGAN)).toEqual([10_000]);
});
