/** The measures as the API, the page and Prometheus show them, of stores whose content is known. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import type { Slice } from "../../../scripts/contract/measures.ts";
import { comparison } from "../../../web/model/comparison.ts";
import { Sources } from "../../../web/model/sources.ts";
import { status } from "../../../web/model/status.ts";
import { fillLog, ROOT, recordedLines, runPath, tempDir } from "../../support/data.ts";
import { feed } from "../../support/health-states.ts";
import { measuredPage } from "../../support/measured-page.ts";
import { until } from "../../support/process.ts";

const S = 1_000_000;
const MINUTE = 60 * S;
/** Of the recorded hour's beginning: 600 ticks of BTC-USD, in the stores and in one run. */
const calm = tempDir();
const LINES = recordedLines().slice(0, 700);
beforeAll(() => runPath(calm.path, LINES.slice(0, 600)), 120_000);
afterAll(() => calm[Symbol.dispose]());
const opened = (from = calm.path) => measuredPage(from);

const second = (us: number) => Math.floor(us / S) * S;

test("latencies of the last 5 minutes and since start are two rows, each of its own ticks; a run's are the batch's", async () => {
  await using here = opened();
  const current_us = Math.floor(here.now_us / (10 * S)) * 10 * S;
  here.slice({ slice_us: 0, histograms: { pipeline: [[9_000, 2_000]], ingest: [[500, 100]] } });
  here.slice({ slice_us: current_us - 20 * S, histograms: { pipeline: [[3_000, 40]] } });
  here.run(here.now_us - MINUTE, { histograms: { pipeline: [[40 * S, 30]] }, unreceived: 2 });
  const recent = await here.word("pipeline latency, last 5 minutes");
  expect(recent.stream.values).toEqual({ p50_ms: 3, samples: 40 });
  expect(recent.batch).toEqual({
    values: { p50_ms: 40_000, samples: 30 },
    note: "without 2 ticks that have no receipt time; 1 run",
  });
  const whole = await here.word("pipeline latency, since start");
  expect(whole.stream.values).toEqual({ p50_ms: 9, p99_ms: 9, samples: 2_000 });
  expect((await here.word("ingest latency, since start")).batch.values).toEqual({ p50_ms: 0.5, samples: 100 });
  expect((await here.word("ingest latency, last 5 minutes")).stream.values).toBeNull();
});

test("age: the same clock and product for both, the perfect answer beside it", async () => {
  await using here = opened();
  const at_us = second(here.now_us) - S;
  const of = (step_us: number) => ({
    at_us: step_us,
    answer_us: step_us - 3 * S,
    received_us: step_us - 2 * S,
    waiting_us: null,
  });
  here.samples(...Array.from({ length: 100 }, (_, i) => of(at_us - i * S)));
  here.run(at_us - 50 * S, { newest_us: { "BTC-USD": at_us - 70 * S, "ETH-USD": at_us }, positions: { 0: 600 } });
  const { stream, batch } = await here.word("age, last 5 minutes");
  expect(stream.values).toEqual({
    mean_ms: 3_000,
    p50_ms: 3_000,
    max_ms: 3_000,
    p90_ms: 3_000,
    perfect_mean_ms: 2_000,
    samples: 100,
  });
  expect(stream.curve).toContainEqual([2_000, 1]);
  expect(stream.curve!.at(-1)).toEqual([5_000, 0]);
  expect(batch.values).toMatchObject({ max_ms: 70_000, mean_ms: 45_000, samples: 51 });
  expect((await here.word("age, since start")).stream.values).toMatchObject({ mean_ms: 3_000 });
  const now = await here.word("age, now");
  const { age_ms, perfect_ms } = now.stream.values!;
  expect([age_ms! >= 4_000, perfect_ms]).toEqual([true, age_ms]);
  expect(Math.abs(now.batch.values!.age_ms! - age_ms! - 67_000)).toBeLessThan(2_000);
});

test("a first run that has just ended: its age is not known yet, for a reason of its own", async () => {
  await using here = opened();
  const at_us = second(here.now_us) - S;
  here.samples({ at_us, answer_us: at_us - 3 * S, received_us: at_us, waiting_us: null });
  // Later than any sample that a busy machine reads after this one.
  here.run(here.now_us + 10 * MINUTE, {});
  const { batch } = await here.word("age, last 5 minutes");
  expect(batch).toEqual({ values: null, note: "no sample yet since the first run ended" });
});

