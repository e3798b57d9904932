/** The execution time of the newest batch runs: a bar each, its steps, and what failed. */
/** @jsxImportSource hono/jsx */
import type { RunRow } from "../../scripts/contract/results.ts";
import type { View } from "../model/view.ts";
import { counted, duration } from "./format.ts";

/** Of the drawing, in its own units. */
const HEIGHT = 40;
const SLOT = 10;
const BAR = 7;
/** Room for this many runs, so that a single one is a bar and not a wall. */
const SLOTS_MIN = 30;

export function BatchRuns({ view }: { view: Pick<View, "batch"> }) {
  const ended = view.batch.runs.filter((run) => run.seconds !== null || run.state === "failed").toReversed();
  const last = ended.findLast((run) => run.seconds !== null);
  const slots = Math.max(SLOTS_MIN, ended.length);
  const longest = Math.max(...ended.map((run) => run.seconds ?? 0), 1e-3);
  return (
    <section class="panel" id="batch-runs" aria-labelledby="batch-runs-title">
      <h2 id="batch-runs-title">How long does a batch run take?</h2>
      <p class="note">Execution time of the batch: the whole process of each run, newest at the right.</p>
      {last === undefined ? (
        <p class="empty">No run has ended yet.</p>
      ) : (
        <>
          <svg
            class="batch-runs"
            viewBox={`0 0 ${slots * SLOT} ${HEIGHT}`}
            preserveAspectRatio="none"
            role="img"
            aria-label={`The last ${counted(ended.length, "run")}: up to ${secondsOf(longest)}`}
          >
            {ended.map((run, i) => (
              <Bar run={run} x={(slots - ended.length + i) * SLOT} share={(run.seconds ?? longest) / longest} />
            ))}
          </svg>
          <p class="note">
            Run {last.run_id}: <b>{secondsOf(last.seconds ?? 0)}</b> (collect {duration(last.collect_ms ?? 0)}, answer{" "}
            {duration(last.answer_ms ?? 0)}); the longest of {counted(ended.length, "run")}: {secondsOf(longest)}.
          </p>
        </>
      )}
    </section>
  );
}

/** A run that failed has no time: its outline is empty and dashed. */
function Bar({ run, x, share }: { run: RunRow; x: number; share: number }) {
  const height = Math.max(1, HEIGHT * share);
  const text = run.seconds === null ? `run ${run.run_id} failed` : `run ${run.run_id}: ${secondsOf(run.seconds)}`;
  return (
    <rect
      class={run.seconds === null ? "failed" : ""}
      x={x + (SLOT - BAR) / 2}
      y={HEIGHT - height}
      width={BAR}
      height={height}
    >
      <title>{text}</title>
    </rect>
  );
}

function secondsOf(seconds: number): string {
  return duration(seconds * 1_000);
}
