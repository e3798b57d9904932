/** Files removed, or without space, while in use: CSV files come again, a stage ends with an error. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeAtomically } from "../../scripts/base/atomic-file.ts";
import { metricFolder } from "../support/batch.ts";
import { fillLog, ROOT, type Row, recordedLines, sqlite, stored, tempDir } from "../support/data.ts";
import { run, shell, startStage, until } from "../support/process.ts";
import { namespace } from "../support/small-disk.ts";

const lines = recordedLines();

const staying = (name: string, data: string, ...more: string[]) => startStage(name, ["--data", data, ...more]);

test("a CSV file of the stream that is removed or replaced comes again within seconds, whole, without a restart", async () => {
  using dir = tempDir();
  await fillLog(dir.path, lines.slice(0, 3_000));
  const csv = join(dir.path, "stream_csv/windows_1m.csv");
  await using stream = staying("stream", dir.path);
  const whole = () => existsSync(csv) && readFileSync(csv, "utf8").split("\n").length > 10 && readFileSync(csv, "utf8");
  const before = await until("the CSV", whole);
  rmSync(csv);
  await until("the CSV again", () => whole() === before);
  renameSync(csv, `${csv}.moved`);
  writeFileSync(csv, "");
  await until("the CSV once more", () => whole() === before);
  expect(stream.isRunning()).toBe(true);
  expect([await stream.stop(), readFileSync(`${csv}.moved`, "utf8")]).toEqual([0, before]);
}, 300_000);

test("a stage whose store is removed or replaced ends with a sentence; the next start builds it again", async () => {
  for (const [stage, file] of [
    ["stream", "windows.db"],
    ["consume", "ticks.db"],
    ["consume", "ticks.db-wal"],
  ] as const) {
    using dir = tempDir();
    await fillLog(dir.path, lines.slice(0, 500));
    await using child = staying(stage, dir.path);
    const path = join(dir.path, file);
    await until("the store", () => existsSync(path) && existsSync(`${path.replace("-wal", "")}-shm`));
    const first = (sql: string) => sqlite(dir.path, file.replace("-wal", ""), sql)[0];
    // The file is there before its tables are.
    await until("its tables", () => first("SELECT 1 FROM sqlite_master WHERE name = 'counters'"));
    await until("its first commit", () => first("SELECT 1 FROM counters WHERE name = 'records'"));
    rmSync(path);
    expect(await child.ended).toBe(1);
    expect(child.said()).toContain(`error: ${path} was removed or replaced while it was in use. [TIDEMARK_DATA_DIR]`);
    expect((await run(stage, ["--data", dir.path, "--until-end"])).code).toBe(0);
  }
}, 300_000);

test.skipIf(namespace === undefined)(
  `a disk that is full in a batch: DISK_FULL, and the run is noted as failed with that error${namespace ? "" : " (skipped: may not mount a small disk here)"}`,
  async () => {
    using data = await stored();
    using disk = tempDir();
    using sql = metricFolder(
      Object.fromEntries(["a", "b", "c"].map((name) => [name, "SELECT repeat('x', 1000) FROM range(8000)"])),
    );
    const command = `"${process.execPath}" "${join(ROOT, "scripts/batch.ts")}" --data "${disk.path}/data" --sql "${sql.path}"`;
    // Once in the results, once in the archive: a new directory with less room than its first files need.
    for (const room of ["12m", "8m"]) {
      const inside = `mount -t tmpfs -o size=${room} tmpfs "${disk.path}" && cp -r "${data.path}" "${disk.path}/data" &&
        { ${room === "8m" ? `head -c 100m /dev/zero > "${disk.path}/ballast"; rm -f "${disk.path}/ballast2"; truncate -s -400k "${disk.path}/ballast";` : ""} ${command}; echo "status $?"; rm -f "${disk.path}/ballast"; cp "${disk.path}/data/results.db"* "${data.path}"; }`;
      const child = await shell(inside, {}, namespace);
      expect([room, child.stdout]).toEqual([room, "status 1\n"]);
      expect(child.stderr).toContain("[TIDEMARK_DISK_FULL]");
      const [last] = sqlite<Row>(data.path, "results.db", "SELECT * FROM runs ORDER BY run_id DESC LIMIT 1");
      expect(last).toMatchObject({ state: "failed", error: expect.stringMatching(/^No space is left for /) });
      rmSync(join(data.path, "results.db"));
    }
  },
  300_000,
);

test("a status file is never written through a link", () => {
  using dir = tempDir();
  const target = join(dir.path, "target");
  writeFileSync(target, "mine");
  symlinkSync(target, join(dir.path, "feed.json.tmp"));
  writeAtomically(join(dir.path, "feed.json"), "{}", { isDurable: false });
  expect(readFileSync(target, "utf8")).toBe("mine");
  expect(readFileSync(join(dir.path, "feed.json"), "utf8")).toBe("{}");
});

test("a status file does not create a data directory that was removed", () => {
  using dir = tempDir();
  const data = join(dir.path, "data");
  const write = () => writeAtomically(join(data, "feed.json"), "{}", { isDurable: false });
  expect(write).toThrow("ENOENT");
  expect(existsSync(data)).toBe(false);
});

test("a status that can't be written is reported once, not once a second, and the producer continues", async () => {
  using dir = tempDir();
  // A folder in its place fails each write, as a full disk does.
  mkdirSync(join(dir.path, "feed.json.tmp"));
  await using produce = staying("produce", dir.path, "--feed", "ws://127.0.0.1:9");
  const reports = () => produce.said().split("feed.json can't be written").length - 1;
  await until("the report", () => reports() > 0);
  // Long enough for two more writes.
  await Bun.sleep(2_500);
  expect(produce.isRunning()).toBe(true);
  await produce.stop();
  expect(reports()).toBe(1);
}, 300_000);
