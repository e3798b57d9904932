/** Everything that one page shows, gathered once: for one product and one window size. */
import { readdirSync } from "node:fs";
import { formatDuration } from "../../scripts/base/duration.ts";
import { CHART_WINDOWS_MAX, PAGE_WINDOWS } from "../../scripts/base/limits.ts";
import type { Outage } from "../../scripts/contract/tick.ts";
import OUTAGES from "../../sql/page/outages.sql" with { type: "text" };
import SENTIMENT from "../../sql/page/sentiment.sql" with { type: "text" };
import TOTALS from "../../sql/page/totals.sql" with { type: "text" };
import { type Answers, age, agreementOf, comparison, type Figure, percentiles, type Word } from "./comparison.ts";
import type { MetricResult, MetricResults, Panel } from "./metric-results.ts";
import type { Feed, Sources } from "./sources.ts";
import { type Run, runs, type Status, status } from "./status.ts";
import { type ShownWindow, windows } from "./windows.ts";

export interface Selection {
  product: string;
  size_us: number;
}

/** Which products and window sizes there are to choose from. */
export interface Choice {
  products: string[];
  sizes_us: number[];
}

/** What the stream says of the selection, without waiting for anything. */
export interface StreamSide {
  windows: ShownWindow[];
  /** Ticks of the product, each counted once, late ones too. */
  trade_count: number;
  /** Event time of the newest tick in the answer, microseconds. */
  newest_us: number | null;
  /** Windows closed in all, of every product and size: the rows of stream_csv/. */
  closed: number;
  /** From the log's receipt of a tick to the committed row. */
  latency: { p50_ms: number; p99_ms: number } | null;
  sentiment: Record<string, number>;
  /** Files in stream_csv/. */
  files: number;
}

/** What the batch says of the selection, as of its newest run. */
export interface BatchSide {
  /** The reference's one row over everything. */
  market: Record<string, unknown> | null;
  /** The selected product's row. */
  summary: Record<string, unknown> | null;
  sentiment: Record<string, number>;
  runs: Run[];
  /** Due times at which no run began. */
  missed: number;
  agreement: ReturnType<typeof agreementOf>;
  /** Why the newest run compared nothing: the error of reconciliation.sql; null when it works, or never ran. */
  not_compared: string | null;
  /** By window_start: equal, explained, unexplained or pending. */
  outcomes: Map<string, string>;
  metrics: Panel[];
  /** Files in batch_output/. */
  files: number;
}

export interface View {
  selection: Selection;
  choice: Choice;
  status: Status;
  feed: Feed | null;
  stream: StreamSide;
  batch: BatchSide;
  /** How old the stream's answer is. */
  age: Figure;
  words: Word[];
  outages: Outage[];
}

const ONE_MINUTE_US = 60_000_000;
const RUNS_SHOWN = 30;
const OUTAGES_SHOWN = 20;

export function choices(sources: Sources): Choice {
  const known = sources.windows
    .all<{ product_id: string }>("SELECT product_id FROM products ORDER BY product_id")
    .map((row) => row.product_id);
  const products = [...new Set([...known, ...(sources.feed()?.products ?? [])])].sort();
  const sizes: unknown = JSON.parse(sources.windows.setting("windows") ?? "[]");
  const sizes_us = Array.isArray(sizes) ? sizes.map((spec: { size_us: number }) => spec.size_us) : [];
  return {
    products: products.length > 0 ? products : ["BTC-USD"],
    sizes_us: sizes_us.length > 0 ? sizes_us : [ONE_MINUTE_US],
  };
}

export function streamSide(sources: Sources, { product, size_us }: Selection): StreamSide {
  const counted = sources.windows.all<{ sentiment: string; windows: number }>(SENTIMENT, {
    product,
    size_us,
    limit: CHART_WINDOWS_MAX,
  });
  return {
    windows: windows(sources, { product, size_us, from_us: null, to_us: null, limit: PAGE_WINDOWS }),
    ...totals(sources, product),
    closed: sources.windows.counters().closed ?? 0,
    latency: percentiles(sources, "pipeline"),
    sentiment: Object.fromEntries(counted.map((row) => [row.sentiment, row.windows])),
    files: filesIn(sources.paths.streamCsv),
  };
}

function totals(sources: Sources, product: string): Pick<StreamSide, "trade_count" | "newest_us"> {
  const row = sources.windows.get<{ trade_count: number; newest_time_us: number }>(TOTALS, { product });
  const isKnown = row !== null && row.newest_time_us > Number.MIN_SAFE_INTEGER;
  return { trade_count: row?.trade_count ?? 0, newest_us: isKnown ? row.newest_time_us : null };
}

/** Made once a batch run. */
export function batchSide(sources: Sources, results: MetricResults, selection: Selection): BatchSide {
  return results.once(`${selection.size_us} ${selection.product}`, () => makeBatchSide(sources, results, selection));
}

