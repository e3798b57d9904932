/** The measures shown are those that Python computes from the databases alone, at speed 30. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LatenessAnswer } from "../../scripts/measure/lateness-answer.ts";
import type { Measure } from "../../web/model/figures.ts";
import { ROOT, recordedLines, tempDir } from "../support/data.ts";
import { commandOf, startProgram, until } from "../support/process.ts";

const HOUR = join(ROOT, "data/recordings/coinbase-btc-usd-2023-09-05T16.jsonl.gz");
const DISORDERED = join(ROOT, "data/recordings/coinbase-btc-usd-2023-09-05T16-disordered.jsonl.gz");
/** Ten minutes at the recorded pace: TIDEMARK_PACE=1 bun test test/promises/recomputation.long.test.ts */
const PACE = Number(process.env.TIDEMARK_PACE ?? 30);
const IS_TEN_MINUTES = PACE === 1;
/** Longer than a recording takes, its start included. */
const PLAY_MS = ((IS_TEN_MINUTES ? 600 : 3_600) / PACE) * 1_000 + 60_000;

type Figures = Record<string, number> | null;

/** What test/support/recompute.py prints. */
interface Recomputed {
  counts: Record<"late" | "duplicates" | "ticks", number>;
  wrong_samples: number;
  age: Record<"stream" | "batch" | "perfect", Figures>;
  lag: Record<"stream" | "batch", Figures>;
  batch_latency: Figures;
  /** At least and at most. */
  batch_curve: Record<string, [number, number]>;
  finality: { mismatches: number } & Record<"event" | "stream" | "batch", Figures>;
  completeness: Record<"windows" | "ticks" | "lacking" | "share" | "wrong_rows", number>;
  agreement: Record<string, number>;
  lateness: Record<string, number>[];
}

async function compare(recording: string): Promise<void> {
  using dir = tempDir();
  const flags = [
    "--replay",
    IS_TEN_MINUTES ? tenMinutes(recording, dir.path) : recording,
    "--speed",
    String(PACE),
    "--every",
    "15s",
    "--port",
    "0",
    "--data",
    dir.path,
  ];
  const child = startProgram(commandOf("start", flags));
  try {
    const url = await until("start's address", () => /http:\S+:\d+/.exec(child.printed())?.[0], { said: child.said });
    const words = async () => {
      const answer = (await (await fetch(`${url}/api/comparison`)).json()) as { words: Measure[] };
      return new Map(answer.words.map((measure) => [measure.word, measure]));
    };
    const share = async () => (await words()).get("completeness, since start")?.batch.values;
    await until("the feed's end", async () => (await words()).get("age, now")?.stream.note.includes("ended") === true, {
      said: child.said,
      every_ms: 500,
      ms: PLAY_MS,
    });
    // A run that began before the end may lack the last ticks.
    await until("the last run", async () => (await share())?.lacking === 0, {
      said: child.said,
      every_ms: 500,
    });
    const lateness = (await (await fetch(`${url}/api/lateness`)).json()) as LatenessAnswer;
    const [shown, mine] = [await words(), await recomputed(join(dir.path, "replay"))];
    expectEqual(shown, mine);
    expect(
      lateness.curve.map(({ late_ticks, ticks, windows_revised, windows_closed, lateness_us }) => ({
        lateness_us,
        late_ticks,
        ticks,
        windows_revised,
        windows_closed,
      })),
    ).toEqual(mine.lateness as never);
  } finally {
    await child.stop();
  }
}

/** The recording's lines before 16:10, as a file in the directory. */
function tenMinutes(recording: string, dir: string): string {
  const path = join(dir, "ten-minutes.jsonl");
  const lines = recordedLines(recording).filter((line) => !/T16:[1-5]/.test(line));
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

function expectEqual(shown: Map<string, Measure>, mine: Recomputed): void {
  const figures = (word: string, side: "stream" | "batch") => shown.get(word)?.[side].values ?? {};
  expect([mine.wrong_samples, mine.finality.mismatches, mine.completeness.wrong_rows]).toEqual([0, 0, 0]);
  for (const side of ["stream", "batch"] as const) {
    const { perfect_mean_ms, ...age } = figures("age, since start", side);
    expectClose(age, mine.age[side]);
    if (side === "stream") expectClose({ mean_ms: perfect_mean_ms! }, { mean_ms: mine.age.perfect!.mean_ms! });
    expectClose(figures("lag, since start", side), mine.lag[side]);
    const finality = figures("finality, since start", side);
    expect(finality).toEqual({
      windows: mine.finality[side]!.windows,
      event_p50_ms: mine.finality.event!.p50_ms,
      event_max_ms: mine.finality.event!.max_ms,
      machine_p50_ms: mine.finality[side]!.p50_ms,
      machine_max_ms: mine.finality[side]!.max_ms,
    } as never);
  }
  const { wrong_rows: _, ...completeness } = mine.completeness;
  expect(figures("completeness, since start", "stream")).toEqual(completeness);
  expect(figures("completeness, since start", "batch")).toMatchObject({ share: 1, ticks: mine.counts.ticks });
  const { pending: _pending, ...outcomes } = { ...figures("agreement", "stream"), ...figures("agreement", "batch") };
  expect(outcomes).toEqual(mine.agreement);
  expectBucketed(figures("pipeline latency, since start", "batch"), mine.batch_latency!);
  const curve = figures("completeness curve", "batch");
  for (const [at, [least, most]] of Object.entries(mine.batch_curve)) {
    expect(curve[at]).toBeGreaterThanOrEqual(least - 1e-9);
    expect(curve[at]).toBeLessThanOrEqual(most + 1e-9);
  }
}

/** Equal but for the last digits of a binary number. */
function expectClose(shown: Record<string, number>, mine: Figures): void {
  expect(Object.keys(shown).sort()).toEqual(
    Object.keys(mine ?? {})
      .filter((name) => name in shown)
      .sort(),
  );
  for (const [name, value] of Object.entries(shown)) expect(value).toBeCloseTo(mine![name]!, 2);
}

/** A percentile of a histogram is at most 1/32 above the true one; the receipts of a run are grouped. */
function expectBucketed(shown: Record<string, number>, mine: Record<string, number>): void {
  expect(shown.samples).toBe(mine.samples!);
  for (const name of ["p50_ms", "p99_ms"]) {
    expect(shown[name]! / mine[name]!).toBeGreaterThan(0.99);
    expect(shown[name]! / mine[name]!).toBeLessThan(1.05);
  }
}

async function recomputed(data: string): Promise<Recomputed> {
  const script = join(ROOT, "test/support/recompute.py");
  const child = startProgram(["python3", script, data, "BTC-USD", "60000000"]);
  await child.ended;
  if (child.printed() === "") throw new Error(child.said());
  return JSON.parse(child.printed());
}

test(
  "the recorded hour and its disordered copy, played at once: age, lag, finality, completeness, agreement, lateness",
  async () => {
    // All end before one fails, so that no process stays.
    for (const ended of await Promise.allSettled([compare(HOUR), compare(DISORDERED)]))
      if (ended.status === "rejected") throw ended.reason;
  },
  PLAY_MS + 300_000,
);
