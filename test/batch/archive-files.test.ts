/** The archive's folders: nothing of the user's is removed or replaced, no link is followed, no neighbour is read, and damage is named. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { escapedPath } from "../../scripts/batch/files.ts";
import { allFiles, emptyManifest, readManifest, writeManifest } from "../../scripts/batch/manifest.ts";
import {
  checkFolders,
  putStaged,
  removeOrphans,
  stagedFolder,
  stageFile,
  tagOf,
} from "../../scripts/batch/own-files.ts";
import { run, tempDir } from "../support/project.ts";
import {
  batch,
  FINGERPRINT,
  filesBelow,
  manifestOf,
  metricFolder,
  NO_EXTENSION,
  rowsOf,
  STORED_TICKS,
  sqlite,
  stored,
} from "./harness.ts";

setDefaultTimeout(60_000);

const folder = metricFolder({ fingerprint: FINGERPRINT });
const collect = (data: string, env = {}) => batch(data, ["--sql", folder.path], env);

describe("files of others", () => {
  const FOLDERS = [
    "",
    "ticks",
    "minutes",
    "windows",
    "late_ticks",
    "snapshot",
    "snapshot/3",
    ".writing",
    ".writing/9",
    ".writing/8-old/ticks",
    "mine",
    "ticks/product_id=A/day=2026-01-01",
  ];
  const NAMES = [
    "1-0.parquet",
    "2-1.parquet.tmp",
    "notes.txt",
    "part.parquet",
    "outages.txt",
    "manifest.json.bak",
    "0badcafe-1-0.parquet",
    "spark-report",
    "99",
    "windows.db",
    ".hidden",
    "a b",
    "[x]*?",
  ];
  const entry = fc.record({
    folder: fc.constantFrom(...FOLDERS),
    name: fc.constantFrom(...NAMES),
    kind: fc.constantFrom("file", "folder", "link to a file", "link to a folder", "dangling link"),
    mode: fc.constantFrom(0o600, 0o644, 0o400, 0o777),
  });

  /** Puts an entry there; its path and what must be found there afterwards, or null where another is already in its way. */
  function put(
    root: string,
    outside: string,
    { folder, name, kind, mode }: typeof entry extends fc.Arbitrary<infer T> ? T : never,
  ) {
    const path = join(root, folder, name);
    if (lstatSync(path, { throwIfNoEntry: false })) return null;
    try {
      mkdirSync(dirname(path), { recursive: true });
    } catch {
      return null;
    }
    if (kind === "file") writeFileSync(path, `mine ${path}`, { mode });
    else if (kind === "folder") {
      mkdirSync(path);
      writeFileSync(join(path, "1-0.parquet"), "mine");
    } else
      symlinkSync(
        kind === "dangling link" ? "nowhere" : join(outside, kind === "link to a file" ? "precious.parquet" : ""),
        path,
      );
    return path;
  }
  const state = (path: string) => {
    const found = lstatSync(path);
    if (found.isSymbolicLink()) return `link to ${readlinkSync(path)}`;
    return found.isDirectory() ? JSON.stringify(filesBelow(path)) : `${found.mode} ${readFileSync(path, "utf8")}`;
  };

  test("of random files, folders, links and modes none is removed, replaced or followed, over removals and a replaced folder", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 25 }), (all) => {
        using dir = tempDir();
        const [archive, outside] = [join(dir.path, "archive"), join(dir.path, "outside")];
        for (const path of [archive, outside]) mkdirSync(path);
        for (const name of ["precious.parquet", "1-0.parquet", `${tagOf("now")}-1-0.parquet`])
          writeFileSync(join(outside, name), "precious");
        const kept = `ticks/${tagOf("now")}-4-0.parquet`;
        const file = { path: kept, rows: 1, bytes: 4, checksum: "", seen: "" };
        const more = { first_insert_id: 1, last_insert_id: 1, max_time_us: 1, verified: true };
        const sums = { price: "1", size: "1", trade_ids: "1", times: "1" };
        const manifest = { ...emptyManifest("now", 2), sequence: 8, files: [{ ...file, ...more, sums }] };
        mkdirSync(join(archive, "ticks"));
        writeFileSync(join(archive, kept), "kept");
        writeFileSync(join(archive, `ticks/${tagOf("now")}-3-0.parquet`), "superseded");
        const before = all.flatMap((one) => {
          const path = put(archive, outside, one);
          return path === null ? [] : [{ path, was: state(path) }];
        });
        checkFolders(archive);
        removeOrphans(archive, manifest);
        const next = {
          ...manifest,
          sequence: 9,
          files: [{ ...manifest.files[0]!, path: `ticks/${tagOf("now")}-9-0.parquet` }],
        };
        stageFile(join(archive, kept), join(stagedFolder(archive, 9, "ticks"), `${tagOf("now")}-9-0.parquet`));
        writeManifest(archive, next);
        putStaged(archive, next);
        removeOrphans(archive, next);
        const isMoved = (path: string) => path.replace(/\.writing\/8-old\/(\w+)/, "$1");
        for (const { path, was } of before) {
          const now = lstatSync(path, { throwIfNoEntry: false }) ? path : isMoved(path);
          expect([path, state(now)]).toEqual([path, was]);
        }
        expect(Object.keys(filesBelow(outside)).length).toBe(3);
        expect(readManifest(archive)).toEqual(next);
        const ours = Object.keys(filesBelow(join(archive, "ticks"))).filter((name) => name.startsWith(tagOf("now")));
        expect(ours).toEqual([`${tagOf("now")}-9-0.parquet`]);
      }),
      { numRuns: 150 },
    );
  });

  test("an archive that is a link to a shared folder: the others' files there stay, and the batch works in it", async () => {
    using dir = await stored();
    using shared = tempDir();
    for (const path of [
      "ticks/1-0.parquet",
      "ticks/product_id=A/day=2026-01-01/1-0.parquet",
      "snapshot/1/outages.txt",
      "photos/a.jpg",
    ]) {
      mkdirSync(join(shared.path, dirname(path)), { recursive: true });
      writeFileSync(join(shared.path, path), "theirs");
    }
    chmodSync(join(shared.path, "photos/a.jpg"), 0o400);
    symlinkSync(shared.path, join(dir.path, "archive"));
    for (let i = 0; i < 2; i++) expect((await collect(dir.path)).json.ticks_total).toBe(STORED_TICKS);
    const theirs = Object.entries(filesBelow(shared.path)).filter(([, text]) => text === "theirs");
    expect(theirs.length).toBe(4);
    expect(lstatSync(join(dir.path, "archive")).isSymbolicLink()).toBe(true);
    const doctor = await run("doctor", ["--data", dir.path]);
    expect(doctor.stdout).toContain("not Tidemark's: ticks/1-0.parquet, ticks/product_id=A");
  });

  test("a link or a file in the place of one of the archive's folders is refused with a sentence; nothing behind it changes", async () => {
    for (const name of ["ticks", "minutes", "windows", "snapshot", ".writing"]) {
      using dir = await stored();
      using theirs = tempDir();
      writeFileSync(join(theirs.path, "1-0.parquet"), "theirs");
      mkdirSync(join(dir.path, "archive"));
      symlinkSync(theirs.path, join(dir.path, "archive", name));
      const { code, stderr } = await collect(dir.path);
      expect([name, code, stderr]).toEqual([
        name,
        1,
        expect.stringContaining("is a link; the archive needs a folder of its own"),
      ]);
      expect(filesBelow(theirs.path)).toEqual({ "1-0.parquet": "theirs" });
    }
  });

  test("a link at a temporary name is not written through", async () => {
    using dir = await stored();
    mkdirSync(join(dir.path, "archive"));
    writeFileSync(join(dir.path, "precious"), "mine");
    for (const name of ["archive/manifest.json.tmp", "archive.reading.tmp"])
      symlinkSync(join(dir.path, "precious"), join(dir.path, name));
    expect((await collect(dir.path, NO_EXTENSION)).code).toBe(0);
    expect(readFileSync(join(dir.path, "precious"), "utf8")).toBe("mine");
  });
});

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
        expect(rowsOf(data, "fingerprint")[0]).toMatchObject({ ticks, ids: ticks });
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
      const right = rowsOf(whole.path, "fingerprint");
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
          expect([path, said, rowsOf(dir.path, "fingerprint")]).toEqual([path, said, right]);
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
