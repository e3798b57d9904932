/** Why the path makes no progress, or its data needs attention (docs/health.md). */
import { statfsSync } from "node:fs";
import { nowUs } from "../../scripts/base/clock.ts";
import { isoSecondFromUs } from "../../scripts/base/iso.ts";
import {
  BATCH_MS_MAX,
  DISK_FREE_MIN_BYTES,
  LOG_ANSWER_MS_MAX,
  NO_PROGRESS_MS,
  PROBLEMS_SHOWN_MAX,
  STAGE_SILENCE_MS_MAX,
} from "../../scripts/base/limits.ts";
import { printable } from "../../scripts/base/printable.ts";
import type { KnownFeedStatus } from "../../scripts/contract/feed-status.ts";
import { type Problem, parseProblems } from "../../scripts/contract/problems.ts";
import type { RunRow } from "../../scripts/contract/results.ts";
import type { ScheduleStatus } from "../../scripts/contract/schedule-status.ts";
import { deadLetterProblems } from "./dead-letters.ts";
import { errorText } from "./log-view.ts";
import { processState } from "./process-state.ts";
import { agreement } from "./runs.ts";
import type { Sources } from "./sources.ts";
import type { Stage } from "./stage-states.ts";

/** A problem with the stage, or the part of the path, that has it. */
export interface StageProblem extends Problem {
  stage: Stage["name"] | "log" | "disk" | "store";
}

/** What the problems are derived from, read at one moment. */
interface Known {
  stages: readonly Stage[];
  feed: KnownFeedStatus | null;
  last_run: RunRow | null;
}

/**
 * At most PROBLEMS_SHOWN_MAX: stopped stages, what else stops the path, then others; sentences
 * are printable text of bounded length. Waits for nothing.
 */
export function problemsOf(sources: Sources, known: Known): StageProblem[] {
  const found = sources.leniently(() => [
    ...logProblems(sources),
    ...diskProblems(sources),
    ...known.stages.flatMap((stage) => stageProblems(sources, stage, known.feed)),
    ...feedProblems(known),
    ...reported(sources, known.feed),
    ...batchProblems(sources, known.last_run),
    ...deadLetterProblems(sources),
  ]);
  const all = [...found, ...storeProblems(sources)].map((one) => ({ ...one, sentence: printable(one.sentence) }));
  const rank = ({ stops, code }: StageProblem) => (!stops ? 2 : code.startsWith("stage-") ? 0 : 1);
  return all.sort((a, b) => rank(a) - rank(b)).slice(0, PROBLEMS_SHOWN_MAX);
}

/** `stage: sentence`, as /healthz and `doctor` print it. */
export function problemLine({ stage, sentence }: StageProblem): string {
  return printable(`${stage}: ${sentence}`);
}

function stopping(stage: StageProblem["stage"], code: string, sentence: string, since_us = 0): StageProblem {
  return { stage, code, sentence, stops: true, since_us };
}

function note(stage: StageProblem["stage"], code: string, sentence: string, since_us = 0): StageProblem {
  return { stage, code, sentence, stops: false, since_us };
}

/** Problems that the stages report of themselves. */
function reported(sources: Sources, feed: KnownFeedStatus | null): StageProblem[] {
  const of = (stage: StageProblem["stage"], problems: Problem[]) => problems.map((one) => ({ ...one, stage }));
  return [
    ...of("produce", feed?.problems ?? []),
    ...of("stream", parseProblems(sources.windows.setting("problems"))),
    ...of("consume", parseProblems(sources.ticks.setting("problems"))),
  ];
}

function logProblems({ log }: Sources): StageProblem[] {
  const { error, asked_us, away_us } = log.last;
  if (error === null) return [];
  const last = asked_us === null ? "" : ` It answered last at ${isoSecondFromUs(asked_us)}.`;
  return [stopping("log", "log-unreachable", `${error}${last}`, away_us ?? 0)];
}

