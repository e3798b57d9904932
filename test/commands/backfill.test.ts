/** `bun run backfill` as people start it: what it refuses, what it prints, beside another one. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDataDir } from "../../scripts/base/data-dir.ts";
import { tempDir } from "../support/data.ts";
import { exchange } from "../support/feed.ts";
import { run, startStage, until } from "../support/process.ts";

test("without a limit it is wrong usage; a directory with replayed data refuses the exchange's history", async () => {
  using dir = tempDir();
  const wrong = await run("backfill", ["--data", dir.path]);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("backfill needs --from or --trades.")]);
  const day = await run("backfill", ["--data", dir.path, "--from", "November"]);
  expect([day.code, day.stderr]).toEqual([2, expect.stringContaining("Give a UTC time such as")]);
  const future = await run("backfill", ["--data", dir.path, "--from", "2130-01-01"]);
  expect([future.code, future.stderr]).toEqual([2, expect.stringContaining("--from 2130-01-01 is in the future.")]);
  writeFileSync(openDataDir(dir.path).kind, '{"kind":"replay"}\n');
  const replay = await run("backfill", ["--data", dir.path, "--trades", "5"]);
  expect(replay.code).toBe(1);
  expect(replay.stderr).toContain("holds replay data, and this feed is live.");
  expect(replay.stderr).toContain("TIDEMARK_DATA_KIND");
}, 120_000);

test("it prints what it loaded and why it ended; a second one beside it is refused with the first one's pid", async () => {
  using dir = tempDir();
  // Five pages a second: the first works for three minutes, however long the second takes to begin.
  await using server = exchange({ trades: 50, history: 10_000, faults: { rest: { page_max: 10 } } });
  const flags = ["--data", dir.path, "--feed", server.url, "--trades"];
  await using first = startStage("backfill", [...flags, "10000"]);
  await until("it has its lock", () => Bun.file(join(dir.path, "locks/backfill.pid")).exists());
  await until("it has loaded a page", () => server.counts().rest_requests >= 2);
  const second = await run("backfill", [...flags, "10"]);
  expect([second.code, second.stderr]).toEqual([1, expect.stringContaining(`Another backfill (pid ${first.pid})`)]);
  expect(await first.stop("SIGINT")).toBe(0);
  expect(first.said()).toMatch(/BTC-USD: [\d,]+ trades loaded, from .*; stopped; the same command continues here/);
  const done = await run("backfill", [...flags, "30"]);
  expect([done.code, done.stderr]).toEqual([0, expect.stringContaining("--trades is reached")]);
}, 120_000);

test("a product that REST refuses does not stop the others: their figures are printed, and the exit code is 1", async () => {
  using dir = tempDir();
  await using server = exchange({ trades: 50, history: 300 });
  const products = ["--products", "XYZ-USD,BTC-USD"];
  const flags = ["--data", dir.path, "--feed", server.url, "--trades", "200", ...products, "--json"];
  const { code, json, stderr } = await run("backfill", flags);
  expect([code, stderr]).toEqual([1, expect.stringContaining("History of XYZ-USD can't be loaded: REST answers 404")]);
  expect(json.products).toMatchObject([
    { product: "XYZ-USD", loaded: 0, end: "failed" },
    { product: "BTC-USD", loaded: 200, end: "trades" },
  ]);
}, 120_000);
