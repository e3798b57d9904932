/** What the measures are computed from at one moment: the spans, the clocks, and who has ended. */
import { nowUs } from "../../scripts/base/clock.ts";
import { clockFromUs } from "../../scripts/base/iso.ts";
import type { KnownFeedStatus } from "../../scripts/contract/feed-status.ts";
import type { AnswerSample } from "../../scripts/contract/measures.ts";
import type { ExchangeClock } from "../../scripts/measure/age.ts";
import type { BatchRun } from "../../scripts/measure/batch-answers.ts";
import { RECENT_US } from "../../scripts/measure/cost-meter.ts";
import type { Measure } from "./figures.ts";
import { measuresMissing, samples } from "./kept-measures.ts";
import { type Selection, sizeOfUs } from "./selection.ts";
import type { Sources } from "./sources.ts";

export interface Span {
  label: "last 5 minutes" | "since start";
  /** Microseconds since 1970 UTC. */
  from_us: number;
  /** Now, or the end of the feed: after it nothing new can be in an answer. */
  to_us: number;
}

export interface Moment {
  sources: Sources;
  selection: Selection;
  now_us: number;
  feed: KnownFeedStatus | null;
  /** When the feed ended; null while it has not. */
  ended_us: number | null;
  isReplay: boolean;
  /** The exchange's clock, or why there is none. */
  clock: ExchangeClock | string;
  /** Why the stream has kept no measures; null if it has. */
  missing: string | null;
  /** The product's samples, oldest first: the same at each call. */
  samples(): readonly AnswerSample[];
  /** Oldest first; [] if none has ended, or its results.db is of an older version. */
  runs: readonly BatchRun[];
  /** Since start is since the stream's process began, for both pipelines. */
  spans: [recent: Span, whole: Span];
}

/** Of a size that is summed, the measures are those of the windows that it is summed from. */
export function momentOf(sources: Sources, { product, size }: Selection, feed: KnownFeedStatus | null): Moment {
  const selection = { product, size: size.from_us === undefined ? size : sizeOfUs(size.from_us) };
  const now_us = nowUs();
  const ended_us = feed?.ended_us ?? null;
  const to_us = Math.min(now_us, ended_us ?? now_us);
  let kept: readonly AnswerSample[] | null = null;
  const began_us = sources.windows.counters().run_started_us ?? now_us;
  return {
    sources,
    selection,
    now_us,
    feed,
    ended_us,
    isReplay: sources.mode === "replay",
    clock: sources.exchangeClock(feed),
    missing: measuresMissing(sources.windows),
    samples() {
      kept ??= samples(sources.windows, selection.product);
      return kept;
    },
    runs: sources.runs.all(),
    spans: [
      { label: "last 5 minutes", from_us: now_us - RECENT_US, to_us },
      { label: "since start", from_us: began_us, to_us },
    ],
  };
}

/** The reason after which nothing else needs to be asked; "" while the feed has not ended. */
export function endText({ ended_us }: Pick<Moment, "ended_us">): string {
  return ended_us === null ? "" : `the feed ended at ${clockFromUs(ended_us, nowUs())}`;
}

/** Why a span has no sample: the feed had ended before it, or `otherwise`. */
export function whyNone(moment: Moment, { from_us }: Span, otherwise: string): string {
  return moment.ended_us !== null && moment.ended_us < from_us ? endText(moment) : otherwise;
}

/** Which clock a duration of a replay is of; "" without a replay, where both clocks run alike. */
export function ofClock({ isReplay }: Moment, clock: "wall time" | "recording time"): string {
  return isReplay ? clock : "";
}

/** Why there is no run to measure; null if there is one. */
export function runsMissing({ runs }: Moment): string | null {
  return runs.length > 0 ? null : "no finished run has stored what its answers contain";
}

/** The runs that ended in a span. What ended after the feed did is in it: the batch is still answering. */
export function runsIn({ runs, now_us }: Moment, { from_us }: Span): BatchRun[] {
  return runs.filter(({ ended_us }) => ended_us >= from_us && ended_us <= now_us);
}

/** The same figure of one measure for each span. */
export function perSpan(
  moment: Moment,
  name: string,
  definition: string,
  figures: (span: Span) => Pick<Measure, "stream" | "batch">,
): Measure[] {
  return moment.spans.map((span) => ({ word: `${name}, ${span.label}`, definition, ...figures(span) }));
}
