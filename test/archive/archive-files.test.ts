/** The archive's folders: nothing of the user's is removed or replaced, and no link is followed. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { emptyManifest, readManifest, writeManifest } from "../../scripts/archive/manifest.ts";
import {
  checkFolders,
  putStaged,
  removeOrphans,
  stagedFolder,
  stageFile,
  tagOf,
} from "../../scripts/archive/own-files.ts";
import { batch, FINGERPRINT, metricFolder, NO_EXTENSION } from "../support/batch.ts";
import { filesBelow, STORED_TICKS, stored, tempDir } from "../support/data.ts";
import { run } from "../support/process.ts";

setDefaultTimeout(120_000);

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

  /**
   * Puts an entry there; its path and what must be found there afterwards, or null where another is
   * already in its way.
   */
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
