/** The server's clock in the browser: the fastest status counts, and a clock that is set is followed. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { noteServerTime, now_ms } from "../../../web/public/server-time.ts";
import { stillMonotonicClock } from "../../support/still-clock.ts";

let clock: ReturnType<typeof stillMonotonicClock>;
beforeEach(() => {
  clock = stillMonotonicClock();
});
afterEach(() => clock[Symbol.dispose]());

/** A status that was `late_ms` on its way, of a server whose clock is `ahead_ms` ahead. */
const note = (ahead_ms: number, late_ms = 0) => noteServerTime(performance.now() + ahead_ms - late_ms);
const ahead_ms = () => Math.round((now_ms() - performance.now()) / 500) * 500;

test("of statuses that were longer on their way the fastest counts", () => {
  for (const late_ms of [1_500, 0, 900, 1_500]) note(7_000_000, late_ms);
  expect(ahead_ms()).toBe(7_000_000);
});

test("a clock that is turned back or on counts from the next status", () => {
  note(5_000_000);
  note(4_990_000);
  expect(ahead_ms()).toBe(4_990_000);
  note(9_000_000);
  expect(ahead_ms()).toBe(9_000_000);
});
