/**
 * Real answers as students write them, audited: Spark with zones, several partitions, 32-bit ids and
 * updates in one application; pandas, Polars and DuckDB. One JVM.
 */
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { audited, counted, lastDigit, linesOf, named, refused, withCell, written } from "../support/audited.ts";
import { tempDir } from "../support/data.ts";
import { disorderedHour, ENGINES, enginesAvailable, killEngines, portionsOf, startSpark } from "../support/engines.ts";
import { type Broker, createTopic, sharedBroker, stockClient } from "../support/kafka.ts";
import { runToEnd } from "../support/process.ts";
import { READERS_PYTHON, readersMissing } from "../support/readers.ts";

setDefaultTimeout(300_000);

const LINES = disorderedHour();
const dir = tempDir();
const at = (...names: string[]) => join(dir.path, ...names);
afterEach(killEngines);
afterAll(() => dir[Symbol.dispose]());

describe.skipIf(!enginesAvailable())("Spark: two products in three partitions, ANSI mode, a zone of its own", () => {
  /** Ids pass 2³¹ − 1 in the middle of the hour. */
  const wide = (line: string) => line.replace(/(?<="trade_id":)\d+/, (id) => String(Number(id) + 2 ** 31 - 6_000));
  const other = (line: string) => line.replace('"BTC-USD"', '"ETH-USD"').replace('"price":"257', '"price":"16');
  const MESSAGES = LINES.flatMap((line, n) => [
    { value: wide(line), partition: Math.floor(n / 5) % 2 },
    ...(n % 4 === 0 ? [{ value: wide(other(line)), partition: 2 }] : []),
  ]);
  /** Records before the job that begins at `latest`. */
  const FIRST = 3_750;
  let broker: Broker;
  let log: string;
  let begins: Record<string, number>;

  beforeAll(async () => {
    broker = await sharedBroker();
    log = `${broker.url}/students`;
    const client = stockClient(broker.port);
    const [admin, producer] = [client.admin(), client.producer({ idempotent: true, maxInFlightRequests: 1 })];
    await Promise.all([admin.connect(), producer.connect()]);
    await createTopic(admin, "students", 3);
    await createTopic(admin, "candles", 1);
    const send = async (messages: typeof MESSAGES) => {
      for (const some of portionsOf(messages, 20)) await producer.send({ topic: "students", messages: some });
    };
    await send(MESSAGES.slice(0, FIRST));
    const latest = await admin.fetchTopicOffsets("students");
    begins = Object.fromEntries(latest.map(({ partition, high }) => [partition, Number(high)]));
    await send(MESSAGES.slice(FIRST));
    await Promise.all([admin.disconnect(), producer.disconnect()]);
    const flags = ["--topic", "students", "--out-topic", "candles", "--out", at("students"), "--partitions", "2"];
    const starting = ["--starting", JSON.stringify({ students: begins }), "--per-batch", "6000"];
    const job = startSpark("student_streams.py", ["--brokers", `127.0.0.1:${broker.port}`, ...flags, ...starting]);
    expect(await job.ended, job.said().slice(-4_000)).toBe(0);
  });
  const trace = (query: string) => ({ checkpoint: at("students", query, "checkpoint") });

  test("ten seconds, a folder per product: repeats, and windows that no event closed", async () => {
    const found = await audited(log, at("students/ten_seconds/windows"));
    expect(counted(found)).toEqual({ equal: 675, W3: 31, W4: 14, consistent: 0, unexplained: 0 });
    expect(found.report.shape).toMatchObject({ size_us: 10_000_000, shift_us: 0, hasZone: true });
    expect(found.passed).toBeTrue();
  });

  test("candles in update mode, with and without a trace: W9, and the first and last of any partition", async () => {
    for (const options of [trace("updates"), { checkpoint: "none" }]) {
      const found = await audited(log, `${broker.url}/candles`, options);
      expect(counted(found)).toMatchObject({ W3: 13, W5: 1, consistent: 0, unexplained: 0 });
      expect(found.report.totals).toMatchObject({ windows: 24, superseded_rows: 4 });
      expect(found.report.windows.flatMap(({ rules }) => rules)).toContain("W12");
      expect(found.passed).toBeTrue();
    }
  });

  test("32-bit ids from the middle of the log on: W6 and W10, and without a trace only consistent", async () => {
    const answers = at("students/narrow_ids/windows");
    const found = await audited(log, answers, trace("narrow_ids"));
    expect(counted(found)).toMatchObject({ W4: 4, consistent: 0, unexplained: 0 });
    expect(found.report.totals.by_rule.find(({ rule }) => rule === "W6")?.windows).toBeGreaterThan(40);
    // Each trade that was sent only before it began.
    const idsOf = (messages: typeof MESSAGES) =>
      messages.flatMap(({ value, partition }) => {
        const [id] = /"trade_id":\d+/.exec(value) ?? [];
        return id === undefined ? [] : [`${partition === 2 ? "ETH" : "BTC"} ${id}`];
      });
    const before = new Set(idsOf(MESSAGES.slice(0, FIRST))).difference(new Set(idsOf(MESSAGES.slice(FIRST))));
    expect(named(found, "W10")).toHaveLength(before.size);
    expect(found.passed).toBeTrue();
    const alone = await audited(log, answers, { checkpoint: "none" });
    expect(counted(alone)).toMatchObject({ unexplained: 0 });
    expect(alone.passed).toBeFalse();
    expect((await audited(log, answers, { checkpoint: "none", trust: ["W2", "W4", "W10"] })).passed).toBeTrue();
  });
});