test("the newest window counts before there is a sample of it; one with a skewed tick does not", async () => {
  await using here = opened();
  here.samples({ at_us: second(here.now_us), answer_us: here.now_us - 9 * S, received_us: null, waiting_us: null });
  const isOlder = async () => (await here.word("age, now")).stream.values!.age_ms! > 0;
  const newest = "WHERE window_start_us = (SELECT max(window_start_us) FROM windows)";
  here.sql("windows.db", `UPDATE windows SET skewed = 0, close_time_us = ? ${newest}`, here.now_us + 40 * S);
  expect(await isOlder()).toBe(false);
  here.sql("windows.db", `UPDATE windows SET skewed = 1 ${newest}`);
  expect(await isOlder()).toBe(true);
});

test("a stream that has stopped gets older, and its lag is read from the log", async () => {
  await using here = opened();
  const at_us = second(here.now_us) - 60 * S;
  here.samples({ at_us, answer_us: at_us - S, received_us: at_us - S, waiting_us: null });
  const age = await here.word("age, now");
  expect(age.stream.values!.age_ms!).toBeGreaterThan(61_000);
  expect(age.stream.values!.perfect_ms).toBe(age.stream.values!.age_ms);
  expect((await here.word("lag, now")).stream.values).toEqual({ lag_ms: 0 });
  here.run(at_us, { positions: { 0: 600 }, newest_us: { "BTC-USD": 1 } });
  await fillLog(here.data, ['{"type":"heartbeat"}', LINES[600]!]);
  here.pass(1_200);
  await until("the log's new end is known", async () => {
    return JSON.parse(await here.get("/api/status")).log.partitions[0].end === 602;
  });
  const { stream, batch } = await here.word("lag, now");
  for (const { values } of [stream, batch]) {
    expect(values!.lag_ms!).toBeGreaterThan(1_000);
    expect(values!.lag_ms!).toBeLessThan(30_000);
  }
  const later = (await here.word("age, now")).stream.values!;
  expect([later.age_ms! > 62_000, later.perfect_ms]).toEqual([true, undefined]);
});

test("where the log is not read (Kafka) lag is by the samples: of a stream that has stopped it is not known", async () => {
  await using here = opened();
  const at_us = second(here.now_us) + 20 * S;
  const unread = { name: "kafka:", last: { spans: null, asked_us: null, error: null, away_us: null } };
  const lag = async (of = "now") => {
    const sources = new Sources(dataPaths(here.data), { ...unread, refresh: async () => {} });
    const selection = { product: "BTC-USD", size: { us: MINUTE, name: "1m" } };
    const words = comparison(sources, selection, await status(sources));
    sources.close();
    return words.find(({ word }) => word === `lag, ${of}`)!;
  };
  const old_us = second(here.now_us) - 40 * S;
  here.samples({ at_us: old_us, answer_us: 2 * S, received_us: 2 * S, waiting_us: null });
  here.run(old_us, { newest_us: { "BTC-USD": 1 * S } });
  const stopped = await lag();
  expect(stopped.stream).toEqual({ values: null, note: expect.stringContaining("has kept no sample since") });
  expect(stopped.batch.values!.lag_ms!).toBeGreaterThan(39_000);
  expect((await lag("since start")).stream).toEqual(stopped.stream);
  here.samples({ at_us, answer_us: 2 * S, received_us: 3 * S, waiting_us: here.now_us - 5 * S });
  expect((await lag()).stream.values!.lag_ms!).toBeGreaterThan(4_900);
});

test("between its runs the batch lags, in the share of time of the samples", async () => {
  await using here = opened();
  const at_us = second(here.now_us) - S;
  const of = (step_us: number) => ({ at_us: step_us, answer_us: step_us, received_us: step_us, waiting_us: null });
  here.samples(...Array.from({ length: 40 }, (_, i) => of(at_us - i * S)));
  here.run(at_us - 10 * S, { positions: { 0: 600 }, waiting_us: { "BTC-USD": at_us - 25 * S } });
  const { stream, batch } = await here.word("lag, last 5 minutes");
  expect(stream.values).toMatchObject({ mean_ms: 0, max_ms: 0, samples: 40 });
  expect(batch.values).toMatchObject({ max_ms: 14_000, p50_ms: 1_000, samples: 26 });
});

