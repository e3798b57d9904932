/**
 * Faults of the embedded log and the stores: full disk, flipped bytes, lost ends (docs/faults.md 14,
 * 21, 22, 25).
 */
import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { copyFileSync, cpSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDataDir } from "../../scripts/base/data-dir.ts";
import { TidemarkError } from "../../scripts/base/errors.ts";
import { openLog } from "../../scripts/log/open.ts";
import { answerHash } from "../../scripts/store/answer-hash.ts";
import { fillLog, pageBytesOf, quiet, ROOT, recordedLines, rowsOf, tempDir } from "../support/data.ts";
import { unpack } from "../support/log-records.ts";
import { childOf, killStages, run, shell, startStage, until } from "../support/process.ts";
import { namespace } from "../support/small-disk.ts";

const lines = recordedLines();
const LOG_SHORTER = /^error: .* \[TIDEMARK_LOG_SHORTER_THAN_CHECKPOINT\]$/m;
const args = (data: string, ...more: string[]) => ["--data", data, "--until-end", ...more];
const hashOf = (data: string) => answerHash(join(data, "windows.db")).hash;
const ticksOf = (data: string) => JSON.stringify(rowsOf(data, "ticks.db", "SELECT * FROM ticks ORDER BY trade_id"));
afterEach(killStages);

/** A log of `messages`, in blocks of `batch`, that both stages have read. */
async function readLog(data: string, messages: string[], batch: number): Promise<void> {
  await fillLog(data, messages, { batch });
  const ran = await Promise.all([run("stream", args(data)), run("consume", args(data))]);
  expect(ran.map(({ code }) => code)).toEqual([0, 0]);
}

test.skipIf(namespace === undefined)(
  `disk full: an append is refused as a whole, a stage waits and logs why, and both continue once there is room${namespace ? "" : " (skipped: may not mount a small disk here)"}`,
  async () => {
    using calm = tempDir();
    await fillLog(calm.path, lines);
    await run("stream", args(calm.path));
    using dir = tempDir();
    const inside = `mount -t tmpfs -o size=16m tmpfs "${dir.path}" && exec "${childOf("disk-full", [dir.path]).join('" "')}"`;
    const child = await shell(inside, {}, namespace);
    if (child.code !== 0) throw new Error(child.stderr);
    const result = JSON.parse(child.stdout);
    expect(result.refusals).toEqual(Array.from({ length: 3 }, () => expect.stringMatching(/^DISK_FULL after \d+$/)));
    expect(result).toMatchObject({ intact: true, ended: 0, hash: hashOf(calm.path) });
    expect(result.read_only).toEqual([
      1,
      expect.stringMatching(/^error: The data directory .* can't be written: .*EROFS.*/),
    ]);
    expect(result.said).toMatch(/No space is left for .*windows\.db\. Retrying until it works/);
  },
  300_000,
);

test("a write that fails (here by a limit on the size of files) ends the stage with the file's name, and the next start continues", async () => {
  using dir = tempDir();
  await fillLog(dir.path, lines.slice(0, 3_000));
  const stream = `"${process.execPath}" "${join(ROOT, "scripts/stream.ts")}" --data "${dir.path}" --until-end --poll-records 100`;
  const limited = await shell(`ulimit -f 300; exec ${stream}`);
  expect(limited.code).toBe(1);
  expect(limited.stderr).toMatch(/^error: .*windows\.db can't be read or written: .* \[TIDEMARK_DATA_DIR\]$/m);
  expect((await run("stream", args(dir.path))).code).toBe(0);
  using calm = tempDir();
  await readLog(calm.path, lines.slice(0, 3_000), 500);
  expect(hashOf(dir.path)).toBe(hashOf(calm.path));
}, 300_000);

/** Every record of a log file, or the code of the error. */
async function readAll(data: string, count: number): Promise<string[] | string> {
  try {
    const log = await openLog("embedded:", openDataDir(data), { role: "reader", logger: quiet });
    try {
      const reader = await log.reader({ group: "check", position: () => 0 });
      const got = [];
      for (let quietPolls = 0; got.length < count && quietPolls < 2; ) {
        const some = unpack(await reader.poll({ records_max: 20_000, timeout_ms: 1 }));
        got.push(...some.map((record) => record.text));
        if (some.length === 0) quietPolls++;
      }
      await reader.close();
      return got;
    } finally {
      await log.close();
    }
  } catch (error) {
    if (error instanceof TidemarkError) return error.code;
    throw error;
  }
}

test("a flipped byte anywhere in log.db is never read as something else: the records are intact, or the log is refused", async () => {
  using dir = tempDir();
  const some = lines.slice(0, 1_500);
  await fillLog(dir.path, some, { batch: 20 });
  const path = join(dir.path, "log.db");
  const intact = readFileSync(path);
  expect(await readAll(dir.path, some.length)).toEqual(some);
  let seed = 20260801;
  const outcomes = { whole: 0, refused: 0 };
  for (let i = 0; i < 300; i++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    const at = seed % intact.length;
    const bytes = Buffer.from(intact);
    bytes[at]! ^= 1 << (i % 8);
    for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true });
    writeFileSync(path, bytes);
    const got = await readAll(dir.path, some.length);
    if (typeof got === "string") outcomes.refused++;
    else if (got.length === some.length && got.every((text, j) => text === some[j])) outcomes.whole++;
    else throw new Error(`byte ${at} flipped: ${got.length} records were read without an error`);
  }
  expect(outcomes.refused).toBeGreaterThan(200);
  expect(outcomes.whole + outcomes.refused).toBe(300);
}, 300_000);

