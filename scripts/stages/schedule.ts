/** When the next batch runs: at an interval, by a cron pattern, when a metric's file changed. Never two at once; runs that fell due meanwhile are missed, and counted. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ClockWatch, monotonicMs, nowMs } from "../base/clock.ts";
import type { DataPaths } from "../base/data-dir.ts";
import { parseDuration } from "../base/duration.ts";
import { MISSED_LOOK_MS, MISSED_NOTED_MAX, SCHEDULE_LOOK_MS } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import { spawnScript } from "../base/process.ts";
import { PROJECT_ROOT } from "../base/project.ts";
import { onAbort, pause, untilAborted } from "../base/wait.ts";
import { MetricFolder } from "../metrics/folder-watch.ts";
import { Results } from "../metrics/results.ts";

/** Milliseconds from `now_ms` (since 1970) to the next due time after it. */
export type Timetable = (now_ms: number) => number;

/**
 * `10m` → due at whole multiples of it since 1970, so that a restart keeps the times; a cron pattern → its times in the zone `tz` (an
 * IANA name). A sentence when it is neither, when the pattern is never due, or when there is no such zone.
 */
export function parseEvery(text: string, tz = "UTC"): Timetable | string {
  const us = parseDuration(text);
  if (us !== null) {
    const every_ms = us / 1000;
    return every_ms < 1000 ? EVERY_FORMS : (now_ms) => every_ms - (now_ms % every_ms);
  }
  if (!isZone(tz)) return `"${tz}" is not a time zone. Use for example UTC or Europe/Berlin.`;
  const next = (now_ms: number) => Bun.cron.parse(text, now_ms, { tz })?.getTime();
  try {
    if (next(nowMs()) === undefined) return `"${text}" is never due: no month of the pattern has that day.`;
  } catch {
    return EVERY_FORMS;
  }
  return (now_ms) => (next(now_ms) ?? Number.POSITIVE_INFINITY) - now_ms;
}

const EVERY_FORMS = "Give an interval of at least a second (30s, 10m, 1h) or a cron pattern of five fields.";

function isZone(tz: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: tz }) !== null;
  } catch {
    return false;
  }
}

/** How long to look for ticks.db again while there is none. */
const NO_DATA_POLL_MS = 1_000;
/** A run that begins so long before its due time is that time's run. */
const EARLY_MS_MAX = 50;

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
  /** Called after each batch: when the next one is due (null: only at a change), when this one began (ms since 1970), its exit status. */
  onWait?(due_ms: number | null, began_ms: number, status: number): void;
  signal: AbortSignal;
}

/** Runs a batch at once and then whenever one is due or a file changed, each in a process of its own, until `signal`. */
export async function schedule(paths: DataPaths, options: ScheduleOptions, logger: Logger): Promise<void> {
  const { timetable, signal } = options;
  const folder = options.watch === null ? null : new MetricFolder(options.watch);
  if (!existsSync(paths.ticks)) logger.info(`waiting for ${paths.ticks}: nothing is stored yet`);
  while (!existsSync(paths.ticks) && !signal.aborted) await pause(NO_DATA_POLL_MS, signal);
  // Neither is the first run due, nor one after a change: the first due time that falls into it has its answer.
  let isDue = false;
  while (!signal.aborted) {
    const started_ms = nowMs();
    folder?.look();
    const status = await runOnce(paths, options, logger);
    const ended_ms = nowMs();
    if (timetable !== null) {
      const due = dueBetween(timetable, started_ms + EARLY_MS_MAX, ended_ms);
      noteMissed(paths, due.slice(isDue ? 0 : 1), "The run before was still at work.", logger);
    }
    options.onWait?.(timetable === null ? null : nowMs() + timetable(nowMs()), started_ms, status);
    await dueOrChanged(timetable, folder, signal, logger);
    if (timetable === null || signal.aborted) continue;
    const due = dueBetween(timetable, ended_ms, nowMs() + EARLY_MS_MAX);
    isDue = due.length > 0;
    // All but the newest, which is the run that begins now.
    noteMissed(paths, due.slice(0, -1), "The machine slept, or its clock was set.", logger);
  }
  folder?.close();
}

