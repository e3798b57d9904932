/** Repeated measurements: pairs in the order ABBA, invalid runs are named, costs have rates. */
import { expect, test } from "bun:test";
import { disturbances, observe, parsePressure } from "../../scripts/bench/conditions.ts";
import { type BenchContext, type Figure, isMet, summaryOf } from "../../scripts/bench/figure.ts";
import { InvalidRun, measure, measureSides, onBothLogs } from "../../scripts/bench/repeat.ts";
import { json, machine, table } from "../../scripts/bench/report.ts";
import { quiet } from "../support/data.ts";

function contextOf(runs: number, signal = new AbortController().signal): BenchContext {
  return { runs, scale: 1, dir: "", kafka: null, logger: quiet, signal, records: [] };
}

const reportOf = (results: Figure[], { records, runs, scale }: BenchContext) => ({
  ...{ machine: machine(), runs, scale, results, records },
  repeat: (bench: string) => `bun run bench --only ${bench}`,
});

test("the sides of a pair are measured in the order ABBA, and each ratio is of one pair", async () => {
  const context = contextOf(6);
  const order: string[] = [];
  const side = (name: string, value: (run: number) => number) => ({
    part: name,
    shape: { [name]: { unit: "ms" } } as const,
    once: async (run: number) => {
      order.push(name);
      return { [name]: value(run) };
    },
  });
  // The machine becomes slower all the time; B takes twice as long as A in each pair.
  const sides = [side("A", (run) => 10 ** run), side("B", (run) => 2 * 10 ** run)] as const;
  const figures = await measureSides("x", context, sides, [{ figure: "B ÷ A", of: "B", over: "A" }]);
  expect(order.join("")).toBe("ABBAABBAABBA");
  expect(figures.map(({ figure }) => figure)).toEqual(["A", "B", "B ÷ A"]);
  expect(figures[2]).toMatchObject({ unit: "×", values: [2, 2, 2, 2, 2, 2], isRatio: true });
  expect(summaryOf(figures[2]!)).toMatchObject({ median: 2, n: 6, coverage: 0.96875, difference: "more" });
  expect(context.records.map(({ part, run }) => `${part}${run}`).slice(0, 4)).toEqual(["A1", "B1", "B2", "A2"]);
});

test("an invalid run is named with its values and its reason, and in no figure and no ratio", async () => {
  const context = contextOf(3);
  const late = (run: number) => (run === 1 ? new InvalidRun({ A: 99 }, "the sender was late") : { A: run });
  const sides = [
    { shape: { A: { unit: "ms" } }, once: async (run: number) => late(run) },
    { shape: { B: { unit: "ms" } }, once: async () => ({ B: 1 }) },
  ] as const;
  const figures = await measureSides("x", context, sides, [{ figure: "r", of: "A", over: "B" }]);
  expect(figures.map(({ values, invalid }) => ({ values, invalid }))).toEqual([
    { values: [0, 2], invalid: 1 },
    { values: [1, 1, 1], invalid: 0 },
    { values: [0, 2], invalid: 1 },
  ]);
  const text = table(reportOf(figures, context));
  expect(text).toContain("- x, run 2 is invalid: the sender was late. It measured: A 99.0.");
  expect(text).toMatch(/^\| x +\| A +\| 1\.00 ms +\| 0\.00 – 2\.00 +\| 2 +\| 50\.0 % +\| 1 +\|/m);
  const { results, records } = JSON.parse(json(reportOf(figures, context)));
  expect(results[0]).toMatchObject({ median: 1, min: 0, max: 2, n: 2, coverage: 0.5, invalid: 1 });
  expect(results[0].repeat).toBe("bun run bench --only x");
  expect(records.filter((one: { invalid: string | null }) => one.invalid !== null)).toHaveLength(1);
});

test("with invalid runs alone, or with too few samples, a figure has no median", async () => {
  const context = contextOf(1);
  const bad = await measure("x", context, { p99: { unit: "ms" } }, async () => new InvalidRun({ p99: 1 }, "late"));
  const few = await measure("y", context, { p99: { unit: "ms", goal: { most: 1 } } }, async () => ({ p99: null }));
  const text = table(reportOf([...bad, ...few], context));
  expect(text).toMatch(/^\| x +\| p99 +\| no valid run +\|/m);
  expect(text).toMatch(/^\| y +\| p99 +\| too few samples +\|/m);
  expect([summaryOf(few[0]!).median, isMet(few[0]!)]).toEqual([null, null]);
});

