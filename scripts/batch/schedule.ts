/** When the next batch runs: at an interval, by a cron pattern, when a metric's file changed. Never two at once; runs that fell due meanwhile are missed, and counted. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { given, PARENT_VARIABLE } from "../common/cli.ts";
import { monotonicMs, nowMs } from "../common/clock.ts";
import { parseDuration } from "../common/duration.ts";
import { MISSED_NOTED_MAX } from "../common/limits.ts";
import type { Logger } from "../common/logger.ts";
import type { DataPaths } from "../common/settings.ts";
import { PROJECT_ROOT } from "./project.ts";
import { Results } from "./results.ts";
import { MetricFolder } from "./watch.ts";

/** Milliseconds from `now_ms` (since 1970) to the next due time after it. */
export type Timetable = (now_ms: number) => number;

/** `10m` → due at whole multiples of it since 1970, so that a restart keeps the times; a cron pattern (UTC) → its times; null when it is neither. */
export function parseEvery(text: string): Timetable | null {
  const us = parseDuration(text);
  if (us !== null) {
    const every_ms = us / 1000;
    return every_ms < 1000 ? null : (now_ms) => every_ms - (now_ms % every_ms);
  }
  try {
    Bun.cron.parse(text);
  } catch {
    return null;
  }
  return (now_ms) => (Bun.cron.parse(text, now_ms)?.getTime() ?? Number.POSITIVE_INFINITY) - now_ms;
}

/** How long to look for ticks.db again while there is none. */
const NO_DATA_POLL_MS = 1_000;
/** A run that begins so long before its due time is that time's run. */
const EARLY_MS_MAX = 50;
/** setTimeout's largest delay. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export interface ScheduleOptions {
  /** Null: only when a file changed. */
  timetable: Timetable | null;
  /** The folder of metric files whose changes are runs too; null: not watched. */
  watch: string | null;
  /** Flags handed on to `batch`. */
  batch_args: string[];
  /** Flags for a `prune` after each batch; without them there is none. */
  prune_args?: string[];
  /** What becomes of the batch's own stdout. */
  stdout: "ignore" | "inherit";
  signal: AbortSignal;
}

/** Runs a batch at once and then whenever one is due or a file changed, each in a process of its own, until `signal`. */
export async function schedule(paths: DataPaths, options: ScheduleOptions, logger: Logger): Promise<void> {
  const { timetable, signal } = options;
  const folder = options.watch === null ? null : new MetricFolder(options.watch);
  if (!existsSync(paths.ticks)) logger.info(`waiting for ${paths.ticks}: nothing is stored yet`);
  while (!existsSync(paths.ticks) && !signal.aborted) await sleep(NO_DATA_POLL_MS, signal);
  // Neither is the first run due, nor one after a change: the first due time that falls into it has its answer.
  let isDue = false;
  while (!signal.aborted) {
    const started_ms = nowMs();
    folder?.look();
    await runOnce(paths, options, logger);
    const ended_ms = nowMs();
    if (timetable !== null) {
      const due = dueBetween(timetable, started_ms + EARLY_MS_MAX, ended_ms);
      noteMissed(paths, due.slice(isDue ? 0 : 1), "The run before was still at work.", logger);
    }
    await dueOrChanged(timetable, folder, signal, logger);
    if (timetable === null || signal.aborted) continue;
    const due = dueBetween(timetable, ended_ms, nowMs() + EARLY_MS_MAX);
    isDue = due.length > 0;
    // All but the newest, which is the run that begins now.
    noteMissed(paths, due.slice(0, -1), "The machine slept.", logger);
  }
  folder?.close();
}

/** Resolves at the next due time, at a change of the folder or at the signal, whatever comes first. */
async function dueOrChanged(
  timetable: Timetable | null,
  folder: MetricFolder | null,
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  const either = new AbortController();
  const stop = AbortSignal.any([signal, either.signal]);
  const wait_ms = timetable?.(nowMs()) ?? Number.POSITIVE_INFINITY;
  if (timetable !== null) logger.debug(`next batch in ${Math.round(wait_ms / 1000)} s`);
  const change = folder === null ? given(stop) : folder.changed(stop);
  await Promise.race([sleep(Math.min(wait_ms, TIMER_MS_MAX), stop), change]);
  either.abort();
}

/** Due times after `from_ms` and up to `to_ms`, all in ms since 1970; of more than MISSED_NOTED_MAX the newest. */
export function dueBetween(timetable: Timetable, from_ms: number, to_ms: number): number[] {
  const due: number[] = [];
  for (let at = from_ms + timetable(from_ms); at <= to_ms; at += timetable(at)) {
    due.push(at);
    if (due.length > MISSED_NOTED_MAX) due.shift();
  }
  return due;
}

function noteMissed(paths: DataPaths, due_ms: number[], why: string, logger: Logger): void {
  if (due_ms.length === 0) return;
  const times = due_ms.length > 1 ? "times" : "time";
  logger.warn(`no batch began at ${due_ms.length} due ${times}: ${due_ms.length} missed. ${why}`);
  const results = new Results(paths.results);
  try {
    results.noteMissed(
      due_ms.map((ms) => ms * 1_000),
      why,
    );
  } finally {
    results.close();
  }
}

/** One batch, and the prune after it; a failed one is said and the schedule goes on. */
async function runOnce(paths: DataPaths, options: ScheduleOptions, logger: Logger): Promise<void> {
  const killed = await runCommand("batch", options.batch_args, options, logger);
  if (killed !== null) noteDied(paths, killed);
  if (options.prune_args) await runCommand("prune", options.prune_args, options, logger);
}

/** A batch that a signal ended could not note its own end. */
function noteDied(paths: DataPaths, pid: number): void {
  if (!existsSync(paths.results)) return;
  const results = new Results(paths.results);
  results.noteDied(pid);
  results.close();
}

/** SIGTERM is handed on, and the child's end awaited. The child drains when we are killed. Gives the pid of one that a signal ended. */
async function runCommand(
  name: string,
  args: string[],
  { stdout, signal }: ScheduleOptions,
  logger: Logger,
): Promise<number | null> {
  if (signal.aborted) return null;
  const started_ms = monotonicMs();
  const child = Bun.spawn([process.execPath, join(PROJECT_ROOT, "scripts", `${name}.ts`), ...args], {
    stdin: "pipe",
    stdout,
    stderr: "inherit",
    env: { ...process.env, [PARENT_VARIABLE]: String(process.pid) },
  });
  const stop = () => child.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  const code = await child.exited;
  signal.removeEventListener("abort", stop);
  // Ctrl-C in a terminal reaches the child too, perhaps before it listens.
  const killed = child.signalCode === null ? null : child.pid;
  if (code === 0 || signal.aborted || child.signalCode === "SIGINT" || code === 130) return killed;
  logger.error(`${name} ended with status ${code} after ${((monotonicMs() - started_ms) / 1000).toFixed(1)} s`);
  return killed;
}

/** Ends early at the signal. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return setTimeout(ms, undefined, { signal }).catch(() => {});
}
