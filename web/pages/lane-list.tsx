/** How far the log and its readers have come, in event time; the browser moves them each second. */
/** @jsxImportSource hono/jsx */
import type { Lane } from "../../scripts/contract/page-events.ts";
import { isoFromMs } from "../model/moments.ts";
import type { View } from "../model/view.ts";
import { ageWords, reaches, untilWords } from "../public/figure-words.ts";
import { exact } from "./format.ts";

const NAMES: Record<Lane["name"], [from: string, to: string]> = {
  log: ["feed → ", "log"],
  stream: ["log → ", "stream"],
  consume: ["log → ", "store"],
  batch: ["store → ", "batch"],
};
const WORDS: Record<Lane["state"], string> = {
  running: "running",
  rest: "at rest",
  silent: "stopped",
  absent: "not there",
};

export function Lanes({ view: { now } }: { view: Pick<View, "now"> }) {
  const shares = reaches(now.lanes.map(({ read_ms }) => read_ms));
  return (
    <section id="lanes" class="panel lanes" aria-label="How far each has read">
      {now.lanes.map((lane, i) => (
        <div class={`lane ${lane.name}`} data-lane={lane.name} data-state={lane.state}>
          <span class="name">
            <span class="from">{NAMES[lane.name][0]}</span>
            <b>{NAMES[lane.name][1]}</b>
          </span>
          <progress
            data-figure="reach"
            max="1"
            value={(shares[i] ?? 0).toFixed(4)}
            aria-label={`${NAMES[lane.name][1]}, ${WORDS[lane.state]}`}
          />
          <span class="lane-words">
            <span data-figure="read">
              {lane.read_ms === null ? "nothing yet" : `until ${isoFromMs(lane.read_ms).slice(11, 19)}`}
            </span>
            <span data-figure="lag">{lagWords(lane)}</span>
            <span data-figure="reason">{lane.reason}</span>
            {lane.name === "batch" && (
              <span data-figure="next">
                {now.next_run_ms === null ? "" : `next run ${untilWords(now.next_run_ms - now.at_ms)}`}
              </span>
            )}
          </span>
        </div>
      ))}
    </section>
  );
}

function lagWords({ state, lag_ms, behind }: Lane): string {
  if (lag_ms === null) return behind === null || behind === 0 ? "" : `${exact(behind)} behind`;
  if (lag_ms > 0) return `${ageWords(lag_ms)} behind`;
  return state === "running" ? "has everything" : "";
}