describe.skipIf(readersMissing() !== null)("pandas, Polars, DuckDB", () => {
  const ticks = at("ticks.jsonl");
  beforeAll(async () => {
    written(ticks, LINES);
    const script = join(ENGINES, "python/libraries.py");
    const { code, stderr } = await runToEnd([READERS_PYTHON, script, ticks, "--out", at("libraries")]);
    expect(code, stderr).toBe(0);
  });

  test.each<[string, Record<string, number>, string]>([
    ["pandas.csv", { equal: 15, W1: 45 }, "in pairs after the first by event time and trade id"],
    ["pandas_local.csv", { equal: 0, W7: 360 }, "Their times are 5 h 30 min ahead of UTC."],
    ["polars.parquet", { equal: 14, W1: 41, W12: 5 }, "in 16 lanes by event time"],
    ["duckdb.parquet", { equal: 60 }, "counts once, the first"],
    ["duckdb_quick.csv", { equal: 1, W1: 34, W3: 23, W5: 2 }, "one pass in log order"],
  ])("%s", async (name, rules, how) => {
    const found = await audited(ticks, at("libraries", name));
    expect(counted(found)).toEqual({ ...rules, consistent: 0, unexplained: 0 });
    expect(found.report.how.join(" ")).toContain(how);
    expect(found.passed).toBeTrue();
  });

  test("pandas_quick.csv: which of a tie is first depends on the machine, so W12 may have to be trusted", async () => {
    const found = await audited(ticks, at("libraries/pandas_quick.csv"), { trust: ["W1", "W12"] });
    expect(counted(found)).toMatchObject({ W3: 23, W5: 2, consistent: 0, unexplained: 0 });
    expect(found.passed).toBeTrue();
  });

  test("a last digit that the library's order does not give is refused", async () => {
    const lines = linesOf(at("libraries/pandas.csv")).map((line) => line.replace(/^time,/, "window_start,"));
    for (const column of ["volume", "vwap", "high"]) {
      const file = written(at(`${column}.csv`), withCell(lines, "16:20", column, lastDigit));
      expect({ column, ...refused(await audited(ticks, file)) }).toEqual({
        column,
        unexplained: ["16:20"],
        passed: false,
      });
    }
  });
});
