/** Where `query` writes: pipes, devices, links and modes; Tidemark's own files are refused. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openDestination } from "../../scripts/metrics/destination.ts";
import { batchedBefore } from "../support/batch.ts";
import { ROOT } from "../support/data.ts";
import { run, runToEnd, startStage, until } from "../support/process.ts";

setDefaultTimeout(300_000);

const data = batchedBefore({ one: "SELECT i, md5(i::VARCHAR) AS text FROM range(9000) AS r(i)" });
const LARGE = "SELECT i, md5(i::VARCHAR) AS text FROM range(9000) AS r(i)";
const query = (...args: string[]) => run("query", ["--data", data.path, ...args]);
const at = (name: string) => join(data.out, name);
const script = (name: string) => `"${process.execPath}" "${join(ROOT, "scripts", `${name}.ts`)}" --data "${data.path}"`;
// Not sh, which has no PIPESTATUS.
const here = (text: string) => runToEnd(["bash", "-c", text], { cwd: data.out });

describe("what a process wrote arrives", () => {
  for (const format of ["csv", "json", "table"]) {
    test(`${format}: a slow pipe gets what the file gets`, async () => {
      const file = at(`whole.${format}`);
      await query("--format", format, "--output", file, LARGE);
      const piped = await here(`${script("query")} --format ${format} "${LARGE}" | (sleep 0.3; cat)`);
      expect(piped.stdout.length).toBeGreaterThan(200_000);
      expect(piped.stdout === readFileSync(file, "utf8")).toBe(true);
    });
  }

  test("batch --json, help texts and errors through a slow pipe; a reader that leaves ends quietly with 0", async () => {
    const batch = await here(`${script("batch")} --json | (sleep 0.3; cat)`);
    expect(JSON.parse(batch.stdout)).toMatchObject({ metrics: expect.anything() });
    const left = await here(`${script("query")} --format csv "${LARGE}" | head -1; echo "\${PIPESTATUS[0]}"`);
    expect([left.stdout, left.stderr]).toEqual(["i,text\n0\n", ""]);
  });

  test("an output that can't be written is an error, not silence", async () => {
    const full = await here(`${script("query")} --format csv "${LARGE}" > /dev/full`);
    expect([full.code, full.stderr]).toEqual([1, expect.stringContaining("TIDEMARK_DISK_FULL")]);
    const device = await query("--output", "/dev/full", LARGE);
    const said = "/dev/full could not be written: ENOSPC: no space left on device, write. [TIDEMARK_DISK_FULL]";
    expect([device.code, device.stderr]).toEqual([
      1,
      expect.stringContaining(`${said}\nWhat was written is not complete.`),
    ]);
  });
});

describe("--output", () => {
  const SMALL = "SELECT 1 AS a";

  test("the format is the ending's, unless --format is given; - is stdout", async () => {
    await query("--output", at("a.json"), SMALL);
    await query("--output", at("a.CSV"), SMALL);
    await query("--output", at("a.parquet"), SMALL);
    await query("--output", at("b.csv"), "--format", "json", SMALL);
    expect(readFileSync(at("a.json"), "utf8")).toBe('[{"a":1}]\n');
    expect(readFileSync(at("a.CSV"), "utf8")).toBe("a\n1\n");
    expect(readFileSync(at("a.parquet")).subarray(0, 4).toString()).toBe("PAR1");
    expect(readFileSync(at("b.csv"), "utf8")).toBe('[{"a":1}]\n');
    expect((await query("--format", "csv", "--output", "-", SMALL)).stdout).toBe("a\n1\n");
    const parquet = await here(`${script("query")} --format parquet --output - "${SMALL}" | cat`);
    expect(parquet.stdout.slice(0, 4)).toBe("PAR1");
  });

  test("a file gets all rows unless --limit cuts them, and a cut is reported", async () => {
    const rows = "SELECT i FROM range(25000) AS r(i)";
    const whole = await query("--output", at("all.csv"), rows);
    expect([whole.code, whole.stderr]).toEqual([0, expect.stringContaining("25000 rows in")]);
    expect(readFileSync(at("all.csv"), "utf8").trimEnd().split("\n").length).toBe(25_001);
    for (const name of ["cut.csv", "cut.parquet"]) {
      const cut = await query("--limit", "10", "--output", at(name), rows);
      expect(cut.stderr).toContain("cut after 10 rows");
      expect((await query("--limit", "25000", "--output", at(name), rows)).stderr).not.toContain("cut after");
    }
  });

  test("devices, FIFOs and descriptors are written to, and stay what they are", async () => {
    for (const format of ["csv", "parquet"]) {
      const device = await here(`${script("query")} --format ${format} --output /dev/stdout "${SMALL}" | cat`);
      expect(device.stdout.slice(0, 4)).toBe(format === "csv" ? "a\n1\n" : "PAR1");
      expect((await query("--format", format, "--output", "/dev/null", SMALL)).code).toBe(0);
      const fifo = await here(
        `rm -f pipe; mkfifo pipe; ${script("query")} --format ${format} --output pipe "${SMALL}" & cat pipe; wait`,
      );
      expect(fifo.stdout.slice(0, 4)).toBe(format === "csv" ? "a\n1\n" : "PAR1");
      expect(lstatSync(at("pipe")).isFIFO()).toBe(true);
    }
    expect(lstatSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  test("a link stays a link, a mode a mode, other names of a file the same file; nothing else appears", async () => {
    mkdirSync(at("kept"));
    const kept = (name: string) => at(`kept/${name}`);
    for (const name of ["target", "mode", "hard"]) writeFileSync(kept(name), "before");
    symlinkSync("target", kept("link"));
    symlinkSync("nowhere-yet", kept("dangling"));
    chmodSync(kept("mode"), 0o600);
    linkSync(kept("hard"), kept("other-name"));
    for (const name of ["link", "dangling", "mode", "hard"]) {
      expect([name, (await query("--format", "csv", "--output", kept(name), SMALL)).code]).toEqual([name, 0]);
    }
    for (const name of ["target", "nowhere-yet", "mode", "hard", "other-name"])
      expect([name, readFileSync(kept(name), "utf8")]).toEqual([name, "a\n1\n"]);
    expect([readlinkSync(kept("link")), readlinkSync(kept("dangling"))]).toEqual(["target", "nowhere-yet"]);
    expect(statSync(kept("mode")).mode & 0o777).toBe(0o600);
    expect(statSync(kept("hard")).nlink).toBe(2);
    expect(readdirSync(at("kept")).sort()).toEqual([
      "dangling",
      "hard",
      "link",
      "mode",
      "nowhere-yet",
      "other-name",
      "target",
    ]);
  });

  test("a folder is refused with a sentence; so is every file that Tidemark keeps, under every name", async () => {
    const folder = await query("--output", data.out, SMALL);
    expect([folder.code, folder.stderr]).toEqual([2, expect.stringContaining("is a folder")]);
    const files = readdirSync(data.path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    expect(files.length).toBeGreaterThan(6);
    symlinkSync(data.path, at("elsewhere"));
    const before = files.map((file) => readFileSync(file).toString("base64"));
    for (const file of [...files, join(data.path, "archive/new.csv"), join(data.path, "log.db")])
      expect(() => openDestination(file, data.out)).toThrow("is one of Tidemark's own files");
    for (const [i, file] of files.entries()) {
      linkSync(file, at(`hard-${i}.csv`));
      expect(() => openDestination(at(`hard-${i}.csv`), data.path)).toThrow("is one of Tidemark's own files");
      rmSync(at(`hard-${i}.csv`));
    }
    for (const file of [join(data.path, "ticks.db"), at("elsewhere/ticks.db")]) {
      const refused = await query("--format", "csv", "--output", file, SMALL);
      expect([file, refused.code, refused.stderr]).toEqual([
        file,
        2,
        expect.stringContaining("is one of Tidemark's own files"),
      ]);
    }
    expect(files.map((file) => readFileSync(file).toString("base64"))).toEqual(before);
    expect(existsSync(join(data.path, "archive/new.csv"))).toBe(false);
    // A file of the user's in the directory itself is the user's.
    expect((await query("--format", "csv", "--output", join(data.path, "mine.csv"), SMALL)).code).toBe(0);
    rmSync(join(data.path, "mine.csv"));
  });

  test("a query that is stopped leaves what was there, and no temporary folder", async () => {
    const file = at("stopped/answer.csv");
    mkdirSync(at("stopped"));
    writeFileSync(file, "before");
    const child = startStage("query", [
      "--data",
      data.path,
      "--output",
      file,
      "SELECT count(*) FROM range(900000000000)",
    ]);
    await until("its temporary folder", () => readdirSync(at("stopped")).length === 2);
    expect(await child.stop()).toBe(130);
    expect([readFileSync(file, "utf8"), readdirSync(at("stopped"))]).toEqual(["before", ["answer.csv"]]);
  });
});
