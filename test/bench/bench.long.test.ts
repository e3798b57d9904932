/** `bench` runs, and prints a table and valid JSON; no figure is judged on a shared machine. */
import { describe, expect, test } from "bun:test";
import type { Admin } from "kafkajs";
import { median } from "../../scripts/base/median.ts";
import { type BenchContext, isMet } from "../../scripts/bench/figure.ts";
import { BENCHES } from "../../scripts/bench/list.ts";
import { latenciesOf, openLoop } from "../../scripts/bench/open-loop.ts";
import { BUSY, TickMaker } from "../../scripts/bench/ticks.ts";
import { parseRecord } from "../../scripts/message/parse.ts";
import { CHROMIUM } from "../support/browser.ts";
import { quiet, tempDir } from "../support/data.ts";
import { kafkaAvailable, sharedBroker, stockClient } from "../support/kafka.ts";
import { run, until } from "../support/process.ts";

const text = (value: Uint8Array) => new TextDecoder().decode(value);

test("the messages have the real shape and size, and the same seed gives the same", () => {
  const records = new TickMaker(BUSY).take(20_000);
  const bytes = records.reduce((sum, { value }) => sum + value.length, 0);
  expect(Math.round(bytes / records.length)).toBe(394);
  expect(records.every(({ value }) => parseRecord(value).kind === "tick")).toBe(true);
  expect(new TickMaker(BUSY).take(20_000).map(({ value }) => text(value))).toEqual(
    records.map(({ value }) => text(value)),
  );
}, 300_000);

test("the messages hold duplicates, late ticks, disorder and gaps, and some of each product", () => {
  const ids = new TickMaker({ ...BUSY, products: ["A-USD", "B-USD"] }).take(50_000).map(({ value }) => {
    const { product_id, trade_id, time } = JSON.parse(text(value));
    return { key: `${product_id} ${trade_id}`, product_id, trade_id, time };
  });
  const a = ids.filter(({ product_id }) => product_id === "A-USD");
  expect(a.length / ids.length).toBeCloseTo(0.5, 1);
  expect(new Set(ids.map(({ key }) => key)).size).toBeLessThan(ids.length);
  expect(a.some((tick, i) => i > 0 && tick.trade_id < a[i - 1]!.trade_id)).toBe(true);
  expect(a.some((tick, i) => i > 0 && tick.trade_id > a[i - 1]!.trade_id + 1)).toBe(true);
  const late = a.filter((tick, i) => i > 0 && Date.parse(tick.time) < Date.parse(a[i - 1]!.time) - 100_000);
  expect(late.length).toBeGreaterThan(0);
}, 300_000);

test("median and goal", () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
  const figure = { bench: "b", figure: "f", unit: "s" as const, values: [1, 2, 9] };
  expect(isMet({ ...figure, goal: { most: 2 } })).toBe(true);
  expect(isMet({ ...figure, goal: { least: 3 } })).toBe(false);
  expect(isMet(figure)).toBeNull();
});

interface Row {
  bench: string;
  figure?: string;
  values?: number[];
  median?: number | null;
  n?: number;
  coverage?: number;
  invalid?: number;
  repeat?: string;
  goal?: { least?: number; most?: number };
  met?: boolean | null;
  skipped?: string;
}

/** Every figure has its runs, and its goal is judged by their median; what is invalid is counted. */
function expectFigures(rows: Row[]): void {
  for (const row of rows.filter(({ skipped }) => skipped === undefined)) {
    const { bench, figure, values, median, n, coverage, goal, met, repeat } = row;
    expect([bench, figure, values!.every(Number.isFinite), n]).toEqual([
      bench,
      expect.any(String),
      true,
      values!.length,
    ]);
    expect(n! + row.invalid!).toBeLessThanOrEqual(1);
    expect([median, coverage]).toEqual([values![0] ?? null, 0]);
    const isReached = goal?.least === undefined ? median! <= (goal?.most ?? 0) : median! >= goal.least;
    expect(met).toBe(goal === undefined || median === null ? null : isReached);
    expect(repeat).toContain("bun run bench --only ");
  }
}

async function benchTopics(admin: Admin): Promise<string[]> {
  return (await admin.listTopics()).filter((name) => name.startsWith("tidemark-bench"));
}

describe("a blocked pipeline", () => {
  test("moves the latencies of all ticks that are due meanwhile, and the sender never waits", async () => {
    using dir = tempDir();
    const signal = new AbortController().signal;
    const context: BenchContext = { runs: 1, scale: 1, dir: dir.path, kafka: null, logger: quiet, signal, records: [] };
    const stall = ({ stream }: { stream: number }) => {
      setTimeout(() => process.kill(stream, "SIGSTOP"), 3_000);
      setTimeout(() => process.kill(stream, "SIGCONT"), 5_000);
    };
    const plan = { kind: "embedded", rate: 1_000, warm_s: 0, seconds: 6, wait_s: 30 } as const;
    const run = await openLoop({ ...plan, onStart: stall }, context);
    const latencies = latenciesOf(run);
    expect(latencies).toHaveLength(6_000);
    expect(latencies.every(Number.isFinite)).toBe(true);
    // 2 s without an answer: a tick's latency is what was left of them when it was due.
    expect(latencies.filter((ms) => ms > 500).length).toBeGreaterThan(1_300);
    expect(Math.max(...latencies)).toBeGreaterThan(1_800);
    expect(run.sender.frames).toBe(6_000);
    expect(run.sender.late_max_ms).toBeLessThan(1_800);
  }, 300_000);
});

