/** Costs of pipelines from points and runs whose figures are known. */
import { expect, test } from "bun:test";
import type { CostPoint, CostSeries } from "../../scripts/contract/cost-points.ts";
import {
  type ChargedRun,
  costOf,
  costOfRuns,
  machineCost,
  recent,
  type SpanCost,
  sinceStart,
  untilNewestTick,
  untilNewestTicks,
} from "../../scripts/measure/pipeline-cost.ts";

const SECOND = 1_000_000;
const NOW = 1_700_000_000 * SECOND;

/**
 * A process that began `age_s` ago and since then used `cores` for `rate` ticks per second, with a
 * point every ten seconds.
 */
function steady(age_s: number, cores: number, rate: number, change: Partial<CostPoint> = {}): CostSeries {
  const started_us = NOW - age_s * SECOND;
  const points = Array.from({ length: Math.floor(age_s / 10) + 1 }, (_, i): CostPoint => {
    const s = i * 10;
    return {
      ...{ at_us: started_us + s * SECOND, ticks: rate * s, cpu_us: cores * s * SECOND },
      ...{ read_bytes: 0, written_bytes: rate * s * 400, rss_bytes: 100 + s, pss_bytes: 50 },
      ...{ peak_rss_bytes: 900, peak_pss_bytes: 800, mean_rss_bytes: 700 },
      ...{ machine_us: 1e12 + s * SECOND, sampler_us: s * 1_000, ...change },
    };
  });
  return { started_us, points };
}

test("the last five minutes are a span of their own: what was before does not change them", () => {
  const series = steady(1_000, 0.5, 100);
  for (const point of series.points) if (point.at_us < NOW - 400 * SECOND) point.cpu_us *= 0.1;
  expect(recent(series, NOW)).toMatchObject({
    seconds: 300,
    ticks: 30_000,
    cpu_us: 150 * SECOND,
    written_bytes: 12_000_000,
  });
  expect(sinceStart(series)).toMatchObject({ seconds: 1_000, ticks: 100_000, cpu_us: 500 * SECOND });
});

test("no figure from less than one slice, from few ticks, or of a process that reports no more", () => {
  expect(recent(steady(9, 0.5, 100), NOW)).toBeNull();
  expect(recent(steady(100, 0.5, 0), NOW)).toBeNull();
  expect(recent(steady(100, 0.5, 100), NOW + 31 * SECOND)).toBeNull();
  expect(recent(null, NOW)).toBeNull();
  expect(sinceStart(steady(100, 0.5, 0))).toBeNull();
  expect(sinceStart(null)).toBeNull();
});

test("after the feed's end a process at rest costs nothing more, however long it is open", () => {
  const series = steady(1_000, 0.5, 100);
  const started_us = series.started_us;
  const atEnd = sinceStart(series);
  const resting = (s: number) => {
    const at = { at_us: NOW + s * SECOND, cpu_us: (500 + s / 10) * SECOND, peak_rss_bytes: 900 + s };
    return { ...series.points.at(-1)!, ...at };
  };
  for (const rest_s of [10, 150, 4_000]) {
    const points = [...series.points, ...Array.from({ length: rest_s / 10 }, (_, i) => resting((i + 1) * 10))];
    const now_us = NOW + rest_s * SECOND;
    const until = untilNewestTick({ started_us, points });
    expect(sinceStart(until)).toEqual(atEnd);
    const left = recent(until, now_us, true);
    if (rest_s === 4_000) expect(left).toBeNull();
    else
      expect(left).toMatchObject({ seconds: 300 - rest_s, ticks: 100 * (300 - rest_s), cpu_us: left!.ticks * 5_000 });
  }
  expect(untilNewestTick(null)).toBeNull();
  const runs = [
    run(9, { ticks_new: 0 }),
    run(8, { ticks_new: null, state: "failed" }),
    run(7),
    run(6, { ticks_new: 0 }),
  ];
  const history = run(10, { ticks_new: 500, history_new: 500 });
  expect(untilNewestTicks([history, ...runs])).toEqual(runs.slice(2));
  expect(untilNewestTicks([history])).toEqual([]);
});

test("memory since the start is that of the whole time, not of the points that are kept", () => {
  const known = { peak_rss_bytes: 900, peak_pss_bytes: 800, mean_rss_bytes: 700 };
  expect(sinceStart(steady(100, 0.5, 100))).toMatchObject(known);
});

test("a figure that the system does not report is null in every sum with it", () => {
  const known = recent(steady(100, 0.5, 100), NOW)!;
  const unknown = recent(steady(100, 0.5, 100, { written_bytes: null, pss_bytes: null }), NOW)!;
  expect(costOf([known, unknown])).toMatchObject({
    written_bytes_per_tick: null,
    peak_pss_bytes: null,
    read_bytes_per_tick: 0,
  });
});

test("parts of a pipeline add up per tick, each over its own ticks and span", () => {
  const consume = recent(steady(200, 0.01, 100), NOW);
  const stream = recent(steady(1_000, 0.02, 100), NOW);
  const both = costOf([consume, stream])!;
  expect(both).toMatchObject({ ticks_per_second: 100, written_bytes_per_tick: 800 });
  expect(both.cpu_seconds_per_million_ticks).toBeCloseTo(300, 9);
  expect(both.cpu_seconds_per_hour).toBeCloseTo(108, 9);
  expect(costOf([consume, null])).toBeNull();
  expect(costOf([])).toBeNull();
});