function diskProblems({ paths }: Sources): StageProblem[] {
  try {
    const { bavail, bsize } = statfsSync(paths.root);
    if (bavail * bsize >= DISK_FREE_MIN_BYTES) return [];
  } catch {
    return [];
  }
  const say =
    `No space is left on the disk of ${paths.root}: nothing can be stored. ` +
    "Free some space; the stages wait, and nothing is lost meanwhile.";
  return [stopping("disk", "disk-full", say)];
}

function storeProblems({ windows, ticks, results }: Sources): StageProblem[] {
  return [windows, ticks, results].flatMap(({ failure }) =>
    failure === null ? [] : [stopping("store", "store-unreadable", errorText(failure))],
  );
}

/** A stage that has never run, has ended, or exists and reports nothing. */
function stageProblems(sources: Sources, stage: Stage, feed: KnownFeedStatus | null): StageProblem[] {
  const { name, state, detail, pid } = stage;
  if (name === "batch") return [];
  if (state === "absent")
    return [stopping(name, "stage-absent", `${detail}. Start it: bun run ${name}, or bun run start.`)];
  if (state === "running" && stage.lag !== null && stage.lag > 0) return stuck(sources, stage);
  const heard_us = name === "produce" ? (feed?.as_of_us ?? 0) : (stage.alive_us ?? 0);
  if (state !== "silent" || Math.abs(nowUs() - heard_us) < STAGE_SILENCE_MS_MAX * 1_000) return [];
  const process_state = processState(pid, name);
  if (process_state === "stopped")
    return [
      stopping(
        name,
        "stage-frozen",
        `${detail}: its process ${pid} is stopped. Resume it: kill -CONT ${pid}.`,
        heard_us,
      ),
    ];
  if (process_state === "running") {
    const say =
      `${detail}, but its process ${pid} is there: it waits (for a lock, or for space on the disk) or hangs. ` +
      "Its last line on stderr has the reason; if there is none, restart it.";
    return [stopping(name, "stage-stuck", say, heard_us)];
  }
  return [
    stopping(
      name,
      "stage-silent",
      `${detail}. It has ended, or can't report. Start it: bun run ${name}, or bun run start.`,
      heard_us,
    ),
  ];
}

/** A reader that reports, has records to read, and reads none. */
function stuck(sources: Sources, { name, lag, progress_us, started_us }: Stage): StageProblem[] {
  const { asked_us, error } = sources.log.last;
  const since_us = Math.max(progress_us ?? 0, started_us ?? 0);
  const isKnown = error === null && asked_us !== null && nowUs() - asked_us < LOG_ANSWER_MS_MAX * 1_000;
  if (!isKnown || since_us === 0 || nowUs() - since_us < NO_PROGRESS_MS * 1_000) return [];
  const say =
    `${lag} records wait in the log, and it has read none since ${isoSecondFromUs(since_us)}. ` +
    "Its last line on stderr may have the reason; restart it.";
  return [stopping(name, "no-progress", say, since_us)];
}

/** From the state of `produce`, while it runs and reports no stopping problem itself. */
function feedProblems({ feed, stages }: Known): StageProblem[] {
  const stage = stages.find(({ name }) => name === "produce");
  if (feed === null || stage === undefined || feed.state === "ended") return [];
  if (nowUs() - feed.as_of_us >= STAGE_SILENCE_MS_MAX * 1_000) return [];
  if (feed.problems.some(({ stops }) => stops)) return [];
  if (feed.state === "waiting")
    return [
      stopping(
        "produce",
        "log-waiting",
        `waiting for the log: ${feed.waiting_for} What the feed sends is held in memory.`,
      ),
    ];
  const heard_us = Math.max(feed.last_tick_us ?? 0, feed.run_started_us);
  const quiet_us = nowUs() - heard_us;
  if (feed.state !== "connected")
    return [
      stopping(
        "produce",
        "feed-lost",
        `${feed.state} to the feed. Check the network and the feed's status page.`,
        heard_us,
      ),
    ];
  if (feed.last_tick_us === undefined || quiet_us < NO_PROGRESS_MS * 1_000) return [];
  const products = feed.products.join(", ");
  if ((feed.lost_since_tick ?? 0) > 1) {
    const say =
      `no trade of ${products} has come since ${isoSecondFromUs(heard_us)}, and the connection was lost ` +
      `${feed.lost_since_tick} times since. Check the feed and the network.`;
    return [stopping("produce", "feed-silent", say, heard_us)];
  }
  const say =
    `no trade of ${products} has come since ${isoSecondFromUs(heard_us)}, although the feed is connected: ` +
    "the market is quiet, or the feed has stopped sending trades.";
  return [note("produce", "feed-quiet", say, heard_us)];
}

