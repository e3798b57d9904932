/** `schedule`: due times, never two batches at once, missed and failed runs, SIGTERM. */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDataDir } from "../../scripts/base/data-dir.ts";
import { MISSED_NOTED_MAX } from "../../scripts/base/limits.ts";
import { lockStage } from "../../scripts/command/stage-lock.ts";
import { parseScheduleStatus } from "../../scripts/contract/schedule-status.ts";
import { dueBetween, parseEvery, type Timetable } from "../../scripts/stages/timetable.ts";
import { batch, metricFolder } from "../support/batch.ts";
import { fillLog, recordedLines, rowsOf, stored } from "../support/data.ts";
import { run, startStage, until } from "../support/process.ts";

setDefaultTimeout(120_000);

const AT = Date.UTC(2026, 1, 27, 10, 7, 30);
function timetable(every: string, tz?: string): Timetable {
  const parsed = parseEvery(every, tz);
  if (typeof parsed === "string") throw new Error(parsed);
  return parsed;
}
const next = (every: string, from = AT, tz?: string) => new Date(from + timetable(every, tz)(from)).toISOString();

describe("when a batch is due", () => {
  test("an interval falls on whole multiples of itself, so that a restart keeps the times", () => {
    expect(next("10m")).toBe("2026-02-27T10:10:00.000Z");
    expect(next("10m", Date.UTC(2026, 1, 27, 10, 10))).toBe("2026-02-27T10:20:00.000Z");
    expect(next("1h")).toBe("2026-02-27T11:00:00.000Z");
    expect(next("1.5s")).toBe("2026-02-27T10:07:31.500Z");
    expect(next("1d")).toBe("2026-02-28T00:00:00.000Z");
  });

  test("a cron pattern is read in UTC, over the ends of months", () => {
    expect(next("*/5 * * * *")).toBe("2026-02-27T10:10:00.000Z");
    expect(next("0 3 * * *")).toBe("2026-02-28T03:00:00.000Z");
    expect(next("0 0 1 * *")).toBe("2026-03-01T00:00:00.000Z");
    expect(next("30 9 29 2 *")).toBe("2028-02-29T09:30:00.000Z");
    expect(next("@daily")).toBe("2026-02-28T00:00:00.000Z");
  });

  test("what is neither is refused, and less than a second too", () => {
    for (const text of ["often", "", "10", "0s", "999ms", "* * *", "61 * * * *", "-1m", "1m 2m"])
      expect([text, parseEvery(text)]).toEqual([text, expect.stringContaining("Give an interval")]);
  });

  test("a pattern that is never due is refused with a sentence, and so is an unknown zone", () => {
    for (const text of ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "59 23 30,31 2 *"])
      expect([text, parseEvery(text)]).toEqual([text, expect.stringContaining("is never due")]);
    for (const text of ["0 0 29 2 *", "0 0 31 1,2 *", "0 0 31 2 1"])
      expect([text, typeof parseEvery(text)]).toEqual([text, "function"]);
    expect(parseEvery("0 3 * * *", "Europe/Berlln")).toContain('"Europe/Berlln" is not a time zone');
  });

  test("--tz reads a pattern in another zone; due times follow one another over its changes of daylight saving time", () => {
    expect(next("0 3 * * *", AT, "Europe/Berlin")).toBe("2026-02-28T02:00:00.000Z");
    expect(next("0 3 * * *", AT, "America/St_Johns")).toBe("2026-02-28T06:30:00.000Z");
    for (const tz of ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Chatham"]) {
      for (const every of ["30 * * * *", "30 2 * * *", "0 3 * * *", "15 1 * * 0"]) {
        const due = dueBetween(timetable(every, tz), AT, AT + 300 * 86_400_000);
        expect([tz, every, due.every((at, i) => i === 0 || at > due[i - 1]!)]).toEqual([tz, every, true]);
      }
      expect(dueBetween(timetable("30 2 * * *", tz), AT, AT + 300 * 86_400_000).length).toBeWithin(299, 302);
    }
  });

  test("due times that a run went past are counted: none within its interval, each beyond", () => {
    const minute = timetable("1m");
    expect(dueBetween(minute, AT, AT + 29_000)).toEqual([]);
    expect(dueBetween(minute, AT, AT + 30_000)).toEqual([AT + 30_000]);
    expect(dueBetween(minute, AT, AT + 150_000)).toEqual([AT + 30_000, AT + 90_000, AT + 150_000]);
    // A clock that was set back has missed nothing.
    expect(dueBetween(minute, AT, AT - 3_600_000)).toEqual([]);
    expect(dueBetween(timetable("0 * * * *"), AT, AT + 7_200_000)).toHaveLength(2);
    // Asleep for a year: the newest are noted.
    const year = dueBetween(minute, AT, AT + 31_536_000_000);
    expect([year.length, year.at(-1)]).toEqual([MISSED_NOTED_MAX, AT + 31_536_000_000 - 30_000]);
  });
});

const scheduled = (data: string, sql: string, every: string, rest = "0s") =>
  startStage("schedule", ["--data", data, "--sql", sql, "--every", every, "--rest", rest, "--verbose"]);

interface Run {
  state: string;
  started_us: number;
  ended_us: number | null;
}
const runsOf = (data: string) =>
  rowsOf<Run>(data, "results.db", "SELECT state, started_us, ended_us FROM runs ORDER BY run_id");