/** Resolves at the next due time, at a change of the folder or at the signal, whichever comes first. */
async function dueOrChanged(
  timetable: Timetable | null,
  folder: MetricFolder | null,
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  const either = new AbortController();
  const stop = AbortSignal.any([signal, either.signal]);
  const change = folder === null ? untilAborted(stop) : folder.changed(stop);
  await Promise.race([timetable === null ? untilAborted(stop) : untilDue(timetable, stop, logger), change]);
  either.abort();
}

/**
 * Resolves at the next due time by the wall clock, however far it is. The clock is read every SCHEDULE_LOOK_MS: after a suspend or a
 * step forward the due time that was passed is due at once, after a step back the wait is for the next one of the new time.
 */
async function untilDue(timetable: Timetable, stop: AbortSignal, logger: Logger): Promise<void> {
  const watch = new ClockWatch();
  let due_ms = nowMs() + timetable(nowMs());
  logger.debug(`next batch in ${Math.round((due_ms - nowMs()) / 1000)} s`);
  while (!stop.aborted) {
    const moved_ms = watch.look();
    const now_ms = nowMs();
    if (now_ms >= due_ms) return;
    if (moved_ms < 0) {
      due_ms = now_ms + timetable(now_ms);
      logger.warn(
        `the clock was set back by ${Math.round(-moved_ms / 1000)} s: next batch in ${Math.round((due_ms - now_ms) / 1000)} s`,
      );
    }
    await pause(Math.min(due_ms - now_ms, SCHEDULE_LOOK_MS), stop);
  }
}

/** Due times after `from_ms` and up to `to_ms`, all in ms since 1970; at most the newest MISSED_NOTED_MAX, within MISSED_LOOK_MS. */
export function dueBetween(timetable: Timetable, from_ms: number, to_ms: number): number[] {
  const due: number[] = [];
  const first_ms = Math.max(from_ms, to_ms - MISSED_LOOK_MS);
  for (let at = first_ms + timetable(first_ms); at <= to_ms; at += timetable(at)) {
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

/** One batch, and the prune after it; a failed one is said and the schedule goes on. Gives the batch's exit status. */
async function runOnce(paths: DataPaths, options: ScheduleOptions, logger: Logger): Promise<number> {
  const { status, killed } = await runCommand("batch", options.batch_args, options, logger);
  if (killed !== null) noteDied(paths, killed);
  if (options.prune_args) await runCommand("prune", options.prune_args, options, logger);
  return status;
}

/** A batch that a signal ended could not note its own end. */
function noteDied(paths: DataPaths, pid: number): void {
  if (!existsSync(paths.results)) return;
  const results = new Results(paths.results);
  results.noteDied(pid);
  results.close();
}

/** SIGTERM is handed on, and the child's end awaited. The child drains when we are killed. Gives its exit status, and the pid of one that a signal ended. */
async function runCommand(
  name: string,
  args: string[],
  { stdout, signal }: ScheduleOptions,
  logger: Logger,
): Promise<{ status: number; killed: number | null }> {
  if (signal.aborted) return { status: 0, killed: null };
  const started_ms = monotonicMs();
  const child = spawnScript(join(PROJECT_ROOT, "scripts", `${name}.ts`), args, {
    stdin: "lifeline",
    stdout,
    stderr: "inherit",
  });
  const forget = onAbort(signal, () => child.kill("SIGTERM"));
  const { code, signal: killer } = await child.ended;
  forget();
  // Ctrl-C in a terminal reaches the child too, perhaps before it listens.
  const killed = killer === null ? null : child.pid;
  if (code === 0 || signal.aborted || killer === "SIGINT" || code === 130) return { status: 0, killed };
  logger.error(`${name} ended with status ${code} after ${((monotonicMs() - started_ms) / 1000).toFixed(1)} s`);
  return { status: code, killed };
}
