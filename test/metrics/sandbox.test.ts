/** The process in which metrics run: what a query does to it fails that query alone; metric files. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ERROR_CHARACTERS_MAX, LIMITED_RSS_BYTES_MAX, METRIC_FILE_BYTES_MAX } from "../../scripts/base/limits.ts";
import { runProgram } from "../../scripts/base/process.ts";
import { rssByPs } from "../../scripts/metrics/limited.ts";
import { batch, batched, metricFolder, resultRows } from "../support/batch.ts";
import { type Row, STORED_TICKS, sqlite, type stored } from "../support/data.ts";
import { KILLERS } from "../support/killers.ts";
import { childOf, run, runToEnd, startStage, until } from "../support/process.ts";

setDefaultTimeout(300_000);

let data: Awaited<ReturnType<typeof stored>>;
beforeAll(async () => {
  data = await batched({ one: "SELECT 1" });
});
afterAll(() => data[Symbol.dispose]());

const kept = (metric: string) =>
  sqlite<Row>(data.path, "results.db", `SELECT * FROM results WHERE metric = '${metric}'`)[0];

/** Words of some errors. */
const NAMED: Record<string, string> = {
  "a list of 3 billion": "It needed more than 1 GB, the limit for one query",
  "JSON 300,000 deep": "Its process ended by SIGSEGV inside DuckDB",
  "an error of 20 MB": "(cut; the whole text has 20000021 characters)",
};

describe("what a query does to its process", () => {
  test("queries that take memory or nest without end fail alone, within the limit, each with a sentence; those after them run", async () => {
    const queries = Object.values(KILLERS).flatMap((sql) => [sql, "SELECT count(*) AS ticks FROM ticks"]);
    const stdin = new Blob([JSON.stringify(queries)]);
    // Only the errors that are named below must come before the limit of time.
    const limits = Object.keys(KILLERS).flatMap((name) => [name in NAMED ? 100_000 : 5_000, 100_000]);
    const { stdout } = await runToEnd(childOf("limited", [data.path, limits.join()]), { stdin });
    const { became, peak_rss } = JSON.parse(stdout);
    const names = Object.keys(KILLERS);
    const errors = names.map((_, i) => became[2 * i]);
    expect(names.filter((_, i) => typeof errors[i] !== "string" || errors[i].length > ERROR_CHARACTERS_MAX)).toEqual(
      [],
    );
    expect(names.filter((_, i) => JSON.stringify(became[2 * i + 1]) !== `[{"ticks":${STORED_TICKS}}]`)).toEqual([]);
    for (const [name, words] of Object.entries(NAMED)) expect(errors[names.indexOf(name)]).toContain(words);
    expect(peak_rss).toBeLessThan(LIMITED_RSS_BYTES_MAX + 300_000_000);
  });

  test("a metric whose process dies fails alone: those before and after it are kept, with their CSV files", async () => {
    using folder = metricFolder({
      a: "SELECT count(*) AS ticks FROM ticks",
      b_dies: KILLERS["JSON 300,000 deep"]!,
      c: "SELECT 3 AS n",
      d_memory: KILLERS["a sort of 200 million"]!,
      e: "SELECT 5 AS n",
    });
    const { code, json } = await batch(data.path, ["--sql", folder.path]);
    expect([code, json.failed.map(({ metric }) => metric)]).toEqual([1, ["b_dies", "d_memory"]]);
    expect([
      resultRows<object>(data.path, "a"),
      resultRows<object>(data.path, "c"),
      resultRows<object>(data.path, "e"),
    ]).toEqual([[{ ticks: STORED_TICKS }], [{ n: 3 }], [{ n: 5 }]]);
    expect(await Bun.file(join(data.path, "batch_output/metrics/e.csv")).text()).toBe("n\n5\n");
    const [run] = sqlite<Row>(data.path, "results.db", "SELECT * FROM runs ORDER BY run_id DESC LIMIT 1");
    expect(run).toMatchObject({ state: "done", failed: 2, error: json.failed[0]!.error });
  });

  test("`query` ends with a sentence too", async () => {
    const said = async (sql: string) => {
      const { code, stderr } = await run("query", ["--data", data.path, "--", sql]);
      return `${code} ${stderr}`;
    };
    expect(await said("SELECT range(0, 3000000000)")).toStartWith(
      "1 error: It needed more than 1 GB, the limit for one query",
    );
    expect(await said("SELECT json_structure(repeat('[', 300000) || repeat(']', 300000))")).toStartWith(
      "1 error: Its process ended by SIGSEGV inside DuckDB",
    );
  });

  // Half a second later the process of the metrics has its archive, and waits for the metric.
  for (const [name, after_ms] of [
    ["a batch that is killed in the middle of a metric doesn't stay `running`", 500],
    ["a batch that is killed before its metrics' process is ready doesn't stay `running`", 0],
  ] as const)
    test(name, async () => {
      using folder = metricFolder({ slow: "SELECT sleep_ms(60000)" });
      const child = startStage("batch", ["--data", data.path, "--sql", folder.path]);
      const last = () => sqlite<Row>(data.path, "results.db", "SELECT * FROM runs ORDER BY run_id DESC LIMIT 1")[0]!;
      await until("the run", () => last().pid === child.pid && last().state === "running");
      await Bun.sleep(after_ms);
      await child.stop("SIGKILL");
      await until("the run's end", () => last().state === "died");
      expect(last()).toMatchObject({ pid: child.pid, ended_us: expect.any(Number) });
    });

  test("the parent's watch reads the same memory by ps, where there is no /proc", () => {
    expect(rssByPs(process.pid) / process.memoryUsage.rss()).toBeWithin(0.5, 2);
    expect(rssByPs(2 ** 30)).toBe(0);
  });
});

