/** `batch --watch` and `schedule --watch`: a changed file of the folder is in the results at once. */

import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lives } from "../../scripts/base/process.ts";
import { fillLog, recordedLines, tempDir } from "../support/data.ts";
import { run, startStage, until } from "../support/process.ts";

setDefaultTimeout(300_000);

interface Result {
  ok: number;
  stale: number;
  error: string | null;
  title: string;
  rows: string;
}

function query<T>(data: string, sql: string): T[] {
  if (!existsSync(join(data, "results.db"))) return [];
  const db = new Database(join(data, "results.db"), { readonly: true });
  try {
    return db.query<T, []>(sql).all();
  } catch {
    return []; // Its tables are being made.
  } finally {
    db.close();
  }
}

const resultOf = (data: string, name: string) =>
  query<Result>(data, `SELECT * FROM results WHERE metric = '${name}'`)[0];
const runs = (data: string) => query<{ state: string; pid: number }>(data, "SELECT * FROM runs ORDER BY run_id");

async function consumed(lines = 1_000) {
  const dir = tempDir();
  await fillLog(dir.path, recordedLines().slice(0, lines));
  const { code } = await run("consume", ["--data", dir.path, "--until-end"]);
  expect(code).toBe(0);
  return dir;
}

describe("batch --watch", () => {
  test("a new, changed, broken, fixed, renamed and removed file each is in the results by itself", async () => {
    using dir = await consumed();
    using sql = tempDir();
    const file = (name: string) => join(sql.path, `${name}.sql`);
    writeFileSync(file("count"), "-- title: First\nSELECT count(*) AS n FROM ticks");
    await using watch = startStage("batch", ["--data", dir.path, "--sql", sql.path, "--watch"]);
    await until("the first run", () => resultOf(dir.path, "count"));

    writeFileSync(file("prices"), "SELECT max(price) AS highest FROM ticks");
    expect(await until("the new file", () => resultOf(dir.path, "prices"))).toMatchObject({ ok: 1, title: "Prices" });

    writeFileSync(file("count"), "-- title: Second\nSELECT count(*) * 2 AS n FROM ticks");
    const changed = await until("the change", () => {
      const row = resultOf(dir.path, "count");
      return row?.title === "Second" && row;
    });
    expect(JSON.parse(changed.rows)).toEqual([{ n: 2_000 }]);

    writeFileSync(file("count"), "SELECT count(*) AS n\nFROM tickz");
    const broken = await until("the fault", () => {
      const row = resultOf(dir.path, "count");
      return row?.ok === 0 && row;
    });
    expect(broken.error).toContain("count.sql:2: ");
    expect(broken.error).toContain("tickz");
    expect([broken.stale, JSON.parse(broken.rows)]).toEqual([1, [{ n: 2_000 }]]);
    await until("the fault on the terminal", () => watch.said().includes("tickz"));

    // As editors save: beside it, then renamed over it.
    writeFileSync(`${file("count")}~`, "SELECT 7 AS n");
    renameSync(`${file("count")}~`, file("count"));
    await until("the fixed file", () => resultOf(dir.path, "count")?.rows === '[{"n":7}]');

    renameSync(file("prices"), file("highest"));
    await until("the new name", () => resultOf(dir.path, "highest") && !resultOf(dir.path, "prices"));
    rmSync(file("highest"));
    await until("the end of it", () => !resultOf(dir.path, "highest"));
    expect(await watch.stop()).toBe(0);
    expect(runs(dir.path).every(({ state }) => state === "done")).toBe(true);
  });

  test("each run has the flags it was started with: the metric, the engine, the form of its answer", async () => {
    using dir = await consumed(50);
    using sql = tempDir();
    for (const name of ["one", "two"]) writeFileSync(join(sql.path, `${name}.sql`), "SELECT 1 AS n");
    const flags = ["--metric", "one", "--engine", "spark", "--master", "local[7]", "--json", "--watch"];
    writeFileSync(join(sql.path, "one.sql"), "-- portable: no (it is a test)\nSELECT 1 AS n");
    await using watch = startStage("batch", ["--data", dir.path, "--sql", sql.path, ...flags]);
    await until("the run's JSON", () => watch.printed().includes('"ticks_total":50'));
    expect(watch.said()).toContain("0 metrics on Spark (local[7]), 1 on DuckDB");
    expect(resultOf(dir.path, "two")).toBeUndefined();
  });

  test("a folder that is removed and created again is still watched", async () => {
    using dir = await consumed(100);
    using sql = tempDir();
    const folder = join(sql.path, "metrics");
    const make = (text: string) => {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder);
      writeFileSync(join(folder, "one.sql"), text);
    };
    make("SELECT 1 AS n");
    await using _watch = startStage("batch", ["--data", dir.path, "--sql", folder, "--watch"]);
    await until("the first run", () => resultOf(dir.path, "one"));
    make("SELECT 2 AS n");
    await until("the second folder's", () => resultOf(dir.path, "one")?.rows === '[{"n":2}]');
    writeFileSync(join(folder, "one.sql"), "SELECT 3 AS n");
    await until("the change in it", () => resultOf(dir.path, "one")?.rows === '[{"n":3}]');
  });

  test("waits for ticks.db, and refuses to run beside a schedule of the same directory", async () => {
    using dir = tempDir();
    using sql = tempDir();
    writeFileSync(join(sql.path, "count.sql"), "SELECT count(*) AS n FROM ticks");
    await using watch = startStage("batch", ["--data", dir.path, "--sql", sql.path, "--watch"]);
    await until("its word", () => watch.said().includes("nothing is stored yet"));
    const second = await run("schedule", ["--data", dir.path, "--sql", sql.path]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`(pid ${watch.pid})`);
    await fillLog(dir.path, recordedLines().slice(0, 50));
    await run("consume", ["--data", dir.path, "--until-end"]);
    await until("the first run", () => resultOf(dir.path, "count")?.rows === '[{"n":50}]');
  });
});

