/** A user's own files in folders that Tidemark writes are neither deleted nor changed. */
import { expect, test } from "bun:test";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { KINDS, MODES, NAMES, pictureOf, place, type UsersFile } from "../../scripts/drill/users-files.ts";
import { batch, metricFolder, resultRows } from "../support/batch.ts";
import { fillLog, recordedLines, STORED_TICKS, stored, tempDir } from "../support/data.ts";
import { run } from "../support/process.ts";

const lines = recordedLines();
/** Those of a batch's archive are made by the first batch below. */
const FOLDERS = [
  ".",
  "stream_csv",
  "batch_output",
  "batch_output/metrics",
  "locks",
  "replay",
  "archive",
  "archive/ticks",
  "archive/minutes",
  "archive/snapshot",
  "archive/windows",
];

/** Up to 25 of them, each name once per folder. */
const usersFiles: fc.Arbitrary<UsersFile[]> = fc.uniqueArray(
  fc.record({
    folder: fc.constantFrom(...FOLDERS),
    name: fc.constantFrom(...NAMES),
    kind: fc.constantFrom(...KINDS),
    mode: fc.constantFrom(...MODES),
    bytes: fc.uint8Array({ maxLength: 300 }),
  }),
  { minLength: 15, maxLength: 25, selector: ({ folder, name }) => join(folder, name) },
);

/**
 * All of them and all of `outside`. An archive that was put aside whole (a ticks.db created again
 * begins another one) is read where it is kept.
 */
function picture(data: string, outside: string, all: readonly UsersFile[]): Record<string, string> {
  const aside = readdirSync(data).find((name) => /^archive\.\d+\.\d+$/.test(name)) ?? "archive";
  const each = all.map(({ folder, name }) =>
    pictureOf(join(data, folder.replace(/^archive/, aside), name), join(folder, name)),
  );
  return Object.assign(pictureOf(outside, "outside"), ...each);
}

test("files, folders, links and modes of others survive every command that writes, byte for byte", async () => {
  using template = await stored();
  using sql = metricFolder({ one: "SELECT 1 AS n", gone: "SELECT 2 AS n" });
  using other = metricFolder({ two: "SELECT 2 AS n" });
  await fc.assert(
    fc.asyncProperty(usersFiles, async (foreign) => {
      using dir = tempDir();
      using outside = tempDir();
      const data = join(dir.path, "data");
      cpSync(template.path, data, { recursive: true });
      writeFileSync(join(sql.path, "gone.sql"), "SELECT 2 AS n");
      await batch(data, ["--sql", sql.path]);
      for (const [i, file] of foreign.entries()) {
        mkdirSync(join(data, file.folder), { recursive: true });
        place(data, outside.path, `target-${i}`, file);
      }
      const before = picture(data, outside.path, foreign);
      const at = ["--data", data];
      rmSync(join(sql.path, "gone.sql"));
      await fillLog(data, lines.slice(3_000, 3_100));
      // Twice the same folder, so that a second run meets what the first one left; `gone` loses its CSV.
      for (const [name, ...args] of [
        ["stream", "--until-end"],
        ["consume", "--until-end"],
        ["batch", "--sql", sql.path],
        ["batch", "--sql", other.path],
        ["prune", "--retain", "1ms"],
        ["stream", "--until-end", "--rebuild"],
        ["consume", "--until-end", "--rebuild"],
        ["batch", "--sql", sql.path],
      ] as [string, ...string[]][]) {
        const { code, stderr } = await run(name, [...at, ...args]);
        expect([name, code, stderr]).toEqual([name, 0, expect.any(String)]);
        expect({ after: name, ...picture(data, outside.path, foreign) }).toEqual({ after: name, ...before });
      }
      expect(existsSync(join(data, "batch_output/metrics/gone.csv"))).toBe(false);
    }),
    { numRuns: 2, endOnFailure: true, seed: Math.floor(Math.random() * 2 ** 31) },
  );
}, 300_000);

