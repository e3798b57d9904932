/**
 * Spark's real answers over the disordered recorded hour (engines/README.md), audited, and forged
 * copies refused. Four JVMs of Spark, one after the other.
 */
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { reportView } from "../../scripts/audit/index.ts";
import { isoFromUs, usFromIso } from "../../scripts/base/iso.ts";
import { type AuditOptions, audit } from "../../scripts/stages/audit.ts";
import {
  audited,
  counted,
  csvFiles,
  gathered,
  lastDigit,
  linesOf,
  named,
  refused,
  withCells,
  written,
} from "../support/audited.ts";
import { quiet, tempDir } from "../support/data.ts";
import {
  disorderedHour,
  enginesAvailable,
  killEngine,
  killEngines,
  runPython,
  startFeed,
  startSpark,
} from "../support/engines.ts";
import { type Broker, sharedBroker } from "../support/kafka.ts";
import { run, type Stage, until } from "../support/process.ts";

setDefaultTimeout(900_000);

const here = enginesAvailable();
const LINES = disorderedHour();
const dir = tempDir();
const at = (...names: string[]) => join(dir.path, ...names);
let broker: Broker;
let log: string;
/** Where a job reads. */
let source: string[];
const checked = (answers: string, options: Partial<AuditOptions> = {}) => audited(options.log ?? log, answers, options);

beforeAll(async () => {
  if (!here) return;
  broker = await sharedBroker();
  log = `${broker.url}/raw_prices`;
  source = ["--brokers", `127.0.0.1:${broker.port}`];
});
afterEach(killEngines);
afterAll(() => dir[Symbol.dispose]());

async function ended(job: Stage): Promise<void> {
  if ((await job.ended) !== 0) throw new Error(job.said().slice(-4_000));
}

/** A log as a dump of its topic. */
const dumped = (name: string, lines: string[]) =>
  written(
    at(name),
    lines.map((value, offset) => JSON.stringify({ partition: 0, offset, timestamp: offset, value })),
  );

/** What is forged here is of one window. */
const REFUSED = { unexplained: ["16:20"], passed: false };

const MINUTE_US = 60_000_000;
const TIMES = LINES.map((line) => usFromIso(/"time":"([^"]*)"/.exec(line)?.[1] ?? ""));
const endOf = (time_us: number) => (Math.floor(time_us / MINUTE_US) + 1) * MINUTE_US;
/** Spark's watermark after the first `count` records: whole milliseconds. */
const watermark_ms = (count: number) => {
  const newest_us = TIMES.slice(0, count).reduce<number>((max, time) => Math.max(max, time ?? 0), 0);
  return Math.floor((newest_us - MINUTE_US) / 1_000);
};
/** Offsets of records that come after the end of their windows by the watermark of `before(offset)`. */
const lateAfter = (before: (offset: number) => number) =>
  TIMES.flatMap((time, offset) =>
    time !== null && endOf(time) <= watermark_ms(before(offset)) * 1_000 ? [offset] : [],
  );
/** Portions that each begin with a late tick: few batches, and much that they drop. */
const CUTS = [0, ...lateAfter((offset) => offset).filter((_, i) => i % 4 === 0), LINES.length];
/** What the batches of those portions drop as late. */
const lateOffsets = () => lateAfter((offset) => CUTS.findLast((cut) => cut <= offset)!);
const IDS = LINES.map((line) => Number(/"trade_id":(\d+)/.exec(line)?.[1]));

const numbersIn = (folder: string) =>
  (existsSync(folder) ? readdirSync(folder) : []).filter((name) => /^\d+$/.test(name)).map(Number);

/** Whether it has read and closed all that the first `count` records let it. */
function isQuiet(job: Stage, checkpoint: string, count: number): boolean {
  if (!job.isRunning()) throw new Error(job.said().slice(-4_000));
  const last = Math.max(-1, ...numbersIn(join(checkpoint, "commits")));
  if (last < 0) return false;
  const text = readFileSync(join(checkpoint, "offsets", String(last)), "utf8");
  return text.includes(`"batchWatermarkMs":${watermark_ms(count)},`) && text.includes(`{"0":${count}}`);
}