function makeBatchSide(sources: Sources, results: MetricResults, { product, size_us }: Selection): BatchSide {
  const rowsOf = (name: string) => results.get(name)?.rows ?? [];
  const judged = rowsOf("reconciliation").filter(
    (row) => row.product_id === product && Number(row.size_us) === size_us,
  );
  const outcomes = new Map(judged.map((row) => [String(row.window_start), String(row.outcome)]));
  const sentiment: Record<string, number> = {};
  for (const { window_start, market_sentiment } of minutes(results, { product, size_us }).slice(0, CHART_WINDOWS_MAX)) {
    const name = String(market_sentiment);
    if (outcomes.has(String(window_start))) sentiment[name] = (sentiment[name] ?? 0) + 1;
  }
  return {
    market: rowsOf("market_summary")[0] ?? null,
    summary: rowsOf("summary_by_product").find((row) => row.product_id === product) ?? null,
    sentiment,
    runs: runs(sources, RUNS_SHOWN),
    missed: sources.results.get<{ n: number }>("SELECT count(*) AS n FROM runs WHERE state = 'missed'")?.n ?? 0,
    agreement: agreementOf(sources),
    not_compared: results.get("reconciliation")?.error ?? null,
    outcomes,
    metrics: results.panels(),
    files: filesIn(sources.paths.batchOutput),
  };
}

/** The batch's own one-minute windows of a product, newest first; [] for other sizes, which it does not compute. */
export function minutes(results: MetricResults, { product, size_us }: Selection): MetricResult["rows"] {
  if (size_us !== ONE_MINUTE_US) return [];
  return (results.get("windows_by_minute")?.rows ?? []).filter((row) => row.product_id === product);
}

/** Closed windows of the stream beside the batch's of the same minute, the newest ones: how many ticks each side counted. */
function completeness(sources: Sources, results: MetricResults, selection: Selection): Answers["completeness"] {
  const batch = minutes(results, selection).slice(0, CHART_WINDOWS_MAX);
  const oldest = batch.at(-1);
  if (!oldest) return null;
  const from_us = Date.parse(String(oldest.window_start)) * 1_000;
  const query = { ...selection, from_us, to_us: null, limit: CHART_WINDOWS_MAX + PAGE_WINDOWS };
  const counts = new Map(batch.map((row) => [String(row.window_start), Number(row.trade_count)]));
  const both = windows(sources, query).filter((w) => w.final !== 0 && counts.has(w.window_start));
  return {
    windows: both.length,
    stream_ticks: both.reduce((sum, w) => sum + w.trade_count, 0),
    batch_ticks: both.reduce((sum, w) => sum + counts.get(w.window_start)!, 0),
  };
}

/** Both sides of the table of words. */
export function words(
  sources: Sources,
  results: MetricResults,
  selection: Selection,
  state: Status,
  feed: Feed | null,
): Word[] {
  const { newest_us } = totals(sources, selection.product);
  return comparison(sources, state, feed, {
    stream_newest_us: newest_us,
    completeness: completeness(sources, results, selection),
  });
}

/** How old the stream's answer is, for the strip. */
export function streamAge(sources: Sources, { product }: Selection, feed: Feed | null): Figure {
  return age(sources, feed, totals(sources, product).newest_us);
}

export async function view(sources: Sources, results: MetricResults, selection: Selection): Promise<View> {
  return viewOf(sources, results, selection, await status(sources));
}

/** The same when the status has been asked already. What can't be read is empty; the status's problems say why. */
export function viewOf(sources: Sources, results: MetricResults, selection: Selection, state: Status): View {
  return sources.leniently(() => gathered(sources, results, selection, state));
}

function gathered(sources: Sources, results: MetricResults, selection: Selection, state: Status): View {
  const feed = sources.feed();
  return {
    selection,
    choice: choices(sources),
    status: state,
    feed,
    stream: streamSide(sources, selection),
    batch: batchSide(sources, results, selection),
    age: streamAge(sources, selection, feed),
    words: words(sources, results, selection, state, feed),
    outages: sources.ticks.all<Outage>(OUTAGES, { product: null, limit: OUTAGES_SHOWN }),
  };
}

/** Average of the batch's stored prices, as its metric says it; for the dashed line. */
export function batchAverage(side: BatchSide): number | null {
  const text = side.summary?.avg_price;
  return typeof text === "string" ? Number(text) : null;
}

/** The size's name in addresses: `1m`. */
export function sizeName(size_us: number): string {
  return formatDuration(size_us);
}

/** Only names: a folder of many files is not opened. */
function filesIn(dir: string): number {
  try {
    return readdirSync(dir).filter((name) => name.endsWith(".csv")).length;
  } catch {
    return 0;
  }
}

/** The newest run that gave answers, of those shown. */
export function lastDoneOf(runs: Run[]): Run | undefined {
  return runs.find((run) => run.state === "done");
}
