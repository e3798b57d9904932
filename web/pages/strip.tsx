/** The status strip: each stage with its lag, the watermark, and counts of what was not ordinary. */
/** @jsxImportSource hono/jsx */
import type { Figure } from "../model/figures.ts";
import type { Stage } from "../model/stage-states.ts";
import type { View } from "../model/view.ts";
import { clock, day, duration, exact } from "./format.ts";

/** The log is asked every few seconds: an older answer is shown with its age. */
const LOG_AGE_SHOWN_S = 8;
const STATES: Record<Stage["state"], string> = { running: "ok", rest: "rest", silent: "bad", absent: "off" };

export function Strip({ view }: { view: Pick<View, "status" | "selection" | "age"> }) {
  const { status, selection } = view;
  const mine = status.watermarks.find((w) => w.product_id === selection.product);
  const { age } = view;
  const { counts } = status;
  return (
    <section id="strip" class="strip" aria-label="Status">
      <ol class="path">
        {status.stages.map((stage) => (
          <li class={STATES[stage.state]} title={stage.detail}>
            <b>{stage.name}</b>
            <span>
              {stage.lag !== null && stage.lag > 0
                ? `${exact(stage.lag)} behind${asked(status.log.age_s)}`
                : stage.state === "running" && stage.lag === 0
                  ? "up to date"
                  : stage.detail}
            </span>
          </li>
        ))}
      </ol>
      <dl class="facts">
        <Fact name="newest tick" title="Event time of the newest tick, UTC">
          {mine?.newest_event_time ? `${day(mine.newest_event_time)} ${mine.newest_event_time.slice(11, 19)}` : "–"}
        </Fact>
        <Fact name="watermark" title="Windows that end by then are closed: newest event time − allowed lateness">
          {mine?.watermark ? clock(mine.watermark) : "–"}
        </Fact>
        <Fact
          name="age"
          title={`Exchange time − event time of the newest tick in the stream's answer: ${ageText(age)}`}
        >
          {age.values?.age_ms === undefined ? (hasEnded(status) ? "ended" : "–") : duration(age.values.age_ms)}
        </Fact>
        <Fact name="late" title="Ticks whose own window was closed: kept whole in late_ticks, each makes a revision">
          {exact(counts.late)}
        </Fact>
        <Fact name="duplicates" title="Trade ids that came again: counted once">
          {exact(counts.duplicates)}
        </Fact>
        <Fact name="dead letters" title="Messages that are not a valid trade: kept whole with the reason">
          {exact(counts.dead_letters)}
        </Fact>
        <Fact
          name="too early"
          title="Ticks stamped further ahead than --max-skew: counted, but they don't move the watermark"
        >
          {exact(counts.skewed)}
        </Fact>
        <Fact name="outages" title="Spans without a feed, and trade ids that could not be filled">
          {exact(counts.outages)}
        </Fact>
      </dl>
    </section>
  );
}

function ageText({ values, note }: Figure): string {
  const perfect = values?.perfect_ms === undefined ? "" : `a perfect answer is ${duration(values.perfect_ms)} old`;
  return [perfect, note].filter(Boolean).join("; ");
}

function hasEnded({ feed }: View["status"]): boolean {
  return feed?.ended_us != null;
}

/** The age of the log's answer, unless it is new. */
function asked(age_s: number | null): string {
  return age_s === null || age_s < LOG_AGE_SHOWN_S ? "" : ` (asked ${age_s} s ago)`;
}

function Fact({ name, title, children }: { name: string; title: string; children?: unknown }) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd>{children as string}</dd>
    </div>
  );
}