describe.skipIf(!here)("Spark as the replaced pipeline wrote it", () => {
  const [out, checkpoint] = [at("replaced/stream_csv"), at("replaced/checkpoint")];
  const args = () => [...source, "--partitions", "8", "--out", out, "--checkpoint", checkpoint];
  let lost: string[] = [];

  /** CSV files with rows that no committed batch names. */
  function orphans(): string[] {
    const metadata = join(out, "_spark_metadata");
    const names = existsSync(metadata) ? readdirSync(metadata).filter((name) => /^\d+(\.compact)?$/.test(name)) : [];
    const committed = names.map((name) => readFileSync(join(metadata, name), "utf8")).join("");
    return csvFiles(out).filter((name) => !committed.includes(name) && linesOf(join(out, name)).length > 1);
  }

  test("it runs, is killed with kill -9 before a commit, and runs again", async () => {
    const feed = await startFeed(broker, "raw_prices");
    let job = startSpark("replaced_stream.py", args());
    for (const [n, end] of CUTS.slice(1).entries()) {
      await feed.send(LINES.slice(CUTS[n], end));
      const isSeen = () => n >= 4 && lost.length === 0 && orphans().length > 0;
      const options = { ms: 200_000, every_ms: 2, said: job.said };
      await until(`portion ${n}`, () => isSeen() || isQuiet(job, checkpoint, end), options);
      if (!isSeen()) continue;
      await killEngine(job);
      // What was seen may have been committed before the kill; then the next one is tried.
      lost = orphans().flatMap((name) => linesOf(join(out, name)).slice(1));
      job = startSpark("replaced_stream.py", args());
      await until(`portion ${n} again`, () => isQuiet(job, checkpoint, end), { ...options, said: job.said });
    }
    await killEngine(job);
    await feed.close();
    expect(lost).not.toEqual([]);
  });

  test("with its checkpoint every difference has its rule", async () => {
    const traced = await checked(out);
    expect(counted(traced)).toMatchObject({ equal: 0, W4: 2, consistent: 0, unexplained: 0 });
    expect(traced.passed).toBeTrue();
    // Apart from the audit: what a batch drops is late by the portions before it. A repeated trade that
    // is late has counted before.
    const late = lateOffsets();
    expect(late.length).toBeGreaterThanOrEqual(CUTS.length - 2);
    const firsts = late.filter((offset) => IDS.indexOf(IDS[offset]!) === offset);
    expect(named(traced, "W2")).toEqual(firsts.map((offset) => IDS[offset]!));
    expect(named(traced, "W5")).toEqual([20002, 20003]);
    expect(traced.report.totals.uncommitted_rows).toBe(lost.length);
    const { code, stdout } = await run("audit", ["--log", log, "--answers", out]);
    expect(stdout).toMatch(/^60 windows: 0 equal, \d+ by 32-bit floats \(W1\), .*, 0 unexplained\n/);
    expect(code).toBe(0);
  });

  test("without it late ticks and open windows are only consistent", async () => {
    const [alone, traced] = [await checked(out, { checkpoint: "none" }), await checked(out)];
    expect(counted(alone)).toMatchObject({ unexplained: 0 });
    const open = alone.report.windows.filter(({ outcome }) => outcome === "consistent");
    const startsOf = (windows: typeof open, rule: "W2" | "W4") =>
      windows.filter(({ rules }) => rules.includes(rule)).map(({ window_start_us }) => window_start_us);
    // A repeated trade that is late lacks too, although no tick does: its window is one more.
    const minutes = lateOffsets().map((offset) => endOf(TIMES[offset]!) - 60_000_000);
    expect(minutes).toEqual(expect.arrayContaining(startsOf(open, "W2")));
    expect(startsOf(open, "W2")).toEqual(expect.arrayContaining(startsOf(traced.report.windows, "W2")));
    expect(startsOf(open, "W4")).toHaveLength(2);
    // Some sums have last digits of the batches' order: without a trace only consistent with W1.
    expect(open.filter(({ rules }) => !/W[124]\b/.test(rules.join()))).toEqual([]);
    expect(alone.passed).toBeFalse();
    expect(named(alone, "W2")).toEqual(expect.arrayContaining(named(traced, "W2")));
    expect(lateOffsets().map((offset) => IDS[offset])).toEqual(expect.arrayContaining(named(alone, "W2")));
    expect((await checked(out, { checkpoint: "none", trust: ["W1", "W2", "W4"] })).passed).toBeTrue();
  });

  test("a changed digit, a lost row, a lost tick are refused", async () => {
    const lines = gathered(out);
    // The last of 17 digits can be the same double.
    const digit = (cell: string) =>
      /\.\d{4}/.test(cell) ? cell.replace(/(?<=\.\d{3})\d/, lastDigit) : lastDigit(cell);
    const columns = ["avg_price", "min_price", "total_volume", "trade_count", "buy_sell_ratio"];
    const forged = withCells(lines, columns, digit);
    const digits = await checked(written(at("digits.csv"), forged.lines), { checkpoint });
    expect(refused(digits)).toEqual({ unexplained: forged.minutes, passed: false });
    const fewer = written(
      at("lost-row.csv"),
      lines.filter((line) => !line.includes("16:20:00,2023")),
    );
    expect(refused(await checked(fewer, { checkpoint }))).toEqual(REFUSED);
    // The row has a tick that the log lacks; the offsets after it stay.
    const offset = TIMES.findIndex((time) => isoFromUs(time ?? 0).includes("16:20:30"));
    const log = dumped("lost-tick.jsonl", LINES.with(offset, "{}"));
    expect(refused(await checked(out, { log }))).toEqual(REFUSED);
    // The row lacks a tick that no watermark could have dropped: not W2, also without a trace.
    const more = dumped("more.jsonl", LINES.toSpliced(100, 0, LINES[99]!.replace('"trade_id":', '"trade_id":3')));
    const unproved = await checked(out, { log: more, checkpoint: "none", trust: ["W2", "W4"] });
    expect(refused(unproved)).toEqual({ unexplained: ["16:00"], passed: false });
  });
});

