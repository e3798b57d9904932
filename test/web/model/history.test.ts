/** What the page shows of history that `backfill` loaded: bars of the batch alone; no measure moves. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { usFromIso } from "../../../scripts/base/iso.ts";
import { recomputeSides } from "../../../scripts/window/index.ts";
import { chartAnswer, spanOfRange } from "../../../web/model/chart.ts";
import { newestTrade } from "../../../web/model/newest-trade.ts";
import { agreementOf } from "../../../web/model/reconciliation.ts";
import { type Selection, sizeOfUs } from "../../../web/model/selection.ts";
import { Sources } from "../../../web/model/sources.ts";
import { verdictOf } from "../../../web/model/verdict.ts";
import { windowDetail } from "../../../web/model/window-detail.ts";
import { follow, recordedLines, tempDir } from "../../support/data.ts";
import { measuredPage } from "../../support/measured-page.ts";
import { run } from "../../support/process.ts";

setDefaultTimeout(120_000);

const MINUTE = 60_000_000;
const NO_LOG = { name: "", last: { spans: null, asked_us: null, error: null, away_us: null } } as never;
const ONE: Selection = { product: "BTC-USD", size: sizeOfUs(MINUTE) };
const FIVE: Selection = { product: "BTC-USD", size: { us: 5 * MINUTE, name: "5m", from_us: MINUTE } };
const LINES = recordedLines();
/** The feed begins within 16:12, and the store has the trades before it, stored last. */
const BEGIN = LINES.findIndex((line) => line.includes("T16:12:2"));
const FEED = LINES.slice(BEGIN, BEGIN + 3_500);
const HISTORY = LINES.slice(0, BEGIN).map((line) => JSON.stringify({ ...JSON.parse(line), source: "backfill" }));
const at = (clock: string) => Date.parse(`2023-09-05T${clock}Z`) / 1_000;

const dir = tempDir();
beforeAll(async () => {
  await follow(dir.path, [...FEED, ...HISTORY.reverse()]);
  expect((await run("batch", ["--data", dir.path])).code).toBe(0);
});
afterAll(() => dir[Symbol.dispose]());
const sources = () => new Sources(dataPaths(dir.path), NO_LOG);

test("the chart has the batch's bars of history with their own cells; a window with both is not compared", () => {
  for (const selection of [ONE, FIVE]) {
    const from = sources();
    const { stream, batch, cells } = chartAnswer(from, selection, spanOfRange(from, selection, "all"));
    const outcomes = new Map(cells.map(([start_s, outcome]) => [start_s, outcome]));
    expect(batch[0]![0]).toBe(at("16:00:00"));
    const begin_s = selection === ONE ? at("16:12:00") : at("16:10:00");
    expect(stream[0]![0]).toBe(begin_s);
    for (const [start_s] of batch)
      if (start_s <= begin_s) expect([start_s, outcomes.get(start_s)]).toEqual([start_s, "history"]);
    const later = cells.filter(([start_s]) => start_s > begin_s).map(([, outcome]) => outcome);
    expect(new Set(later)).toEqual(new Set(["equal", "open"]));
  }
});

test("the verdict compares from the first whole window on, and states how many are before it", () => {
  const from = sources();
  const agreed = agreementOf(from, ONE)!;
  expect(agreed).toMatchObject({ history: 13, unexplained: 0, pending: 0, equal: agreed.compared });
  expect(agreed.compared).toBeGreaterThan(3);
  expect(verdictOf(from, ONE, { stages: [], problems: [] })).toMatchObject({
    state: "equal",
    details: ["13 windows of history, before the stream's first whole window"],
  });
});

test("while the window at the seam is open, neither the page nor its detail promises a comparison", async () => {
  using young = tempDir();
  const open = FEED.slice(
    0,
    FEED.findIndex((line) => line.includes("T16:12:5")),
  );
  await follow(young.path, open);
  const verdict = () => verdictOf(new Sources(dataPaths(young.path), NO_LOG), ONE, { stages: [], problems: [] });
  expect(verdict()).toMatchObject({ state: "first", headline: expect.stringContaining("then both are compared") });
  await follow(young.path, HISTORY);
  expect(verdict()).toMatchObject({
    state: "first",
    headline: expect.stringContaining("it holds history, so the next one is compared"),
  });
  const from = new Sources(dataPaths(young.path), NO_LOG);
  const seam = { product: "BTC-USD", size_us: MINUTE, start_us: at("16:12:00") * 1e6 };
  const detail = await windowDetail(from, seam, { as_of_us: null, limit: 1, archive: false });
  expect([detail.state, detail.verdict]).toEqual(["open", expect.stringContaining("Not compared")]);
});

test("a stream whose only closed window holds history waits for the next one", async () => {
  using young = tempDir();
  await follow(young.path, [
    ...FEED.slice(
      0,
      FEED.findIndex((line) => line.includes("T16:14:1")),
    ),
    ...HISTORY,
  ]);
  await run("batch", ["--data", young.path]);
  const verdict = verdictOf(new Sources(dataPaths(young.path), NO_LOG), ONE, { stages: [], problems: [] });
  expect([verdict.state, verdict.headline]).toEqual([
    "waiting",
    "The stream's first window holds history, which is not compared; the next one that closes will be",
  ]);
});

test("the newest trade is the feed's, although history was stored after it", () => {
  const newest = JSON.parse(FEED.at(-1)!) as { price: string; time: string };
  const found = newestTrade(sources(), "BTC-USD", { now_us: null, mark_us: null });
  expect([found?.price, found?.time_us]).toEqual([
    newest.price,
    Date.parse(newest.time) * 1_000 + Number(newest.time.slice(23, 26)),
  ]);
});

test("a window's page states that it is history, and marks its ticks", async () => {
  const from = sources();
  const named = { product: "BTC-USD", size_us: MINUTE, start_us: at("16:05:00") * 1e6 };
  const { outcome, verdict, state, ticks } = await windowDetail(from, named, {
    as_of_us: null,
    limit: 10,
    archive: true,
  });
  expect([outcome, state]).toEqual(["history", "none"]);
  expect(verdict).toContain("holds trades that backfill loaded");
  expect(new Set(ticks.rows.map(({ source }) => source))).toEqual(new Set(["backfill"]));
  // The window in which the feed begins has both; each side is made from its own ticks.
  const first = { ...named, start_us: at("16:12:00") * 1e6 };
  const detail = await windowDetail(from, first, { as_of_us: null, limit: 1_000, archive: true });
  expect([detail.outcome, detail.columns.every(({ mark }) => mark === null)]).toEqual(["history", true]);
  const [stream, batch] = recomputeSides(detail, (iso) => usFromIso(iso)!);
  expect([stream.is_equal, batch.is_equal, batch.ticks > stream.ticks]).toEqual([true, true, true]);
});

test("completeness is of windows without history: the batch's share is not above 1", async () => {
  await using page = measuredPage(dir.path);
  const { stream, batch } = await page.word("completeness, since start");
  expect(batch.values).toMatchObject({ share: 1, lacking: 0 });
  expect(batch.note).toContain("without windows that hold history");
  expect(stream.values).toMatchObject({ share: 1 });
});
