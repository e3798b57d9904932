/** Which moments the ages and lags of a span are of: also those without a stream, or after a feed. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { fillLog, recordedLines, runPath, tempDir } from "../../support/data.ts";
import { measuredPage } from "../../support/measured-page.ts";

const S = 1_000_000;
/** 600 ticks of BTC-USD of the recorded hour, in the stores and in one run. */
const calm = tempDir();
const LINES = recordedLines().slice(0, 601);
beforeAll(() => runPath(calm.path, LINES.slice(0, 600)), 60_000);
afterAll(() => calm[Symbol.dispose]());
const opened = () => measuredPage(calm.path);

const second = (us: number) => Math.floor(us / S) * S;

test("a stream that has stopped is measured up to now: each second without it counts, for both pipelines", async () => {
  await using here = opened();
  here.run(here.now_us - 200 * S, { positions: { 0: 600 }, newest_us: { "BTC-USD": here.now_us - 300 * S } });
  await fillLog(here.data, [LINES[600]!]);
  const at_us = second(here.now_us) - 240 * S;
  const of = (step_us: number) => ({ at_us: step_us, answer_us: step_us, received_us: step_us, waiting_us: null });
  here.samples(...Array.from({ length: 60 }, (_, i) => of(at_us - i * S)));
  await here.word("lag, now");
  await Bun.sleep(2_200);
  // Since 20 minutes ago every second sample counts.
  for (const [span, samples] of [
    ["last 5 minutes", 290],
    ["since start", 145],
  ] as const) {
    const age = await here.word(`age, ${span}`);
    expect(age.stream.values!.max_ms!).toBeGreaterThan(238_000);
    expect(age.stream.values!.samples!).toBeGreaterThan(samples);
    expect(age.batch.values!.max_ms!).toBeGreaterThan(298_000);
    const lag = await here.word(`lag, ${span}`);
    for (const { values } of [lag.stream, lag.batch]) {
      expect(values!.max_ms!).toBeGreaterThan(0);
      expect(values!.max_ms!).toBeLessThan(30_000);
    }
    expect(lag.stream.values!.samples!).toBeGreaterThan(samples);
  }
});

test("a replay that began again is aged by its own clock, and only since then", async () => {
  await using here = opened();
  const began_us = second(here.now_us) - 100 * S;
  here.replay({ run_started_us: began_us }, 1);
  const at_us = second(here.now_us);
  // The replay's clock is 1,000 s now; the replay before it had ended at 5,000 s.
  const old = { answer_us: 5_000 * S, received_us: 5_000 * S, waiting_us: null };
  const of = (i: number) => ({ at_us: at_us - i * S, ...(i <= 100 ? { ...old, answer_us: (997 - i) * S } : old) });
  here.samples(...Array.from({ length: 201 }, (_, i) => of(i)));
  here.run(here.now_us - 290 * S, { newest_us: { "BTC-USD": 5_000 * S } });
  const { stream } = await here.word("age, last 5 minutes");
  expect([stream.values!.samples, stream.note]).toEqual([
    101,
    expect.stringContaining("since the replay began again at 20"),
  ]);
  for (const value of [stream.values!.mean_ms!, stream.values!.max_ms!]) {
    expect(value).toBeGreaterThan(2_000);
    expect(value).toBeLessThan(4_000);
  }
  here.replay({ run_started_us: here.now_us + 2 * S }, 1);
  expect((await here.word("age, last 5 minutes")).stream).toEqual({
    values: null,
    note: expect.stringContaining("there is no sample with an answer since the replay began again at 20"),
  });
  expect((await here.word("lag, last 5 minutes")).stream.values!.samples).toBeGreaterThan(190);
});
