/** Waits: each ends at the first of its reasons and leaves no listener and no timer behind. */
import { expect, test } from "bun:test";
import { getEventListeners } from "node:events";
import { monotonicMs } from "../../scripts/base/clock.ts";
import { block, onAbort, pause, untilAborted, within } from "../../scripts/base/wait.ts";

test("a pause ends after its time, at the signal, or at once after the signal", async () => {
  const started_ms = monotonicMs();
  await pause(20);
  expect(monotonicMs() - started_ms).toBeGreaterThanOrEqual(18);
  const stop = new AbortController();
  const paused = pause(60_000, stop.signal);
  stop.abort();
  await paused;
  await pause(60_000, stop.signal);
  expect(monotonicMs() - started_ms).toBeLessThan(30_000);
});

test("a pause in a loop leaves no listener on the signal", async () => {
  const { signal } = new AbortController();
  for (let i = 0; i < 20; i++) await pause(0, signal);
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("onAbort calls once, at once when the signal came before, and never after it was removed", () => {
  const calls: string[] = [];
  const stop = new AbortController();
  onAbort(stop.signal, () => calls.push("kept"));
  onAbort(stop.signal, () => calls.push("removed"))();
  stop.abort();
  onAbort(stop.signal, () => calls.push("late"));
  expect(calls).toEqual(["kept", "late"]);
});

test("untilAborted resolves at the signal", async () => {
  const stop = new AbortController();
  const waiting = untilAborted(stop.signal);
  stop.abort();
  await waiting;
  await untilAborted(stop.signal);
});

test("within passes the outcome on, and rejects when it comes too late", async () => {
  const late = () => new Error("too late");
  expect(await within(60_000, Promise.resolve(1), late)).toBe(1);
  expect(within(60_000, Promise.reject(new Error("failed")), late)).rejects.toThrow("failed");
  await expect(within(10, new Promise(() => {}), late)).rejects.toThrow("too late");
});

test("a thread is blocked for fractions of a millisecond too", () => {
  const started_ms = monotonicMs();
  for (let i = 0; i < 50; i++) block(0.2);
  expect(monotonicMs() - started_ms).toBeGreaterThanOrEqual(9);
});
