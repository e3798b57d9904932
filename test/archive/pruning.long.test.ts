/** Prune: ticks.db loses archived rows, and no result and no duplicate changes, also after kill -9. */
import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { renameSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import schema from "../../scripts/archive/pruned.sql" with { type: "text" };
import { SEEN_BLOCK_IDS } from "../../scripts/contract/window.ts";
import { batch, FINGERPRINT, manifestOf, metricFolder, NO_EXTENSION } from "../support/batch.ts";
import {
  copyOf,
  fillLog,
  follow,
  recordedLines,
  STORED_TICKS,
  sqlite,
  stored,
  tempDir,
  troubledLines,
} from "../support/data.ts";
import { run, startStage, until } from "../support/process.ts";

setDefaultTimeout(300_000);

const ALL = ["--retain", "1ms"];
const prune = (data: string, args = ALL, env = {}) => run("prune", ["--data", data, "--json", ...args], env);
const answers = (data: string) =>
  sqlite(data, "results.db", "SELECT metric, ok, error, columns, rows FROM results ORDER BY metric");
/** A copy of `stored()` after a batch. */
const archived = () =>
  copyOf("archived", async (data) => {
    await follow(data, troubledLines(3_000));
    await batch(data, ["--metric", "coverage"]);
  });
const left = (data: string) => sqlite(data, "ticks.db", "SELECT count(*) AS n FROM ticks")[0]!.n;
const inserted = async (data: string) => (await run("consume", ["--data", data, "--until-end", "--json"])).json;

test("every metric has the same result after it, with the extension and without; the newest row stays", async () => {
  using dir = await stored();
  expect((await batch(dir.path)).json.failed).toEqual([]);
  const before = answers(dir.path);
  expect((await prune(dir.path, [])).json).toEqual({ pruned: 0 });
  expect((await prune(dir.path)).json).toEqual({ pruned: STORED_TICKS - 1 });
  expect(left(dir.path)).toBe(1);
  for (const env of [{}, NO_EXTENSION]) {
    expect((await batch(dir.path, [], env)).json).toMatchObject({ ticks_new: 0, ticks_total: STORED_TICKS });
    expect(answers(dir.path)).toEqual(before);
  }
});

test("append times of a clock that was years ahead keep nothing back", async () => {
  using dir = await archived();
  const db = new Database(join(dir.path, "ticks.db"));
  db.query("UPDATE ticks SET appended_us = appended_us + 315360000000000 WHERE insert_id BETWEEN 100 AND 200").run();
  db.close();
  expect((await prune(dir.path)).json).toEqual({ pruned: STORED_TICKS - 1 });
});

test("what is not archived yet stays", async () => {
  using dir = tempDir();
  using folder = metricFolder({ n: "SELECT count(*) AS n FROM ticks" });
  const lines = recordedLines();
  await follow(dir.path, lines.slice(0, 100), ["consume"]);
  await batch(dir.path, ["--sql", folder.path]);
  await follow(dir.path, lines.slice(100, 250), ["consume"]);
  expect((await prune(dir.path)).json).toEqual({ pruned: 100 });
  expect((await batch(dir.path, ["--sql", folder.path])).json).toMatchObject({ ticks_new: 150, ticks_total: 250 });
});

test("a duplicate of a pruned tick is refused, an id between them is not, and numbers continue", async () => {
  using dir = tempDir();
  using folder = metricFolder({ fingerprint: FINGERPRINT });
  // Every third trade is missing at first; ids are in several blocks of marks, some of them far away.
  const far = (line: string) => line.replace(/"trade_id":(\d+)/, (_, id) => `"trade_id":${Number(id) + 2 ** 40 - 300}`);
  const lines = troubledLines(600).flatMap((line) => [line, far(line)]);
  const some = lines.filter((_, i) => i % 3 !== 0);
  await follow(dir.path, some, ["consume"]);
  await batch(dir.path, ["--sql", folder.path]);
  const first = Number(left(dir.path));
  expect((await prune(dir.path)).json).toEqual({ pruned: first - 1 });
  await fillLog(dir.path, some);
  expect(await inserted(dir.path)).toMatchObject({ inserted: 0 });
  await fillLog(dir.path, lines);
  const more = await inserted(dir.path);
  const { json } = await batch(dir.path, ["--sql", folder.path]);
  expect(json).toMatchObject({ ticks_new: more.inserted, ticks_total: first + more.inserted! });
  using whole = tempDir();
  await follow(whole.path, [...some, ...some, ...lines], ["consume"]);
  await batch(whole.path, ["--sql", folder.path]);
  expect(answers(dir.path)).toEqual(answers(whole.path));
});

test("a consume that was running all the time refuses them too", async () => {
  using dir = await archived();
  await using _consume = startStage("consume", ["--data", dir.path]);
  const seen = (name: string) =>
    sqlite(dir.path, "ticks.db", `SELECT value FROM counters WHERE name = '${name}'`)[0]?.value;
  const fresh = recordedLines().slice(4_000, 4_010);
  const wait = (records: number) => until(`${records} records`, () => Number(seen("records")) >= records);
  const before = Number(seen("records"));
  await fillLog(dir.path, fresh);
  await wait(before + 10);
  expect((await prune(dir.path)).json).toEqual({ pruned: STORED_TICKS });
  await fillLog(dir.path, recordedLines().slice(0, 500));
  await wait(before + 510);
  expect(seen("unverified")).toBe(500);
  expect(left(dir.path)).toBe(10);
});

test("schedule --retain prunes after each batch", async () => {
  using dir = await stored();
  using folder = metricFolder({ n: "SELECT count(*) AS n FROM ticks" });
  const flags = ["--data", dir.path, "--every", "1h", "--sql", folder.path, "--retain", "1ms"];
  const schedule = startStage("schedule", flags);
  await until("one tick is left", () => left(dir.path) === 1);
  await schedule.stop();
  expect((await batch(dir.path, ["--sql", folder.path])).json).toMatchObject({
    ticks_new: 0,
    ticks_total: STORED_TICKS,
  });
});

describe("kill -9 of prune", () => {
  for (const point of ["prune-marked", "prune-deleted"]) {
    test(`at ${point}: nothing has happened, and the next one does it`, async () => {
      using dir = await archived();
      expect((await prune(dir.path, ALL, { TIDEMARK_DIE_AT: point })).signal).toBe("SIGKILL");
      expect(left(dir.path)).toBe(STORED_TICKS);
      expect((await prune(dir.path)).json).toEqual({ pruned: STORED_TICKS - 1 });
    });
  }
});

describe("the archive is then the only copy", () => {
  test("a file that is missing or cut: nothing is pruned", async () => {
    using fresh = await stored();
    const early = await prune(fresh.path);
    expect([early.code, early.stderr]).toEqual([1, expect.stringContaining("TIDEMARK_NO_DATA")]);
    using dir = await archived();
    const [file] = manifestOf(dir.path).files;
    const path = join(dir.path, "archive", file!.path);
    truncateSync(path, file!.bytes - 1);
    const { code, stderr } = await prune(dir.path);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`${file!.path} has ${file!.bytes - 1} bytes instead of`),
    ]);
    rmSync(path);
    expect((await prune(dir.path)).stderr).toContain(`${file!.path} is missing. [TIDEMARK_STORE_CORRUPT]`);
    expect(left(dir.path)).toBe(STORED_TICKS);
  });

  test("a file whose rows or sums are not those of ticks.db: nothing is pruned", async () => {
    const changes = [
      "UPDATE ticks SET price = '1.5' WHERE insert_id = 7",
      "UPDATE ticks SET last_size = last_size || '1' WHERE insert_id = 8",
      // Texts that parsers read as the same number.
      "UPDATE ticks SET last_size = ' ' || substr(last_size, 2) WHERE insert_id = (SELECT min(insert_id) FROM ticks WHERE last_size LIKE '0.%')",
      "UPDATE ticks SET price = price || ' ' WHERE insert_id = 8",
      "UPDATE ticks SET price = '0x' || printf('%x', price), last_size = '1' WHERE insert_id = 8",
      "UPDATE ticks SET price = price || '.0.5' WHERE insert_id = (SELECT min(insert_id) FROM ticks WHERE price NOT LIKE '%.%')",
      "UPDATE ticks SET time_us = time_us + 1 WHERE insert_id = 9",
      "DELETE FROM ticks WHERE insert_id = 10",
      "UPDATE ticks SET trade_id = trade_id + 5000000 WHERE insert_id = 11",
    ];
    for (const change of changes) {
      using dir = await archived();
      sqlite(dir.path, "ticks.db", change);
      const { code, stderr } = await prune(dir.path);
      expect([change, code, stderr]).toEqual([change, 1, expect.stringContaining("does not hold what")]);
      expect(left(dir.path)).toBe(change.startsWith("DELETE") ? STORED_TICKS - 1 : STORED_TICKS);
    }
  });

  test("without it the batch refuses to compute from what is left; consume --rebuild repairs it", async () => {
    using dir = await stored();
    using folder = metricFolder({ fingerprint: "SELECT count(*) AS n, sum(price) AS prices FROM ticks" });
    await batch(dir.path, ["--sql", folder.path]);
    const before = answers(dir.path);
    await prune(dir.path);
    renameSync(join(dir.path, "archive"), join(dir.path, "aside"));
    for (const env of [{}, NO_EXTENSION]) {
      const { code, stderr } = await batch(dir.path, ["--sql", folder.path], env);
      expect([code, stderr]).toEqual([1, expect.stringContaining("was pruned, and")]);
      expect(stderr).toContain("consume --rebuild");
    }
    expect((await run("consume", ["--data", dir.path, "--until-end", "--rebuild"])).code).toBe(0);
    rmSync(join(dir.path, "archive"), { recursive: true, force: true });
    expect((await batch(dir.path, ["--sql", folder.path])).json.ticks_total).toBe(STORED_TICKS);
    expect(answers(dir.path)).toEqual(before);
  });
});