/** By bench: what is skipped without a broker. */
const ON_KAFKA = new Map([
  ["kafka-drain", "kafka-drain"],
  ...["produce", "latency", "sustained"].map((name) => [name, `${name} on Kafka`] as const),
]);

describe("a small run", () => {
  const SMALL = ["--runs", "1", "--scale", "0.001"];

  test.each(BENCHES.map(({ name }) => name))(
    "of %s prints JSON: machine, figures with their runs, what was skipped and why",
    async (name) => {
      const environment = { TIDEMARK_CHROMIUM: CHROMIUM };
      const { code, stdout, stderr } = await run("bench", [...SMALL, "--only", name, "--json"], environment);
      expect([code, stderr.match(/error:.*/)?.[0]]).toEqual([0, undefined]);
      const report = JSON.parse(stdout);
      expect(report.machine).toMatchObject({ versions: { bun: Bun.version }, cores: expect.any(Number) });
      const rows: Row[] = report.results;
      expect(rows.filter(({ bench }) => !bench.startsWith(name))).toEqual([]);
      expect(rows.length).toBeGreaterThan(0);
      expectFigures(rows);
      const skipped = rows.filter((row) => row.skipped !== undefined);
      for (const { skipped: why } of skipped) expect(why).toMatch(/bun run test:kafka|only Linux|TIDEMARK_CHROMIUM/);
      const onKafka = ON_KAFKA.get(name);
      if (onKafka !== undefined) expect(skipped.map(({ bench }) => bench)).toContain(onKafka);
      expect(report.records.map(({ conditions }: { conditions: object }) => conditions)).toEqual(
        report.records.map(() => expect.objectContaining({ load: expect.any(Number) })),
      );
      if (name !== "latency") return;
      // On a busy machine the run is invalid: it is in the report with what it measured.
      const latency = report.records.find(({ part }: { part: string }) => part === "embedded, 1,000/s");
      expect(latency.values["embedded, 1,000/s, p99"]).toBeGreaterThan(0);
    },
    300_000,
  );

  test.skipIf(!kafkaAvailable())(
    "with a broker measures Kafka beside its client, and leaves no topic there",
    async () => {
      const broker = await sharedBroker();
      const args = ["--only", "kafka-drain,produce,latency", "--log", broker.url, "--json"];
      const { code, stdout, stderr } = await run("bench", [...SMALL, ...args]);
      expect([code, stderr.match(/error:.*/)?.[0]]).toEqual([0, undefined]);
      const rows: Row[] = JSON.parse(stdout).results;
      expectFigures(rows);
      expect(rows.map(({ figure }) => figure)).toEqual(
        expect.arrayContaining(["log alone", "of the log alone", "into Kafka", "Kafka ÷ embedded, 1,000/s, p99"]),
      );
      const admin = stockClient(broker.port).admin();
      await admin.connect();
      // A broker forgets a topic a moment after it has said so.
      await until("no topic of the bench", async () => (await benchTopics(admin)).length === 0);
      await admin.disconnect();
    },
    300_000,
  );

  test("prints a table", async () => {
    const { code, stdout } = await run("bench", [...SMALL, "--only", "consume"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\| bench +\| figure +\| median +\| min – max \| n \| coverage \| invalid \|/m);
    expect(stdout).toMatch(/^\| consume \| consume +\| [\d,]+ rows\/s +\| +\| 1 \| .*\| ≥ 300,000 +\| (yes|no) +\|$/m);
    expect(stdout).toMatch(/^\| consume \| consume, CPU time per million at [\d,]+\/s +\|/m);
    expect(stdout).toMatch(/^\| bench +\| part +\| runs \| load +\| steal +\| other cores +\| pressure +\|/m);
    expect(stdout).toContain("    bun run bench --only consume --runs 1 --scale 0.001\n");
  });

  test("that fails has the report of what was measured before, and the error", async () => {
    const args = ["--only", "embedded-drain,kafka-drain", "--log", "kafka://127.0.0.1:1", "--json"];
    const { code, stdout, stderr } = await run("bench", [...SMALL, ...args]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("TIDEMARK_LOG_UNREACHABLE")]);
    const { results } = JSON.parse(stdout);
    expect(new Set(results.map(({ bench }: Row) => bench))).toEqual(new Set(["embedded-drain"]));
    expectFigures(results);
  }, 300_000);

  test("names the valid benches, and takes only a broker's URL", async () => {
    const unknown = await run("bench", ["--only", "speed"]);
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('There is no bench "speed"; valid: ')]);
    const log = await run("bench", ["--log", "embedded:"]);
    expect([log.code, log.stderr]).toEqual([2, expect.stringContaining("Give kafka://host:port")]);
  });
});
