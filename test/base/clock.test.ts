/** The clock: wall time at each use, digits below a millisecond, and jumps that are detected. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { ClockWatch, nowUs } from "../../scripts/base/clock.ts";
import { formatSpan } from "../../scripts/base/duration.ts";
import { MachineClock, noClock } from "../../scripts/drill/machine-clock.ts";
import { ROOT } from "../support/data.ts";
import { startProgram, until } from "../support/process.ts";

test("it is the system's millisecond, never goes back, and has digits below it", () => {
  const finer = new Set<number>();
  for (let i = 0, last = 0; i < 200_000; i++) {
    const before_ms = Date.now();
    const now = nowUs();
    const after_ms = Date.now();
    if (now < before_ms * 1_000 || now >= (after_ms + 1) * 1_000) throw new Error(`${now} at ${before_ms}`);
    if (now < last) throw new Error(`${now} after ${last}`);
    last = now;
    finer.add(now % 1_000);
  }
  expect(finer.size).toBeGreaterThan(100);
});

test("a clock that is left alone never jumps", () => {
  const watch = new ClockWatch();
  expect(Array.from({ length: 100 }, () => watch.look()).every((moved_ms) => moved_ms === 0)).toBe(true);
});

const steps = [8 * 3_600, -3_600, 2, -2, 315_360_000, 0];

test.skipIf(noClock() !== null)(
  `each step is followed at the next use, and noticed once${noClock() ? ` (skipped: ${noClock()})` : ""}`,
  async () => {
    using clock = new MachineClock(0);
    const script = `
      const { nowUs, ClockWatch } = await import(${JSON.stringify(join(ROOT, "scripts/base/clock.ts"))});
      const watch = new ClockWatch();
      const say = () => console.log(JSON.stringify([nowUs(), watch.look(), watch.look()]));
      say();
      for await (const _ of console) say();`;
    const child = startProgram([process.execPath, "-e", script], { stdin: "pipe", env: clock.env });
    let line = 0;
    const said = async () => {
      await until("its line", () => child.printed().split("\n").length > line + 1, { every_ms: 2 });
      return JSON.parse(child.printed().split("\n")[line++]!) as [now_us: number, moved_ms: number, again: number];
    };
    await said();
    let at = 0;
    for (const seconds of steps) {
      clock.set(seconds);
      child.stdin.write("\n");
      await child.stdin.flush();
      const [now_us, moved_ms, again_ms] = await said();
      expect(Math.abs(now_us / 1_000 - Date.now() - seconds * 1_000)).toBeLessThan(5_000);
      expect([Math.round(moved_ms / 1_000), again_ms]).toEqual([seconds - at, 0]);
      at = seconds;
    }
    child.stdin.end();
    expect(await child.ended).toBe(0);
  },
  120_000,
);

test("spans for people", () => {
  expect([7_200e6, 119.9 * 60e6, 86_400e6, 315_360_000e6, 5e6, 1e6, 0].map(formatSpan)).toEqual([
    "2 hours",
    "2 hours",
    "24 hours",
    "10 years",
    "5 seconds",
    "1 second",
    "0 seconds",
  ]);
});