describe.skipIf(!here)("Spark as an expert writes it", () => {
  const [out, checkpoint] = [at("expert/windows"), at("expert/checkpoint")];
  const options = () => ({ checkpoint, log: `${broker.url}/expert_prices` });

  test("exact decimals, each trade once: only what was late or is open differs", async () => {
    const feed = await startFeed(broker, "expert_prices");
    const args = ["--topic", feed.topic, "--partitions", "2", "--out", out, "--checkpoint", checkpoint];
    const job = startSpark("expert_stream.py", [...source, ...args]);
    let sent = 0;
    // Fewer portions than above, each with its late ticks too.
    for (const end of CUTS.slice(1).filter((_, n) => n % 3 === 0 || n === CUTS.length - 2)) {
      await feed.send(LINES.slice(sent, end));
      sent = end;
      await until(`read to ${end}`, () => isQuiet(job, checkpoint, end), { ms: 200_000, said: job.said });
    }
    await killEngine(job);
    await feed.close();
    const traced = await checked(out, options());
    expect(named(traced, "W2").length).toBeGreaterThan(0);
    expect(counted(traced)).toMatchObject({ W4: 2, consistent: 0, unexplained: 0 });
    expect(traced.report.totals.equal + named(traced, "W2").length).toBeGreaterThanOrEqual(58);
    expect(traced.passed).toBeTrue();
  });

  test("a change of a float's size in one decimal is not taken for a float", async () => {
    const instance = await DuckDBInstance.create(":memory:");
    const connection = await instance.connect();
    await connection.run(`COPY (FROM read_parquet('${out}/*.parquet')) TO '${at("expert.csv")}' (HEADER)`);
    connection.closeSync();
    instance.closeSync();
    const lines = linesOf(at("expert.csv"));
    expect((await checked(at("expert.csv"), options())).passed).toBeTrue();
    const forged = withCells(lines, ["price_sum", "notional", "avg_price"], lastDigit);
    const found = await checked(written(at("forged.csv"), forged.lines), options());
    expect(refused(found)).toEqual({ unexplained: forged.minutes, passed: false });
  });
});

describe.skipIf(!here)("the replaced pipeline's consumer and batch", () => {
  const db = at("crypto_prices.db");

  test("btc_prices, and its row of CSV: a size of -1 is in both", async () => {
    // The recording has no quotes, without which that consumer skips a message.
    const quoted = LINES.map((line) => line.replace(/"price":("[^"]*"),/, '"price":$1,"best_bid":$1,"best_ask":$1,'));
    const quotes = written(at("quoted.jsonl"), quoted);
    const consumed = await runPython("replaced_consumer.py", ["--db", db], new Blob([`${quoted.join("\n")}\n`]));
    expect(consumed.code).toBe(0);
    const table = await audit({ log: quotes, data: dir.path, answers: `${db}:btc_prices` }, quiet);
    expect(table.kind === "trades" && table.report.totals).toMatchObject({
      rows: 13_199,
      equal: 13_198,
      surplus: 1,
      unexplained: 0,
      by_reason: [{ reason: "W5", trades: 1 }],
    });
    const out = at("batch_output");
    await ended(startSpark("replaced_batch.py", ["--db", db, "--out", out, "--log", at("batch_log.txt")]));
    const row = await audit({ log: quotes, data: dir.path, answers: out }, quiet);
    expect(reportView(row, []).passed).toBeTrue();
    const [header, average] = gathered(out);
    const changed = written(at("row.csv"), [header!, average!.replace(/^\d+/, lastDigit)]);
    expect(reportView(await audit({ log: quotes, data: dir.path, answers: changed }, quiet), []).passed).toBeFalse();
  });
});
