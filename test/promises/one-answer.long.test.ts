/** One log, one answer: over any restarts, commit sizes and partitions. */
import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { answerHash } from "../../scripts/store/answer-hash.ts";
import { committedRecords, fillLog, recordedLines, tempDir } from "../support/data.ts";
import { exchange, HOUR } from "../support/feed.ts";
import { killStages, run, startStage, until } from "../support/process.ts";

test("the hash is the same in one run, with ten restarts, in small commits, over four partitions, and after the hour was sent twice", async () => {
  const lines = recordedLines().slice(0, 4_000);
  const other = lines.map((line) => line.replace("BTC-USD", "ETH-USD"));
  const both = lines.flatMap((line, i) => [line, other[i]!]);
  const hashes: Record<string, string> = {};
  const hashOf = (path: string) => answerHash(join(path, "windows.db")).hash;

  using once = tempDir();
  await fillLog(once.path, both);
  expect((await run("stream", ["--data", once.path, "--until-end"])).code).toBe(0);
  hashes.once = hashOf(once.path);

  using small = tempDir();
  await fillLog(small.path, both, { batch: 7 });
  await run("stream", ["--data", small.path, "--until-end", "--poll-records", "11"]);
  hashes.small = hashOf(small.path);

  using restarted = tempDir();
  for (let i = 0; i < 10; i++) {
    await fillLog(restarted.path, both.slice(i * 800, (i + 1) * 800));
    await run("stream", ["--data", restarted.path, "--until-end"]);
  }
  hashes.restarted = hashOf(restarted.path);

  using wide = tempDir();
  await fillLog(wide.path, both, { partitions: 4 });
  await run("stream", ["--data", wide.path, "--until-end"]);
  hashes.partitions = hashOf(wide.path);

  using twice = tempDir();
  await fillLog(twice.path, [...both, ...both]);
  const again = await run("stream", ["--data", twice.path, "--until-end", "--json"]);
  expect(again.json).toMatchObject({ duplicates: 8_000, ticks: 8_000 });
  hashes.twice = hashOf(twice.path);

  expect(hashes).toEqual(Object.fromEntries(Object.keys(hashes).map((name) => [name, hashes.once!])));
}, 300_000);

afterEach(killStages);

test("the hash is the same at 40 and 400 times the recorded pace and at full speed, while stream follows live", async () => {
  const trades = 600;
  using whole = tempDir();
  await fillLog(
    whole.path,
    HOUR.slice(0, trades).map(({ line }) => line),
  );
  await run("stream", ["--data", whole.path, "--until-end"]);
  const expected = answerHash(join(whole.path, "windows.db"));
  expect(expected.rows.windows).toBe(3);
  for (const speed of [40, 400, Number.POSITIVE_INFINITY]) {
    using dir = tempDir();
    await using server = exchange({ trades, speed });
    const stream = startStage("stream", ["--data", dir.path]);
    const produced = await run("produce", ["--data", dir.path, "--feed", server.url, "--until-end", "--json"]);
    expect([speed, produced.json.records]).toEqual([speed, trades]);
    await until(`${trades} records at ${speed}`, () => committedRecords(dir.path, "windows.db") === trades);
    stream.signal("SIGTERM");
    expect([speed, await stream.ended]).toEqual([speed, 0]);
    expect(answerHash(join(dir.path, "windows.db"))).toEqual(expected);
  }
}, 300_000);
