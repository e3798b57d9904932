/** The machine's clock is set under real processes: each recovers without a restart (docs/faults.md). */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MachineClock, noClock } from "../../scripts/drill/machine-clock.ts";
import { metricFolder } from "../support/batch.ts";
import { fillLog, recordedLines, rowsOf, stored, tempDir } from "../support/data.ts";
import { exchange } from "../support/feed.ts";
import { ClockedPath, problemsIn, tradesFrom } from "../support/machine-clock.ts";
import { killStages, run, startStage, until } from "../support/process.ts";

setDefaultTimeout(300_000);
afterEach(killStages);

const HOUR = 3_600;
const TEN_YEARS = 10 * 365 * 24 * HOUR;

const nowUs = () => Date.now() * 1_000;

const why = noClock();
describe.skipIf(why !== null)(`under a clock that is moved${why ? ` (skipped: ${why})` : ""}`, () => {
  test("a suspend of eight hours: windows close again, and the jump is shown", async () => {
    await using path = new ClockedPath(0);
    await path.until("windows before it", () => path.closed() >= 2);
    path.clock.set(8 * HOUR);
    const after_us = nowUs() + 8 * HOUR * 1e6;
    await path.feedOf(tradesFrom(8 * HOUR, 5_000));
    await path.until("windows after it", () => path.closed(after_us) >= 2);
    await path.until("the jump", () => path.codes().includes("clock-jump"));
    expect(path.said("produce")).toMatch(/clock moved forward by 8 hours .*the machine slept, or its clock was set/);
    expect(path.codes()).not.toContain("clock-behind");
    expect(path.late()).toBe(0);
    const { clock_jumps } = JSON.parse(readFileSync(join(path.dir.path, "feed.json"), "utf8"));
    expect(clock_jumps).toEqual([{ at_us: expect.any(Number), by_ms: expect.any(Number) }]);
    await path.stop();
    expect(clock_jumps[0].by_ms).toBeWithin(28_799_000, 28_801_000);
  });

  test("two hours behind at the start, then corrected: it is called our clock, and windows close without a restart", async () => {
    await using path = new ClockedPath(-2 * HOUR);
    await path.until("the problem", () => path.codes().includes("clock-behind"));
    expect(path.said("stream")).toMatch(/Every tick of every product .* the last one by 2 hours, so no window closes/);
    expect([path.closed(), problemsIn(path.dir.path).find(({ code }) => code === "clock-behind")!.stops]).toEqual([
      0,
      true,
    ]);
    path.clock.set(0);
    await path.until("windows", () => path.closed() >= 4);
    await path.until("no problem", () => !path.codes().includes("clock-behind"));
    expect(path.late()).toBe(0);
    await path.stop();
  });

  for (const [name, seconds, ahead] of [
    ["two hours ahead", 2 * HOUR, "2 hours"],
    ["ten years ahead", TEN_YEARS, "10 years"],
  ] as const) {
    test(`${name} at the start, then set back: append times follow, and a stamp of a day ahead makes nothing late`, async () => {
      await using path = new ClockedPath(seconds);
      await path.until("windows under the wrong clock", () => path.closed() >= 2);
      path.clock.set(0);
      await path.until("the report of the log", () => path.codes().includes("log-ahead"));
      await path.until("the jump", () => path.said("produce").includes(`clock moved back by ${ahead}`));
      const set_us = nowUs();
      const wild = tradesFrom(0, 5_000);
      wild.splice(30, 0, ...tradesFrom(24 * HOUR, 9_000).slice(0, 1));
      await path.feedOf(wild.map((trade, i) => (i === 30 ? { ...trade, time_us: wild[29]!.time_us } : trade)));
      await path.until("windows after it", () => path.closed(set_us) >= 4);
      const rows = path.ticks<{ trade_id: number; appended_us: number }>(
        "SELECT trade_id, appended_us FROM ticks WHERE trade_id >= 5000 ORDER BY log_offset",
      );
      expect(rows.some(({ trade_id }) => trade_id === 9_000)).toBe(true);
      expect(rows.every(({ appended_us }) => Math.abs(appended_us - nowUs()) < 120e6)).toBe(true);
      expect(path.late()).toBe(0);
      await path.stop();
    });
  }

  test("--retain drops nothing by a clock that may be wrong: ten years ahead at the start, or days ahead of the last record", async () => {
    using dir = tempDir();
    using clock = new MachineClock(0);
    const produce = async (trades: number) => {
      await using server = exchange({ trades });
      const args = ["--data", dir.path, "--feed", server.url, "--until-end", "--retain", "1d"];
      const { code, stderr } = await run("produce", args, clock.env);
      expect([code, code && stderr]).toEqual([0, 0]);
      const sql = "SELECT min(position) AS start, max(position + count) AS end FROM blocks";
      return rowsOf<{ start: number; end: number }>(dir.path, "log.db", sql)[0]!;
    };
    await fillLog(dir.path, recordedLines().slice(0, 300));
    clock.set(TEN_YEARS);
    const wrong = await produce(310);
    expect(wrong.start).toBe(0);
    clock.set(0);
    // The records of the wrong clock are no younger than those after them.
    expect((await produce(320)).start).toBe(0);
    clock.set(2 * 24 * HOUR);
    const { start, end } = await produce(330);
    expect([start, end > wrong.end]).toEqual([0, true]);
  });

  test("schedule: a step forward runs at once what fell due, a step back waits for the next due time of the new time", async () => {
    using dir = await stored();
    using clock = new MachineClock(0);
    using sql = metricFolder({ one: "SELECT count(*) AS ticks FROM ticks" });
    const args = ["--data", dir.path, "--sql", sql.path, "--every", "0 0 1 1 *", "--verbose"];
    const schedule = startStage("schedule", args, clock.env);
    const states = () =>
      rowsOf<{ state: string }>(dir.path, "results.db", "SELECT state FROM runs").map((r) => r.state);
    await until("the first run", () => states().join() === "done" && schedule.said().includes("next batch in"));
    clock.set(100 * 24 * HOUR);
    await until("the run of new year", () => states().filter((state) => state === "done").length === 2);
    await until("the next wait", () => schedule.said().split("next batch in").length === 3);
    clock.set(0);
    await until("the step back", () => /clock was set back by 8640000 s: next batch in \d+ s/.test(schedule.said()));
    schedule.signal("SIGTERM");
    expect([await schedule.ended, states()]).toEqual([0, ["done", "done"]]);
  });

  test("a log that was filled ten years ahead is repaired: doctor names it, both rebuilds agree, a job's checkpoint is refused", async () => {
    using dir = tempDir();
    using clock = new MachineClock(TEN_YEARS);
    const data = ["--data", dir.path];
    await using server = exchange({ trades: 600 });
    expect((await run("produce", [...data, "--feed", server.url, "--until-end"], clock.env)).code).toBe(0);
    for (const stage of ["stream", "consume"]) expect((await run(stage, [...data, "--until-end"])).code).toBe(0);
    clock.set(0);
    await fillLog(dir.path, recordedLines().slice(600, 700));
    const sick = await run("doctor", data);
    expect([sick.code, sick.stdout]).toEqual([1, expect.stringContaining("ahead of this machine's clock")]);
    // The stages continue with the log as it is: only the repair needs them to begin again.
    for (const stage of ["stream", "consume"]) expect((await run(stage, [...data, "--until-end"])).code).toBe(0);
    const repaired = await run("doctor", [...data, "--repair-log", "--json"]);
    expect([repaired.code, repaired.json]).toEqual([
      0,
      expect.objectContaining({ records: 600, rebuild: ["windows.db", "ticks.db"] }),
    ]);
    const refused = await run("stream", [...data, "--until-end"]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("LOG_SHORTER_THAN_CHECKPOINT")]);
    for (const stage of ["stream", "consume"]) {
      expect((await run(stage, [...data, "--until-end", "--rebuild"])).code).toBe(0);
    }
    const stamps = rowsOf<{ appended_us: number }>(
      dir.path,
      "ticks.db",
      "SELECT appended_us FROM ticks ORDER BY log_offset",
    );
    expect(stamps.length).toBe(700);
    expect(
      stamps.every(({ appended_us }, i) => appended_us <= nowUs() && appended_us >= (stamps[i - 1]?.appended_us ?? 0)),
    ).toBe(true);
    expect((await run("doctor", data)).stdout).not.toContain("ahead of this machine's clock");
    const batch = await run("batch", [...data, "--json"]);
    expect(batch.json).toMatchObject({ ticks_total: 700, reconciliation: { unexplained: 0, pending: 0 } });
    const again = await run("doctor", [...data, "--repair-log"]);
    expect(again.stdout).toContain("nothing was changed");
  });
});
