/** The batch's measures as the API reports them while its processes run: faults L3, L5, L8 of before. */
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { batch, metricFolder } from "../support/batch.ts";
import { EVIL, fillLog, ROOT, recordedLines, sqlite, troubledLines } from "../support/data.ts";
import { killStages, run, startStage, until } from "../support/process.ts";
import { type Served, served } from "../support/served.ts";

setDefaultTimeout(300_000);

const FIRST = 2_000;
const MORE = 200;
const ONE = ["--metric", "windows_by_minute"];
type Values = Record<string, number> | null;
interface Word {
  word: string;
  stream: { values: Values; note: string };
  batch: { values: Values; note: string };
}

let server: Served;
beforeAll(async () => {
  server = await served(troubledLines(FIRST));
}, 300_000);
afterEach(killStages);
afterAll(() => server[Symbol.asyncDispose]());

async function words(product: string): Promise<Word[]> {
  const answer = await fetch(`${server.url}/api/comparison?product=${encodeURIComponent(product)}`);
  return ((await answer.json()) as { words: Word[] }).words;
}
const word = async (name: string, product = "BTC-USD") => (await words(product)).find(({ word }) => word === name)!;

test("pipelines that hold the same ticks are equally old, also for a product that has been silent for long (L8)", async () => {
  const newest = sqlite<{ product_id: string; us: number }>(
    server.data,
    "ticks.db",
    "SELECT product_id, max(time_us) AS us FROM ticks GROUP BY 1",
  );
  expect(newest.map(({ product_id }) => product_id).sort()).toEqual([EVIL, "BTC-USD"].sort());
  const [a, b] = newest.map(({ us }) => us);
  expect(Math.abs(a! - b!)).toBeGreaterThan(300e6);
  // A stream samples its answers on whole seconds: one that ran to the end of the log at once has none.
  const running = startStage("stream", ["--data", server.data]);
  for (const { product_id, us } of newest) {
    await until("the stream's age", async () => (await word("age, now", product_id)).stream.values !== null);
    const { stream, batch } = await word("age, now", product_id);
    const off_us = Math.abs(batch.values!.age_ms! * 1_000 - (Date.now() * 1_000 - us));
    expect({ product_id, off_us, isNear: off_us < 30e6 }).toMatchObject({ isNear: true });
    const apart_ms = Math.abs(stream.values!.age_ms! - batch.values!.age_ms!);
    expect({ apart_ms, isNear: apart_ms < 1_000 }).toMatchObject({ isNear: true });
  }
  await running.stop();
});

test("the batch's completeness lacks exactly the ticks that the log has and its newest run has not, until the next run (L3)", async () => {
  expect((await word("completeness, since start")).batch.values).toMatchObject({ share: 1, lacking: 0 });
  await fillLog(server.data, recordedLines().slice(FIRST, FIRST + MORE));
  for (const stage of ["stream", "consume"])
    expect((await run(stage, ["--data", server.data, "--until-end"])).code).toBe(0);
  const { batch: before } = await word("completeness, since start");
  expect(before.values!.lacking).toBe(MORE);
  expect(before.values!.share).toBe(before.values!.ticks! / (before.values!.ticks! + MORE));
  using broken = metricFolder({ windows_by_minute: "SELECT nothing FROM nowhere" });
  await batch(server.data, ["--sql", broken.path]);
  expect((await word("completeness, since start")).batch.values).toEqual(before.values);
  expect((await batch(server.data, ONE)).code).toBe(0);
  expect((await word("completeness, since start")).batch.values).toMatchObject({ share: 1, lacking: 0 });
});

test("while a run is in progress the batch's cost is what it was before (L5)", async () => {
  const cost = async () => (await word("cost, since start")).batch;
  const before = await cost();
  expect(before.values).not.toBeNull();
  using slow = metricFolder({ a_slow_one: "SELECT sleep_ms(60000) AS slept" });
  copyFileSync(join(ROOT, "sql/metrics/windows_by_minute.sql"), join(slow.path, "windows_by_minute.sql"));
  const stage = startStage("batch", ["--data", server.data, "--sql", slow.path]);
  const running = "SELECT 1 FROM runs WHERE state = 'running'";
  await until("the run is in progress", () => sqlite(server.data, "results.db", running).length > 0);
  for (let i = 0; i < 5; i++) {
    expect(await cost()).toEqual(before);
    await Bun.sleep(200);
  }
  await stage.stop();
});
