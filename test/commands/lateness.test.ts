/** `bun run lateness`: the table, the JSON, the smallest setting for a share, and what it refuses. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fillLog, tempDir } from "../support/data.ts";
import { disorderedLines, withoutHeartbeats } from "../support/lateness-cells.ts";
import { run } from "../support/process.ts";

const dir = tempDir();
const lateness = (...args: string[]) => run("lateness", ["--data", dir.path, ...args]);

afterAll(() => dir[Symbol.dispose]());
beforeAll(async () => {
  await fillLog(dir.path, withoutHeartbeats(disorderedLines()));
  expect((await run("stream", ["--data", dir.path, "--until-end"])).code).toBe(0);
}, 120_000);

test("the table marks the stream's setting, and --want prints the smallest lateness for the share", async () => {
  const { stdout, code } = await lateness("--want", "99.99%");
  const lines = stdout.trimEnd().split("\n");
  expect([code, lines[0]]).toEqual([
    0,
    "BTC-USD, windows of 1m, 13201 ticks of the feed, all that the stream has read",
  ]);
  const current = lines.find((line) => line.includes("1m *"))!;
  expect(current.trim().split(/\s{2,}|(?<=m) /)).toEqual([
    ...["1m", "*", "37", "0.2802%", "24", "41.3793%", "0", "0.38784749", "0.2472630907"],
  ]);
  expect(lines.at(-2)).toBe("  of the ticks in time: --lateness 162s (exactly 161.332511s)");
  expect(lines.at(-1)).toBe("  of the closed windows without a revision: --lateness 174s (exactly 173.763425s)");
});

test("figures that the stream's windows don't give are unknown, with the reason and what to do", async () => {
  const { stdout, code } = await lateness("--window", "10s");
  const why = "the stream keeps windows of 1m, which don't add up to 10s: add 10s to its --window, with --rebuild";
  expect([code, stdout.trimEnd().split("\n").at(-1)]).toEqual([0, `unknown: ${why}`]);
  expect((await lateness("--window", "2m")).stdout).not.toContain("unknown");
});

test("the smallest setting is the smallest: a real run with it keeps the share, one microsecond less does not", async () => {
  const { json } = await lateness("--want", "99.9%", "--json");
  const { lateness_us, setting } = (
    json as unknown as { smallest: { ticks: { lateness_us: number; setting: string } } }
  ).smallest.ticks;
  const late = async (flag: string) => {
    const args = ["--data", dir.path, "--until-end", "--json", "--rebuild", "--lateness", flag];
    const { json } = await run("stream", args);
    return (json.late! * 1_000) / json.ticks!;
  };
  expect([await late(`${lateness_us}us`), await late(setting)].every((share) => share <= 1)).toBe(true);
  expect(await late(`${lateness_us - 1}us`)).toBeGreaterThan(1);
}, 120_000);

test("a window of no size, an unknown product, a share without % and an empty directory are refused with a sentence", async () => {
  using empty = tempDir();
  const refused = [
    [await lateness("--window", "0s"), 2, "0us is not a valid window size: it must be a multiple of 1s."],
    [await lateness("--window", "1500ms"), 2, "1500ms is not a valid window size"],
    [await lateness("--product", "X"), 1, 'The stream has not read a tick of "X" yet.'],
    [await lateness("--product", "X"), 1, "Products with ticks: BTC-USD."],
    [await lateness("--want", "99.99"), 2, "Give a share such as 99.99%."],
    [await run("lateness", ["--data", empty.path]), 1, "Run stream first"],
  ] as const;
  for (const [{ code, stderr }, status, sentence] of refused)
    expect([code, stderr]).toEqual([status, expect.stringContaining(sentence)]);
});

test("where start has played the recording into the directory below, the hint names that one", async () => {
  using empty = tempDir();
  const replay = join(empty.path, "replay");
  mkdirSync(replay);
  writeFileSync(join(replay, "ticks.db"), "");
  const { code, stderr } = await run("lateness", ["--data", empty.path]);
  expect([code, stderr]).toEqual([1, expect.stringContaining(`add \`--data ${replay}\`.`)]);
});
