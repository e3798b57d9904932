/** The reasons of figures that are not measured name what is missing. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { comparison } from "../../../web/model/comparison.ts";
import { Sources } from "../../../web/model/sources.ts";
import { status } from "../../../web/model/status.ts";
import { recordedLines, runPath, tempDir } from "../../support/data.ts";
import { measuredPage } from "../../support/measured-page.ts";

const S = 1_000_000;
const MINUTE = 60 * S;
const calm = tempDir();
beforeAll(() => runPath(calm.path, recordedLines().slice(0, 300)), 120_000);
afterAll(() => calm[Symbol.dispose]());

test("a replay has no clock yet before its first heartbeat; later that is one at full speed", async () => {
  await using here = measuredPage(calm.path);
  const note = async () => (await here.word("completeness curve")).stream.note;
  here.replay({ heartbeats: 0 }, null);
  expect(await note()).toBe("the replay's clock is not known before its first heartbeat");
  here.replay({ heartbeats: 3 }, null);
  expect(await note()).toBe("a replay at full speed has no clock to compare with");
});

test("without a finished run that has stored it, what the batch's answers contain is the reason", async () => {
  await using here = measuredPage(calm.path);
  here.sql("results.db", "UPDATE runs SET snapshot = NULL");
  expect((await here.word("finality, since start")).batch.note).toBe(
    "no finished run has stored what its answers contain",
  );
});

test("an embedded log whose first waiting tick is too far away is not said to be of another kind", async () => {
  await using here = measuredPage(calm.path);
  const at_us = Math.floor(here.now_us / S) * S - MINUTE;
  here.samples({ at_us, answer_us: 1, received_us: 1, waiting_us: null });
  const far = { last: { spans: null, asked_us: null, error: null, away_us: null }, firstTick: () => null };
  const sources = new Sources(dataPaths(here.data), { name: "embedded:", ...far, refresh: async () => {} });
  const selection = { product: "BTC-USD", size: { us: MINUTE, name: "1m" } };
  const words = comparison(sources, selection, await status(sources));
  sources.close();
  expect(words.find(({ word }) => word === "lag, now")!.stream.note).toMatch(
    /has kept no sample since \S+, and its first waiting tick was not found: only an embedded log is read, 10,000 records/,
  );
});
