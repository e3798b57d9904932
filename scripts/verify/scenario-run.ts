/** One scenario of the matrix: before, the fault, after; the page is read all along, then judged. */
import { monotonicMs } from "../base/clock.ts";
import { parseDuration } from "../base/duration.ts";
import { pause } from "../base/wait.ts";
import { judge, type Sample, type Truths, type Verdict } from "./cell-judge.ts";
import { SOON } from "./cells.ts";
import { INJECTIONS } from "./injections.ts";
import { childrenCpuS, processCpuS, writtenBytes } from "./machine-use.ts";
import { cellsOf, type Scenario } from "./matrix.ts";
import { RealPath } from "./real-path.ts";
import { droppedIds, lateTicks, QUIET_US, type Sent, sentTwice, ticksOf } from "./synthetic-feed.ts";

const SAMPLE_EVERY_MS = 700;
/** Figures are stored once per second: what has just happened is in the answers after this. */
const SETTLE_MS = 1_500;
/** Two runs of `schedule`. */
const SCHEDULED_MS = 5_000;
/** A feed that does not end by itself is longer than the scenario takes on a slow machine. */
const SPARE_S = 90;
const TIMER_MS = 20;
/** What a slow machine may add to a tolerance; more would hide faults. Longer ones: half of the fault. */
const NOISE_MS_MAX = 900;

export interface ScenarioResult {
  scenario: Scenario;
  verdicts: Verdict[];
  truths: Truths;
  /** The longest stall of the judge's own timer. */
  stall_ms: number;
  seconds: number;
}

/** Rejects when a process of the path fails, or at the signal. */
export async function runScenario(
  scenario: Scenario,
  length: "short" | "whole",
  signal: AbortSignal,
): Promise<ScenarioResult> {
  const started_ms = monotonicMs();
  const [before_s, held_s, after_s] = scenario.seconds[length];
  const { feed, ends } = scenario;
  const feed_s = ends === "before" ? before_s : before_s + held_s + after_s + (ends === "after" ? 0 : SPARE_S);
  const ticks = ticksOf(feed, feed_s);
  const path = new RealPath({ feed, ticks, lateness: scenario.lateness, every: scenario.schedule });
  const samples: Sample[] = [];
  let phase: Sample["phase"] = "before";
  /** The phase in which a run would start now. */
  let runsIn: Sample["phase"] = phase;
  const over = new AbortController();
  const isQuietAsked = cellsOf(scenario).some(({ quiet }) => quiet);
  let longestAnswer = 0;
  const sample = async () => {
    const from_ms = monotonicMs();
    const asked = await path.sample(phase, isQuietAsked);
    longestAnswer = Math.max(longestAnswer, monotonicMs() - from_ms);
    // An answer that came after the end of its phase may be of the next one.
    if (asked.phase === phase) samples.push(asked);
  };
  try {
    await path.start();
    const began_ms = monotonicMs();
    const stall = longestStall(over.signal);
    const work = [stall, keepSampling(sample, over.signal), keepRunning(path, scenario, () => runsIn, over.signal)];
    const wait = (seconds: number) => Promise.race([failing(work), pause(seconds * 1_000, signal)]);
    await wait(before_s);
    if (scenario.runs.includes("before") && scenario.batch_every_s !== null) {
      await Promise.race([failing(work), path.firstRun]);
      await wait(SETTLE_MS / 1_000);
    }
    runsIn = "during";
    if (!scenario.runs.includes("during")) {
      // The fault is a run, or must not meet one: the last one's figures are the ones before.
      await Promise.race([failing(work), path.idle]);
      await wait(SETTLE_MS / 1_000);
    }
    await sample();
    phase = "during";
    let held = 0;
    const hold = async () => {
      const from_ms = monotonicMs();
      await wait(held_s);
      await sample();
      held = monotonicMs() - from_ms;
      phase = "after";
    };
    const known = await INJECTIONS[scenario.injection](path, hold);
    runsIn = "after";
    await wait(after_s);
    if (ends === "after") await path.ended("produce");
    over.abort();
    await Promise.all(work);
    if (scenario.schedule !== null) await pause(SCHEDULED_MS, signal);
    else await path.runBatch();
    await pause(SETTLE_MS, signal);
    await sample();
    signal.throwIfAborted();
    const counted = samples.at(-1)!.families.tidemark_ticks_total ?? 0;
    const silent = monotonicMs() - began_ms - QUIET_US / 1_000;
    const own = pathTruths(path, counted, began_ms);
    const overdue = own.gap === undefined ? {} : { overdue: held + own.gap };
    const stall_ms = await stall;
    const noise = Math.min(Math.max(stall_ms, longestAnswer), Math.max(NOISE_MS_MAX, held / 2));
    const times = { held, noise, soon: Math.max(SOON, held / 4), silent, ...overdue };
    const truths = { ...feedTruths(scenario, ticks), ...own, ...known, ...times };
    const verdicts = cellsOf(scenario).map((cell) => judge(cell, samples, truths));
    return { scenario, verdicts, truths, stall_ms, seconds: (monotonicMs() - started_ms) / 1_000 };
  } finally {
    over.abort();
    await path[Symbol.asyncDispose]();
  }
}