test("finality has both parts for both pipelines, also in a replay, where each states its clock", async () => {
  await using here = opened();
  here.replay({});
  const received_us = here.now_us - 200 * S;
  const recorded = { window_end_us: 1_000 * S, closed_time_us: 1_061 * S, log_offset: 500 };
  here.closing({ ...recorded, received_us, committed_us: received_us + 5_000 });
  here.run(received_us + 40 * S, { positions: { 0: 600 }, waiting_us: { "BTC-USD": received_us } });
  const { stream, batch } = await here.word("finality, last 5 minutes");
  expect(stream).toEqual({
    values: { windows: 1, event_max_ms: 61_000, machine_max_ms: 5 },
    note: "event in recording time, machine in wall time",
  });
  expect(batch.values).toEqual({ windows: 1, event_max_ms: 61_000, machine_max_ms: 40_000 });
});

test("a window that is closed while the page answers is in every later answer", async () => {
  await using here = opened();
  const received_us = here.now_us;
  const closing = { window_end_us: 1_000 * S, closed_time_us: 1_061 * S, log_offset: 500, received_us };
  here.closing({ ...closing, committed_us: here.now_us + 300_000 });
  await here.word("finality, since start");
  here.pass(400);
  expect((await here.word("finality, since start")).stream.values).toMatchObject({ windows: 1 });
});

test("completeness: the stream's is 1 without late ticks, however far the run has read; the batch lacks what came since", async () => {
  await using here = opened();
  const ticks = here.sql("windows.db", "SELECT sum(trade_count) AS n FROM windows")[0]!.n!;
  const closed = here.sql("windows.db", "SELECT sum(trade_count) AS n FROM windows WHERE final <> 0")[0]!.n!;
  here.run(here.now_us, { positions: { 0: 600 } });
  const same = await here.word("completeness, last 5 minutes");
  expect(same.stream.values).toEqual({ share: 1, ticks: closed, lacking: 0, windows: expect.any(Number) });
  expect(same.batch.values).toMatchObject({ share: 1, ticks, lacking: 0 });
  here.sql("windows.db", "UPDATE windows SET trade_count = trade_count + 100 WHERE final = 0");
  here.sql("windows.db", "UPDATE offsets SET next_offset = next_offset + 100");
  const later = await here.word("completeness, last 5 minutes");
  expect(later.stream.values).toMatchObject({ share: 1 });
  const open = here.sql("windows.db", "SELECT count(*) AS n FROM windows WHERE final = 0")[0]!.n!;
  expect(later.batch.values).toMatchObject({ share: ticks / (ticks + 100 * open), lacking: 100 * open });
});

test("the completeness curve has the share of ticks by the time since their window's end", async () => {
  await using here = opened();
  here.slice({ slice_us: 0, histograms: { "curve 60000000": [[0, 98], [3 * S, 1], [Number.MAX_SAFE_INTEGER, 1]] } }); // biome-ignore format: a row
  here.run(here.now_us, { histograms: { "curve 60000000": [[30 * S, 10]] } });
  const { stream, batch } = await here.word("completeness curve");
  expect(stream.values).toMatchObject({ at_0_s: 0.98, at_2_s: 0.98, at_5_s: 0.99, at_300_s: 0.99, never: 0.01 });
  expect(batch.values).toMatchObject({ at_10_s: 0, at_30_s: 1, never: 0 });
});