const run = (minute: number, change: Partial<ChargedRun> = {}): ChargedRun => {
  const ended_us = NOW + (minute - 10) * 60 * SECOND;
  return {
    ...{
      state: "done",
      started_us: ended_us - 2 * SECOND,
      ended_us,
      ticks_new: 600,
      history_new: 0,
      cpu_seconds: 1.5,
      read_bytes: 10,
    },
    ...{ written_bytes: 6_000, peak_rss_bytes: 5, queries_cpu_seconds: 0.9, windows_cpu_seconds: 0.1, ...change },
  };
};
const live = { from_us: NOW - 300 * SECOND, to_us: NOW, began_us: NOW - 540 * SECOND };

test("batch runs: those that ended in the span, over the ticks that were new to them, since the end of the run before", () => {
  const runs = [9, 3, 4, 5, 6, 7, 8].map((minute) => run(minute));
  const cost = costOfRuns(runs, live)!;
  expect(cost).toMatchObject({ runs: 4, ticks: 2_400, cpu_us: 6 * SECOND, seconds: 240, written_bytes: 24_000 });
  expect(cost.same_question_us).toBeCloseTo(2.8 * SECOND, 3);
  // Five bytes for two seconds of every minute.
  expect([cost.mean_rss_bytes, cost.peak_rss_bytes]).toEqual([5 / 30, 5]);
});

test("a run in progress and a due time that was missed change nothing; a failed run counts what it used", () => {
  const runs = [5, 6, 7, 8].map((minute) => run(minute));
  const before = costOfRuns(runs, live)!;
  const started = { ended_us: null, ticks_new: null, cpu_seconds: null };
  expect(costOfRuns([...runs, run(9, { state: "running", ...started })], live)).toEqual(before);
  expect(costOfRuns([...runs, run(9, { state: "missed", cpu_seconds: null })], live)).toEqual(before);
  const failed = costOfRuns([...runs, run(9, { state: "failed", ticks_new: null })], live)!;
  expect([failed.cpu_us - before.cpu_us, failed.ticks - before.ticks]).toEqual([1.5 * SECOND, 0]);
});

test("runs that collected history are left out with their spans: the figures are of ticks that both pipelines have", () => {
  const runs = [5, 6, 7, 8, 9].map((minute) => run(minute));
  const before = costOfRuns(runs, live)!;
  const history = { ticks_new: 8_600, history_new: 8_000, cpu_seconds: 3 };
  const after = costOfRuns([...runs.slice(0, 3), run(8, history), run(9)], live)!;
  expect([before.runs, after.runs]).toEqual([4, 3]);
  expect(after).toMatchObject({ ticks: 1_800, seconds: 180, cpu_us: 4.5 * SECOND });
  expect(after.cpu_us / after.ticks).toBe(before.cpu_us / before.ticks);
  expect(costOfRuns([run(9, history)], live)).toBeNull();
});

test("a run whose charge is unknown makes the cost unknown, not smaller; one without its queries only the same question", () => {
  expect(costOfRuns([run(6), run(7, { state: "died", cpu_seconds: null })], live)).toBeNull();
  expect(costOfRuns([run(6), run(7, { queries_cpu_seconds: null })], live)).toMatchObject({
    same_question_us: null,
  });
  expect(costOfRuns([], live)).toBeNull();
  expect(costOfRuns([run(1)], live)).toBeNull();
});

test("the first run's span begins with the pipeline, since its ticks do", () => {
  expect(costOfRuns([run(6), run(7)], live)!.seconds).toBe(360);
  const young = costOfRuns([run(8), run(9)], { ...live, began_us: NOW - 150 * SECOND })!;
  expect(young.seconds).toBe(90);
});

test("machine: processes, sampler and what is attributed to nobody are together what the machine was busy", () => {
  const all = {
    stream: steady(1_000, 0.25, 100),
    consume: steady(120, 0.125, 100),
    serve: null,
    produce: steady(5_000, 0.5, 0),
  };
  const cost = machineCost(all, NOW)!;
  expect(cost).toMatchObject({ seconds: 120, busy_s: 120 });
  expect(cost.processes.map(({ name }) => name)).toEqual(["stream", "consume", "produce"]);
  expect(cost.sampler_s).toBeCloseTo(0.36, 9);
  expect(cost.unattributed_s).toBeCloseTo(120 * (1 - 0.875), 9);
  const sum = cost.processes.reduce((all_s, { cpu_s }) => all_s + cpu_s, cost.sampler_s + cost.unattributed_s);
  expect(sum).toBeCloseTo(cost.busy_s, 9);
});

test("machine: a process that has ended is not waited for; without /proc/stat there is no figure", () => {
  const ended = steady(500, 0.5, 10);
  for (const point of ended.points) point.at_us -= 60 * SECOND;
  const stream = steady(1_000, 0.25, 100);
  expect(machineCost({ stream, ended }, NOW)!.processes.map(({ name }) => name)).toEqual(["stream"]);
  expect(machineCost({ stream: steady(1_000, 0.25, 100, { machine_us: null }) }, NOW)).toBeNull();
  expect(machineCost({ ended }, NOW)).toBeNull();
});

test("sums are taken at the span's own edges, in proportion between two points", () => {
  const stream = steady(100, 0.5, 100);
  const consume = steady(95, 0.25, 100);
  const { seconds, processes } = machineCost({ stream, consume }, NOW)!;
  expect(seconds).toBe(90);
  expect(processes.map(({ cpu_s }) => cpu_s)).toEqual([45 - 0.09, 22.5 - 0.09]);
  const part: SpanCost = recent(stream, NOW)!;
  expect([part.mean_rss_bytes, part.peak_rss_bytes]).toEqual([150, 200]);
});
