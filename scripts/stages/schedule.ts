/** Runs batches, never two at once: by a timetable, or when a metric's file has changed. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ClockWatch, monotonicMs, nowMs } from "../base/clock.ts";
import type { DataPaths } from "../base/data-dir.ts";
import { sentence } from "../base/errors.ts";
import { SCHEDULE_LOOK_MS } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import { spawnScript } from "../base/process.ts";
import { PROJECT_ROOT } from "../base/project.ts";
import { onAbort, pause, untilAborted } from "../base/wait.ts";
import type { ScheduleStatus } from "../contract/schedule-status.ts";
import { CostMeter } from "../measure/cost-meter.ts";
import { MetricFolder } from "../metrics/folder-watch.ts";
import { Results } from "../metrics/results-db.ts";
import { hasAnswered, runInputs } from "./run-inputs.ts";
import { dueBetween, type Timetable } from "./timetable.ts";

/** Interval at which ticks.db is checked for while there is none. */
const NO_DATA_POLL_MS = 1_000;
/** Interval at which the cost's meter is asked whether a new slice has begun. */
const METER_MS = 1_000;
/** A run that begins at most this long before a due time is the run of that time. */
const EARLY_MS_MAX = 50;

interface ScheduleOptions {
  /** Null: only when a file changed. */
  timetable: Timetable | null;
  /** The folder of metric files. */
  sql: string;
  /** A change in it starts a run too. */
  watch: boolean;
  /** While nothing is new no run begins within this time after the last one; 0: each due time has a run. */
  rest_ms?: number;
  /** Flags for `batch`. */
  batch_args: string[];
  /** Flags for a `prune` after each batch; without them there is none. */
  prune_args?: string[];
  /** The stdout of the batch. */
  stdout: "ignore" | "inherit";
  /** Called after each batch, and then with each new point of what this process and its children cost. */
  onWait?(status: ScheduleStatus): void;
  signal: AbortSignal;
}

/**
 * Runs a batch at once, and then when one is due or a file has changed, each in a process of its own,
 * until `signal`. Due times that pass during a run are missed, and noted in results.db. A due time
 * has no run while there is nothing new (docs/decisions/0093-batch-at-rest.md).
 */
export async function schedule(paths: DataPaths, options: ScheduleOptions, logger: Logger): Promise<void> {
  const { timetable, signal, rest_ms = 0 } = options;
  const folder = new MetricFolder(options.sql);
  const report = reporter(options, logger);
  if (!existsSync(paths.ticks)) logger.info(`waiting for ${paths.ticks}: nothing is stored yet`);
  while (!existsSync(paths.ticks) && !signal.aborted) await pause(NO_DATA_POLL_MS, signal);
  const dueUs = () => (timetable === null ? null : (nowMs() + timetable(nowMs())) * 1_000);
  // The first run and one after a change have no due time: the first due time that falls into it counts
  // as theirs.
  let isDue = false;
  while (!signal.aborted) {
    const started_ms = nowMs();
    folder.remember();
    const inputs = runInputs(paths, folder);
    const status = await runOnce(paths, options, logger);
    let from_ms = nowMs();
    if (timetable !== null) {
      const due = dueBetween(timetable, started_ms + EARLY_MS_MAX, from_ms);
      noteMissed(paths, due.slice(isDue ? 0 : 1), "The previous run had not ended.", logger);
    }
    const noted = { pid: process.pid, began_us: started_ms * 1_000, status };
    report.status({ ...noted, due_us: dueUs() });
    const canRest = rest_ms > 0 && inputs !== null && hasAnswered(paths, started_ms * 1_000);
    for (let isAtRest = false; !signal.aborted; ) {
      await dueOrChanged(timetable, options.watch ? folder : null, signal, logger);
      if (timetable === null || signal.aborted) break;
      const due = dueBetween(timetable, from_ms, nowMs() + EARLY_MS_MAX);
      isDue = due.length > 0;
      // The newest is the run that begins now.
      if (!isAtRest) noteMissed(paths, due.slice(0, -1), "The machine slept, was busy, or its clock was set.", logger);
      const since_ms = nowMs() - started_ms;
      if (!canRest || since_ms < 0 || since_ms >= rest_ms || runInputs(paths, folder) !== inputs) break;
      logger.debug("nothing is new: no batch");
      isAtRest = true;
      from_ms = nowMs();
      report.status({ ...noted, due_us: dueUs(), rest_until_us: (started_ms + rest_ms) * 1_000 });
    }
  }
  report.end();
  folder.close();
}

