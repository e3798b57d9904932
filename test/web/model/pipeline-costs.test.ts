/** The costs that /api/comparison reports, over batch runs and processes whose charges are known. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { sqlite, troubledLines } from "../../support/data.ts";
import { feed } from "../../support/health-states.ts";
import { type Served, served } from "../../support/served.ts";

let server: Served;
beforeAll(async () => {
  server = await served(troubledLines(3_000));
  beganEarlier();
}, 120_000);
afterAll(() => server[Symbol.asyncDispose]());

const MINUTE_US = 60_000_000;
const ago = (minutes: number) => Date.now() * 1_000 - minutes * MINUTE_US;

interface Figures {
  values: Record<string, number> | null;
  note: string;
}

async function costWords(): Promise<{ word: string; stream: Figures; batch: Figures }[]> {
  const { words } = (await (await fetch(`${server.url}/api/comparison`)).json()) as {
    words: { word: string; stream: Figures; batch: Figures }[];
  };
  return words.filter(({ word }) => word.startsWith("cost"));
}

/** The first figure of this name on one side. */
async function figure(side: "stream" | "batch", name: string): Promise<number | undefined> {
  return (await costWords()).map((word) => word[side].values?.[name]).find((value) => value !== undefined);
}

/** As if consume had begun ten minutes ago: its runs are those since then. */
function beganEarlier(): void {
  const [known] = sqlite<{ value: string }>(server.data, "ticks.db", "SELECT value FROM settings WHERE name = 'cost'");
  if (known === undefined) return;
  const { started_us, points } = JSON.parse(known.value) as { started_us: number; points: number[][] };
  const moved = points.map(([since_ms, ...rest]) => [since_ms! + 600_000, ...rest]);
  const value = JSON.stringify({ started_us: started_us - 10 * MINUTE_US, points: moved });
  sqlite(server.data, "ticks.db", `UPDATE settings SET value = '${value}' WHERE name = 'cost'`);
}

/**
 * Replaces all runs by five that ended a minute apart: a CPU-second and 100 new ticks each, 100,000
 * ticks in the archive.
 */
function fiveRuns(): void {
  const [known] = sqlite(server.data, "results.db", "SELECT * FROM runs ORDER BY run_id DESC LIMIT 1");
  sqlite(server.data, "results.db", "DELETE FROM runs");
  for (const i of [0, 1, 2, 3, 4]) {
    const ended_us = ago(5 - i);
    const split: Record<string, number> =
      "queries_cpu_seconds" in known! ? { queries_cpu_seconds: 0, windows_cpu_seconds: 0 } : {};
    const row = {
      ...known!,
      ...split,
      state: "done",
      started_us: ended_us - 2e6,
      ended_us,
      ticks_new: 100,
      ticks_total: 100_000,
    };
    insert({ ...row, run_id: i + 1, cpu_seconds: 1 });
  }
}

function insert(row: Record<string, string | number | null>): void {
  const values = Object.values(row).map((value) => (typeof value === "string" ? `'${value}'` : String(value)));
  sqlite(server.data, "results.db", `INSERT INTO runs (${Object.keys(row).join(", ")}) VALUES (${values.join(", ")})`);
}

test("a batch's cost is that of all its runs over the ticks that were new to them, not over all ticks ever stored", async () => {
  fiveRuns();
  expect(await figure("batch", "cpu_seconds_per_million_ticks")).toBeGreaterThanOrEqual(10_000);
});

test("a run in progress does not change the batch's cost", async () => {
  fiveRuns();
  const before = await figure("batch", "cpu_seconds_per_million_ticks");
  insert({ run_id: 6, state: "running", pid: process.pid, started_us: ago(0) });
  expect(await figure("batch", "cpu_seconds_per_million_ticks")).toBe(before!);
});

test("each cost states its rate in ticks per second", async () => {
  const words = await costWords();
  const measured = words.flatMap(({ stream, batch }) => [stream, batch]).filter(({ values }) => values !== null);
  expect(measured.length).toBeGreaterThan(0);
  expect(measured.filter(({ values }) => values!.cpu_seconds_per_million_ticks !== undefined).length).toBeGreaterThan(
    0,
  );
  for (const { values } of measured)
    if (values!.cpu_seconds_per_million_ticks !== undefined) expect(values!.ticks_per_second).toBeGreaterThan(0);
});

test("bytes written are shown: what the operating system charges, not only the sizes of files", async () => {
  expect(await figure("stream", "written_bytes_per_tick")).toBeGreaterThan(0);
  expect(await figure("batch", "written_bytes_per_tick")).toBeGreaterThan(0);
});

test("after the feed's end runs without new ticks do not change the cost of those before", async () => {
  fiveRuns();
  feed(server.data, { state: "ended", ended_us: ago(4) });
  // The machine's row and the files of a store may change.
  const costs = async () => {
    const words = (await costWords()).filter(({ word }) => !word.endsWith("machine"));
    for (const { stream, batch } of words) for (const { values } of [stream, batch]) delete values?.disk_bytes;
    return words;
  };
  const before = await costs();
  expect(before.find(({ word }) => word === "cost, since start")!.batch.values!.ticks).toBe(500);
  const [known] = sqlite(server.data, "results.db", "SELECT * FROM runs ORDER BY run_id DESC LIMIT 1");
  insert({ ...known!, run_id: 7, started_us: ago(0) - 1e6, ended_us: ago(0), ticks_new: 0, cpu_seconds: 100 });
  expect(await costs()).toEqual(before);
  rmSync(join(server.data, "feed.json"));
  expect(await costs()).not.toEqual(before);
});
