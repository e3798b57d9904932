/** Downloads. CSV of windows and of metric results is written here; what needs DuckDB (Parquet, all ticks) runs in a child, `query` (design.md "Data path"). */
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Context } from "hono";
import { isoFromUs, nowUs } from "../scripts/common/clock.ts";
import { csvLine } from "../scripts/common/csv.ts";
import { API_ROWS_MAX, EXPORT_MS_MAX, EXPORTS_MAX } from "../scripts/common/limits.ts";
import TICKS from "../sql/page/export_ticks.sql" with { type: "text" };
import WINDOWS from "../sql/page/export_windows.sql" with { type: "text" };
import { unknownMetric } from "./api.ts";
import type { MetricResults } from "./metric-results.ts";
import { Problem } from "./problem.ts";
import { parameters, productOf, timeOf } from "./query-string.ts";
import type { Sources } from "./sources.ts";
import { WINDOW_COLUMNS, windows } from "./windows.ts";

type Ending = "csv" | "parquet";
const TYPES: Record<Ending, string> = { csv: "text/csv; charset=utf-8", parquet: "application/vnd.apache.parquet" };
const QUERY = resolve(import.meta.dir, "../scripts/query.ts");
/** Rows of one export; more are refused rather than cut silently. */
const EXPORT_ROWS_MAX = 10_000_000;
const WORDS = new Set(["product_id", "window_size", "volatility_flag", "market_sentiment", "volume_spike"]);

export class Exports {
  #running = 0;

  constructor(
    private readonly sources: Sources,
    private readonly results: MetricResults,
  ) {}

  /** `/export/windows.csv`, `/export/ticks.parquet` …: as of now for windows.csv, as of the newest batch for the others. */
  table = async (c: Context): Promise<Response> => {
    const [, what, ending] = /^(windows|ticks)\.(csv|parquet)$/.exec(c.req.param("file") ?? "") ?? [];
    if (!what)
      throw new Problem(
        404,
        "USAGE",
        "There is no such download.",
        "There are windows and ticks, each as .csv and .parquet.",
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

  /** `/export/metrics/NAME.csv` and `.parquet`: the newest result, whole. */
  metric = async (c: Context): Promise<Response> => {
    parameters(c, []);
    const [, name = "", ending] = /^(\w{1,64})\.(csv|parquet)$/.exec(c.req.param("file") ?? "") ?? [];
    const result = this.results.get(name);
    if (result === null) throw unknownMetric(c.req.param("file") ?? "", this.results);
    if (!result.ok && !result.stale) throw new Problem(404, "METRIC", result.error ?? "It has never worked.");
    if (ending === "parquet" && result.stale)
      throw new Problem(404, "METRIC", result.error ?? "It fails.", "The CSV has the last rows that worked.");
    if (ending === "parquet") return this.#child(c, `tidemark_${name}`, "parquet", result.sql, []);
    const { columns, rows } = result;
    const isText = (i: number) => columns[i]!.type === "VARCHAR";
    const lines = [
      csvLine(
        columns.map((column) => column.name),
        () => true,
      ),
      ...rows.map((row) =>
        csvLine(
          columns.map((column) => row[column.name]),
          isText,
        ),
      ),
    ];
    return download(c, lines.join(""), `tidemark_${name}`, "csv");
  };

  #windowsCsv(
    c: Context,
    name: string,
    product: string | null,
    times: { from_us: number | null; to_us: number | null },
  ): Response {
    const { sources } = this;
    const isText = (i: number) => WORDS.has(WINDOW_COLUMNS[i]!);
    function* pages(): Generator<string> {
      yield csvLine(WINDOW_COLUMNS, () => false);
      for (let to_us = times.to_us; ; ) {
        const rows = windows(sources, { product, size_us: null, from_us: times.from_us, to_us, limit: API_ROWS_MAX });
        // Rows of one start stay together: the next page begins below the oldest whole one.
        const full = rows.length === API_ROWS_MAX;
        const oldest = rows.at(-1)?.window_start;
        const whole = full ? rows.filter((row) => row.window_start !== oldest) : rows;
        yield whole
          .map((row) =>
            csvLine(
              WINDOW_COLUMNS.map((column) => row[column]),
              isText,
            ),
          )
          .join("");
        if (!full || whole.length === 0) return;
        to_us = Date.parse(whole.at(-1)!.window_start) * 1_000;
      }
    }
    return download(c, streamOf(pages()), name, "csv");
  }

  /** Runs `query` into a temporary file and sends that: an error is an answer of its own, never half a file. */
  async #child(c: Context, name: string, ending: Ending, sql: string, flags: string[]): Promise<Response> {
    if (this.#running >= EXPORTS_MAX)
      throw new Problem(503, "BUSY", `${EXPORTS_MAX} exports are running already.`, "Try again when they have ended.");
    this.#running++;
    const folder = mkdtempSync(join(tmpdir(), "tidemark-export-"));
    try {
      const file = join(folder, `export.${ending}`);
      const where = [
        "--data",
        this.sources.paths.root,
        "--format",
        ending,
        "--output",
        file,
        "--limit",
        String(EXPORT_ROWS_MAX),
      ];
      const child = Bun.spawn([process.execPath, QUERY, ...where, ...flags, "--", sql], {
        stdin: "ignore",
        stdout: "ignore",
        stderr: "pipe",
      });
      const timer = setTimeout(() => child.kill("SIGKILL"), EXPORT_MS_MAX);
      const [code, said] = await Promise.all([child.exited, new Response(child.stderr).text()]);
      clearTimeout(timer);
      if (code !== 0)
        throw new Problem(503, "QUERY", /error: (.*)/.exec(said)?.[1] ?? "The export was stopped: it took too long.");
      const bytes = createReadStream(file);
      await new Promise((resolve, reject) => bytes.once("open", resolve).once("error", reject));
      return download(c, streamOf(bytes), name, ending);
    } finally {
      // The open file lives on without its name until it has been sent.
      rmSync(folder, { recursive: true, force: true });
      this.#running--;
    }
  }
}

/** Gives the next piece when the reader asks for it: memory holds one. */
function streamOf(pieces: Iterable<string> | AsyncIterable<Uint8Array>): ReadableStream {
  const encoder = new TextEncoder();
  const iterator = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(typeof value === "string" ? encoder.encode(value) : value);
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

function download(c: Context, body: string | ReadableStream, name: string, ending: Ending): Response {
  const time = isoFromUs(nowUs()).slice(0, 16).replace(":", "");
  const safe = name.replace(/[^\w.-]/g, "_");
  const headers = {
    "Content-Type": TYPES[ending],
    "Content-Disposition": `attachment; filename="${safe}_${time}Z.${ending}"`,
    "Cache-Control": "no-store",
  };
  return c.body(body, 200, headers);
}

function isoOf(us: number | null): string | null {
  return us === null ? null : isoFromUs(us);
}
