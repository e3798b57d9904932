/** Bytes that the stages write per tick, as the operating system counts them, in a busy market. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { monotonicMs } from "../base/clock.ts";
import { TidemarkError } from "../base/errors.ts";
import { BUNDLED_RECORDING } from "../base/project.ts";
import { openReadOnly } from "../base/sqlite.ts";
import type { Histograms } from "../contract/measures.ts";
import { quantile } from "../measure/buckets.ts";
import { chargeOf } from "../measure/process-cost.ts";
import { type Recorded, readRecording, startExchange } from "../simulator/index.ts";
import type { Bench, BenchContext } from "./figure.ts";
import { measure } from "./repeat.ts";
import { type Running, startScript } from "./running.ts";

/** The recorded hour has 3.7 ticks/s; its second half at this speed has about 110. */
const SPEED = 30;
const FROM_US = 20 * 60_000_000;
const SECONDS = 60;
const SECONDS_MIN = 3;
const WARM_SECONDS = 10;
/** Kilobytes per tick. */
const GOALS = { stream: 3, consume: 1.5, produce: 1.5 };
type Stage = keyof typeof GOALS;
const STAGES = Object.keys(GOALS) as Stage[];

export const bytes: Bench = {
  name: "bytes",
  about: "bytes that produce, stream and consume write per tick at 110 ticks/s, on the embedded log",
  async run(context) {
    if (process.platform !== "linux") return [{ bench: "bytes", skipped: "it reads /proc, which only Linux has" }];
    const shape = Object.fromEntries(
      STAGES.map((stage) => [`${stage}, per tick`, { unit: "kB" as const, at: "rate", goal: { most: GOALS[stage] } }]),
    );
    const p50 = "stream, pipeline latency, p50";
    const all = { ...shape, [p50]: { unit: "ms" as const }, rate: { unit: "ticks/s" as const } };
    return measure("bytes", context, all, async () => {
      const { written, rate, p50_ms } = await once(context);
      const perTick = Object.fromEntries(STAGES.map((stage) => [`${stage}, per tick`, written[stage]]));
      return { ...perTick, [p50]: p50_ms, rate };
    });
  },
};

interface Written {
  /** Kilobytes per tick; null without a tick. */
  written: Record<Stage, number | null>;
  /** Ticks per second that the stream took. */
  rate: number;
  p50_ms: number | null;
}

async function once(context: BenchContext): Promise<Written> {
  const scale = Math.min(1, context.scale);
  const data = mkdtempSync(join(context.dir, "bytes-"));
  const log = ["--data", data, "--log", "embedded:"];
  const seconds = Math.max(SECONDS_MIN, SECONDS * scale);
  const recorded = await played(WARM_SECONDS * scale + seconds + 5, context);
  const exchange = startExchange({ recorded, speed: SPEED, loop: false, after: 0, host: "127.0.0.1", port: 0 });
  const stages: Running[] = [];
  const start = (stage: Stage, args: string[]) => {
    const one = startScript(`${stage}.ts`, [...log, ...args]);
    stages.push(one);
    return one.pid;
  };
  try {
    const pids = { stream: start("stream", []), consume: start("consume", []), produce: 0 };
    await Bun.sleep(1_000);
    pids.produce = start("produce", ["--feed", exchange.url]);
    const failed = Promise.race(stages.map(({ done }) => done.then(() => {})));
    await Promise.race([failed, Bun.sleep((WARM_SECONDS * scale + 1) * 1_000)]);
    const before = reading(pids, data);
    await Promise.race([failed, Bun.sleep(seconds * 1_000)]);
    const after = reading(pids, data);
    const ticks = after.ticks - before.ticks;
    const written = (stage: Stage) => (ticks === 0 ? null : (after.bytes[stage] - before.bytes[stage]) / ticks / 1_000);
    return {
      written: { stream: written("stream"), consume: written("consume"), produce: written("produce") },
      rate: ticks / ((after.at_ms - before.at_ms) / 1_000),
      p50_ms: after.p50_ms,
    };
  } finally {
    for (const stage of stages.reverse()) await stage.stop().catch(() => {});
    await exchange.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

/** The bundled recording from FROM_US on, as much as is played in `seconds`. */
async function played(seconds: number, { logger }: BenchContext): Promise<Recorded[]> {
  const all = await readRecording(BUNDLED_RECORDING, logger);
  const from_us = all[0]!.time_us + FROM_US;
  const to_us = from_us + seconds * SPEED * 1e6;
  return all.filter(({ time_us }) => time_us >= from_us && time_us < to_us);
}

/** What each stage has written, and the stream's ticks and latency since it started. */
function reading(pids: Record<Stage, number>, data: string) {
  const written = (stage: Stage): number => {
    const bytes = chargeOf(pids[stage])?.written_bytes ?? null;
    if (bytes === null) throw new TidemarkError("CHILD_FAILED", `${stage} has ended, or its bytes can't be read.`);
    return bytes;
  };
  const bytes = { stream: written("stream"), consume: written("consume"), produce: written("produce") };
  const db = openReadOnly(join(data, "windows.db"));
  const ticks = db?.query<{ ticks: number }, []>("SELECT sum(ticks) AS ticks FROM products").get()?.ticks ?? 0;
  const slice = "SELECT histograms FROM measure_slices WHERE slice_us = 0";
  const text = db?.query<{ histograms: string }, []>(slice).get()?.histograms ?? "{}";
  db?.close();
  const p50_us = quantile((JSON.parse(text) as Histograms).pipeline ?? [], 0.5);
  return { at_ms: monotonicMs(), bytes, ticks, p50_ms: p50_us === null ? null : p50_us / 1_000 };
}