describe("schedule --watch", () => {
  test("runs at a change between two due times, one run after another", async () => {
    using dir = await consumed(200);
    using sql = tempDir();
    writeFileSync(join(sql.path, "count.sql"), "SELECT 1 AS n");
    await using watch = startStage("schedule", ["--data", dir.path, "--sql", sql.path, "--every", "7d", "--watch"]);
    await until("the first run", () => resultOf(dir.path, "count"));
    for (let n = 2; n <= 4; n++) {
      writeFileSync(join(sql.path, "count.sql"), `SELECT ${n} AS n`);
      await until(`change ${n}`, () => resultOf(dir.path, "count")?.rows === `[{"n":${n}}]`);
    }
    expect(await watch.stop("SIGINT")).toBe(0);
    expect(watch.said()).not.toContain("TIDEMARK_STAGE_BUSY");
    expect(runs(dir.path).map(({ state }) => state)).toEqual(["done", "done", "done", "done"]);
  });

  test("SIGTERM in the middle of a query that would take long ends both at once, and the run is noted", async () => {
    using dir = await consumed(200);
    using sql = tempDir();
    writeFileSync(join(sql.path, "a_good.sql"), "SELECT 1 AS n");
    writeFileSync(
      join(sql.path, "long.sql"),
      "SELECT sum(a.range * b.range) AS n FROM range(1000000) a, range(1000000) b",
    );
    await using watch = startStage("schedule", ["--data", dir.path, "--sql", sql.path, "--watch"]);
    const [running] = await until("the run", () => runs(dir.path).length > 0 && runs(dir.path));
    await until("the long query", () => existsSync(join(dir.path, "archive/manifest.json")));
    await Bun.sleep(300);
    expect(await watch.stop()).toBe(0);
    expect(lives(String(running!.pid))).toBe(false);
    expect(query(dir.path, "SELECT state, error FROM runs")).toEqual([
      { state: "failed", error: "Stopped by a signal." },
    ]);
    expect(resultOf(dir.path, "a_good")).toBeUndefined();
  });

  test("killed with kill -9, its batch ends too", async () => {
    using dir = await consumed(200);
    using sql = tempDir();
    writeFileSync(
      join(sql.path, "long.sql"),
      "SELECT sum(a.range * b.range) AS n FROM range(1000000) a, range(1000000) b",
    );
    await using watch = startStage("schedule", ["--data", dir.path, "--sql", sql.path]);
    const [running] = await until("the run", () => runs(dir.path).length > 0 && runs(dir.path));
    await watch.stop("SIGKILL");
    await until("the batch's end", () => runs(dir.path)[0]?.state === "failed");
    await until("its process's end", () => !lives(String(running!.pid)));
  });
});
