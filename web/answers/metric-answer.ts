/** One metric as JSON and as a page of its own: its rows by product, time, order and page. */
import type { Context } from "hono";
import { isoFromUs } from "../../scripts/base/iso.ts";
import { API_ROWS_MAX, PAGE_METRIC_COLUMNS, RESULT_BYTES_MAX } from "../../scripts/base/limits.ts";
import { printableLines } from "../../scripts/base/printable.ts";
import type { MetricResult } from "../../scripts/contract/results.ts";
import { SharedJson } from "../http/compress.ts";
import { Problem } from "../http/problem.ts";
import { descendingOf, limitOf, pageOf } from "../http/query-string.ts";
import { jsonPieces } from "../model/json-pieces.ts";
import { type MetricFilter, productsIn, timeColumn } from "../model/metric-filter.ts";
import { isDrawn, shortRow, shortSql } from "../model/metric-results.ts";
import { sorted } from "../model/metric-sort.ts";
import { NewestUsed } from "../model/newest-used.ts";
import { choices } from "../model/selection.ts";
import type { Sources } from "../model/sources.ts";
import { asOfNow, type StaticFiles } from "../pages/layout.tsx";
import { MetricPage, type MetricPageView } from "../pages/metric-own-page.tsx";
import { type Asked, MetricQueries, metricAsked } from "./metric-rows.ts";

/** Bytes of the JSON answers of one run that are kept, beside their compressed forms. */
const ANSWERS_BYTES_MAX = 2 * RESULT_BYTES_MAX;
/** Pages of one run that are kept, of 100 kB each. */
const PAGES_KEPT_MAX = 20;
/** Rows of one page of /metric/NAME. */
const PAGE_ROWS = 200;

export class MetricAnswers {
  readonly #queries: MetricQueries;

  constructor(
    private readonly sources: Sources,
    private readonly assets: StaticFiles,
  ) {
    this.#queries = new MetricQueries(sources);
  }

  /** Ends the queries that run. */
  close(): void {
    this.#queries.close();
  }

  /** `/api/metrics/NAME`: the newest result; `product`, `from`, `to`, `limit`, `last`. Made once per run. */
  json = async (c: Context): Promise<Response> => {
    const { result, given, filter, kept } = this.sources.atOneCommit(() => ({
      ...metricAsked(c, this.sources, ["limit", "last"]),
      kept: this.sources.metrics.once("answers", () => new NewestUsed<string, SharedJson>(ANSWERS_BYTES_MAX)),
    }));
    const key = JSON.stringify([result.name, given]);
    const known = kept.get(key);
    if (known !== undefined) return known.answer(c);
    const [limit, last] = [limitOf(given.limit, API_ROWS_MAX), limitOf(given.last, API_ROWS_MAX, "last")];
    const { rows, how, truncated } = await this.#queries.rows(c, result, filter);
    const { finished_us, file_hash, rows: _, ...rest } = result;
    const isWhole = how === "whole";
    const pieces = jsonPieces({
      ...rest,
      row_count: isWhole ? rest.row_count : rows.length,
      truncated,
      filter: isWhole ? null : { ...shownFilter(filter), how },
      finished_at: isoFromUs(finished_us),
      file_hash,
      rows: given.last === null ? rows.slice(0, limit) : rows.slice(-last),
    });
    const made = new SharedJson(pieces);
    kept.set(key, made, made.length);
    return made.answer(c);
  };

  /** `/metric/NAME`: as the JSON, and `sort`, `desc`, `page`. Made once per run. */
  page = async (c: Context): Promise<Response> => {
    const { asked, kept, products } = this.sources.atOneCommit(() => {
      const asked = metricAsked(c, this.sources, ["sort", "desc", "page"]);
      const kept = this.sources.metrics.once("pages", () => new NewestUsed<string, string>(PAGES_KEPT_MAX));
      return { asked, kept, products: productsIn(asked.result) ?? choices(this.sources).products };
    });
    const { kind } = this.sources;
    const key = JSON.stringify([asked.result.name, asked.given, products, kind]);
    let html = kept.get(key);
    if (html === undefined) {
      html = await this.#html(c, asked, products, kind);
      kept.set(key, html);
    }
    return c.html(asOfNow(html), 200, { "Cache-Control": "no-store" });
  };

  async #html(
    c: Context,
    asked: Asked<"sort" | "desc" | "page">,
    products: string[],
    kind: Sources["kind"],
  ): Promise<string> {
    const { result, given, filter } = asked;
    const column = given.sort === null ? null : (result.columns.find(({ name }) => name === given.sort) ?? null);
    if (given.sort !== null && column === null)
      throw new Problem(400, "USAGE", `sort is "${given.sort.slice(0, 40)}", not a column of ${result.name}.`);
    const descending = descendingOf(given.desc);
    const { rows, how, truncated } = await this.#queries.rows(c, result, filter);
    const ordered = column === null ? rows : sorted(rows, column, descending);
    const pages = Math.max(1, Math.ceil(ordered.length / PAGE_ROWS));
    const page = pageOf(given.page);
    if (page > pages) throw new Problem(400, "USAGE", `page is ${page}, and there are ${pages}.`);
    const first = (page - 1) * PAGE_ROWS;
    const columns = result.columns.slice(0, PAGE_METRIC_COLUMNS);
    const view: MetricPageView = {
      kind,
      result: { ...result, sql: shortSql(result.sql), rows: [] },
      version: this.sources.metrics.version(result.name),
      filter: shownFilter(filter),
      can: canFilter(result),
      how,
      truncated,
      products,
      columns,
      is_drawn: isDrawn(result.chart, rows),
      rows: ordered.slice(first, first + PAGE_ROWS).map((row) => shortRow(row, columns, result.chart.y.slice(0, 1))),
      row_count: how === "whole" ? result.row_count : ordered.length,
      first,
      page,
      pages,
      sort: column?.name ?? null,
      descending,
    };
    return printableLines(`<!doctype html>${MetricPage({ view, assets: this.assets })}`);
  }
}

function shownFilter({ product, from_us, to_us }: MetricFilter) {
  const iso = (us: number | null) => (us === null ? null : isoFromUs(us));
  return { product, from: iso(from_us), to: iso(to_us) };
}

/** What its page offers to filter by. */
function canFilter(result: MetricResult): { product: boolean; time: boolean } {
  return {
    product: productsIn(result) !== null || result.sql.includes("$product"),
    time: timeColumn(result) !== null || (result.sql.includes("$from") && result.sql.includes("$to")),
  };
}
