/** Downloads. CSV of windows and metrics is written here, what needs DuckDB by `query`. */
import type { Context } from "hono";
import { nowUs } from "../../scripts/base/clock.ts";
import { csvHeader, csvLine, csvRows } from "../../scripts/base/csv.ts";
import { sentence } from "../../scripts/base/errors.ts";
import { isoFromUs, usFromIso } from "../../scripts/base/iso.ts";
import { API_ROWS_MAX, DOWNLOADS_MAX, EXPORTS_MAX } from "../../scripts/base/limits.ts";
import type { Logger } from "../../scripts/base/logger.ts";
import { onAbort } from "../../scripts/base/wait.ts";
import type { Column, Row } from "../../scripts/contract/results.ts";
import { API_COLUMNS, windowColumns } from "../../scripts/contract/window-columns.ts";
import TICKS from "../../sql/page/export_ticks.sql" with { type: "text" };
import WINDOWS from "../../sql/page/export_windows.sql" with { type: "text" };
import { Problem } from "../http/problem.ts";
import { parameters, productOf, timeOf } from "../http/query-string.ts";
import { unhurried } from "../http/unhurried.ts";
import { filterRows } from "../model/metric-filter.ts";
import type { Sources } from "../model/sources.ts";
import { Turns } from "../model/turns.ts";
import { windows } from "../model/windows.ts";
import { Download, ExportRun } from "./download.ts";
import { filteredSql, filterOf, flagsOf, howOf, unknownMetric } from "./metric-rows.ts";

type Ending = "csv" | "parquet";
const TYPES: Record<Ending, string> = { csv: "text/csv; charset=utf-8", parquet: "application/vnd.apache.parquet" };
/** Windows read at a time, in some ms: pages and answers wait for them. */
const PAGE_ROWS = 250;
const TEXTS = new Set<string>(["window_size", ...windowColumns(({ kind }) => kind === "text" || kind === "flag")]);