test("after the end of a replay no figure reads as perfect: neither in the API nor in Prometheus", async () => {
  await using here = opened();
  // Between two samples: one at the very end would have an age, of a clock that had not begun.
  const ended_us = second(here.now_us) - 10 * MINUTE - S / 2;
  here.replay({ state: "ended", ended_us });
  here.run(here.now_us - 9 * MINUTE, { positions: { 0: 600 }, newest_us: { "BTC-USD": 900 * S } });
  const of = (at_us: number) => ({ at_us, answer_us: 900 * S, received_us: 900 * S, waiting_us: null });
  here.samples(...Array.from({ length: 899 }, (_, i) => of(second(here.now_us) - (i + 1) * S)));
  for (const word of ["age, now", "age, last 5 minutes", "lag, now", "lag, last 5 minutes"]) {
    const { stream, batch } = await here.word(word);
    for (const { values, note } of [stream, batch])
      expect([word, values, note]).toEqual([
        word,
        null,
        expect.stringMatching(/the feed ended at (\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d UTC/),
      ]);
  }
  here.sql("windows.db", "UPDATE windows SET updated_at = ?", ended_us);
  expect((await here.word("completeness, last 5 minutes")).batch.values).toBeNull();
  expect((await here.word("lag, since start")).stream).toMatchObject({
    values: { max_ms: 0 },
    note: expect.stringContaining("until the feed ended at"),
  });
  const metrics = await here.get("/metrics");
  expect(metrics).not.toMatch(/^tidemark_(age|perfect_age|lag|freshness|completeness_share|finality)\S* /m);
  expect(metrics).toContain(`tidemark_feed_ended_timestamp_seconds ${ended_us / 1e6}`);
  const [tile] = /id="tile-fresh".*?<\/article>/s.exec(await here.get("/"))!;
  expect(tile).toMatch(/class="side stream missing".*>ended at \d\d:\d\d:\d\d</s);
});

test("after the end of a live feed the age grows", async () => {
  await using here = opened();
  writeFileSync(join(here.data, "kind.json"), '{"kind":"live"}\n');
  feed(here.data, { state: "ended", ended_us: here.now_us - MINUTE });
  here.samples({ at_us: second(here.now_us), answer_us: here.now_us - MINUTE, received_us: null, waiting_us: null });
  const { stream } = await here.word("age, now");
  expect([stream.values!.age_ms! > 58_000, stream.note]).toEqual([true, expect.stringContaining("the feed ended at")]);
});

test("a replay at full speed has no clock: age and curve are not measured", async () => {
  await using here = opened();
  here.replay({}, null);
  here.samples({ at_us: second(here.now_us), answer_us: 1, received_us: 1, waiting_us: null });
  for (const word of ["age, now", "age, since start", "completeness curve"])
    expect((await here.word(word)).stream).toEqual({
      values: null,
      note: "a replay at full speed has no clock to compare with",
    });
});

test("feed latency is signed and has the interval of the clock offset beside it", async () => {
  await using here = opened();
  const slices: Slice[] = [{ slice_us: 0, histograms: { feed: [[-3_000, 500]] } }];
  const clock_offset = { low_us: -14_000, high_us: 8_000, requests: 12, as_of_us: here.now_us };
  feed(here.data, { measures: JSON.stringify(slices), clock_offset });
  const { stream, batch } = await here.word("feed latency, since start");
  expect(stream).toEqual({
    values: { p50_ms: -3, samples: 500 },
    note: "since produce began; the clock offset adds -14.0 to 8.0 ms to it; the same feed for both",
  });
  expect(batch).toEqual(stream);
  expect((await here.word("clock offset")).stream.values).toEqual({ low_ms: -14, high_ms: 8, requests: 12 });
});

test("without an answer to a request for the exchange's time, the clock offset has the reason", async () => {
  await using here = opened();
  feed(here.data, { clock_offset: null, time_failed: 3, time_failure: "REST answers 503" });
  expect((await here.word("clock offset")).stream).toEqual({
    values: null,
    note: "the exchange does not return its time: REST answers 503",
  });
});

for (const version of ["v1", "v2", "v3"])
  test(`stores of schema ${version} have a sentence for each measure, and no problem`, async () => {
    await using here = opened(join(ROOT, "test/fixtures", version));
    const old = (await here.words()).filter(({ word }) =>
      /^(pipeline|age|finality|completeness curve|ingest)/.test(word),
    );
    expect(old.length).toBe(10);
    for (const { stream, batch } of old) {
      expect(stream).toEqual({ values: null, note: expect.stringContaining("windows.db is of an older version") });
      expect(batch.values).toBeNull();
      expect(batch.note.length).toBeGreaterThan(20);
    }
    const page = await here.get("/");
    expect([page.includes("What is measured"), page.includes("can&#39;t be read")]).toEqual([true, false]);
    const telemetry = (await here.get("/metrics")).split("\n");
    expect(telemetry.filter((line) => /NaN|^tidemark_(age|perfect_age|finality)\S* /.test(line))).toEqual([]);
  });
