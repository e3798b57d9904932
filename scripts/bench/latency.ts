/** Time from a sent frame to a committed window row, through exchange, produce, log and stream. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { nowUs } from "../base/clock.ts";
import { TidemarkError } from "../base/errors.ts";
import { isoFromUs } from "../base/iso.ts";
import { pause } from "../base/wait.ts";
import { type Recorded, startExchange } from "../simulator/index.ts";
import { NO_BROKER } from "./drain.ts";
import { type Bench, type BenchContext, type Figure, measure, percentile, type Skipped } from "./figure.ts";
import { newTopic } from "./logs.ts";
import { type Running, startScript } from "./running.ts";
import { BUSY, START_US, TickMaker } from "./ticks.ts";

const SECONDS = 10;
/** The first ticks reach processes that have just started: not counted. */
const WARM_SECONDS = 3;
/** The row of the last frame is waited for this long. */
const LATE_SECONDS_MAX = 30;
const RATES = [1_000, 20_000];
/** Goals for p50 and p99 at 1,000 ticks/s. */
const P50_MS_MAX = 3;
const P99_MS_MAX = { embedded: 15, kafka: 30 };
/** A larger difference between the halves of a run is a growing lag. */
const GROWTH_MS_MAX = 10;

export const latency: Bench = {
  name: "latency",
  about: "from the exchange's frame to the committed window row, at 1,000 and 20,000 ticks/s, on both logs",
  async run(context) {
    const figures: (Figure | Skipped)[] = [];
    for (const kind of ["embedded", "kafka"] as const) {
      if (kind === "kafka" && context.kafka === null) figures.push({ bench: "latency on Kafka", skipped: NO_BROKER });
      else for (const rate of RATES) figures.push(...(await at(kind, rate, context)));
    }
    return figures;
  },
};

function at(kind: "embedded" | "kafka", rate: number, context: BenchContext): Promise<Figure[]> {
  const name = `${kind}, ${rate.toLocaleString("en")}/s`;
  const least = rate === RATES[0];
  const [p50, p99, growth] = [`${name}, p50`, `${name}, p99`, `${name}, last half − first, p50`];
  const shape = {
    [p50]: { unit: "ms", goal: least ? { most: P50_MS_MAX } : undefined },
    [p99]: { unit: "ms", goal: least ? { most: P99_MS_MAX[kind] } : undefined },
    [growth]: { unit: "ms", goal: { most: GROWTH_MS_MAX } },
  } as const;
  return measure("latency", context, shape, async () => {
    const latencies = await once(kind, rate, context);
    const half = latencies.length >> 1;
    return {
      [p50]: percentile(latencies, 0.5),
      [p99]: percentile(latencies, 0.99),
      [growth]: percentile(latencies.slice(half), 0.5) - percentile(latencies.slice(0, half), 0.5),
    };
  });
}

/** Latencies in ms of one run, in the order of sending. */
async function once(kind: "embedded" | "kafka", rate: number, context: BenchContext): Promise<number[]> {
  const data = mkdtempSync(join(context.dir, "latency-"));
  const log = ["--data", data, "--log", kind === "embedded" ? "embedded:" : newTopic(context, "latency")];
  const scale = Math.min(1, context.scale);
  const [warm_s, seconds] = [WARM_SECONDS * scale, (WARM_SECONDS + SECONDS) * scale];
  const sent_us = new Float64Array(Math.round(rate * seconds));
  const recorded = stampedTicks(rate, sent_us);
  const exchange = startExchange({ recorded, speed: 1, loop: false, after: 0, host: "127.0.0.1", port: 0 });
  const stages: Running[] = [];
  try {
    // The readers start first and create the topic.
    stages.push(startScript("stream.ts", log), startScript("consume.ts", log));
    await Bun.sleep(kind === "kafka" ? 2_000 : 500);
    const last = String(recorded.at(-1)!.trade_id);
    const watcher = startScript("bench/window-watch.ts", [join(data, "windows.db"), last]);
    stages.push(watcher, startScript("produce.ts", [...log, "--feed", exchange.url, "--until-end", "--json"]));
    const seen = await Promise.race([
      watcher.done,
      pause((seconds + LATE_SECONDS_MAX) * 1_000, context.signal).then(() => watcher.stop()),
    ]);
    return latenciesOf(recorded, sent_us, seen.out, Math.round(rate * warm_s));
  } finally {
    // The first error is reported, not what followed from it.
    for (const stage of stages.reverse()) await stage.stop().catch(() => {});
    await exchange.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

/** A recording whose messages are stamped at the moment in which the exchange sends them. */
function stampedTicks(rate: number, sent_us: Float64Array): Recorded[] {
  const maker = new TickMaker({ ...BUSY, per_second: rate });
  const decoder = new TextDecoder();
  return Array.from({ length: sent_us.length }, (_, i): Recorded => {
    const line = decoder.decode(maker.next(START_US).value);
    const at = line.indexOf('"time":"') + 8;
    const [head, tail] = [line.slice(0, at), line.slice(at + "2023-09-05T16:00:00.000000Z".length)];
    return {
      get line() {
        const now_us = nowUs();
        sent_us[i] = now_us;
        return `${head}${isoFromUs(now_us)}${tail}`;
      },
      product_id: "BTC-USD",
      trade_id: Number(/"trade_id":(\d+)/.exec(line)![1]),
      time_us: START_US + Math.round((i * 1e6) / rate),
    };
  });
}

/**
 * A tick is committed when a row that reaches its id is first seen. Fails with CHILD_FAILED when one
 * never was, so that no figure leaves it out.
 */
function latenciesOf(recorded: Recorded[], sent_us: Float64Array, seen: string, skip: number): number[] {
  const sights = (seen.trim() === "" ? [] : seen.trim().split("\n")).map(
    (line) => line.split(" ").map(Number) as [us: number, trade_id: number],
  );
  const latencies: number[] = [];
  let sight = 0;
  recorded.forEach(({ trade_id }, i) => {
    while (sight < sights.length && sights[sight]![1] < trade_id) sight++;
    if (sight === sights.length)
      throw new TidemarkError(
        "CHILD_FAILED",
        `Of ${recorded.length} ticks ${recorded.length - i} were never seen in a window.`,
      );
    if (i >= skip) latencies.push((sights[sight]![0] - sent_us[i]!) / 1_000);
  });
  return latencies;
}
