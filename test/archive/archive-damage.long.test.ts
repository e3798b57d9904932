/** The archive reads its own directory only, and damage to one of its files is named with what to do. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  cpSync,
  existsSync,
  lstatSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { allFiles, readManifest, writeManifest } from "../../scripts/archive/manifest.ts";
import { escapedPath } from "../../scripts/archive/sql-literal.ts";
import { batch, FINGERPRINT, manifestOf, metricFolder, NO_EXTENSION, resultRows } from "../support/batch.ts";
import { sqlite, stored, tempDir } from "../support/data.ts";
import { run } from "../support/process.ts";

setDefaultTimeout(300_000);

const folder = metricFolder({ fingerprint: FINGERPRINT });
const collect = (data: string, env = {}) => batch(data, ["--sql", folder.path], env);

describe("a data directory whose name is a pattern", () => {
  const NAMES: [string, string][] = [
    ["a[bc]d", "abd"],
    ["a*", "ab"],
    ["a?c", "abc"],
    ["{a,b}", "a"],
    ["it's", "its"],
    ['a"b', "ab"],
    ["**", "x"],
    ["[!x]", "y"],
    ["a]b[", "ab"],
    ["a\\b", "ab"],
    ["日[本]", "日本"],
  ];
  test("each pair of a pattern and a matching neighbour: each archive has its own ticks only", async () => {
    using dir = tempDir();
    using template = await stored();
    sqlite(template.path, "ticks.db", "DELETE FROM ticks WHERE insert_id > 50");
    for (const [pattern, neighbour] of NAMES) {
      for (const [name, ticks] of [
        [neighbour, 30],
        [pattern, 50],
      ] as const) {
        const data = join(dir.path, "each", name);
        cpSync(template.path, data, { recursive: true });
        sqlite(data, "ticks.db", `DELETE FROM ticks WHERE insert_id > ${ticks}`);
        const env = pattern.length % 2 ? NO_EXTENSION : {};
        const { code, json, stderr } = await collect(data, env);
        expect([name, code, json.ticks_total, json.failed, stderr]).toEqual([name, 0, ticks, [], expect.any(String)]);
        expect(resultRows(data, "fingerprint")[0]).toMatchObject({ ticks, ids: ticks });
      }
      const asked = await run("query", [
        "--data",
        join(dir.path, "each", pattern),
        "--format",
        "json",
        "SELECT count(*) AS n FROM ticks",
      ]);
      expect([pattern, asked.stdout]).toEqual([pattern, '[{"n":50}]\n']);
      rmSync(join(dir.path, "each"), { recursive: true });
    }
  });

  test("a backslash beside a pattern's character is refused with a sentence, since DuckDB cannot read such a path", async () => {
    expect(() => escapedPath("/a\\[b]/x")).toThrow("DuckDB cannot read such a path");
    expect(["/a\\b/x", "/a b/{x}"].map(escapedPath)).toEqual(["/a\\b/x", "/a b/{x}"]);
  });
});

describe("a file of the archive", () => {
  const HARM: Record<string, (path: string) => void> = {
    "is missing": rmSync,
    "is a link that leads nowhere": (path) => {
      rmSync(path);
      symlinkSync("nowhere", path);
    },
    "bytes instead of": (path) => truncateSync(path, readFileSync(path).length - 7),
    "is not what was written: its checksum differs": (path) => flip(path, 40),
  };
  function flip(path: string, at: number): void {
    const bytes = readFileSync(path);
    bytes[at]! ^= 1;
    writeFileSync(path, bytes);
  }

  for (const pruned of [false, true]) {
    test(`missing, cut, a dangling link or altered, ${pruned ? "pruned" : "not pruned"}: STORE_CORRUPT with the file and a repair that works`, async () => {
      using whole = await stored();
      await collect(whole.path);
      if (pruned) await run("prune", ["--data", whole.path, "--retain", "1ms"]);
      const right = resultRows(whole.path, "fingerprint");
      for (const [said, harm] of Object.entries(HARM)) {
        for (const kind of ["ticks", "minutes", "windows", "snapshot"]) {
          if (kind !== "ticks" && said !== "is missing") continue;
          using dir = tempDir();
          cpSync(whole.path, dir.path, { recursive: true });
          const { path } = allFiles(manifestOf(dir.path)).find((file) => file.path.startsWith(kind))!;
          harm(join(dir.path, "archive", path));
          const query = await run("query", ["--data", dir.path, FINGERPRINT]);
          expect([path, query.code, query.stderr]).toEqual([path, 1, expect.stringContaining(`${path}`)]);
          expect(query.stderr).toContain("TIDEMARK_STORE_CORRUPT");
          expect(query.stderr).toContain(said);
          if (kind === "ticks" && said.startsWith("is")) {
            const doctor = await run("doctor", ["--data", dir.path, "--json"]);
            expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringContaining(said)]);
          }
          const { code, stderr } = await collect(dir.path);
          if (kind === "snapshot") expect(code).toBe(0);
          else {
            expect([path, code, stderr]).toEqual([path, 1, expect.stringContaining(`${path} `)]);
            expect(stderr).toContain("TIDEMARK_STORE_CORRUPT");
            if (kind !== "ticks") rmSync(join(dir.path, "archive", kind), { recursive: true, force: true });
            else if (!pruned) renameSync(join(dir.path, "archive"), join(dir.path, "aside"));
            else expect((await run("consume", ["--data", dir.path, "--until-end", "--rebuild"])).code).toBe(0);
            expect((await collect(dir.path)).code).toBe(0);
          }
          expect([path, said, resultRows(dir.path, "fingerprint")]).toEqual([path, said, right]);
        }
        if (pruned) break;
      }
    });
  }

  test("altered with its time kept, as a disk does: found in the day's first run, before a prune and by doctor --deep", async () => {
    using dir = await stored();
    await collect(dir.path);
    const [file] = manifestOf(dir.path).files;
    const path = join(dir.path, "archive", file!.path);
    const { atimeMs, mtimeMs } = lstatSync(path);
    writeFileSync(path, readFileSync(path), { flag: "r+" });
    flip(path, 60);
    utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
    const manifest = readManifest(join(dir.path, "archive"))!;
    // The time has a thousandth's grain here: the record gets what the file shows now.
    const { size, mtimeNs, ino } = lstatSync(path, { bigint: true });
    const seen = `${size} ${mtimeNs} ${ino}`;
    const files = [{ ...manifest.files[0]!, seen }];
    writeManifest(join(dir.path, "archive"), { ...manifest, files });
    const doctor = async (...flags: string[]) => (await run("doctor", ["--data", dir.path, ...flags])).stdout;
    expect(await doctor()).not.toContain("its checksum differs");
    expect(await doctor("--deep")).toContain("its checksum differs");
    expect((await run("prune", ["--data", dir.path, "--retain", "1ms"])).stderr).toContain("its checksum differs");
    writeManifest(join(dir.path, "archive"), { ...manifest, files, checked_day: manifest.checked_day - 1 });
    expect((await collect(dir.path)).stderr).toContain("its checksum differs");
  });

  test("minutes that don't add up to the ticks end the batch: no verdict without the ticks that metrics read", async () => {
    using dir = await stored();
    await collect(dir.path);
    const archive = join(dir.path, "archive");
    const manifest = readManifest(archive)!;
    const [file] = manifest.files;
    const price = String(BigInt(file!.sums.price) + 10_000_000_000n);
    writeManifest(archive, { ...manifest, files: [{ ...file!, sums: { ...file!.sums, price } }] });
    const { code, stderr } = await collect(dir.path);
    expect([code, stderr]).toEqual([1, expect.stringContaining("minutes adds up to 3002 ticks")]);
    expect(existsSync(join(archive, file!.path))).toBe(true);
  });
});
