/** The tiles' figures are those of the measures, both of one span, and say why one is missing. */
import { expect, test } from "bun:test";
import type { Figure, Measure } from "../../../web/model/figures.ts";
import { ratioOf, steady, tileOf } from "../../../web/model/tiles.ts";

const of = (values: Record<string, number>, note = ""): Figure => ({ values, note });
const none = (note: string): Figure => ({ values: null, note });
const measure = (word: string, stream: Figure, batch: Figure): Measure => ({ word, definition: "", stream, batch });
const latency = (p50_ms: number, note = "wall time") => of({ p50_ms, p99_ms: 2 * p50_ms }, note);

test("both figures are of the newest span that both pipelines have, on one scale from 0", () => {
  const measures = [
    measure("pipeline latency, last 5 minutes", latency(1), none("no run has ended")),
    measure("pipeline latency, since start", latency(3), latency(1_920)),
  ];
  expect(tileOf(measures, "soon", false)).toEqual({
    name: "soon",
    span: "since start",
    clock: "wall time",
    stream: { value: 3, more: { p99_ms: 6 }, reason: "" },
    batch: { value: 1_920, more: { p99_ms: 3_840 }, reason: "" },
    scale: 1_920,
    ratio: { better: "stream", times: 640 },
  });
});

test("after the feed's end the figures are of the whole run", () => {
  const measures = ["last 5 minutes", "since start"].map((span, i) =>
    measure(`age, ${span}`, of({ mean_ms: 10 + i }), of({ mean_ms: 100 })),
  );
  expect(tileOf(measures, "fresh", false).stream.value).toBe(10);
  expect(tileOf(measures, "fresh", true).stream.value).toBe(11);
});

test("a figure that is missing has its reason, and no ratio is made of one figure", () => {
  const measures = [measure("age, last 5 minutes", of({ mean_ms: 10 }), none("no finished run"))];
  const tile = tileOf(measures, "fresh", false);
  expect([tile.stream.reason, tile.batch.value, tile.batch.reason, tile.ratio]).toEqual([
    "",
    null,
    "no finished run",
    null,
  ]);
  expect(tileOf([], "soon", false).batch.reason).toBe("it is not measured");
});

test("a cost of fewer than 10,000 ticks is not shown", () => {
  const cost = (ticks: number) => of({ cpu_seconds_per_million_ticks: 28_467.92, ticks });
  expect(steady(cost(9_999))).toEqual(none(expect.stringContaining("9,999 ticks so far") as unknown as string));
  expect(steady(cost(10_000))).toEqual(cost(10_000));
  const measures = ["last 5 minutes", "since start"].map((span, i) =>
    measure(`cost, ${span}`, cost(700 + 20_000 * i), cost(800 + 20_000 * i)),
  );
  expect(tileOf(measures, "costly", false)).toMatchObject({ span: "since start", ratio: { better: null } });
  expect(tileOf(measures.slice(0, 1), "costly", false).stream.reason).toContain("700 ticks so far");
});

test("shares have the whole as their scale, and one above it is not cut", () => {
  const share = (a: number) => [measure("completeness, last 5 minutes", of({ share: 0.9 }), of({ share: a }))];
  expect(tileOf(share(1), "complete", false)).toMatchObject({ scale: 1, ratio: null });
  expect(tileOf(share(1.25), "complete", false).scale).toBe(1.25);
});

test("a ratio names the better pipeline, be it the batch, and nearly equal figures as equal", () => {
  expect(ratioOf(2, 8)).toEqual({ better: "stream", times: 4 });
  expect(ratioOf(8, 2)).toEqual({ better: "batch", times: 4 });
  expect(ratioOf(100, 104)).toEqual({ better: null, times: 1 });
  expect(ratioOf(0, 104)).toBeNull();
  expect(ratioOf(3, null)).toBeNull();
});
