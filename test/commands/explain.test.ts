/** `bun run explain`: a window as text and as JSON, and what it refuses. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { batch } from "../support/batch.ts";
import { follow, recordedLines, sqlite, tempDir } from "../support/data.ts";
import { run } from "../support/process.ts";

setDefaultTimeout(120_000);

const LATE_ID = "BTC-USD@2023-09-05T16:02/1m";
const dir = tempDir();
const explain = (...args: string[]) => run("explain", ["--data", dir.path, ...args]);

beforeAll(async () => {
  const lines = recordedLines();
  const late = lines[500]!.replace('"trade_id":501,', '"trade_id":900501,');
  await follow(dir.path, [...lines.slice(0, 2_000), late]);
  await batch(dir.path);
});
afterAll(() => dir[Symbol.dispose]());

test("prints both sides, the late tick, the positions, and that the ticks recompute to both", async () => {
  const { code, stdout } = await explain(LATE_ID);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^BTC-USD@2023-09-05T16:02\/1m {3}2023-09-05T16:02:00\.000000Z to /);
  expect(stdout).toMatch(/^trade_count +(\d+) +1 +\d+ {2}≠ differs$/m);
  expect(stdout).toMatch(/^open_price +[\d.]+ +[\d.]+ {2}=$/m);
  expect(stdout.match(/^recomputed .* make exactly the stored window: all 19 columns are equal$/gm)).toHaveLength(2);
  expect(stdout).toMatch(/^stream +closed; first tick at partition 0, offset \d+; closed by partition 0, offset \d+/m);
  expect(stdout).toMatch(/^batch +run 1, ended .*reconciliation\.sql$/m);
  expect(stdout).toMatch(/^late ticks: 1\n {2}900501 {2}.* ms late, partition 0, offset 2000$/m);
  expect(stdout).toMatch(/^ticks: \d+, from ticks\.db$/m);
  expect(stdout).toMatch(/ {2}… and \d+ more: --json prints all$/m);
});

test("--json prints the whole model and the recomputation; --as-of what was known then", async () => {
  const { json } = await explain(LATE_ID, "--json");
  expect(json).toMatchObject({
    id: LATE_ID,
    outcome: "explained",
    late_count: 1,
    recomputed: [
      { side: "stream", is_equal: true },
      { side: "batch", is_equal: true },
    ],
  });
  const { stdout } = await explain(LATE_ID, "--as-of", "2023-09-05T16:30");
  expect(stdout).toContain("(as of 2023-09-05T16:30:00.000000Z)");
  expect(stdout).toContain("Nothing was known of it then (as of");
  expect(stdout).toContain("ticks: 0");
});

test("five minutes are printed with the minutes from which they are summed", async () => {
  const { stdout } = await explain("BTC-USD@2023-09-05T16:00/5m");
  expect(stdout).toContain("summed from 1m:");
  expect(stdout).toMatch(/^ {2}BTC-USD@2023-09-05T16:02\/1m {2}explained {2}\d+ trades, volume [\d.]+, 1 late$/m);
});

test("a stored row that was changed by hand: the columns that do not follow from its ticks", async () => {
  const where = "WHERE window_start = '2023-09-05T16:05:00.000000Z'";
  sqlite(dir.path, "windows.db", `UPDATE windows SET max_price = '1.5' ${where}`);
  const { code, stdout } = await explain("BTC-USD@2023-09-05T16:05/1m");
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^recomputed +stream: \d+ ticks; 1 of 19 columns differ: max_price \(stored 1\.5, computed 2/m,
  );
});

test("a wrong id exits with 2 and a sentence; a window that nobody has, and an empty directory, with 1", async () => {
  for (const id of ["BTC-USD", "BTC-USD@2023-09-05T16:02:30/1m", "BTC-USD@yesterday/1m"]) {
    const { code, stdout, stderr } = await explain(id);
    expect([id, code, stdout]).toEqual([id, 2, ""]);
    expect(stderr).toMatch(/error: .*(is not a valid window|No window of 1m begins at)/);
  }
  expect(await explain("BTC-USD@2023-09-05T12:00/1m")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("Neither pipeline has a tick in the window"),
  });
  using empty = tempDir();
  expect(await run("explain", ["--data", empty.path, LATE_ID])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("There are no windows in"),
  });
});
