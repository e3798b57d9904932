/** What `produce` reports of a clock that live trades contradict, and of earlier jumps. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nowUs } from "../../scripts/base/clock.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import { CLOCK_JUMPS_KEPT, CLOCK_WRONG_TICKS } from "../../scripts/base/limits.ts";
import { tempDir } from "../support/data.ts";
import { ACK, produce, scripted, tick } from "../support/feed.ts";
import { problemsIn } from "../support/machine-clock.ts";
import { until } from "../support/process.ts";

/** Runs a live feed: trades that differ by `seconds` from our clock, then `agreeing` ones that don't. */
async function reported(seconds: number, agreeing: number, jumps: unknown = []) {
  using dir = tempDir();
  const status_path = join(dir.path, "feed.json");
  writeFileSync(status_path, JSON.stringify({ clock_jumps: jumps }));
  const stop = new AbortController();
  await using server = scripted(({ send }) => {
    const time = (beside_s: number) => ({ time: isoFromUs(nowUs() + beside_s * 1e6) });
    // The first one is the last trade, repeated on subscribing.
    const wrong = Array.from({ length: CLOCK_WRONG_TICKS + 1 }, (_, i) => tick(i + 1, time(seconds)));
    const right = Array.from({ length: agreeing }, (_, i) => tick(100 + i, time(0)));
    send(ACK, ...wrong, ...right);
  });
  const running = produce(server.url, { kind: "live", status_path, signal: stop.signal });
  const all = CLOCK_WRONG_TICKS + 1 + agreeing;
  await until("all trades", () => JSON.parse(readFileSync(status_path, "utf8")).ticks === all);
  stop.abort();
  const { warnings } = await running;
  const codes = problemsIn(dir.path).map(({ code }) => code);
  return { codes, warnings, jumps: JSON.parse(readFileSync(status_path, "utf8")).clock_jumps };
}

test("a clock that every live trade contradicts is reported once, with how far and which way; one that agrees is not", async () => {
  const ahead = await reported(-10 * 365 * 86_400, 0);
  expect(ahead.codes).toEqual(["clock-wrong"]);
  expect(ahead.warnings.filter((text) => text.includes("about 10 years ahead of the exchange's"))).toHaveLength(1);
  const behind = await reported(7_200, 0);
  expect(behind.warnings.join()).toContain("about 2 hours behind the exchange's");
  expect((await reported(2, 0)).codes).toEqual([]);
  expect((await reported(7_200, 1)).codes).toEqual([]);
}, 120_000);

test("jumps of earlier runs stay in feed.json, the newest ones; a damaged list is none", async () => {
  const many = Array.from({ length: 50 }, (_, i) => ({ at_us: i, by_ms: 2_000 }));
  expect((await reported(0, 0, many)).jumps).toEqual(many.slice(-CLOCK_JUMPS_KEPT));
  expect((await reported(0, 0, "often")).jumps).toEqual([]);
}, 120_000);