/**
 * Passes the status on with the points of the cost: of the first batch once it has ended, so that a
 * reader has all fields.
 */
function reporter({ onWait }: ScheduleOptions, logger: Logger): { status(status: ScheduleStatus): void; end(): void } {
  const meter = new CostMeter();
  let last: ScheduleStatus | null = null;
  const send = () => last !== null && onWait?.({ ...last, cost: meter.text() });
  const timer = setInterval(() => {
    try {
      if (meter.note(0)) send();
    } catch (error) {
      logger.debug(`the cost was not noted: ${sentence(error)}`);
    }
  }, METER_MS).unref();
  return {
    status: (status) => {
      last = status;
      send();
    },
    end: () => clearInterval(timer),
  };
}

/** Resolves at the first of: the next due time, a change in the folder, the signal. */
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
 * Resolves at the next due time by the wall clock, which is read every SCHEDULE_LOOK_MS. After a
 * suspend or a step forward a passed due time is due at once; after a step back the next one of the
 * new time is.
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

/**
 * Runs one batch, and the prune after it; both wait for one that runs already. A failure is logged.
 * Resolves with the batch's exit status.
 */
async function runOnce(paths: DataPaths, options: ScheduleOptions, logger: Logger): Promise<number> {
  const { status, end, killed } = await runCommand("batch", ["--wait", ...options.batch_args], options, logger);
  if (end !== null) noteEnd(paths, end, killed);
  if (options.prune_args) await runCommand("prune", ["--wait", ...options.prune_args], options, logger);
  return status;
}

/** A batch can't note what its own end costs; one that was killed could not note its end at all. */
function noteEnd(paths: DataPaths, { pid, cpu_s }: { pid: number; cpu_s: number }, killed: boolean): void {
  if (!existsSync(paths.results)) return;
  const results = new Results(paths.results);
  if (killed) results.noteDied(pid);
  results.chargeEnded(pid, cpu_s);
  results.close();
}

/**
 * Runs one of our commands to its end; it gets SIGTERM at the signal. `status` is 0 when it drained
 * for a signal, `end` null when it was not started, `killed` whether a signal ended it.
 */
async function runCommand(
  name: string,
  args: string[],
  { stdout, signal }: ScheduleOptions,
  logger: Logger,
): Promise<{ status: number; end: { pid: number; cpu_s: number } | null; killed: boolean }> {
  if (signal.aborted) return { status: 0, end: null, killed: false };
  const started_ms = monotonicMs();
  const child = spawnScript(join(PROJECT_ROOT, "scripts", `${name}.ts`), args, {
    stdin: "lifeline",
    stdout,
    stderr: "inherit",
  });
  const forget = onAbort(signal, () => child.kill("SIGTERM"));
  const { code, signal: killer, cpu_s } = await child.ended;
  forget();
  // Ctrl-C in a terminal reaches the child too, perhaps before it listens.
  const ended = { end: { pid: child.pid, cpu_s }, killed: killer !== null };
  if (code === 0 || signal.aborted || killer === "SIGINT" || code === 130) return { status: 0, ...ended };
  logger.error(`${name} ended with status ${code} after ${((monotonicMs() - started_ms) / 1000).toFixed(1)} s`);
  return { status: code, ...ended };
}