export class Exports {
  /** Beside the questions of pages: these may take minutes. */
  readonly #turns = new Turns({
    running_max: EXPORTS_MAX,
    waiting_max: 0,
    busy: `${EXPORTS_MAX} exports are running already.`,
    hint: "Try again when one has ended.",
    stopped: "The export was stopped.",
  });
  readonly #closing = new AbortController();
  readonly #downloads = new Set<Download>();

  constructor(
    private readonly sources: Sources,
    private readonly logger: Logger,
  ) {
    ExportRun.removeAbandoned();
  }

  /** Ends every export and every download. */
  close(): void {
    this.#closing.abort();
    for (const one of this.#downloads) one.end();
  }

  /** `/export/windows.csv` as of now; `windows.parquet` and `ticks` as of the newest batch. */
  table = async (c: Context): Promise<Response> => {
    // Fails when the file can't be read at all, also for a HEAD.
    void this.sources.windows.db;
    unhurried(c);
    const [, what, ending] = /^(windows|ticks)\.(csv|parquet)$/.exec(c.req.param("file") ?? "") ?? [];
    if (!what)
      throw new Problem(
        404,
        "USAGE",
        "There is no such download.",
        "Valid: windows and ticks, each as .csv and .parquet.",
      );
    const given = parameters(c, ["product", "from", "to"]);
    const product = productOf(given.product);
    const times = { from_us: timeOf("from", given.from), to_us: timeOf("to", given.to) };
    const name = `tidemark_${what}_${product ?? "all"}`;
    if (what === "windows" && ending === "csv") return this.#windowsCsv(c, name, product, times);
    const flags = Object.entries({ product, from: isoOf(times.from_us), to: isoOf(times.to_us) }).flatMap(
      ([flag, value]) => (value === null ? [] : [`--${flag}`, value]),
    );
    return this.#child(c, name, ending as Ending, what === "ticks" ? TICKS : WINDOWS, flags);
  };

  /** `/export/metrics/NAME.csv` and `.parquet`: the newest result, whole, or by product and time. */
  metric = async (c: Context): Promise<Response> => {
    unhurried(c);
    const filter = filterOf(parameters(c, ["product", "from", "to"]));
    const [, name = "", ending] = /^(\w+)\.(csv|parquet)$/.exec(c.req.param("file") ?? "") ?? [];
    const { metrics } = this.sources;
    const result = metrics.get(name);
    if (result === null) throw unknownMetric(c.req.param("file") ?? "", metrics.names());
    if (!result.ok && !result.stale) throw new Problem(404, "METRIC", result.error ?? "It has never worked.");
    if (ending === "parquet" && result.stale)
      throw new Problem(404, "METRIC", result.error ?? "It fails.", "The CSV has the last rows that worked.");
    const how = howOf(result, filter);
    const file = `tidemark_${name}${filter.product === null ? "" : `_${filter.product}`}`;
    // The batch stores a long result cut; the export has all rows.
    if (ending === "parquet" || how === "computed" || (result.truncated && !result.stale)) {
      const flags = how === "computed" ? flagsOf(filter) : [];
      return this.#child(c, file, ending as Ending, filteredSql(result, filter, how), flags, name);
    }
    if (result.truncated) {
      const why = `The last result that worked is cut after ${result.row_count} rows.`;
      throw new Problem(404, "METRIC", why, "Correct the metric's file: the next batch stores all rows.");
    }
    const { columns } = result;
    const rows = filterRows(result, filter);
    return this.#send(c, csvPieces(columns, rows), file, "csv");
  };

  #windowsCsv(
    c: Context,
    name: string,
    product: string | null,
    times: { from_us: number | null; to_us: number | null },
  ): Promise<Response> {
    const { sources } = this;
    const isText = (i: number) => TEXTS.has(API_COLUMNS[i]!);
    function* pages(): Generator<string> {
      let head = csvLine(API_COLUMNS, () => false);
      for (let [to_us, limit] = [times.to_us, PAGE_ROWS]; ; ) {
        const rows = windows(sources, { product, size_us: null, from_us: times.from_us, to_us, limit });
        // Rows of one start stay together: the next page begins below the oldest whole one.
        const full = rows.length === limit;
        const oldest = rows.at(-1)?.window_start;
        const whole = full ? rows.filter((row) => row.window_start !== oldest) : rows;
        const lines = whole.map((row) =>
          csvLine(
            API_COLUMNS.map((column) => row[column]),
            isText,
          ),
        );
        if (full && whole.length === 0 && limit < API_ROWS_MAX) {
          limit = API_ROWS_MAX;
          continue;
        }
        yield head + lines.join("");
        head = "";
        if (!full || whole.length === 0) return;
        limit = PAGE_ROWS;
        to_us = usFromIso(whole.at(-1)!.window_start);
      }
    }
    return this.#send(c, pages(), name, "csv");
  }

  /** Sends what `query` wrote into a temporary file: an error is a refusal, not half a file. */
  async #child(
    c: Context,
    name: string,
    ending: Ending,
    sql: string,
    flags: string[],
    metric: string | null = null,
  ): Promise<Response> {
    if (c.req.method === "HEAD") return c.body(null, 200, headersOf(name, ending));
    const signal = AbortSignal.any([c.req.raw.signal, this.#closing.signal]);
    return this.#turns.take(signal, async () => {
      const run = new ExportRun(this.sources.paths.root, ending, sql, flags, metric);
      const forget = onAbort(signal, () => run.end());
      try {
        return await this.#send(c, await run.file(), name, ending);
      } finally {
        forget();
        run.end();
      }
    });
  }

  /** Sends pieces as the reader takes them. */
  async #send(
    c: Context,
    pieces: Iterable<string> | AsyncIterable<Uint8Array>,
    name: string,
    ending: Ending,
  ): Promise<Response> {
    if (c.req.method === "HEAD") return c.body(null, 200, headersOf(name, ending));
    if (this.#downloads.size >= DOWNLOADS_MAX)
      throw new Problem(503, "BUSY", `${DOWNLOADS_MAX} downloads are open already.`, "Try again when one has ended.");
    const sent = new Download(pieces, (error) => {
      this.#downloads.delete(sent);
      if (error !== undefined) this.logger.warn(`${c.req.path} is cut off: ${sentence(error)}`);
    });
    this.#downloads.add(sent);
    onAbort(c.req.raw.signal, sent.end);
    return c.body(await sent.begin(), 200, headersOf(name, ending));
  }
}

/** Rows at a time: a line of each as one text for all would take its size twice. */
const CSV_ROWS = 1_000;

function* csvPieces(columns: readonly Column[], rows: readonly Row[]): Generator<string> {
  yield csvHeader(columns);
  for (let i = 0; i < rows.length; i += CSV_ROWS) yield csvRows(columns, rows.slice(i, i + CSV_ROWS));
}

function headersOf(name: string, ending: Ending): Record<string, string> {
  const time = isoFromUs(nowUs()).slice(0, 16).replace(":", "");
  const safe = name.replace(/[^\w.-]/g, "_");
  return {
    "Content-Type": TYPES[ending],
    "Content-Disposition": `attachment; filename="${safe}_${time}Z.${ending}"`,
    "Cache-Control": "no-store",
  };
}

function isoOf(us: number | null): string | null {
  return us === null ? null : isoFromUs(us);
}