test("the trigger that refuses pruned ids has the blocks of SEEN_BLOCK_IDS", () => {
  const divisors = [...schema.matchAll(/trade_id [/%] (\d+)/g)].map(([, divisor]) => Number(divisor));
  expect([...new Set(divisors)].sort()).toEqual([SEEN_BLOCK_IDS, 4].sort());
});

test("pruned ids far apart, and those of a full block: each is refused, and marks cost fewer than 100 bytes per id", async () => {
  using dir = await stored();
  const line = recordedLines()[0]!;
  const as = (product: string, id: number) =>
    line.replace('"BTC-USD"', `"${product}"`).replace(/"trade_id":\d+/, `"trade_id":${id}`);
  const far = Array.from({ length: 3_000 }, (_, i) => as("FAR", i * 5_000));
  const near = Array.from({ length: 200 }, (_, i) => as("NEAR", (i * 37) % 4_096));
  await follow(dir.path, [...far, ...near.slice(0, 50), as("END", 1)], ["consume"]);
  await batch(dir.path, ["--metric", "coverage"]);
  await prune(dir.path);
  await follow(dir.path, [...near, as("END", 2)], ["consume"]);
  await batch(dir.path, ["--metric", "coverage"]);
  await prune(dir.path);
  const bytes = "SELECT sum(pgsize) AS bytes FROM dbstat WHERE name IN ('pruned_few', 'pruned_ids')";
  const [size] = sqlite<{ bytes: number }>(dir.path, "ticks.db", bytes);
  expect(size!.bytes / 3_200).toBeLessThan(100);
  const before = Number(left(dir.path));
  await follow(dir.path, [...far, ...near], ["consume"]);
  expect(Number(left(dir.path))).toBe(before);
});