function batchProblems(sources: Sources, run: RunRow | null): StageProblem[] {
  const schedule = sources.schedule();
  return [...runProblems(run, schedule), ...overdue(run, schedule), ...answerProblems(sources, run)];
}

/** How the newest run ended, or the schedule's batch that began none. */
function runProblems(run: RunRow | null, schedule: ScheduleStatus | null): StageProblem[] {
  const one = (code: string, sentence: string, since_us: number) => [stopping("batch", code, sentence, since_us)];
  if (schedule !== null && schedule.status !== 0 && (run?.started_us ?? 0) < schedule.began_us) {
    const say =
      `the last batch of the schedule ended with status ${schedule.status} before it began a run. ` +
      "Its lines on stderr have the reason; or run it by hand: bun run batch.";
    return one("batch-failed", say, schedule.began_us);
  }
  if (run === null) return [];
  const { run_id, state, started_us, pid } = run;
  const since_us = run.ended_us ?? started_us;
  if (state === "died" || (state === "running" && processState(pid, "batch") === "gone"))
    return one(
      "batch-died",
      `run ${run_id} was killed before its end. The next run repeats its work: bun run batch.`,
      since_us,
    );
  if (state === "failed")
    return one(
      "batch-failed",
      `the last run failed: ${reason(run)}. The answers shown are those of the run before.`,
      since_us,
    );
  if (state !== "running" || nowUs() - started_us < BATCH_MS_MAX * 1_000) return [];
  const say = `run ${run_id} has not ended since ${isoSecondFromUs(started_us)}. End its process ${pid}; the next run repeats its work.`;
  return one("batch-stuck", say, started_us);
}

/** The schedule reported when its next run is due, and none has begun since. */
function overdue(run: RunRow | null, schedule: ScheduleStatus | null): StageProblem[] {
  const due_us = schedule?.due_us ?? null;
  if (schedule === null || due_us === null || run?.state === "running") return [];
  // A run may begin a moment before it is due.
  const hasBegun = run !== null && run.started_us >= due_us - 1_000_000;
  if (hasBegun || nowUs() - due_us < NO_PROGRESS_MS * 1_000) return [];
  const say =
    `a run was due at ${isoSecondFromUs(due_us)} and has not begun: the schedule (process ${schedule.pid}) ` +
    "has ended or is stopped. Start it: bun run schedule, or bun run start.";
  return [stopping("batch", "batch-overdue", say, due_us)];
}

/** Failed metrics and unexplained differences of a run that worked. */
function answerProblems(sources: Sources, run: RunRow | null): StageProblem[] {
  const found: StageProblem[] = [];
  if (run?.state === "done" && run.failed !== null && run.failed > 0) {
    const say = `${run.failed} of ${run.metrics} metrics failed in run ${run.run_id}, the others are new: ${reason(run)}.`;
    found.push(note("batch", "metric-failed", say, run.ended_us ?? run.started_us));
  }
  const counts = agreement(sources);
  if (counts !== null && counts.unexplained > 0) {
    const say =
      `${counts.unexplained} windows of the stream and the batch differ without an explanation (run ${counts.run_id}). ` +
      "See /api/reconciliation; doctor --deep searches for damage, and stream --rebuild computes the windows again.";
    found.push(note("batch", "unexplained", say));
  }
  return found;
}

function reason({ error }: RunRow): string {
  return error ? error.replace(/\.$/, "") : "no reason was noted";
}
