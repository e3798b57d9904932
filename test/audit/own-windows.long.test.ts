/** Tidemark under its own audit: the disordered hour through stream, consume and batch. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { follow, ROOT, recordedLines, tempDir } from "../support/data.ts";
import { run } from "../support/process.ts";

const DISORDERED = join(ROOT, "data/recordings/coinbase-btc-usd-2023-09-05T16-disordered.jsonl.gz");

test("final rows, newest revisions and stored ticks: what differs is late, and nothing is unexplained", async () => {
  using dir = tempDir();
  await follow(dir.path, recordedLines(DISORDERED), ["stream", "consume"], ["--window", "1m,10s"]);
  expect((await run("batch", ["--data", dir.path])).code).toBe(0);
  const audit = (log: string, answers: string, ...more: string[]) =>
    run("audit", ["--log", join(dir.path, log), "--answers", join(dir.path, answers), ...more]);
  const minutes = ["--window", "1m", "--lateness", "1m"];
  const summaries = await Promise.all([
    audit("", "stream_csv", ...minutes),
    audit("", "windows.db:windows", ...minutes),
    audit("archive", "archive/windows", ...minutes),
    audit("", "stream_csv/windows_10s.csv", "--lateness", "1m"),
    audit("", "ticks.db:btc_prices"),
  ]);
  expect(summaries.map(({ code, stdout }) => [code, stdout.split("\n")[0]])).toEqual([
    [0, "60 windows: 34 equal, 24 by late ticks dropped (W2, 37 ticks), 2 by window never emitted (W4), 0 unexplained"],
    [0, "60 windows: 36 equal, 24 by late ticks dropped (W2, 37 ticks), 0 unexplained"],
    [0, "60 windows: 36 equal, 24 by late ticks dropped (W2, 37 ticks), 0 unexplained"],
    [0, expect.stringMatching(/^360 windows: .* 0 unexplained$/)],
    [0, "13,198 trades: 13,198 equal, 0 unexplained"],
  ]);
}, 120_000);