describe("which files are metrics", () => {
  /** name → makes the file; and what is said of it, or the row that it gives. */
  const FILES: Record<string, [make: (path: string) => void, said: string | object]> = {
    a_plain: [(path) => writeFileSync(path, "SELECT 1 AS n"), { n: 1 }],
    bom: [(path) => writeFileSync(path, "\uFEFF-- title: T\nSELECT 2 AS n"), { n: 2 }],
    broken: [(path) => symlinkSync("/nowhere/x", path), "can't be read: ENOENT"],
    crlf: [(path) => writeFileSync(path, "-- title: T\r\nSELECT 3 AS n\r\n-- end\r\n"), { n: 3 }],
    cte: [(path) => copyFileSync(field("WITH pg_dump AS (SELECT 4 AS n) SELECT * FROM PG_DUMP"), path), { n: 4 }],
    cte_recursive: [
      (path) =>
        writeFileSync(
          path,
          "WITH RECURSIVE sqlite_r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM sqlite_r WHERE n < 5) SELECT max(n) AS n FROM sqlite_r",
        ),
      { n: 5 },
    ],
    device: [(path) => symlinkSync("/dev/zero", path), "is not a regular file (a device, FIFO or socket)."],
    fifo: [(path) => void runProgram(["mkfifo", path]), "is not a regular file (a device, FIFO or socket)."],
    folder: [(path) => mkdirSync(path), "is a folder."],
    huge: [(path) => writeFileSync(path, `SELECT 1 -- ${"x".repeat(METRIC_FILE_BYTES_MAX)}`), "has 1000012 bytes"],
    latin: [(path) => writeFileSync(path, Buffer.from("SELECT 'é'", "latin1")), "is not valid UTF-8."],
    link: [(path) => symlinkSync("a_plain.sql", path), { n: 1 }],
    loop: [(path) => symlinkSync("loop.sql", path), "can't be read: ELOOP"],
    nul: [(path) => writeFileSync(path, "SELECT 1\0"), "contains a NUL character."],
    proc: [(path) => symlinkSync("/proc/kmsg", path), "proc.sql"],
    utf16: [(path) => writeFileSync(path, Buffer.from("\uFEFFSELECT 1", "utf16le")), "is not valid UTF-8."],
  };
  const field = (sql: string) => {
    const path = join(data.path, "field.sql");
    writeFileSync(path, sql);
    return path;
  };

  test("only regular files of at most 1 MB in UTF-8 are read, also by a link; all others are refused by name, and nothing waits", async () => {
    using folder = metricFolder({});
    for (const [name, [make]] of Object.entries(FILES)) make(join(folder.path, `${name}.sql`));
    const { json } = await batch(data.path, ["--sql", folder.path]);
    const errors = new Map(json.failed.map(({ metric, error }) => [metric, error]));
    for (const [name, [, said]] of Object.entries(FILES)) {
      if (typeof said === "string") {
        expect(errors.get(name)).toStartWith(join(folder.path, `${name}.sql`));
        expect(errors.get(name)).toContain(said);
        expect(kept(name)).toMatchObject({ ok: 0, error: errors.get(name)! });
      } else expect([name, resultRows<object>(data.path, name)]).toEqual([name, [said]]);
    }
  });
});