test("a CSV whose name is a metric's but which no batch wrote is neither replaced nor removed, and is named; nor is what links lead to", async () => {
  using data = await stored();
  using outside = tempDir();
  using sql = metricFolder({
    mine: "SELECT 1 AS n",
    linked: "SELECT 2 AS n",
    folder: "SELECT 3 AS n",
    ours: "SELECT 4 AS n",
  });
  const place = (name: string) => join(data.path, "batch_output/metrics", name);
  const shared = join(outside.path, "shared.csv");
  mkdirSync(place("folder.csv"), { recursive: true });
  writeFileSync(place("mine.csv"), "mine");
  writeFileSync(shared, "shared");
  symlinkSync(shared, place("linked.csv"));
  symlinkSync(shared, join(data.path, "batch_log.txt"));
  for (const files of [["mine", "linked", "folder"], []]) {
    const { code, stderr } = await batch(data.path, ["--sql", sql.path]);
    expect(code).toBe(0);
    for (const name of files) expect(stderr).toContain(`${name}.csv was not written by a batch and is not replaced`);
    expect([readFileSync(place("mine.csv"), "utf8"), readFileSync(shared, "utf8")]).toEqual(["mine", "shared"]);
    expect([lstatSync(place("linked.csv")).isSymbolicLink(), lstatSync(place("folder.csv")).isDirectory()]).toEqual([
      true,
      true,
    ]);
    if (files.length > 0) {
      expect(readFileSync(place("ours.csv"), "utf8")).toBe("n\n4\n");
      for (const name of ["mine", "linked", "folder", "ours"]) rmSync(join(sql.path, `${name}.sql`));
      writeFileSync(join(sql.path, "last.sql"), "SELECT 5 AS n");
    } else expect(existsSync(place("ours.csv"))).toBe(false);
  }
}, 300_000);

test("another --sql folder leaves the panels and files of the first; they go when their SQL file goes", async () => {
  using data = await stored();
  using first = metricFolder({ one: "SELECT 1 AS n", both: "SELECT 2 AS n" });
  using second = metricFolder({ two: "SELECT 3 AS n", both: "SELECT 4 AS n" });
  const csv = (name: string) => join(data.path, `batch_output/metrics/${name}.csv`);
  await batch(data.path, ["--sql", first.path]);
  await batch(data.path, ["--sql", second.path]);
  expect(["one", "two", "both"].map((name) => resultRows<object>(data.path, name))).toEqual([
    [{ n: 1 }],
    [{ n: 3 }],
    [{ n: 4 }],
  ]);
  expect(["one", "two", "both"].map((name) => readFileSync(csv(name), "utf8"))).toEqual(["n\n1\n", "n\n3\n", "n\n4\n"]);
  rmSync(join(first.path, "one.sql"));
  await batch(data.path, ["--sql", second.path]);
  expect(() => resultRows(data.path, "one")).toThrow("no result of one");
  expect([existsSync(csv("one")), existsSync(csv("two"))]).toEqual([false, true]);
}, 300_000);

test("`stream` writes its CSV neither through a link nor over a file that it did not write, also with --rebuild", async () => {
  using data = await stored();
  using outside = tempDir();
  const csv = join(data.path, "stream_csv/windows_1m.csv");
  const target = join(outside.path, "target.csv");
  const ran = (...more: string[]) => run("stream", ["--data", data.path, "--until-end", ...more]);
  writeFileSync(target, "target");
  rmSync(csv);
  symlinkSync(target, csv);
  for (const { code, stderr } of [await ran(), await ran("--rebuild")])
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^error: .*windows_1m\.csv is a link\. \[TIDEMARK_DATA_DIR\]\nMove it away/m),
    ]);
  expect(readFileSync(target, "utf8")).toBe("target");
  rmSync(csv);
  writeFileSync(csv, "my own table");
  const refused = await ran("--rebuild");
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringContaining("windows_1m.csv was not written by `stream`."),
  ]);
  expect(readFileSync(csv, "utf8")).toBe("my own table");
  rmSync(csv);
  expect((await ran("--rebuild")).code).toBe(0);
  expect(readFileSync(csv, "utf8")).toStartWith("window_start,window_end,");
}, 300_000);

test("rebuild removes the CSV files that stream wrote, and nothing else in stream_csv/", async () => {
  using data = await stored();
  const own = join(data.path, "stream_csv/notes.txt");
  writeFileSync(own, "my notes");
  expect((await run("rebuild", ["--data", data.path])).code).toBe(0);
  expect(readFileSync(own, "utf8")).toBe("my notes");
  expect(readdirSync(join(data.path, "stream_csv"))).toEqual(["notes.txt"]);
}, 300_000);

test("a folder of metrics' CSV files that is a link: what is in it stays", async () => {
  using data = await stored();
  using outside = tempDir();
  using sql = metricFolder({ one: "SELECT count(*) AS n FROM ticks", two: "SELECT 2 AS n" });
  mkdirSync(join(data.path, "batch_output"));
  symlinkSync(outside.path, join(data.path, "batch_output/metrics"));
  for (const name of ["two.csv", "three.csv", "x.tmp"]) writeFileSync(join(outside.path, name), name);
  await batch(data.path, ["--sql", sql.path]);
  rmSync(join(sql.path, "two.sql"));
  await batch(data.path, ["--sql", sql.path]);
  for (const name of ["two.csv", "three.csv", "x.tmp"])
    expect(readFileSync(join(outside.path, name), "utf8")).toBe(name);
  expect(readFileSync(join(outside.path, "one.csv"), "utf8")).toBe(`n\n${STORED_TICKS}\n`);
}, 300_000);