describe("as a process", () => {
  const quick = metricFolder({ one: "SELECT count(*) AS ticks FROM ticks" });
  const slow = metricFolder({ slow: "SELECT sleep_ms(2500) AS slept" });
  afterAll(() => {
    quick[Symbol.dispose]();
    slow[Symbol.dispose]();
  });

  test("runs again and again, one after another; SIGTERM ends it with 0; batch_log.txt has a line per run", async () => {
    using dir = await stored();
    await using schedule = scheduled(dir.path, quick.path, "1s");
    await until("three runs", () => runsOf(dir.path).length >= 3);
    expect([await schedule.stop(), schedule.said()]).toEqual([0, expect.not.stringContaining("error")]);
    // On a busy machine a run takes longer than a second: due times that it missed are rows of their own.
    const runs = runsOf(dir.path).filter(({ state }) => state !== "missed");
    for (const [i, { ended_us }] of runs.slice(0, -1).entries())
      expect(ended_us!).toBeLessThanOrEqual(runs[i + 1]!.started_us);
    const done = runs.filter(({ state }) => state === "done");
    expect(readFileSync(join(dir.path, "batch_log.txt"), "utf8")).toMatch(
      new RegExp(`^(\\d+\\.\\d\\d\\n){${done.length}}$`),
    );
  });

  test("a run that takes longer than the interval is not overtaken: the due times are missed, and counted", async () => {
    using dir = await stored();
    await using schedule = scheduled(dir.path, slow.path, "1s");
    await until("a missed run", () => / \d+ missed\. The previous run had not ended\./.test(schedule.said()));
    await until("the second run", () => runsOf(dir.path).filter(({ state }) => state !== "missed").length >= 2);
    const [first, second] = runsOf(dir.path).filter(({ state }) => state !== "missed");
    const missed = runsOf(dir.path).filter(({ state }) => state === "missed");
    for (const { started_us } of missed.slice(0, 2)) {
      expect(started_us % 1_000_000).toBe(0);
      expect(started_us).toBeGreaterThan(first!.started_us);
      expect(started_us).toBeLessThan(second!.started_us);
    }
    expect(first!.ended_us!).toBeLessThanOrEqual(second!.started_us);
    expect(await schedule.stop()).toBe(0);
    expect(runsOf(dir.path).every(({ state }) => state !== "running")).toBe(true);
  });

  test("while a run is in progress, neither a batch nor a second schedule begins", async () => {
    using dir = await stored();
    using endless = metricFolder({ endless: "SELECT sleep_ms(3600000) AS slept" });
    await using schedule = scheduled(dir.path, endless.path, "1s");
    await until("a run", () => runsOf(dir.path).some(({ state }) => state === "running"));
    const other = await batch(dir.path, ["--sql", quick.path]);
    expect([other.code, other.stderr]).toEqual([1, expect.stringMatching(/Another batch \(pid \d+\) already works/)]);
    const again = await run("schedule", ["--data", dir.path, "--sql", quick.path]);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain(`Another schedule (pid ${schedule.pid}) already works on`);
    expect(await schedule.stop()).toBe(0);
    expect(runsOf(dir.path).every(({ state }) => state !== "running")).toBe(true);
  });

  test("a batch that fails is reported, and the next one runs", async () => {
    using dir = await stored();
    const release = lockStage(openDataDir(dir.path), "batch");
    await using schedule = scheduled(dir.path, quick.path, "1s");
    await until("a failed run", () => schedule.said().includes("batch ended with status 1 after"));
    release();
    await until("a run that works", () => runsOf(dir.path).some(({ state }) => state === "done"));
    expect(await schedule.stop()).toBe(0);
  });

  test("nothing new: due times pass without a run, schedule.json reports the rest; new ticks and a changed file end it", async () => {
    using dir = await stored();
    using folder = metricFolder({ one: "SELECT count(*) AS ticks FROM ticks" });
    await using schedule = scheduled(dir.path, folder.path, "1s", "1h");
    const noted = () => parseScheduleStatus(readFileSync(join(dir.path, "schedule.json"), "utf8"));
    const rests = (times: number) => schedule.said().split("nothing is new").length > times;
    await until("a rest of three due times", () => rests(3));
    // A run on a busy machine may miss due times.
    const done = () => runsOf(dir.path).filter(({ state }) => state === "done").length;
    expect(done()).toBe(1);
    const { began_us, due_us, rest_until_us } = noted()!;
    expect(rest_until_us).toBe(began_us + 3_600e6);
    expect([due_us! > began_us, due_us! < rest_until_us!]).toEqual([true, true]);

    await fillLog(dir.path, recordedLines().slice(0, 50));
    expect((await run("consume", ["--data", dir.path, "--until-end"])).code).toBe(0);
    await until("a run for the ticks", () => done() === 2);
    await until("the next rest", () => noted()?.rest_until_us !== rest_until_us && noted()?.rest_until_us);
    // The stream reads later than consume: what the batch compares is new again.
    expect((await run("stream", ["--data", dir.path, "--until-end"])).code).toBe(0);
    await until("a run for the stream's windows", () => done() === 3);

    writeFileSync(join(folder.path, "two.sql"), "SELECT 2 AS n");
    await until("a run for the new file", () => done() === 4);
    expect(await schedule.stop()).toBe(0);
    expect(done()).toBe(4);
  });

  test("a run that failed is repeated although nothing is new; after the longest rest one runs in any case", async () => {
    using dir = await stored();
    const release = lockStage(openDataDir(dir.path), "batch");
    await using schedule = scheduled(dir.path, quick.path, "1s", "1s");
    await until("two failed runs", () => schedule.said().split("batch ended with status 1").length > 2);
    release();
    await until("runs after a rest of a second", () => runsOf(dir.path).length >= 2);
    expect(await schedule.stop()).toBe(0);
  });
});
