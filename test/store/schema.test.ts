/** Schema versions: older files are migrated with a copy, newer ones refused (docs/faults.md 42). */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { openDataDir } from "../../scripts/base/data-dir.ts";
import { QUICK_CHECK_BYTES_MAX, RULES_VERSION } from "../../scripts/base/limits.ts";
import { openDatabase } from "../../scripts/base/sqlite.ts";
import { openEmbedded } from "../../scripts/log/embedded/embedded-log.ts";
import { Results } from "../../scripts/metrics/results-db.ts";
import { answerHash } from "../../scripts/store/answer-hash.ts";
import { TickStore } from "../../scripts/store/tick-store.ts";
import { WindowStore } from "../../scripts/store/window-store.ts";
import { fillLog, quiet, ROOT, recordedLines, rowsOf, tempDir } from "../support/data.ts";
import { childOf, run, runToEnd, shell } from "../support/process.ts";

const FIXTURES = join(ROOT, "test/fixtures");
const VERSIONS = readdirSync(FIXTURES);

/** Opens each file the way its stage does, and closes it. */
const OPEN: Record<string, (data: string) => unknown> = {
  "log.db": (data) => openEmbedded(openDataDir(data), { role: "writer", logger: quiet }).close(),
  "ticks.db": (data) => new TickStore(join(data, "ticks.db")).close(),
  "windows.db": (data) => new WindowStore(join(data, "windows.db")).close(),
  "results.db": (data) => new Results(join(data, "results.db")).close(),
};

/** A data directory as a version left it. */
function released(version: string, data: string): void {
  mkdirSync(data, { recursive: true });
  for (const name of readdirSync(join(FIXTURES, version))) {
    writeFileSync(join(data, name.replace(".gz", "")), gunzipSync(readFileSync(join(FIXTURES, version, name))));
  }
}

/** A definition without comments and layout: SQLite keeps both as they were when a file was created. */
const plain = (sql: string) =>
  sql
    .replace(/--.*/g, "")
    .replace(/\s+/g, " ")
    .replace(/ ?([(),]) ?/g, "$1");
const schemaOf = (data: string, file: string) =>
  rowsOf<{ name: string; sql: string }>(
    data,
    file,
    "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name",
  ).map(({ name, sql }) => [name, plain(sql)]);
const versionOf = (path: string) => {
  const db = new Database(path, { readonly: true });
  const { user_version } = db.query<{ user_version: number }, []>("PRAGMA user_version").get()!;
  db.close();
  return user_version;
};

test("schemas are compared without comments and layout, and by all else", () => {
  const table = "CREATE TABLE t (a TEXT NOT NULL, b INTEGER DEFAULT 0, PRIMARY KEY (a)) STRICT";
  expect(
    plain(
      "CREATE TABLE t (  -- a table's comment\n  a TEXT NOT NULL,\n  b INTEGER DEFAULT 0,\n  PRIMARY KEY (a)\n) STRICT",
    ),
  ).toBe(plain(table));
  for (const [part, other] of [
    ["a TEXT NOT NULL", "a TEXT"],
    ["a TEXT", "a BLOB"],
    ["DEFAULT 0", "DEFAULT 1"],
    [", b INTEGER DEFAULT 0", ""],
    ["KEY (a)", "KEY (a, b)"],
    [" STRICT", ""],
  ] as const)
    expect(plain(table.replace(part, other))).not.toBe(plain(table));
});

for (const version of VERSIONS) {
  for (const file of Object.keys(OPEN)) {
    test(`${file} of ${version} opens, and has this version's schema then`, () => {
      using old = tempDir();
      using fresh = tempDir();
      released(version, old.path);
      for (const data of [old.path, fresh.path]) OPEN[file]!(data);
      expect(schemaOf(old.path, file)).toEqual(schemaOf(fresh.path, file));
      expect(versionOf(join(old.path, file))).toBe(versionOf(join(fresh.path, file)));
    });
  }

  test(`a data directory of ${version} continues: the same windows and ticks as rebuilt from its log`, async () => {
    using dir = tempDir();
    released(version, dir.path);
    await fillLog(dir.path, recordedLines().slice(-200));
    const args = ["--data", dir.path, "--until-end"];
    const answer = async () => {
      const ran = await Promise.all(["stream", "consume"].map((name) => run(name, [...args, ...rebuild])));
      expect(ran.map(({ code, stderr }) => (code === 0 ? "" : stderr))).toEqual(["", ""]);
      return [answerHash(join(dir.path, "windows.db")), rowsOf(dir.path, "ticks.db", "SELECT * FROM ticks")];
    };
    let rebuild: string[] = [];
    const gone = await answer();
    rebuild = ["--rebuild"];
    expect(gone).toEqual(await answer());
    expect(gone[0]).toMatchObject({ rows: { late_ticks: 1, window_revisions: 1 } });
  }, 120_000);
}

test("a store beside it that can't be read while its stage creates it again is waited for", async () => {
  using dir = tempDir();
  mkdirSync(join(dir.path, "windows.db"));
  const gone = shell(`sleep 0.2; rmdir "${dir.path}/windows.db"`);
  const store = new TickStore(join(dir.path, "ticks.db"));
  expect(store.rules).toBe(RULES_VERSION);
  store.close();
  await gone;
});