/** Rejects with the first of them that does; never resolves. */
function failing(work: readonly Promise<unknown>[]): Promise<never> {
  return new Promise((_, reject) => {
    for (const one of work) one.catch(reject);
  });
}

async function keepSampling(sample: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sample();
    await pause(SAMPLE_EVERY_MS, signal);
  }
}

/** The batch, again and again. */
async function keepRunning(
  path: RealPath,
  { batch_every_s, runs }: Scenario,
  phase: () => Sample["phase"],
  signal: AbortSignal,
): Promise<void> {
  if (batch_every_s === null) return;
  while (!signal.aborted) {
    const due_ms = monotonicMs() + batch_every_s * 1_000;
    if (runs.includes(phase())) await path.runBatch();
    await pause(Math.max(0, due_ms - monotonicMs()), signal);
  }
}

/** The longest time by which a timer of this process was late, in milliseconds. */
async function longestStall(signal: AbortSignal): Promise<number> {
  let longest = 0;
  while (!signal.aborted) {
    const from_ms = monotonicMs();
    await pause(TIMER_MS, signal);
    longest = Math.max(longest, monotonicMs() - from_ms - TIMER_MS);
  }
  return longest;
}

function feedTruths({ feed, lateness }: Scenario, ticks: readonly Sent[]): Partial<Truths> {
  const closed = lateTicks(ticks, parseDuration(lateness)!);
  return {
    ...closed,
    dropped: droppedIds(feed, ticks).length,
    twice: sentTwice(feed, ticks),
    ...(feed.skew_s !== undefined && { skew: feed.skew_s * 1_000 }),
  };
}

/** From the runs' spans and from /proc. `ticks`: counted by the stream since `began_ms`. */
function pathTruths(path: RealPath, ticks: number, began_ms: number): Partial<Truths> {
  const { runs } = path;
  const largest = (of: "started_ms" | "ended_ms", spans = runs) =>
    spans.length < 2 ? undefined : Math.max(...spans.slice(1).map((run, i) => run.ended_ms - spans[i]![of]));
  // After the feed's end nothing more waits for a run.
  const fed = runs.filter(({ ended_ms }) => ended_ms < path.fed_until_ms);
  const rate = ticks / ((monotonicMs() - began_ms) / 1_000);
  const truths: Partial<Truths> = { rate, gap: largest("started_ms"), rest: largest("ended_ms", fed) };
  try {
    const stream = path.pid("stream");
    truths.stream_cost = (processCpuS(stream) / ticks) * 1e6;
    truths.written = (writtenBytes(stream) ?? Number.NaN) / ticks;
    truths.batch_cost = ((childrenCpuS(path.pid("schedule")) + processCpuS(path.pid("consume"))) / ticks) * 1e6;
  } catch {
    // Without /proc, or without `schedule`: the cells that need them are not judged.
  }
  return Object.fromEntries(Object.entries(truths).filter(([, value]) => Number.isFinite(value)));
}
