/**
 * The points that a process notes of its own cost: when, how long they are kept, and what a moved
 * clock does to them.
 */
import { expect, test } from "bun:test";
import { costText } from "../../scripts/contract/cost-points.ts";
import { parseCostSeries } from "../../scripts/contract/cost-series.ts";
import { CostMeter, type CostSource } from "../../scripts/measure/cost-meter.ts";

const SECOND = 1_000_000;
const BEGIN = 1_700_000_000 * SECOND;

/** A process of which time and charges are set by hand. */
function process(): CostSource &
  Record<"us" | "wall_us" | "cpu_us" | "reading_us" | "rss_bytes" | "peak_bytes", number> {
  const at = { us: 0, wall_us: BEGIN, cpu_us: 0, reading_us: 0, read_us: 0, rss_bytes: 100, peak_bytes: 0 };
  return Object.assign(at, {
    now: () => at.wall_us + at.us,
    elapsed: () => at.us,
    machine: () => 7 * SECOND,
    cpu: () => at.read_us,
    peak: () => at.peak_bytes,
    charge: () => {
      at.read_us += at.reading_us;
      return {
        cpu_us: at.cpu_us,
        read_bytes: null,
        written_bytes: 5,
        rss_bytes: at.rss_bytes,
        pss_bytes: at.rss_bytes / 2,
      };
    },
  });
}

test("a point each second of the first ten, then one per slice, for five minutes and a slice", () => {
  const source = process();
  const meter = new CostMeter(source);
  const noted: number[] = [];
  for (let s = 0; s < 400; s++) {
    source.us = s * SECOND;
    source.cpu_us = s * 1000;
    if (meter.note(s)) noted.push(s);
  }
  expect(noted.slice(0, 12)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30]);
  const { points, started_us } = meter.series;
  expect(started_us).toBe(BEGIN);
  expect([points[0]!.at_us, points.at(-1)!.at_us]).toEqual([BEGIN + 80 * SECOND, BEGIN + 390 * SECOND]);
  expect(points.at(-1)).toMatchObject({ ticks: 390, cpu_us: 390_000, written_bytes: 5, machine_us: 7 * SECOND });
});

test("memory since the start outlives the points that it is of; so does the first point with the newest tick", () => {
  const source = process();
  source.rss_bytes = 1_000;
  const meter = new CostMeter(source);
  const at = (s: number, ticks: number) => {
    source.us = s * SECOND;
    meter.note(ticks);
  };
  for (let s = 10; s <= 1_000; s += 10) {
    // The process had more between two points, as only the system knows.
    if (s === 500) source.peak_bytes = 3_000;
    if (s === 510) source.rss_bytes = 200;
    at(s, s);
  }
  expect(meter.last).toMatchObject({ peak_rss_bytes: 3_000, peak_pss_bytes: 500, mean_rss_bytes: 600 });
  expect(meter.series.points).toHaveLength(32);
  for (let s = 1_010; s <= 5_000; s += 10) at(s, 1_000);
  expect(meter.series.points.length).toBe(33);
  expect(meter.series.points[0]).toMatchObject({ at_us: BEGIN + 1_000 * SECOND, ticks: 1_000, mean_rss_bytes: 600 });
  at(5_010, 1_001);
  expect(meter.series.points[0]!.at_us).toBe(BEGIN + 4_700 * SECOND);
});

test("slices of all processes begin at the same moments", () => {
  const source = process();
  source.wall_us += 7 * SECOND;
  const meter = new CostMeter(source);
  for (let s = 0; s < 60; s++) {
    source.us = s * SECOND;
    meter.note(s);
  }
  const last = meter.series.points.slice(-4).map(({ at_us }) => (at_us - BEGIN) / SECOND);
  expect(last).toEqual([30, 40, 50, 60]);
});

test("the last point is noted whenever it is asked for", () => {
  const source = process();
  const meter = new CostMeter(source);
  expect(meter.note(3)).toBe(false);
  expect(meter.note(3, true)).toBe(true);
  expect(meter.last.ticks).toBe(3);
});

test("the sampler's own time is noted with each point", () => {
  const source = process();
  source.reading_us = 2_000;
  const meter = new CostMeter(source);
  source.us = 11 * SECOND;
  meter.note(1);
  expect(meter.series.points.map(({ sampler_us }) => sampler_us)).toEqual([2_000, 4_000]);
});

test("after the clock was set, points of the old clock are gone and the start moves with it", () => {
  const source = process();
  const meter = new CostMeter(source);
  source.us = 15 * SECOND;
  meter.note(1);
  source.wall_us -= 3_600 * SECOND;
  source.us = 25 * SECOND;
  expect(meter.note(2)).toBe(true);
  expect(meter.series.points.map(({ ticks }) => ticks)).toEqual([2]);
  expect(meter.series.started_us).toBe(BEGIN - 3_600 * SECOND);
});

test("a series is read as it was written; anything else is null", () => {
  const source = process();
  const meter = new CostMeter(source);
  source.us = 12 * SECOND;
  meter.note(4);
  expect(parseCostSeries(meter.text())).toEqual(meter.series);
  expect(costText(meter.series).length).toBeLessThan(200);
  const series = (point: string) => `{"started_us":1,"points":[${point}]}`;
  expect(parseCostSeries(series("[1,2,3,null,null,6,null,null,9,10,null,12]"))).not.toBeNull();
  const points = [
    "[1,2]",
    "[1,2,3,4,5,6,7,8,9]",
    "[1,2,null,4,5,6,7,8,9,10,11,12]",
    '[1,2,3,"4",5,6,7,8,9,10,11,12]',
    "[1,2,3,4,5,6,7,8,9,10,11,12,13]",
    "null",
  ];
  for (const text of [null, undefined, "", "{", "null", '{"started_us":null,"points":[]}', ...points.map(series)])
    expect([text, parseCostSeries(text)]).toEqual([text, null]);
});