test("a file of a newer Tidemark is refused with a sentence, and not touched", async () => {
  using dir = tempDir();
  released(VERSIONS[0]!, dir.path);
  for (const file of Object.keys(OPEN)) {
    const path = join(dir.path, file);
    const db = new Database(path);
    db.exec("PRAGMA user_version = 99");
    db.close();
    const before = readFileSync(path);
    expect(() => OPEN[file]!(dir.path)).toThrow(
      new RegExp(`${file} was written by a newer Tidemark \\(schema 99, this one knows \\d\\)`),
    );
    expect(readFileSync(path).equals(before)).toBe(true);
  }
  const ran = await run("stream", ["--data", dir.path, "--until-end"]);
  expect(ran.code).toBe(1);
  expect(ran.stderr).toMatch(/^error: .*newer Tidemark.* \[TIDEMARK_SCHEMA_NEWER\]$/m);
}, 120_000);

/** A file of version 1 with a row that is only in its WAL, because its writer has it open. */
function oldFile(path: string): Database {
  const db = openDatabase(path, { create: "CREATE TABLE t (a INTEGER)", version: 1 }, "NORMAL");
  db.exec("INSERT INTO t VALUES (1)");
  db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  db.exec("INSERT INTO t VALUES (2)");
  return db;
}

const V3 = { create: "CREATE TABLE t (a INTEGER, b TEXT, c TEXT)", version: 3 };

test("an older file is migrated step by step, after a copy of all that it held", () => {
  using dir = tempDir();
  const path = join(dir.path, "x.db");
  const writer = oldFile(path);
  const migrations = { 1: "ALTER TABLE t ADD COLUMN b TEXT", 2: "ALTER TABLE t ADD COLUMN c TEXT DEFAULT 'new'" };
  openDatabase(path, { ...V3, migrations }, "NORMAL").close();
  writer.close();
  expect(versionOf(path)).toBe(3);
  expect(rowsOf(dir.path, "x.db", "SELECT * FROM t")).toEqual([
    { a: 1, b: null, c: "new" },
    { a: 2, b: null, c: "new" },
  ]);
  expect(versionOf(`${path}.v1.bak`)).toBe(1);
  expect(rowsOf(dir.path, "x.db.v1.bak", "SELECT * FROM t")).toEqual([{ a: 1 }, { a: 2 }]);
});

test("a migration that fails leaves the file as it was", () => {
  using dir = tempDir();
  const path = join(dir.path, "x.db");
  oldFile(path).close();
  const migrations = { 1: "ALTER TABLE t ADD COLUMN b TEXT", 2: "ALTER TABLE missing ADD COLUMN c TEXT" };
  expect(() => openDatabase(path, { ...V3, migrations }, "NORMAL")).toThrow("no such table: missing");
  expect(() => openDatabase(path, { ...V3, migrations: {} }, "NORMAL")).toThrow("no Tidemark ever wrote its schema 1");
  expect(versionOf(path)).toBe(1);
  expect(rowsOf(dir.path, "x.db", "SELECT * FROM t")).toEqual([{ a: 1 }, { a: 2 }]);
});

test("a file that can't be written, or is not a database, is named in a sentence", () => {
  using dir = tempDir();
  const schema = { create: "CREATE TABLE t (a INTEGER)", version: 1 };
  const path = join(dir.path, "text.db");
  writeFileSync(
    path,
    "This is a text and not a database, long enough to be read as the header of one, which it is not.",
  );
  expect(() => openDatabase(path, schema, "NORMAL")).toThrow(`${path} is damaged: file is not a database.`);
  expect(() => openDatabase(join(dir.path, "none/x.db"), schema, "NORMAL")).toThrow(/x\.db can't be read or written/);
  expect(existsSync(join(dir.path, "none"))).toBe(false);
  copyFileSync(path, join(dir.path, "copy"));
});

test("a large file's vital tables are read when it is opened, all of it by doctor --deep", async () => {
  using dir = tempDir();
  const path = openDataDir(dir.path).ticks;
  const schema = { create: "CREATE TABLE settings (name TEXT); CREATE TABLE big (bytes BLOB)", version: 1 };
  const db = openDatabase(path, schema, "NORMAL");
  db.exec("INSERT INTO settings VALUES ('created')");
  db.query("INSERT INTO big VALUES (zeroblob(?))").run(QUICK_CHECK_BYTES_MAX);
  const pages = db.query<{ name: string; rootpage: number }, []>("SELECT name, rootpage FROM sqlite_master").all();
  db.close();
  // The b-tree header of a table's first page.
  const spoil = (table: string, byte: number) => {
    const file = openSync(path, "r+");
    writeSync(file, new Uint8Array([byte]), 0, 1, (pages.find(({ name }) => name === table)!.rootpage - 1) * 4_096);
    closeSync(file);
  };
  const deep = async () => (await run("doctor", ["--data", dir.path, "--deep"])).stdout;
  expect(await deep()).toContain("every page is valid");
  spoil("big", 0xff);
  openDatabase(path, schema, "NORMAL").close();
  expect(await deep()).toContain("TIDEMARK_STORE_CORRUPT");
  spoil("settings", 0xff);
  expect(() => openDatabase(path, schema, "NORMAL")).toThrow(/ticks\.db is damaged/);
}, 120_000);

test("processes that create a file at the same moment all open it", async () => {
  for (let round = 0; round < 4; round++) {
    using dir = tempDir();
    const at_ms = Date.now() + 400;
    const ends = await Promise.all(
      Array.from({ length: 6 }, () => runToEnd(childOf("open-at", [dir.path, String(at_ms)]))),
    );
    expect(ends.map(({ code, stderr }) => [code, stderr])).toEqual(ends.map(() => [0, ""]));
  }
}, 120_000);
