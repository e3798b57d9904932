/** The batch's answers for a selection, as of its newest run, from results.db. */
import { isoFromUs } from "../../scripts/base/iso.ts";
import { CHART_WINDOWS_MAX, PAGE_WINDOWS } from "../../scripts/base/limits.ts";
import type { AgreementRow, Row, RunRow } from "../../scripts/contract/results.ts";
import { cellsIn, spanOfRange } from "./chart.ts";
import { csvFiles } from "./csv-files.ts";
import type { Panel } from "./metric-results.ts";
import { storedSize } from "./reconciliation.ts";
import { agreement, runs } from "./runs.ts";
import type { Selection } from "./selection.ts";
import type { Sources } from "./sources.ts";
import { countedBy } from "./stream-side.ts";

export interface BatchSide {
  /** The product's row of `summary_by_product`. */
  summary: Row | null;
  /** Of `summary`, for the chart's dashed line. */
  average_price: number | null;
  /** One-minute windows, newest first, as many as the charts hold; [] for other sizes. */
  minutes: Row[];
  /** Windows of the stored size by sentiment, of those that were compared. */
  sentiment: Record<string, number>;
  /** Newest first. */
  runs: RunRow[];
  last_done: RunRow | null;
  /** Due times at which no run began. */
  missed: number;
  agreement: AgreementRow | null;
  /** Why the newest run compared nothing: reconciliation.sql's error; null when it has none. */
  not_compared: string | null;
  /** Per window_start: equal, explained, unexplained or pending. */
  outcomes: Map<string, string>;
  panels: Panel[];
  /** Files in batch_output/. */
  files: number;
}

/** The batch computes windows of this size alone. */
const ONE_MINUTE_US = 60_000_000;
const RUNS_SHOWN = 30;

export function batchSide(sources: Sources, selection: Selection): BatchSide {
  // Of summed windows they are others after a commit of the stream, too.
  return { ...sideOfRun(sources, selection), outcomes: outcomesOf(sources, selection) };
}

/** Computed once per selection and batch run. */
function sideOfRun(sources: Sources, selection: Selection): Omit<BatchSide, "outcomes"> {
  const { product, size } = selection;
  return sources.metrics.once(`side ${size.us} ${product}`, () => {
    const summary = rowsOf(sources, "summary_by_product").find((row) => row.product_id === product) ?? null;
    const minutes = minutesOf(sources, selection);
    const shown_runs = runs(sources, RUNS_SHOWN);
    return {
      summary,
      average_price: typeof summary?.avg_price === "string" ? Number(summary.avg_price) : null,
      minutes,
      sentiment: sentimentOf(sources, selection),
      runs: shown_runs,
      last_done: shown_runs.find((run) => run.state === "done") ?? null,
      missed: sources.missed.count,
      agreement: agreement(sources),
      not_compared: sources.metrics.get("reconciliation")?.error ?? null,
      panels: sources.metrics.panels(product),
      files: csvFiles(sources.paths.batchOutput),
    };
  });
}

function rowsOf(sources: Sources, metric: string): Row[] {
  return sources.metrics.get(metric)?.rows ?? [];
}

function outcomesOf(sources: Sources, selection: Selection): Map<string, string> {
  const { product, size } = selection;
  if (size.from_us !== undefined) return summedOutcomes(sources, selection);
  return sources.metrics.once(`outcomes ${size.us} ${product}`, () => {
    const rows = rowsOf(sources, "reconciliation").filter(
      (row) => row.product_id === product && Number(row.size_us) === size.us,
    );
    return new Map(rows.map((row) => [String(row.window_start), String(row.outcome)]));
  });
}

/** Of the windows in the page's table, which are closed and compared. */
function summedOutcomes(sources: Sources, selection: Selection): Map<string, string> {
  const { to_us } = spanOfRange(sources, selection, "all");
  const span = { from_us: to_us - PAGE_WINDOWS * selection.size.us, to_us };
  const compared = cellsIn(sources, selection, span).filter(([, outcome]) => outcome !== "open");
  return new Map(compared.map(([start_s, outcome]) => [isoFromUs(start_s * 1e6), outcome]));
}

function minutesOf(sources: Sources, { product, size }: Selection): Row[] {
  if (size.us !== ONE_MINUTE_US) return [];
  const rows = rowsOf(sources, "windows_by_minute").filter((row) => row.product_id === product);
  return rows.slice(0, CHART_WINDOWS_MAX);
}

function sentimentOf(sources: Sources, { product, size }: Selection): Record<string, number> {
  const stored = { product, size: storedSize(size) };
  const outcomes = outcomesOf(sources, stored);
  const minutes = minutesOf(sources, stored).filter(({ window_start }) => {
    const outcome = outcomes.get(String(window_start));
    return outcome !== undefined && outcome !== "history";
  });
  return countedBy(minutes.map(({ market_sentiment }) => String(market_sentiment)));
}
