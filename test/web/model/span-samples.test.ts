/** Which moments the ages and lags of a span are of: also those without a stream, or after a feed. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { fillLog, recordedLines, runPath, tempDir } from "../../support/data.ts";
import { measuredPage } from "../../support/measured-page.ts";

const S = 1_000_000;
/** 600 ticks of BTC-USD of the recorded hour, in the stores and in one run. */
const calm = tempDir();
const LINES = recordedLines().slice(0, 601);
beforeAll(() => runPath(calm.path, LINES.slice(0, 600)), 120_000);
afterAll(() => calm[Symbol.dispose]());
const opened = () => measuredPage(calm.path);

const second = (us: number) => Math.floor(us / S) * S;

test("a stream that has stopped is measured up to now: each second without it counts, for both pipelines", async () => {
  await using here = opened();
  here.sql("windows.db", "UPDATE counters SET value = ? WHERE name = 'run_started_us'", here.now_us - 600 * S);
  here.run(here.now_us - 200 * S, { positions: { 0: 600 }, newest_us: { "BTC-USD": here.now_us - 300 * S } });
  await fillLog(here.data, [LINES[600]!]);
  const at_us = second(here.now_us) - 240 * S;
  const of = (step_us: number) => ({ at_us: step_us, answer_us: step_us, received_us: step_us, waiting_us: null });
  here.samples(...Array.from({ length: 60 }, (_, i) => of(at_us - i * S)));
  await here.word("lag, now");
  here.pass(2_200);
  for (const span of ["last 5 minutes", "since start"]) {
    const age = await here.word(`age, ${span}`);
    expect(age.stream.values!.max_ms!).toBeGreaterThan(238_000);
    expect(age.stream.values!.samples!).toBeGreaterThan(290);
    expect(age.batch.values!.max_ms!).toBeGreaterThan(298_000);
    const lag = await here.word(`lag, ${span}`);
    for (const { values } of [lag.stream, lag.batch]) {
      expect(values!.max_ms!).toBeGreaterThan(0);
      expect(values!.max_ms!).toBeLessThan(30_000);
    }
    expect(lag.stream.values!.samples!).toBeGreaterThan(290);
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
    expect.stringContaining("since the replay’s clock began at 20"),
  ]);
  for (const value of [stream.values!.mean_ms!, stream.values!.max_ms!]) {
    expect(value).toBeGreaterThan(2_000);
    expect(value).toBeLessThan(4_000);
  }
  here.replay({ run_started_us: here.now_us + 2 * S }, 1);
  expect((await here.word("age, last 5 minutes")).stream).toEqual({
    values: null,
    note: expect.stringContaining("there is no sample with an answer since the replay’s clock began at 20"),
  });
  expect((await here.word("lag, last 5 minutes")).stream.values!.samples).toBeGreaterThan(190);
});

test("between the start of produce and the first heartbeat a replay has no clock: no age is negative", async () => {
  await using here = opened();
  const began_us = second(here.now_us) - 5 * S;
  // At ×30 the recording's clock began a second after its newest trade, three seconds after produce.
  const clock = { clock_us: 5_061 * S, as_of_us: began_us + 5 * S, speed: 30, since_us: began_us + 3 * S };
  here.replay({ run_started_us: began_us, replay: clock });
  const answer_us = 5_000 * S;
  const of = (i: number) => ({ at_us: began_us + i * S, answer_us, received_us: answer_us, waiting_us: null });
  here.samples(...[0, 1, 2, 3, 4, 5].map(of));
  const { stream } = await here.word("age, last 5 minutes");
  expect(stream.values).toMatchObject({ mean_ms: 31_000, perfect_mean_ms: 31_000, max_ms: 61_000, samples: 3 });
  expect(stream.note).toContain("since the replay’s clock began at 20");
});

const steps = (here: ReturnType<typeof opened>, seconds: number, before_s = 0) =>
  Array.from({ length: seconds }, (_, i) => {
    const at_us = second(here.now_us) - (before_s + i) * S;
    return { at_us, answer_us: at_us - 3 * S, received_us: at_us, waiting_us: null };
  });

test("a maximum is of each second: since start there is none once samples are thinned", async () => {
  await using here = opened();
  here.samples(...steps(here, 900));
  for (const word of ["age", "lag"]) {
    expect((await here.word(`${word}, last 5 minutes`)).stream.values).toHaveProperty("max_ms");
    const { values } = (await here.word(`${word}, since start`)).stream;
    expect([values!.samples, "max_ms" in values!]).toEqual([450, false]);
  }
});

test("a feed's figures since start stay after its end, however long that is ago", async () => {
  await using here = opened();
  here.sql("windows.db", "UPDATE counters SET value = ? WHERE name = 'run_started_us'", here.now_us - 43_200 * S);
  here.replay({ state: "ended", ended_us: second(here.now_us) - 42_900 * S, run_started_us: 0 }, 1);
  here.samples(...steps(here, 300, 42_900), ...steps(here, 300));
  expect((await here.word("lag, since start")).stream.values).toMatchObject({ max_ms: 0, samples: 300 });
  expect((await here.word("age, since start")).stream.values!.samples).toBe(300);
});