test("a cost is shown with its rate", async () => {
  const context = contextOf(2);
  const shape = { cpu: { unit: "s", at: "rate" }, idle: { unit: "s", at: 0 }, rate: { unit: "messages/s" } } as const;
  const figures = await measure("x", context, shape, async (run) => ({ cpu: 1, idle: 2, rate: 1_000 * (1 + run) }));
  const text = table(reportOf(figures, context));
  expect(text).toContain("cpu at 1,500/s");
  expect(text).toContain("idle at 0/s");
  expect(JSON.parse(json(reportOf(figures, context))).results[0].at_per_second).toBe(1_500);
});

test("the conditions of each run are recorded and shown", async () => {
  const context = contextOf(2);
  const figures = await measure("x", context, { a: { unit: "s" } }, async () => ({ a: 1 }), { part: "alone" });
  expect(context.records.map(({ conditions }) => Object.keys(conditions))).toEqual([
    ["seconds", "load", "steal", "other_cores", "pressure"],
    ["seconds", "load", "steal", "other_cores", "pressure"],
  ]);
  expect(table(reportOf(figures, context))).toContain("A run with more than 1.0 % of steal, or more than 0.2 cores");
  expect(table(reportOf(figures, context))).toMatch(/^\| x +\| alone \| 2 +\| \d+\.\d, at most \d+\.\d +\|/m);
});

test.skipIf(process.platform !== "linux")(
  "what this process and its children use is not other processes' work",
  () => {
    const ended = observe();
    const used_us = () => process.cpuUsage().user + process.cpuUsage().system;
    for (const from_us = used_us(); used_us() - from_us < 300_000; );
    const { seconds, other_cores, steal, pressure } = ended();
    expect([other_cores! >= 0, steal! >= 0, pressure === null || pressure >= 0]).toEqual([true, true, true]);
    // The machine's busy time minus ours can't exceed its other cores.
    expect(other_cores! * seconds).toBeLessThanOrEqual(seconds * navigator.hardwareConcurrency - 0.15);
  },
  120_000,
);

test("a run with steal or other work above the limits is marked, a broker's work is not", () => {
  const quiet = { seconds: 1, load: 9, steal: 0.005, other_cores: 0.1, pressure: 0.9 };
  expect(disturbances(quiet, false)).toEqual([]);
  expect(disturbances({ ...quiet, steal: 0.02, other_cores: 0.5 }, false)).toEqual([
    "steal 2.0 % of the processors (limit 1.0 %)",
    "other processes used 0.50 cores (limit 0.2)",
  ]);
  expect(disturbances({ ...quiet, other_cores: 0.5 }, true)).toEqual([]);
  expect(disturbances({ ...quiet, steal: null, other_cores: null, pressure: null }, false)).toEqual([]);
});

test("pressure is read from its file", () => {
  const text = "some avg10=32.72 avg60=18.96 avg300=6.33 total=10749804550\nfull avg10=0.00 total=7\n";
  expect([parsePressure(text), parsePressure("")]).toEqual([10_749_804_550, null]);
});

test("without a broker the embedded log is measured alone, and what was skipped is named", async () => {
  const side = (kind: string) => ({ shape: { [kind]: { unit: "s" } } as const, once: async () => ({ [kind]: 1 }) });
  expect(await onBothLogs("x", contextOf(1), side, [])).toMatchObject([
    { figure: "embedded" },
    { bench: "x on Kafka", skipped: expect.stringContaining("no broker") },
  ]);
});

test("after the signal no run begins, and the one that it interrupted is left out", async () => {
  const stop = new AbortController();
  const context = contextOf(6, stop.signal);
  const figures = await measure("x", context, { a: { unit: "s" } }, async (run) => {
    if (run < 2) return { a: run };
    stop.abort();
    throw new Error("interrupted");
  });
  expect(figures[0]!.values).toEqual([0, 1]);
});
