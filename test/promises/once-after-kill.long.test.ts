/** A stage killed at any point stores what an undisturbed run does (docs/faults.md 17, 18, 19). */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { POINTS } from "../../scripts/drill/plan.ts";
import { unissuedFrame } from "../../scripts/message/index.ts";
import { answerHash } from "../../scripts/store/answer-hash.ts";
import { someMetrics } from "../support/batch.ts";
import { fillLog, recordedLines, rowsOf, tempDir } from "../support/data.ts";
import { run } from "../support/process.ts";

setDefaultTimeout(300_000);

/** Kill at every passing of each point, instead of the first, a middle and the last one. */
const LONG = process.env.TIDEMARK_LONG === "1";
/** Records per commit: few, so that a run passes each point several times. */
const POLL_RECORDS = 300;
/** Runs that are killed at the same time. */
const AT_ONCE = LONG ? 4 : 3;

/** 1,200 messages with duplicates, late ones, rubbish, a jump of a minute, an outlier id, and proofs. */
function disturbed(): string[] {
  const lines = recordedLines().slice(0, 1_100);
  const late = lines[10]!.replace('"trade_id":11,', '"trade_id":900011,');
  const outlier = lines[690]!.replace(/"trade_id":\d+,/, `"trade_id":${Number.MAX_SAFE_INTEGER},`);
  lines.splice(700, 0, lines[3]!, "rubbish", '{"type":"ticker"', late, outlier);
  // Ids that the outlier's window counts: proved before it and after its close, some of them seen.
  const proof = (first_trade_id: number, last_trade_id: number) =>
    unissuedFrame({ product_id: "BTC-USD", first_trade_id, last_trade_id }).toString();
  lines.splice(300, 0, proof(900_000, 900_020), proof(5_000, 5_000));
  lines.push(...lines.slice(0, 50), "", late, proof(900_015, 900_030), proof(5_001, 5_009), proof(5_001, 5_002));
  return lines;
}

const filesBelow = (path: string) =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(path, join(entry.parentPath, entry.name)))
    .sort();
/** The newest of each, without the time in its name: a run killed near its end may leave its own. */
const newestOutputs = (path: string) =>
  Object.fromEntries(
    filesBelow(path).map((file) => [file.replace(/\d{8}T\d+Z/, "TIME"), readFileSync(join(path, file), "utf8")]),
  );
const csv = (path: string) => readFileSync(join(path, "stream_csv/windows_1m.csv"), "utf8");
const follow = (path: string) => ["--data", path, "--until-end", "--poll-records", String(POLL_RECORDS)];

/** One of each kind: of ticks, of the whole, of both pipelines, and the question that a run notes. */
const metrics = someMetrics("candles_1m", "market_summary", "reconciliation", "windows_by_minute");
afterAll(() => metrics[Symbol.dispose]());
const batchFlags = (path: string) => ["--data", path, "--sql", metrics.path];

interface Stage {
  name: "stream" | "consume" | "batch";
  /** Fills a data directory up to where this stage begins. */
  prepare(path: string): Promise<void>;
  flags(path: string): string[];
  /** All that it stored and that another run must store too. */
  stored(path: string): unknown;
}

const STAGES: Stage[] = [
  {
    name: "stream",
    prepare: (path) => fillLog(path, disturbed(), { batch: 50 }),
    flags: follow,
    stored: (path) => [
      answerHash(join(path, "windows.db")),
      csv(path),
      rowsOf(path, "windows.db", "SELECT log_offset, reason, value FROM dead_letters ORDER BY log_offset"),
      rowsOf(path, "windows.db", "SELECT * FROM products ORDER BY product_id"),
      rowsOf(path, "windows.db", "SELECT * FROM unissued_ids ORDER BY first_trade_id"),
    ],
  },
  {
    name: "consume",
    prepare: (path) => fillLog(path, disturbed(), { batch: 50 }),
    flags: follow,
    stored: (path) => [
      rowsOf(path, "ticks.db", "SELECT * FROM ticks ORDER BY insert_id"),
      rowsOf(path, "ticks.db", "SELECT * FROM dead_letters ORDER BY log_offset"),
      rowsOf(path, "ticks.db", "SELECT name, value FROM counters WHERE name NOT LIKE 'run_%' ORDER BY name"),
    ],
  },
  {
    name: "batch",
    /** A first batch takes half of the ticks, so that the killed one adds to an archive. */
    async prepare(path) {
      const lines = disturbed();
      for (const some of [lines.slice(0, 600), lines.slice(600)]) {
        await fillLog(path, some, { batch: 50 });
        for (const stage of ["stream", "consume"]) expect((await run(stage, follow(path))).code).toBe(0);
        if (some.length === 600) expect((await run("batch", batchFlags(path))).code).toBe(0);
      }
    },
    flags: batchFlags,
    stored: (path) => [
      rowsOf(path, "results.db", "SELECT metric, ok, stale, error, columns, rows FROM results ORDER BY metric"),
      rowsOf(path, "results.db", "SELECT compared, equal, explained, unexplained, pending FROM reconciliation").at(-1),
      newestOutputs(join(path, "batch_output")),
      filesBelow(path).filter((file) => file.endsWith(".tmp")),
    ],
  },
];

