/** Feed, ingest and pipeline latency of both pipelines, and what is known of the exchange's clock. */
import { nowUs } from "../../scripts/base/clock.ts";
import { isoSecondFromUs } from "../../scripts/base/iso.ts";
import { plural } from "../../scripts/base/printable.ts";
import { parseSlices } from "../../scripts/contract/measure-texts.ts";
import type { Histograms, Slice } from "../../scripts/contract/measures.ts";
import { type Latency, latency, sinceBegan, wholeSlices } from "../../scripts/measure/tick-latency.ts";
import { both, type Figure, figure, type Measure, ms, none } from "./figures.ts";
import { measuresMissing, slices } from "./kept-measures.ts";
import { type Moment, ofClock, perSpan, runsIn, runsMissing, type Span, whyNone } from "./measure-moment.ts";
import type { Sources } from "./sources.ts";

/** Of the stream, for its card and the charts. */
export interface PipelineLatency {
  p50_ms: number;
  /** Null with too few ticks. */
  p99_ms: number | null;
  /** From the append if no record of the span has a receipt time. */
  from: "receipt" | "append";
  span: Span["label"];
}

const FEED =
  "our receipt of a frame − the exchange's time in it; signed, because the two clocks differ by the clock offset below";
const INGEST = "append to the log − our receipt of the frame: the wait for the log";
const PIPELINE = "commit of the first answer that includes a tick − our receipt of it, over all ticks";
const FROM_APPEND = "from append: no record of this span has a receipt time";

export function latencyMeasures(moment: Moment): Measure[] {
  return [
    ...perSpan(moment, "feed latency", FEED, (span) => both(feedFigure(moment, span))),
    ...perSpan(moment, "ingest latency", INGEST, (span) => both(ingestFigure(moment, span))),
    ...perSpan(moment, "pipeline latency", PIPELINE, (span) => ({
      stream: streamFigure(moment, span),
      batch: batchFigure(moment, span),
    })),
  ];
}

/** The stream's newest known latency: of the last 5 minutes, else since start; null if neither has one. */
export function streamLatency(sources: Sources): PipelineLatency | null {
  if (measuresMissing(sources.windows) !== null) return null;
  const kept = slices(sources);
  for (const span of ["last 5 minutes", "since start"] as const) {
    const found = pipelineOf(ofSpan(nowUs(), kept, span));
    const p50_us = found?.latency.p50_us ?? null;
    if (found === null || p50_us === null) continue;
    return { p50_ms: p50_us / 1_000, p99_ms: ms(found.latency.p99_us), from: found.from, span };
  }
  return null;
}

/** What the interval of the exchange's clock is, and where it comes from. */
export function clockOffset({ feed }: Moment): Measure {
  const offset = feed?.clock_offset ?? null;
  const why = feed?.time_failure
    ? `the exchange does not return its time: ${feed.time_failure}`
    : "the exchange was not asked for its time yet";
  const one =
    offset === null
      ? none(feed === null ? NOTHING_PRODUCED : why)
      : figure({ low_ms: ms(offset.low_us), high_ms: ms(offset.high_us), requests: offset.requests }, [
          `as of ${isoSecondFromUs(offset.as_of_us)}`,
        ]);
  return {
    word: "clock offset",
    definition: "the exchange's clock − ours: bounds from requests for its time, no symmetry of the network assumed",
    ...both(one),
  };
}

const NOTHING_PRODUCED = "nothing has been produced yet";

function feedFigure(moment: Moment, span: Span): Figure {
  const { feed } = moment;
  if (feed === null) return none(NOTHING_PRODUCED);
  if (feed.measures === undefined) return none("feed.json is of an older version, which kept no latencies by slice");
  const kept = parseSlices(feed.measures);
  if (kept === null) return none("the latencies in feed.json are damaged; a running produce writes them again");
  const offset = feed.clock_offset;
  const interval = offset ? `the clock offset adds ${text(offset.low_us)} to ${text(offset.high_us)} ms to it` : "";
  const notes = [
    span.label === "since start" ? "since produce began" : "",
    interval,
    ofClock(moment, "wall time"),
    "the same feed for both",
  ];
  return (
    latencyFigure(latency(ofSpan(moment.now_us, kept, span.label), "feed"), notes) ??
    none(whyNone(moment, span, "no trade came"))
  );
}

function text(us: number): string {
  return (us / 1_000).toFixed(1);
}

function ingestFigure(moment: Moment, span: Span): Figure {
  if (moment.missing !== null) return none(moment.missing);
  const found = latency(streamHistograms(moment, span), "ingest");
  const notes = [ofClock(moment, "wall time"), "the same log for both"];
  return latencyFigure(found, notes) ?? none(whyNone(moment, span, "no record with a receipt time was read"));
}

function streamFigure(moment: Moment, span: Span): Figure {
  if (moment.missing !== null) return none(moment.missing);
  const found = pipelineOf(streamHistograms(moment, span));
  if (found === null) return none(whyNone(moment, span, "no tick was committed"));
  const unreceived = span.label === "since start" ? (moment.sources.windows.counters().run_unreceived ?? 0) : 0;
  return latencyFigure(found.latency, [fromText(found.from, unreceived, "records"), ofClock(moment, "wall time")])!;
}

function batchFigure(moment: Moment, span: Span): Figure {
  const missing = runsMissing(moment);
  if (missing !== null) return none(missing);
  const ended = runsIn(moment, span);
  const isWhole = span.label === "since start";
  const found = pipelineOf(
    isWhole ? [moment.sources.runs.since(span.from_us)] : ended.map(({ snapshot }) => snapshot.histograms),
  );
  if (found === null) return none(whyNone(moment, span, "no run with new ticks has ended"));
  const unreceived = ended.reduce((sum, { snapshot }) => sum + snapshot.unreceived, 0);
  return latencyFigure(found.latency, [
    fromText(found.from, unreceived, "ticks"),
    ofClock(moment, "wall time"),
    `${ended.length} run${ended.length === 1 ? "" : "s"}`,
  ])!;
}

function pipelineOf(histograms: Histograms[]): { latency: Latency; from: PipelineLatency["from"] } | null {
  const received = latency(histograms, "pipeline");
  if (received !== null) return { latency: received, from: "receipt" };
  const appended = latency(histograms, "pipeline_from_append");
  return appended === null ? null : { latency: appended, from: "append" };
}

/** What a pipeline latency does not count from the receipt, or not at all; "" if it counts all. */
function fromText(from: PipelineLatency["from"], unreceived: number, of: "records" | "ticks"): string {
  if (from === "append") return FROM_APPEND;
  return unreceived > 0 ? `without ${unreceived} ${of} that have no receipt time` : "";
}

function streamHistograms({ sources, now_us }: Moment, { label }: Span): Histograms[] {
  return ofSpan(now_us, slices(sources), label);
}

function ofSpan(now_us: number, kept: Slice[], label: Span["label"]): Histograms[] {
  return label === "since start" ? sinceBegan(kept) : wholeSlices(kept, now_us);
}

/** Null without a sample. */
function latencyFigure(found: Latency | null, notes: string[]): Figure | null {
  if (found === null) return null;
  const { p50_us, p99_us, samples } = found;
  if (p50_us === null) return none(`${plural(samples, "tick is", "ticks are")} too few for a percentile`);
  return figure({ p50_ms: ms(p50_us), p99_ms: ms(p99_us), samples }, notes);
}
