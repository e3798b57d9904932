/** One run of an open loop: frames at their due times through produce, log and stream to a window row. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TidemarkError } from "../base/errors.ts";
import { pause } from "../base/wait.ts";
import type { Point } from "../measure/statistics.ts";
import { dueUs, tradeIdOf } from "./due-frames.ts";
import type { BenchContext } from "./figure.ts";
import { dropOne, newTopic } from "./logs.ts";
import { type Running, startScript } from "./running.ts";
import { leadUs, type SenderSummary } from "./sender.ts";

/** A sender above these makes the run invalid. */
const SENDER_LATE_MS_MAX = 1;
const SENDER_CPU_MAX = 0.8;
/** From the start of `produce` to its subscription, at most. */
const START_SECONDS_MAX = 5;
const LAG_SAMPLES = 60;

interface OpenLoop {
  kind: "embedded" | "kafka";
  /** Frames per second. */
  rate: number;
  /** The first frames reach processes that have just started: not counted. */
  warm_s: number;
  /** Counted. */
  seconds: number;
  /** The last frame's row is waited for this long. */
  wait_s: number;
  /** For tests: called when the frames are about to be sent. */
  onStart?: (pids: { sender: number; stream: number }) => void;
}

/** The counted ticks in the order of their due times. */
export interface OpenLoopRun {
  due_us: Float64Array;
  /** When a committed window row with the tick was first seen; Infinity when none was. */
  seen_us: Float64Array;
  sender: SenderSummary;
  /** Why the run is invalid; null if it is valid. */
  invalid: string | null;
}

/** Runs the stages in a new directory, or on a new topic. Rejects with CHILD_FAILED when one fails. */
export async function openLoop(plan: OpenLoop, context: BenchContext): Promise<OpenLoopRun> {
  const { kind, rate, warm_s, seconds, wait_s, onStart } = plan;
  const data = mkdtempSync(join(context.dir, "open-loop-"));
  const url = kind === "embedded" ? "embedded:" : newTopic(context, "open-loop");
  const log = ["--data", data, "--log", url];
  const first = Math.round(rate * warm_s);
  const count = first + Math.round(rate * seconds);
  const stages: Running[] = [];
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const start = (file: string, args: string[]) => {
    const one = startScript(file, args);
    one.done.catch(failed.reject);
    stages.push(one);
    return one;
  };
  try {
    const sender = start("bench/sender.ts", [String(rate), String(count), String(first)]);
    // The readers start first and create the topic.
    const stream = start("stream.ts", log);
    start("consume.ts", log);
    const [feed] = await Promise.all([sender.firstLine, Bun.sleep(kind === "kafka" ? 2_000 : 500)]);
    const watcher = start("bench/window-watch.ts", [join(data, "windows.db"), String(tradeIdOf(count - 1))]);
    start("produce.ts", [...log, "--feed", feed, "--until-end", "--json"]);
    onStart?.({ sender: sender.pid, stream: stream.pid });
    const run_s = START_SECONDS_MAX + leadUs(count) / 1e6 + warm_s + seconds + wait_s;
    const over = pause(run_s * 1_000, context.signal);
    const watched = await Promise.race([watcher.done, failed.promise, over.then(() => watcher.stop())]);
    const summary = lastLine<SenderSummary>((await sender.stop()).out);
    const due_us = Float64Array.from({ length: count - first }, (_, i) => dueUs(summary.start_us, rate, first + i));
    return { due_us, seen_us: sights(watched.out, first, count), sender: summary, invalid: faultOf(summary) };
  } finally {
    // The first error is reported, not what followed from it.
    for (const stage of stages.reverse()) await stage.stop().catch(() => {});
    rmSync(data, { recursive: true, force: true });
    if (kind === "kafka") await dropOne(url, context);
  }
}

/** Why a run with this sender is invalid, for people; null when it is valid. */
export function faultOf({ late_p99_ms, late_max_ms, cpu_share }: SenderSummary): string | null {
  const late_ms = late_p99_ms ?? late_max_ms;
  if (late_ms > SENDER_LATE_MS_MAX)
    return `the sender was ${late_ms.toFixed(1)} ms late at p99 (limit ${SENDER_LATE_MS_MAX} ms)`;
  if (cpu_share > SENDER_CPU_MAX)
    return `the sender used ${(cpu_share * 100).toFixed(0)} % of a core (limit ${SENDER_CPU_MAX * 100} %)`;
  return null;
}

/** Latency from the due time in ms, in the order of the due times. */
export function latenciesOf({ due_us, seen_us }: Pick<OpenLoopRun, "due_us" | "seen_us">): Float64Array {
  return seen_us.map((us, i) => (us - due_us[i]!) / 1_000);
}

/** The same. Fails with CHILD_FAILED when a tick was never seen, so that no figure leaves it out. */
export function seenLatencies(run: OpenLoopRun): Float64Array {
  const latencies = latenciesOf(run);
  const unseen = latencies.filter((ms) => ms === Number.POSITIVE_INFINITY).length;
  if (unseen === 0) return latencies;
  throw new TidemarkError("CHILD_FAILED", `Of ${latencies.length} ticks ${unseen} were never seen in a window.`);
}

/**
 * The lag at equal steps: x in seconds since the first counted tick, y in milliseconds since the due
 * time of the oldest tick that was due and not seen; 0 when there is none.
 */
export function lagsOf({ due_us, seen_us }: Pick<OpenLoopRun, "due_us" | "seen_us">): Point[] {
  const from_us = due_us[0]!;
  const step_us = (due_us.at(-1)! - from_us) / LAG_SAMPLES;
  let oldest = 0;
  return Array.from({ length: LAG_SAMPLES }, (_, k) => {
    const at_us = from_us + (k + 1) * step_us;
    while (oldest < due_us.length && seen_us[oldest]! <= at_us) oldest++;
    const lag_us = oldest < due_us.length ? Math.max(0, at_us - due_us[oldest]!) : 0;
    return { x: (at_us - from_us) / 1e6, y: lag_us / 1_000 };
  });
}

/** From the watcher's lines `US TRADE_ID`: a tick is seen with the first row that reaches its id. */
function sights(text: string, first: number, count: number): Float64Array {
  const lines = text.trim() === "" ? [] : text.trim().split("\n");
  const reached = lines.map((line) => line.split(" ").map(Number) as [us: number, trade_id: number]);
  let next = 0;
  return Float64Array.from({ length: count - first }, (_, i) => {
    while (next < reached.length && reached[next]![1] < tradeIdOf(first + i)) next++;
    return reached[next]?.[0] ?? Number.POSITIVE_INFINITY;
  });
}

function lastLine<T>(out: string): T {
  return JSON.parse(out.trim().split("\n").at(-1)!);
}
