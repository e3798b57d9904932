/** The table of measures for both pipelines, as docs/semantics.md "Measures" defines them. */
import { usFromIso } from "../../scripts/base/iso.ts";
import { CHART_WINDOWS_MAX, PAGE_WINDOWS } from "../../scripts/base/limits.ts";
import type { KnownFeedStatus } from "../../scripts/contract/feed-status.ts";
import type { Slice } from "../../scripts/contract/measures.ts";
import type { RunRow } from "../../scripts/contract/results.ts";
import { quantile } from "../../scripts/measure/buckets.ts";
import { batchSide } from "./batch-side.ts";
import { costMeasures } from "./costs.ts";
import { type Figure, type Measure, none } from "./measures.ts";
import { agreement, lastDone } from "./runs.ts";
import type { Selection } from "./selection.ts";
import type { Sources } from "./sources.ts";
import type { Status } from "./status.ts";
import { finalityPercentiles, newestTickUs, pipelinePercentiles } from "./stream-side.ts";
import { windows } from "./windows.ts";

/** All measures; one that was not measured in this run has the reason instead. */
export function comparison(sources: Sources, selection: Selection, status: Status): Measure[] {
  const { feed } = status;
  const run = lastDone(sources);
  return [
    feedLatency(feed),
    pipelineLatency(sources, run),
    {
      word: "freshness",
      definition: "now − event time of the newest tick in the answer; in a replay, now is the recording's clock",
      stream: streamAge(sources, selection, feed),
      batch: age(sources, feed, run?.newest_time_us ?? null),
    },
    finality(sources),
    completeness(sources, selection),
    agreementMeasure(sources),
    ...costMeasures(sources, status),
  ];
}

/** How old the stream's answer is. */
export function streamAge(sources: Sources, { product }: Selection, feed: KnownFeedStatus | null): Figure {
  return age(sources, feed, newestTickUs(sources, product));
}

/** The note of an answer that doesn't get older: the recording has ended. */
export const AT_REST = "the recording has ended";

function age(sources: Sources, feed: KnownFeedStatus | null, newest_us: number | null): Figure {
  if (newest_us === null) return none("no answer yet");
  const now_us = sources.exchangeNowUs(feed);
  if (now_us === null) return none("a replay at full speed has no clock to compare with");
  const replay = sources.mode === "replay";
  const note = replay && feed?.state === "ended" ? AT_REST : replay ? "by the recording's own clock" : "";
  return { values: { age_ms: (now_us - newest_us) / 1000 }, note };
}

function feedLatency(feed: KnownFeedStatus | null): Measure {
  const slices = JSON.parse(feed?.measures ?? "[]") as Slice[];
  const buckets = slices.find(({ slice_us }) => slice_us === 0)?.histograms.feed ?? [];
  const [p50_us, p99_us] = [quantile(buckets, 0.5), quantile(buckets, 0.99)];
  const figure =
    p50_us !== null && p99_us !== null
      ? { values: { p50_ms: p50_us / 1_000, p99_ms: p99_us / 1_000 }, note: "the same feed for both" }
      : none("fewer than 1,000 new trades have come in this run");
  return {
    word: "feed latency",
    definition: "our receipt of a message − the exchange's time in it; signed, because clocks differ",
    stream: figure,
    batch: figure,
  };
}

const BOUNDS = "upper bounds: each bucket is a thirty-second larger than the one before";
/** What a latency without receipt times counts from. */
const FROM = { receipt: "", append: "from append, since the records have no receipt time; " };

function pipelineLatency(sources: Sources, run: RunRow | null): Measure {
  const stream = pipelinePercentiles(sources);
  return {
    word: "pipeline latency",
    definition:
      "commit of the answer that includes a tick − our receipt of the tick at the socket; for the batch at least the run's own time",
    stream: stream
      ? { values: { p50_ms: stream.p50_ms, p99_ms: stream.p99_ms }, note: `${FROM[stream.from]}${BOUNDS}` }
      : none("no tick has been committed in this run"),
    batch:
      run?.seconds == null
        ? none("no run has ended yet")
        : {
            values: { run_ms: run.seconds * 1000 },
            note: "whole process of the newest run, without the wait until it is due",
          },
  };
}

function finality(sources: Sources): Measure {
  const replayed = sources.mode === "replay";
  const stream = replayed ? null : finalityPercentiles(sources);
  return {
    word: "finality",
    definition: "commit of a window's final row − the window's end; allowed lateness is part of it",
    stream: stream
      ? { values: { ...stream }, note: "" }
      : none(replayed ? "a recording's windows ended in the past" : "no window has closed in this run"),
    batch: none("a batch has no final answer: the next run includes every late tick"),
  };
}

function completeness(sources: Sources, selection: Selection): Measure {
  const word = "completeness";
  const definition = "ticks in the answer ÷ ticks in the store, over the closed windows that both have";
  const { count, stream_ticks, batch_ticks } = sharedTicks(sources, selection);
  if (batch_ticks === 0) {
    const figure = none("no closed window is in a batch yet");
    return { word, definition, stream: figure, batch: figure };
  }
  return {
    word,
    definition,
    stream: {
      values: { share: stream_ticks / batch_ticks, ticks: stream_ticks },
      note: `${count} windows; late ticks are in revisions, not in final rows`,
    },
    batch: { values: { share: 1, ticks: batch_ticks }, note: "it reads the store itself" },
  };
}

/** Ticks that each side counted in the newest closed windows that both have. */
function sharedTicks(sources: Sources, selection: Selection) {
  const { minutes } = batchSide(sources, selection);
  const counts = new Map(minutes.map((row) => [String(row.window_start), Number(row.trade_count)]));
  const both = newestSince(sources, selection, minutes.at(-1)?.window_start).filter(
    (w) => w.final !== 0 && counts.has(w.window_start),
  );
  return {
    count: both.length,
    stream_ticks: both.reduce((sum, w) => sum + w.trade_count, 0),
    batch_ticks: both.reduce((sum, w) => sum + counts.get(w.window_start)!, 0),
  };
}

function newestSince(sources: Sources, { product, size }: Selection, start: unknown) {
  if (start === undefined) return [];
  const from_us = usFromIso(String(start));
  const limit = CHART_WINDOWS_MAX + PAGE_WINDOWS;
  return windows(sources, { product, size_us: size.us, from_us, to_us: null, limit });
}

function agreementMeasure(sources: Sources): Measure {
  const counts = agreement(sources);
  const missing = none("no reconciliation has run yet");
  return {
    word: "agreement",
    definition:
      "windows equal in every column ÷ windows compared; explained: they differ by exactly their late ticks; unexplained: must be zero",
    stream: counts ? { values: { compared: counts.compared, equal: counts.equal }, note: "" } : missing,
    batch: counts
      ? {
          values: { explained: counts.explained, unexplained: counts.unexplained, pending: counts.pending },
          note: "",
        }
      : missing,
  };
}