test("a stage stops at a damaged block with a sentence, keeps the records before it, and continues when the file is restored", async () => {
  using dir = tempDir();
  await fillLog(dir.path, lines.slice(0, 3_000), { batch: 100 });
  const path = join(dir.path, "log.db");
  copyFileSync(path, `${path}.intact`);
  const bytes = readFileSync(path);
  bytes[bytes.indexOf('"trade_id":2050,')]! ^= 1;
  writeFileSync(path, bytes);
  const stopped = await run("stream", args(dir.path, "--poll-records", "100"));
  expect(stopped.code).toBe(1);
  expect(stopped.stderr).toMatch(/log\.db is damaged: the block at offset 2000 of partition 0 fails its checksum/);
  expect(rowsOf(dir.path, "windows.db", "SELECT next_offset FROM offsets")).toEqual([{ next_offset: 2_000 }]);
  copyFileSync(`${path}.intact`, path);
  expect((await run("stream", args(dir.path))).code).toBe(0);
  using calm = tempDir();
  await readLog(calm.path, lines.slice(0, 3_000), 500);
  expect(hashOf(dir.path)).toBe(hashOf(calm.path));
}, 300_000);

test("a damaged store is refused with a sentence, and --rebuild restores the same answer from the log", async () => {
  using dir = tempDir();
  await readLog(dir.path, lines.slice(0, 3_000), 500);
  const [hash, ticks] = [hashOf(dir.path), ticksOf(dir.path)];
  for (const [name, file] of [
    ["stream", "windows.db"],
    ["consume", "ticks.db"],
  ] as const) {
    const path = join(dir.path, file);
    const bytes = readFileSync(path);
    // The second half of every page but the first.
    const page = pageBytesOf(bytes);
    for (let at = page; at < bytes.length; at += page) bytes.fill(0x5a, at + page / 2, at + page);
    writeFileSync(path, bytes);
    const refused = await run(name, args(dir.path));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(new RegExp(`^error: .*${file} is damaged: .*\\[TIDEMARK_STORE_CORRUPT\\]$`, "m"));
    expect((await run(name, args(dir.path, "--rebuild"))).code).toBe(0);
  }
  expect(hashOf(dir.path)).toBe(hash);
  expect(ticksOf(dir.path)).toBe(ticks);
}, 300_000);

test("a changed digit that no check of SQLite can see is shown by the reconciliation as unexplained", async () => {
  using dir = tempDir();
  await readLog(dir.path, lines.slice(0, 3_000), 500);
  const db = new Database(join(dir.path, "windows.db"));
  db.exec("UPDATE windows SET price_sum = replace(price_sum, '7', '8') WHERE final = 1 AND price_sum LIKE '%7%'");
  db.close();
  const batch = await run("batch", ["--data", dir.path, "--json"]);
  expect(
    (batch.json as unknown as { reconciliation: { unexplained: number } }).reconciliation.unexplained,
  ).toBeGreaterThan(0);
}, 300_000);

test("a log that lost its end (power, a copy of yesterday) is refused, also if it has grown past the old end since", async () => {
  using dir = tempDir();
  await fillLog(dir.path, lines.slice(0, 500));
  const yesterday = `${dir.path}/yesterday.db`;
  copyFileSync(join(dir.path, "log.db"), yesterday);
  await readLog(dir.path, lines.slice(500, 1_000), 500);
  copyFileSync(yesterday, join(dir.path, "log.db"));
  for (const [name, sentence] of [
    ["stream", /ends at offset 500, but tidemark-stream-\w+ has already read up to 1000/],
    ["consume", /ends at offset 500, but tidemark-consume-\w+ has already read up to 1000/],
  ] as const) {
    const shorter = await run(name, args(dir.path));
    expect(shorter.code).toBe(1);
    expect(shorter.stderr).toMatch(sentence);
    expect(shorter.stderr).toMatch(LOG_SHORTER);
  }
  await fillLog(dir.path, lines.slice(1_000, 3_000), { batch: 100 });
  for (const name of ["stream", "consume"]) {
    const regrown = await run(name, args(dir.path));
    expect(regrown.code).toBe(1);
    expect(regrown.stderr).toMatch(/is not the log that tidemark-\w+-\w+ has read up to offset 1000/);
  }
}, 300_000);

