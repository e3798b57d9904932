/** What is read of a log's blocks to answer where a partition begins and ends. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { openDataDir } from "../../../scripts/base/data-dir.ts";
import { logEnds } from "../../../scripts/log/ends.ts";
import { openLog } from "../../../scripts/log/open.ts";
import { quiet, tempDir } from "../../support/data.ts";

test("the first bytes of the first and the last block are read once, not by each question", async () => {
  using dir = tempDir();
  const paths = openDataDir(dir.path);
  const log = await openLog("embedded:", paths, { role: "writer", logger: quiet, partitions: 1 });
  const records = Array.from({ length: 3 }, () => ({ key: "BTC-USD", value: new Uint8Array(1_000) }));
  await log.append(records);
  await log.append(records);
  const ends = logEnds("embedded:", paths, quiet, () => null);
  const spans = [{ partition: 0, start: 0, end: 6 }];
  expect(await ends.ask()).toEqual(spans);
  // Of the same rows, without their blocks' first bytes: who reads these fails.
  const db = new Database(paths.log);
  db.exec("UPDATE blocks SET payload = zeroblob(length(payload))");
  expect(await ends.ask()).toEqual(spans);
  // Another row is checked.
  db.exec("UPDATE blocks SET count = 2 WHERE position = (SELECT max(position) FROM blocks)");
  await expect(ends.ask()).rejects.toThrow("wrong offset");
  db.close();
  ends.reset();
  await log.close();
});
