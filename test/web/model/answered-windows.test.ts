/** Completeness of windows that hop, that were cut from a stored result, or that had late ticks only. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { recordedLines, runPath, tempDir } from "../../support/data.ts";
import { measuredPage } from "../../support/measured-page.ts";

const S = 1_000_000;
const MINUTE = 60 * S;
const calm = tempDir();
beforeAll(() => runPath(calm.path, recordedLines().slice(0, 600)), 60_000);
afterAll(() => calm[Symbol.dispose]());
const opened = () => measuredPage(calm.path);

test("windows that hop are not those of the batch, whose figures have that reason", async () => {
  await using here = opened();
  here.run(here.now_us, { positions: { 0: 600 }, histograms: { "curve 60000000": [[S, 10]] } });
  const specs = JSON.stringify([{ size_us: MINUTE, every_us: MINUTE / 2 }]);
  here.sql("windows.db", "UPDATE settings SET value = ? WHERE name = 'windows'", specs);
  for (const word of ["completeness, last 5 minutes", "finality, last 5 minutes", "completeness curve"])
    expect((await here.word(word)).batch).toEqual({
      values: null,
      note: "the batch computes tumbling windows of one minute only",
    });
});
