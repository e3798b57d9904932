/** Collecting and compaction: each tick is archived once, also after kill -9 and without the extension. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { failedRead } from "../../scripts/archive/failed-read.ts";
import { smallFiles } from "../../scripts/archive/merge-files.ts";
import { openDataDir } from "../../scripts/base/data-dir.ts";
import { ARCHIVE_SLICE_ROWS } from "../../scripts/base/limits.ts";
import { lockStage } from "../../scripts/command/stage-lock.ts";
import { batch, FINGERPRINT, manifestOf, metricFolder, NO_EXTENSION, resultRows } from "../support/batch.ts";
import { filesBelow, follow, type Row, STORED_TICKS, sqlite, stored, tempDir, troubledLines } from "../support/data.ts";
import { run } from "../support/process.ts";

setDefaultTimeout(120_000);

/** With TIDEMARK_LONG=1 every place of every point, otherwise a few of each. */
const LONG = process.env.TIDEMARK_LONG === "1";
const MINUTES = "SELECT count(*) AS minutes, sum(trade_count) AS ticks, sum(notional) AS notional FROM minutes";
const folder = metricFolder({ fingerprint: FINGERPRINT, market_summary: MINUTES });
afterAll(() => folder[Symbol.dispose]());
/**
 * A batch of the fingerprint, and of the rollup's as the market summary, so that its file is among
 * those written.
 */
const fingerprint = (data: string, env: Record<string, string> = {}) => batch(data, ["--sql", folder.path], env);

const answers = (data: string) => [...resultRows(data, "fingerprint"), ...resultRows(data, "market_summary")];

let undisturbed: Row[] | undefined;
/** Both answers of `stored()` after one undisturbed batch. */
async function right(): Promise<Row[]> {
  if (undisturbed) return undisturbed;
  using whole = await stored();
  await fingerprint(whole.path);
  undisturbed = answers(whole.path);
  const { notional } = undisturbed[0]!;
  expect(undisturbed).toMatchObject([
    { ticks: STORED_TICKS, ids: STORED_TICKS, inserts: STORED_TICKS },
    { ticks: STORED_TICKS, notional },
  ]);
  return undisturbed;
}

const isTicks = (name: string) => name.startsWith("ticks/");

