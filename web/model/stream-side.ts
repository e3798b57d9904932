/** The stream's answers for a selection, from windows.db. */
import { CHART_WINDOWS_MAX, PAGE_WINDOWS } from "../../scripts/base/limits.ts";
import SENTIMENT from "../../sql/page/sentiment.sql" with { type: "text" };
import TOTALS from "../../sql/page/totals.sql" with { type: "text" };
import { csvFiles } from "./csv-files.ts";
import { type PipelineLatency, streamLatency } from "./latency-measures.ts";
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
  /** Null while too few ticks were committed. */
  latency: PipelineLatency | null;
  /** Closed windows by sentiment, of as many as the charts hold. */
  sentiment: Record<string, number>;
  /** Files in stream_csv/. */
  files: number;
}

export function streamSide(sources: Sources, selection: Selection): StreamSide {
  const { product, size } = selection;
  const closed = sources.closed.rows("sentiment", { product, size_us: size.us, limit: CHART_WINDOWS_MAX }, (asked) =>
    sources.windows.all<{ sentiment: string }>(SENTIMENT, { ...asked }),
  );
  return {
    windows: newestWindows(sources, selection, PAGE_WINDOWS),
    trade_count: sources.windows.get<{ trade_count: number }>(TOTALS, { product })?.trade_count ?? 0,
    closed: sources.windows.counters().closed ?? 0,
    latency: streamLatency(sources),
    sentiment: countedBy(closed.map(({ sentiment }) => sentiment)),
    files: csvFiles(sources.paths.streamCsv),
  };
}

/** How often each name is there. */
export function countedBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
