/** The open loop: latency counts from the due time, and a sender that is late makes the run invalid. */
import { expect, test } from "bun:test";
import { nowUs } from "../../scripts/base/clock.ts";
import { block } from "../../scripts/base/wait.ts";
import { DueFrames, dueUs, tradeIdOf } from "../../scripts/bench/due-frames.ts";
import { faultOf, lagsOf, latenciesOf } from "../../scripts/bench/open-loop.ts";
import { startScript } from "../../scripts/bench/running.ts";
import type { SenderSummary } from "../../scripts/bench/sender.ts";
import { verdictOf } from "../../scripts/bench/sustained.ts";
import { parseRecord } from "../../scripts/message/parse.ts";

const FIT: SenderSummary = { start_us: 1, frames: 1, late_p99_ms: 0.4, late_max_ms: 0.9, cpu_share: 0.1 };

/** A system that takes `service_us` per tick, one after the other, and does nothing in [from, to). */
function served(rate: number, seconds: number, service_us: number, stall: [from_us: number, to_us: number] = [0, 0]) {
  const due_us = Float64Array.from({ length: rate * seconds }, (_, i) => dueUs(0, rate, i));
  let free_us = 0;
  const seen_us = due_us.map((us) => {
    const begin_us = Math.max(free_us, us);
    free_us = (begin_us >= stall[0] && begin_us < stall[1] ? stall[1] : begin_us) + service_us;
    return free_us;
  });
  return { due_us, seen_us };
}

const p99 = (values: Float64Array) => values.toSorted()[Math.ceil(0.99 * values.length) - 1]!;

test("every frame is a valid tick at its due time, with the id that others compute", () => {
  const frames = new DueFrames(2_500);
  const start_us = 1_795_000_000_999_500;
  frames.stamp(start_us, 1_000);
  for (const i of [0, 1, 999, 1_000, 2_499]) {
    const value = frames.bytes.subarray((i === 0 ? 0 : frames.ends[i - 1]!) + 4, frames.ends[i]!);
    const record = parseRecord(value);
    const tick = record.kind === "tick" ? record.tick : null;
    expect([i, tick?.trade_id, tick?.time_us]).toEqual([i, tradeIdOf(i), dueUs(start_us, 1_000, i)]);
    expect(value.length).toBeGreaterThan(380);
  }
});

test("a system that is blocked for a second moves the figure by all that was due meanwhile", () => {
  const undisturbed = latenciesOf(served(1_000, 10, 100));
  const blocked = latenciesOf(served(1_000, 10, 100, [5_000_000, 6_000_000]));
  expect(p99(undisturbed)).toBe(0.1);
  // A sender that waits for the system would have measured one slow tick in 10,000.
  expect(blocked.filter((ms) => ms > 100).length).toBeGreaterThan(900);
  expect(p99(blocked)).toBeGreaterThan(900);
});

test("the lag is 0 in silence, and grows by the time that passes while the system is blocked", () => {
  const quiet = lagsOf(served(1_000, 12, 10));
  expect(quiet).toHaveLength(60);
  expect(Math.max(...quiet.map(({ y }) => y))).toBeLessThan(1);
  const blocked = lagsOf(served(1_000, 12, 10, [3_000_000, 9_000_000]));
  expect(Math.max(...blocked.map(({ y }) => y))).toBeGreaterThan(5_700);
  const unseen = served(1_000, 12, 10);
  unseen.seen_us.fill(Number.POSITIVE_INFINITY, 6_000);
  expect(lagsOf(unseen).at(-1)!.y).toBeCloseTo(5_999, 0);
});

test("a point is sustained only if the lag does not grow, p99 and the end are within their limits", () => {
  const judge = (run: ReturnType<typeof served>, sender = FIT) =>
    verdictOf({ ...run, sender, invalid: faultOf(sender) }).state;
  expect(judge(served(1_000, 10, 500))).toBe("sustained");
  // One per cent above what the system can do: 100 ms behind after 10 s, and growing.
  expect(judge(served(1_000, 9, 1_010))).toBe("not sustained");
  expect(judge(served(1_000, 10, 2_000))).toBe("not sustained");
  expect(judge(served(1_000, 10, 100, [5_000_000, 6_000_000]))).toBe("not sustained");
  const late = { ...FIT, late_p99_ms: 3, late_max_ms: 5 };
  expect(judge(served(1_000, 10, 500), late)).toBe("invalid");
  // The system fails by more than the sender's lateness.
  expect(judge(served(1_000, 10, 2_000), late)).toBe("not sustained");
});

test("a sender above 1 ms at p99 or 80 % of a core makes the run invalid", () => {
  expect(faultOf(FIT)).toBeNull();
  expect(faultOf({ ...FIT, late_p99_ms: 1.2 })).toBe("the sender was 1.2 ms late at p99 (limit 1 ms)");
  expect(faultOf({ ...FIT, late_p99_ms: null, late_max_ms: 1.2 })).toContain("late");
  expect(faultOf({ ...FIT, cpu_share: 0.85 })).toBe("the sender used 85 % of a core (limit 80 %)");
});

const RATE = 1_000;

/** Runs the sender with a reader that may block, and returns latencies from the due times in ms. */
async function send(seconds: number, during: (sender: { pid: number }) => void) {
  const sender = startScript("bench/sender.ts", [String(RATE), String(RATE * seconds), "0"]);
  const arrived: [id: number, us: number][] = [];
  const over = Promise.withResolvers<number>();
  const socket = new WebSocket(await sender.firstLine);
  socket.onopen = () => socket.send(JSON.stringify({ type: "subscribe", channels: ["ticker"] }));
  socket.onclose = ({ code }) => over.resolve(code);
  socket.onmessage = ({ data }) => {
    const id = /"trade_id":(\d+)/.exec(data)?.[1];
    if (id === undefined) return;
    arrived.push([Number(id), nowUs()]);
    if (arrived.length === RATE / 2) during(sender);
  };
  expect(await over.promise).toBe(1_000);
  const summary: SenderSummary = JSON.parse((await sender.stop()).out.trim().split("\n").at(-1)!);
  expect(arrived.map(([id]) => id)).toEqual(Array.from({ length: RATE * seconds }, (_, i) => tradeIdOf(i)));
  const latencies = arrived.map(([, us], i) => (us - dueUs(summary.start_us, RATE, i)) / 1_000);
  return { summary, latencies: Float64Array.from(latencies) };
}

test("frames are due all the same while the reader is blocked, and the sender never waits for it", async () => {
  // Longer than a busy machine keeps the sender's process waiting.
  const { summary, latencies } = await send(5, () => block(4_000));
  expect(latencies.filter((ms) => ms > 100).length).toBeGreaterThan(3_800);
  expect(p99(latencies)).toBeGreaterThan(3_900);
  expect(summary.late_max_ms).toBeLessThan(3_900);
}, 120_000);

test("a slow sender makes its run invalid, and its own wait is in the latencies", async () => {
  // Longer than a busy machine keeps the reader waiting for the frame at which it stops the sender.
  const { summary, latencies } = await send(4, ({ pid }) => {
    process.kill(pid, "SIGSTOP");
    setTimeout(() => process.kill(pid, "SIGCONT"), 500);
  });
  expect(faultOf(summary)).toMatch(/^the sender was \d+\.\d ms late at p99/);
  expect(summary.late_p99_ms).toBeGreaterThan(400);
  expect(p99(latencies)).toBeGreaterThan(400);
}, 120_000);