test("a truncated WAL or a lost -shm after kill -9 loses nothing: the store continues from its last whole commit", async () => {
  using dir = tempDir();
  await fillLog(dir.path, lines.slice(0, 3_000));
  const killed = await run("stream", args(dir.path, "--poll-records", "100"), {
    TIDEMARK_DIE_AT: "stream-committed:20",
  });
  expect(killed.signal).toBe("SIGKILL");
  const wal = join(dir.path, "windows.db-wal");
  using base = tempDir();
  cpSync(dir.path, base.path, { recursive: true });
  using calm = tempDir();
  await readLog(calm.path, lines.slice(0, 3_000), 500);
  for (const share of [0, 0.3, 0.7, 1]) {
    for (const suffix of ["", "-wal", "-shm"]) {
      rmSync(join(dir.path, `windows.db${suffix}`), { force: true });
      if (suffix !== "-shm")
        copyFileSync(join(base.path, `windows.db${suffix}`), join(dir.path, `windows.db${suffix}`));
    }
    truncateSync(wal, Math.floor(readFileSync(wal).length * share));
    expect((await run("stream", args(dir.path))).code).toBe(0);
    expect(hashOf(dir.path)).toBe(hashOf(calm.path));
  }
}, 300_000);

test("a log.db that is deleted or replaced under its writer and readers stops them, instead of swallowing records", async () => {
  using dir = tempDir();
  await fillLog(dir.path, lines.slice(0, 100));
  const log = await openLog("embedded:", openDataDir(dir.path), { role: "writer", logger: quiet });
  const stage = startStage("stream", ["--data", dir.path]);
  await until(
    "it has read",
    () => rowsOf(dir.path, "windows.db", "SELECT 1 FROM offsets WHERE next_offset = 100").length === 1,
  );
  for (const suffix of ["", "-wal", "-shm"]) rmSync(join(dir.path, `log.db${suffix}`), { force: true });
  await fillLog(dir.path, lines.slice(0, 200));
  const append = log.append([{ key: "BTC-USD", value: new TextEncoder().encode(lines[100]!) }]);
  expect(
    await append.then(
      () => "taken",
      (error) => error.message,
    ),
  ).toContain("was removed or replaced while it was in use");
  await log.close();
  expect(await stage.ended).toBe(1);
  expect(stage.said()).toContain("was removed or replaced while it was in use");
  const again = await run("stream", args(dir.path));
  expect([again.code, existsSync(join(dir.path, "windows.db"))]).toEqual([1, true]);
  expect(again.stderr).toMatch(/is not the log that tidemark-stream-\w+ has read up to offset 100/);
}, 300_000);

test("SIGTERM under full load: each stage ends within 5 s with status 0, and the next run continues as if nothing had happened", async () => {
  using dir = tempDir();
  const many = ["A", "B", "C", "D"].flatMap((name) => lines.map((line) => line.replace("BTC-USD", `${name}-USD`)));
  await fillLog(dir.path, many);
  // Small commits, so that the work lasts.
  const slow = ["--data", dir.path, "--poll-records", "10"];
  const stages = ["stream", "consume"].map((name) => startStage(name, slow));
  await until("both are at work", () =>
    ["windows.db", "ticks.db"].every(
      (file) => rowsOf(dir.path, file, "SELECT 1 FROM offsets WHERE next_offset > 0").length > 0,
    ),
  );
  const start = performance.now();
  for (const stage of stages) stage.signal("SIGTERM");
  expect(await Promise.all(stages.map((stage) => stage.ended))).toEqual([0, 0]);
  expect(performance.now() - start).toBeLessThan(5_000);
  expect(rowsOf(dir.path, "windows.db", `SELECT 1 FROM offsets WHERE next_offset < ${many.length}`).length).toBe(1);
  await Promise.all([run("stream", args(dir.path)), run("consume", args(dir.path))]);
  using calm = tempDir();
  await readLog(calm.path, many, 500);
  expect(hashOf(dir.path)).toBe(hashOf(calm.path));
  expect(rowsOf(dir.path, "ticks.db", "SELECT count(*) AS n FROM ticks")).toEqual([{ n: many.length }]);
}, 300_000);
