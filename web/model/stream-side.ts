/** The stream's answers for a selection, from windows.db. */
import { CHART_WINDOWS_MAX, PAGE_WINDOWS } from "../../scripts/base/limits.ts";
import type { Buckets, Histograms } from "../../scripts/contract/measures.ts";
import { bucketOf, merged, samplesOf } from "../../scripts/measure/buckets.ts";
import SENTIMENT from "../../sql/page/sentiment.sql" with { type: "text" };
import TOTALS from "../../sql/page/totals.sql" with { type: "text" };
import { csvFiles } from "./csv-files.ts";
import type { Selection } from "./selection.ts";
import type { Sources } from "./sources.ts";
import { newestWindows, type ShownWindow } from "./windows.ts";

export interface StreamSide {
  /** Newest first, as many as the page's table has. */
  windows: ShownWindow[];
  /** Ticks of the product, each counted once, late ones included. */
  trade_count: number;
  /** Windows closed of all products and sizes: the rows of stream_csv/. */
  closed: number;
  /** From the receipt of a tick to the committed row; null before the first commit. */
  latency: PipelineLatency | null;
  /** Closed windows by sentiment, of as many as the charts hold. */
  sentiment: Record<string, number>;
  /** Files in stream_csv/. */
  files: number;
}

/** Upper bounds of the buckets, milliseconds. */
interface Percentiles {
  p50_ms: number;
  p99_ms: number;
}

/** From the receipt, or from the append if no record of this run has a receipt time. */
interface PipelineLatency extends Percentiles {
  from: "receipt" | "append";
}

export function streamSide(sources: Sources, selection: Selection): StreamSide {
  const { product, size } = selection;
  const counted = sources.windows.all<{ sentiment: string; windows: number }>(SENTIMENT, {
    product,
    size_us: size.us,
    limit: CHART_WINDOWS_MAX,
  });
  return {
    windows: newestWindows(sources, selection, PAGE_WINDOWS),
    trade_count: totals(sources, product)?.trade_count ?? 0,
    closed: sources.windows.counters().closed ?? 0,
    latency: pipelinePercentiles(sources),
    sentiment: Object.fromEntries(counted.map((row) => [row.sentiment, row.windows])),
    files: csvFiles(sources.paths.streamCsv),
  };
}

/** Event time of the newest tick in the product's windows, microseconds; null before the first. */
export function newestTickUs(sources: Sources, product: string): number | null {
  const newest_us = totals(sources, product)?.newest_time_us ?? Number.MIN_SAFE_INTEGER;
  return newest_us > Number.MIN_SAFE_INTEGER ? newest_us : null;
}

function totals(sources: Sources, product: string) {
  return sources.windows.get<{ trade_count: number; newest_time_us: number }>(TOTALS, { product });
}

/** Pipeline latency; null when nothing was measured. */
export function pipelinePercentiles(sources: Sources): PipelineLatency | null {
  const received = percentiles(sources, "pipeline");
  if (received !== null) return { ...received, from: "receipt" };
  const appended = percentiles(sources, "pipeline_from_append");
  return appended === null ? null : { ...appended, from: "append" };
}

/** One of the stream's latencies since its process began; null when nothing was measured. */
function percentiles(sources: Sources, name: "pipeline" | "pipeline_from_append"): Percentiles | null {
  const row = sources.windows.get<{ histograms: string }>(
    "SELECT histograms FROM measure_slices WHERE slice_us = 0",
    {},
  );
  const { [name]: buckets = [] } = JSON.parse(row?.histograms ?? "{}") as Histograms;
  return percentilesOf(buckets);
}

/** From a window's end to the commit of its final row, of the windows closed in this run. */
export function finalityPercentiles(sources: Sources): Percentiles | null {
  const closed = sources.windows.all<{ us: number }>(
    "SELECT committed_us - window_end_us AS us FROM closings WHERE committed_us >= $since",
    { since: sources.windows.counters().run_started_us ?? 0 },
  );
  return percentilesOf(merged(closed.map(({ us }) => [[bucketOf(us), 1]])));
}

function percentilesOf(buckets: Buckets): Percentiles | null {
  const total = samplesOf(buckets);
  if (total === 0) return null;
  const at = (share: number) => {
    let left = Math.ceil(total * share);
    const reached = buckets.find(([, count]) => {
      left -= count;
      return left <= 0;
    });
    return (reached ?? buckets.at(-1)!)[0] / 1000;
  };
  return { p50_ms: at(0.5), p99_ms: at(0.99) };
}