for (const stage of STAGES) {
  describe(`kill -9 of ${stage.name} at every named point`, () => {
    const base = tempDir();
    const calm = tempDir();
    let passings: Map<string, number>;
    beforeAll(async () => {
      await stage.prepare(base.path);
      cpSync(base.path, calm.path, { recursive: true });
      const list = join(calm.path, "points.txt");
      expect((await run(stage.name, stage.flags(calm.path), { TIDEMARK_DIE_AT: `list:${list}` })).code).toBe(0);
      const names = readFileSync(list, "utf8").trimEnd().split("\n");
      passings = new Map([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]));
    });
    afterAll(() => {
      for (const dir of [base, calm]) dir[Symbol.dispose]();
    });

    test("the points that `drill` and this test know are those that an undisturbed run notes", () => {
      expect([...passings.keys()].sort()).toEqual([...POINTS[stage.name]].sort());
    });

    for (const point of POINTS[stage.name]) {
      test(`${point}: the next run stores what an undisturbed one does`, async () => {
        const expected = stage.stored(calm.path);
        /** False if the process ended before. */
        const killedAt = async (n: number): Promise<boolean> => {
          using dir = tempDir();
          cpSync(base.path, dir.path, { recursive: true });
          const killed = await run(stage.name, stage.flags(dir.path), { TIDEMARK_DIE_AT: `${point}:${n}` });
          if (killed.signal !== "SIGKILL") return false;
          const next = await run(stage.name, stage.flags(dir.path));
          expect([point, n, next.code, next.code && next.stderr]).toEqual([point, n, 0, 0]);
          expect(stage.stored(dir.path)).toEqual(expected);
          return true;
        };
        const last = passings.get(point)!;
        const some = [...new Set([1, Math.ceil(last / 2), last])];
        if (!LONG) expect(await Promise.all(some.map(killedAt))).toEqual(some.map(() => true));
        let reached = LONG;
        for (let n = 1; reached; n += AT_ONCE) {
          const all = await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => killedAt(n + i)));
          reached = all.every((one) => one);
          if (n === 1) expect(all[0]).toBe(true);
        }
      }, 3_600_000);
    }
  });
}

test("what is disturbed is seen: late ticks, revisions, dead letters and duplicates are among what is compared", async () => {
  using dir = tempDir();
  await fillLog(dir.path, disturbed(), { batch: 50 });
  const streamed = await run("stream", [...follow(dir.path), "--json"]);
  expect(streamed.json).toMatchObject({ late: 1, malformed: 3, duplicates: 52 });
  // The late tick makes one revision, the proofs three: two of its window, or of the outlier's.
  expect(answerHash(join(dir.path, "windows.db")).rows).toMatchObject({ window_revisions: 4, late_ticks: 1 });
  expect(existsSync(join(dir.path, "stream_csv/windows_1m.csv"))).toBe(true);
});

test("a CSV file that was cut or lost is written again from the windows", async () => {
  using dir = tempDir();
  await fillLog(dir.path, recordedLines().slice(0, 2_000));
  const flags = ["--data", dir.path, "--until-end"];
  await run("stream", flags);
  const before = csv(dir.path);
  await Bun.write(join(dir.path, "stream_csv/windows_1m.csv"), before.slice(0, 500));
  await run("stream", flags);
  expect(csv(dir.path)).toBe(before);
});
