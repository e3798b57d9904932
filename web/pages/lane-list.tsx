/** How far the log and its readers have come, in event time; the browser moves them each second. */
/** @jsxImportSource hono/jsx */
import type { Lane } from "../../scripts/contract/page-events.ts";
import { isoFromMs } from "../model/moments.ts";
import type { View } from "../model/view.ts";
import { LANE_NAMES, lagWords, laneLabel, reaches, untilWords } from "../public/figure-words.ts";

const FROM: Record<Lane["name"], string> = {
  log: "feed → ",
  stream: "log → ",
  consume: "log → ",
  batch: "store → ",
};

export function Lanes({ view: { now } }: { view: Pick<View, "now"> }) {
  const shares = reaches(now.lanes.map(({ read_ms }) => read_ms));
  return (
    <section id="lanes" class="panel lanes" aria-label="How far each has read">
      {now.lanes.map((lane, i) => (
        <div class={`lane ${lane.name}`} data-lane={lane.name} data-state={lane.state}>
          <span class="name">
            <span class="from">{FROM[lane.name]}</span>
            <b>{LANE_NAMES[lane.name]}</b>
          </span>
          <progress data-figure="reach" max="1" value={(shares[i] ?? 0).toFixed(4)} aria-label={laneLabel(lane)} />
          <span class="lane-words">
            <span data-figure="read">
              {lane.read_ms === null ? "nothing yet" : `until ${isoFromMs(lane.read_ms).slice(11, 19)}`}
            </span>
            <span data-figure="lag">{lagWords(lane, 0, [])}</span>
            <span data-figure="reason">{lane.reason}</span>{" "}
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
