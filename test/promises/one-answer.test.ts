/** One log, one answer: over any restarts, commit sizes and partitions. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { answerHash } from "../../scripts/store/answer.ts";
import { fillLog, recordedLines, run, tempDir } from "../support/project.ts";

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
}, 60_000);
