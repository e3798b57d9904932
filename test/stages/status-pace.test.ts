/** feed.json is written by its size, and at once when something urgent changed. */
import { expect, test } from "bun:test";
import { StatusPace } from "../../scripts/stages/status-pace.ts";

test("a small status is written each second, a large one every five; a change of state at once", () => {
  let now_ms = 0;
  const pace = new StatusPace(() => now_ms);
  /** The seconds of a minute in which a status of `bytes` is written. */
  const seconds = (bytes: number) => {
    const written: number[] = [];
    for (let second = 0; second < 60; second++, now_ms += 1_000) {
      if (!pace.isDue("live")) continue;
      written.push(second);
      pace.wrote("live", bytes);
    }
    return written;
  };
  expect(seconds(1_400).length).toBe(60);
  expect(seconds(12_000).length).toBe(20);
  expect(seconds(1_000_000).length).toBe(12);
  expect(pace.isDue("waiting")).toBe(true);
  pace.wrote("waiting", 1_000_000);
  now_ms += 10;
  expect(pace.isDue("waiting")).toBe(false);
});