describe("collecting", () => {
  const dir = tempDir();
  const taken: number[] = [];
  let names: string[] = [];
  beforeAll(async () => {
    const lines = troubledLines(300);
    for (const part of [lines.slice(0, 100), lines.slice(100, 250), lines.slice(250)]) {
      await follow(dir.path, part);
      const { code, json } = await fingerprint(dir.path);
      taken.push(code === 0 ? json.ticks_new : Number.NaN);
    }
    names = Object.keys(filesBelow(join(dir.path, "archive")));
  });
  afterAll(() => dir[Symbol.dispose]());

  test("each run takes what came since the last one, and no tick twice", async () => {
    expect(taken).toEqual([100, 150, 52]);
    expect(resultRows(dir.path, "fingerprint")[0]).toMatchObject({ ticks: 302, ids: 302, inserts: 302 });
    const again = await fingerprint(dir.path);
    expect([again.code, again.json.ticks_new, again.json.ticks_total]).toEqual([0, 0, 302]);
    expect(Object.keys(filesBelow(join(dir.path, "archive/ticks"))).length).toBe(names.filter(isTicks).length);
  });

  test("a slice of any products and days is one file in archive/ticks, and no other file is there", () => {
    const { files } = manifestOf(dir.path);
    expect(files.map(({ rows }) => rows)).toEqual([100, 150, 52]);
    for (const { path } of files) expect(path).toMatch(/^ticks\/[0-9a-f]{8}-\d+-\d+\.parquet$/);
    expect(names.filter(isTicks)).toEqual(files.map(({ path }) => path).sort());
  });

  test("the next run but one removes an old copy of windows.db with its folder", () => {
    const folders = readdirSync(join(dir.path, "archive/snapshot"));
    expect(folders).toContain(manifestOf(dir.path).snapshot.replace("snapshot/", ""));
    expect(folders.length).toBeLessThanOrEqual(2);
  });

  test("a ticks.db that was created again, or a lost manifest, begins a new archive, and the old one is kept", async () => {
    using dir = await stored();
    await fingerprint(dir.path);
    const before = filesBelow(join(dir.path, "archive"));
    sqlite(dir.path, "ticks.db", "UPDATE settings SET value = 'another' WHERE name = 'created'");
    const { code, json, stderr } = await fingerprint(dir.path, NO_EXTENSION);
    expect([code, json.ticks_new, json.ticks_total]).toEqual([0, STORED_TICKS, STORED_TICKS]);
    expect(stderr).toContain("ticks.db was created again");
    const asides = () => readdirSync(dir.path).filter((entry) => entry.startsWith("archive."));
    const [aside, ...more] = asides();
    expect(more).toEqual([]);
    expect(filesBelow(join(dir.path, aside!))).toEqual(before);
    // The same without a manifest: a listing of archive/ticks must not have each tick twice.
    rmSync(join(dir.path, "archive/manifest.json"));
    const lost = filesBelow(join(dir.path, "archive"));
    const built = await fingerprint(dir.path);
    expect([built.code, built.json.ticks_new, built.json.ticks_total]).toEqual([0, STORED_TICKS, STORED_TICKS]);
    expect(built.stderr).toContain("archive/manifest.json is missing: the old archive is kept in");
    expect(asides().map((name) => filesBelow(join(dir.path, name)))).toEqual(expect.arrayContaining([before, lost]));
    const ticks = Object.keys(filesBelow(join(dir.path, "archive"))).filter(isTicks);
    expect(ticks).toEqual(manifestOf(dir.path).files.map(({ path }) => path));
  });

  test("more than a slice is taken in slices, each committed by itself", async () => {
    using dir = await stored();
    const many = ARCHIVE_SLICE_ROWS + 10;
    sqlite(
      dir.path,
      "ticks.db",
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${many})
       INSERT INTO ticks SELECT 1000000 + i, 'MANY-USD', i, 1693929600000000 + i, '1.5', '0.25', 'buy', NULL, NULL, 'feed', 0, 0, 0, NULL FROM n`,
    );
    const total = STORED_TICKS + many;
    // The first slice's commit; the second commit never comes.
    expect((await fingerprint(dir.path, { TIDEMARK_DIE_AT: "manifest:2" })).signal).toBe("SIGKILL");
    expect(manifestOf(dir.path).files.reduce((sum, file) => sum + file.rows, 0)).toBe(ARCHIVE_SLICE_ROWS);
    expect((await fingerprint(dir.path)).json).toMatchObject({
      ticks_new: total - ARCHIVE_SLICE_ROWS,
      ticks_total: total,
    });
    expect(resultRows(dir.path, "fingerprint")[0]).toMatchObject({ ticks: total, ids: total, inserts: total });
  });

  test("a manifest of version 2 is read; the next batch writes 3, which a program of before history refuses", async () => {
    using dir = await stored();
    await fingerprint(dir.path);
    const path = join(dir.path, "archive/manifest.json");
    const { checksum: _, ...now } = JSON.parse(readFileSync(path, "utf8"));
    expect(now.version).toBe(3);
    const old = { ...now, version: 2 };
    const checksum = new Bun.CryptoHasher("sha256").update(JSON.stringify(old)).digest("hex");
    writeFileSync(path, JSON.stringify({ ...old, checksum }));
    const asked = await run("query", ["--data", dir.path, "--format", "json", "SELECT count(*) AS n FROM ticks"]);
    expect(JSON.parse(asked.stdout)).toEqual([{ n: STORED_TICKS }]);
    const { code, json } = await fingerprint(dir.path);
    expect([code, json.ticks_new, json.ticks_total]).toEqual([0, 0, STORED_TICKS]);
    expect(JSON.parse(readFileSync(path, "utf8")).version).toBe(3);
  });

  test("a damaged manifest is a sentence that names it, and what to do", async () => {
    using dir = await stored();
    await fingerprint(dir.path);
    writeFileSync(join(dir.path, "archive/manifest.json"), '{"version":1,');
    for (const { code, stderr } of [
      await fingerprint(dir.path),
      await run("query", ["--data", dir.path, "SELECT 1"]),
    ]) {
      expect(code).toBe(1);
      expect(stderr).toContain(
        "archive/manifest.json is damaged. [TIDEMARK_STORE_CORRUPT]\nMove the archive folder away",
      );
    }
    expect(sqlite<{ state: string }>(dir.path, "results.db", "SELECT state FROM runs").at(-1)!.state).toBe("failed");
    renameSync(join(dir.path, "archive"), join(dir.path, "aside"));
    expect((await fingerprint(dir.path)).json).toMatchObject({ ticks_new: STORED_TICKS });
  });

  test.each([
    ["windows.db", {}],
    ["ticks.db", NO_EXTENSION],
  ])("a damaged %s is the sentence that its stage prints, with and without the extension: %o", async (name, env) => {
    using dir = await stored();
    for (const suffix of ["-wal", "-shm"]) rmSync(join(dir.path, name + suffix), { force: true });
    writeFileSync(join(dir.path, name), "rubbish ".repeat(1_000));
    const { code, stderr } = await fingerprint(dir.path, env);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`${name} is damaged: file is not a database. [TIDEMARK_`),
    ]);
    expect(stderr).toContain(`Move ${name} away; windows.db and ticks.db are rebuilt from the log with --rebuild.`);
    const of_sql = new Error("Parser Error: near SELECT");
    expect(await failedRead([join(dir.path, name)], of_sql)).toBe(of_sql);
  });

  test("a page that SQLite's check finds damaged is named; an error that no file explains stays as it is", async () => {
    using dir = tempDir();
    sqlite(dir.path, "a.db", "CREATE TABLE t AS SELECT 1 AS n UNION ALL SELECT 2");
    const path = join(dir.path, "a.db");
    const bytes = readFileSync(path);
    const passed_on = new Error("Failed to prepare: database disk image is malformed");
    expect(await failedRead([path, join(dir.path, "none.db")], passed_on)).toBe(passed_on);
    // The page of t claims free bytes that are a row's.
    writeFileSync(path, bytes.fill(9, bytes.length / 2 + 7, bytes.length / 2 + 8));
    const found = await failedRead([path], passed_on);
    expect(found).toMatchObject({ code: "STORE_CORRUPT" });
    expect(String(found)).toMatch(/a\.db is damaged: .*page 2/);
  });

  test("a second batch at the same time refuses with the first's pid and changes nothing", async () => {
    using dir = await stored();
    const paths = openDataDir(dir.path);
    const release = lockStage(paths, "batch");
    try {
      const { code, stderr } = await fingerprint(dir.path);
      expect(code).toBe(1);
      expect(stderr).toContain(`Another batch (pid ${process.pid}) already works on`);
      expect(existsSync(paths.results)).toBe(false);
    } finally {
      release();
    }
  });

  test("before anything is stored it is a sentence and exit 1, and no directory is created", async () => {
    using dir = tempDir();
    const data = join(dir.path, "typo");
    for (const [name, args] of [
      ["batch", []],
      ["prune", []],
      ["query", ["--fresh", "SELECT 1"]],
    ] as const) {
      const { code, stderr } = await run(name, ["--data", data, ...args]);
      expect([name, code, stderr]).toEqual([name, 1, expect.stringContaining("ticks.db yet, so there is nothing to")]);
      expect(stderr).toContain("[TIDEMARK_NO_DATA]");
    }
    expect(existsSync(data)).toBe(false);
  });
});

describe("compaction", () => {
  test("a day's many small files become few, killed in the middle or not, and no tick changes", async () => {
    using dir = await stored();
    const fresh = (env = {}) => run("query", ["--data", dir.path, "--fresh", "--format", "json", FINGERPRINT], env);
    sqlite(dir.path, "ticks.db", "CREATE TABLE rest AS SELECT * FROM ticks");
    sqlite(dir.path, "ticks.db", "DELETE FROM ticks");
    const counts: number[] = [];
    let stdout = "";
    for (let from = 0; from <= 80; from += 10) {
      const to = from === 80 ? 1e9 : from + 10;
      const more = `INSERT INTO ticks SELECT * FROM rest WHERE insert_id > ${from} AND insert_id <= ${to}`;
      sqlite(dir.path, "ticks.db", more);
      if (from === 80) {
        // Around the merges, which come after five copies of tables: of minutes' sums, then of ticks.
        for (const at of ["committed:1", "file-written:6", "file-renamed:7", "manifest:1"])
          expect([at, (await fresh({ TIDEMARK_DIE_AT: at })).signal]).toEqual([at, "SIGKILL"]);
      }
      const { code, stdout: text, stderr } = await fresh();
      expect([code, stderr]).toEqual([0, ""]);
      stdout = text;
      counts.push(manifestOf(dir.path).files.length);
    }
    expect(counts.slice(0, 8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(counts[8]).toBeLessThan(8);
    expect(JSON.parse(stdout)).toEqual((await right()).slice(0, 1));
  });

  test("merges from the smallest on, and leaves a file alone that is larger than twice all before it", () => {
    const file = (rows: number) => ({
      path: `${rows}`,
      product_id: "A",
      day: "2026-01-01",
      rows,
      bytes: rows,
      max_time_us: 0,
    });
    const merged = (...rows: number[]) => smallFiles(rows.map(file)).map((one) => one.rows);
    expect(merged(1, 1, 1, 1)).toEqual([]);
    expect(merged(1_000_000, 5, 3, 1, 1, 2, 8, 9, 4)).toEqual([1, 1, 2, 3, 4, 5, 8, 9]);
    expect(merged(1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9)).toEqual([1, 1e2]);
  });
});

describe("kill -9 of the batch", () => {
  /**
   * file-written and file-renamed: 16 files of the archive with its manifests; then, once the results
   * are committed, 2 outputs.
   */
  const POINTS = { "file-written": [1, 16, 18], "file-renamed": [4, 16, 17], manifest: [2], committed: [1, 2] };
  const OF_ARCHIVE = 16;
  for (const [point, places] of Object.entries(POINTS)) {
    test(`at ${point}: the next run is right, and the killed one is noted as died, unless its results were committed`, async () => {
      for (const n of LONG ? Array.from({ length: 40 }, (_, i) => i + 1) : places) {
        using dir = await stored();
        const killed = await fingerprint(dir.path, { TIDEMARK_DIE_AT: `${point}:${n}` });
        if (LONG && killed.signal === null) break;
        expect([point, n, killed.signal]).toEqual([point, n, "SIGKILL"]);
        const { code, stderr, json } = await fingerprint(dir.path);
        expect([code, json.ticks_total]).toEqual([0, STORED_TICKS]);
        const wasCommitted = point.startsWith("file-") && n > OF_ARCHIVE;
        expect(stderr.includes("the last run was killed")).toBe(!wasCommitted);
        expect(answers(dir.path)).toEqual(await right());
        const states = sqlite<{ state: string }>(dir.path, "results.db", "SELECT state FROM runs ORDER BY run_id");
        expect(states.map(({ state }) => state)).toEqual([wasCommitted ? "done" : "died", "done"]);
        const files = Object.keys(filesBelow(dir.path));
        expect(files.filter((name) => name.endsWith(".tmp"))).toEqual([]);
        const { files: known } = manifestOf(dir.path);
        const ticks = Object.keys(filesBelow(join(dir.path, "archive"))).filter(isTicks);
        expect(ticks).toEqual(known.map(({ path }) => path).sort());
      }
    });
  }
});
