/** Which append times can judge a tick's stamp; windows close under those that cannot. */
import { expect, test } from "bun:test";
import { EventClock, NO_TIME } from "../../scripts/window/clock.ts";
import { WindowJob } from "../../scripts/window/job.ts";
import { MemoryState } from "../support/memory-state.ts";

const MINUTE = 60e6;
const DAY = 86_400e6;
/** A full minute of 2023, microseconds. */
const BASE = Date.UTC(2023, 8, 5, 16) * 1_000;
const settings = { windows: [{ size_us: MINUTE, every_us: MINUTE }], lateness_us: MINUTE, max_skew_us: MINUTE };

test("an append time before 2016, or a month before an accepted event, cannot judge; any other can", () => {
  const [fresh, moved] = [new EventClock(NO_TIME), new EventClock(BASE)];
  for (const us of [-(2 ** 53), -1_000, 0, 1, BASE / 1_000, BASE / 1_000_000, Date.UTC(2015, 11, 31) * 1_000])
    expect([us, fresh.canJudge(us), moved.canJudge(us)]).toEqual([us, false, false]);
  for (const us of [Date.UTC(2016, 0, 1) * 1_000, BASE - 31 * DAY])
    expect([us, fresh.canJudge(us), moved.canJudge(us)]).toEqual([us, true, false]);
  for (const us of [BASE - 30 * DAY, BASE, BASE + 3_650 * DAY])
    expect([us, fresh.canJudge(us), moved.canJudge(us)]).toEqual([us, true, true]);
});

/** Ten ticks, one per minute, appended at these times: what was counted, closed and noticed. */
function played(appended_us: (i: number) => number) {
  const state = new MemoryState();
  const job = new WindowJob(settings, state);
  for (let i = 0; i < 10; i++) {
    const tick = { product_id: "A", trade_id: i + 1, time_us: BASE + i * MINUTE, side: "buy" as const };
    const price = { price_mantissa: 10, price_scale: 0, size_mantissa: 1, size_scale: 0 };
    job.tick({ ...tick, ...price }, { partition: 0, offset: i, appended_us: appended_us(i) });
  }
  const { counts, closed } = job.take();
  return { skewed: counts.skewed, late: counts.late, closed: closed.length, unjudged: job.noticed.unjudged };
}

test("under append times that cannot judge, windows close as under right ones, and the first such record is named", () => {
  expect(played((i) => BASE + i * MINUTE)).toEqual({ skewed: 0, late: 0, closed: 8, unjudged: null });
  for (const us of [-1_000, 0, BASE / 1_000]) {
    const unjudged = { partition: 0, offset: 0, appended_us: us };
    expect(played(() => us)).toEqual({ skewed: 0, late: 0, closed: 8, unjudged });
  }
  const unjudged = { partition: 0, offset: 1, appended_us: BASE - 31 * DAY };
  expect(played((i) => (i === 0 ? BASE : BASE - 31 * DAY))).toEqual({ skewed: 0, late: 0, closed: 8, unjudged });
  // A clock that is eight hours behind is a valid time: it judges, and all are skewed.
  expect(played(() => BASE - DAY / 3)).toEqual({ skewed: 10, late: 0, closed: 0, unjudged: null });
});
