/** A metric's rows as they are asked for; what the stored rows can't answer is computed by `query`. */
import type { Context } from "hono";
import { isoFromUs } from "../../scripts/base/iso.ts";
import { METRIC_ROWS_MAX, RESULT_BYTES_MAX, RESULTS_CACHE_BYTES_MAX } from "../../scripts/base/limits.ts";
import { quoted, quotedName } from "../../scripts/base/sql-text.ts";
import { onAbort } from "../../scripts/base/wait.ts";
import type { MetricResult, Row } from "../../scripts/contract/results.ts";
import { Problem } from "../http/problem.ts";
import { parameters, productOf, timeOf } from "../http/query-string.ts";
import { unhurried } from "../http/unhurried.ts";
import {
  filterRows,
  type How,
  howFiltered,
  type MetricFilter,
  usesParameter,
  withoutComments,
} from "../model/metric-filter.ts";
import { NewestUsed } from "../model/newest-used.ts";
import type { Sources } from "../model/sources.ts";
import { Turns } from "../model/turns.ts";
import { ExportRun } from "./download.ts";

/** Queries that run at once for pages and the API, beside the exports. */
const COMPUTING_MAX = 2;
/** Characters of JSON of the computed answers that are kept until the next run of the batch. */
const KEPT_BYTES_MAX = RESULTS_CACHE_BYTES_MAX / 2;

/** The rows of one answer. */
interface MetricRows {
  rows: Row[];
  how: How;
  /** The result has more rows than these. */
  truncated: boolean;
}

export class MetricQueries {
  readonly #turns = new Turns({
    running_max: COMPUTING_MAX,
    waiting_max: 0,
    busy: `${COMPUTING_MAX} metrics are computed already.`,
    hint: "Try again when one has ended.",
    stopped: "The query was stopped.",
  });
  readonly #closing = new AbortController();

  constructor(private readonly sources: Sources) {}

  /** Ends every query that runs. */
  close(): void {
    this.#closing.abort();
  }

  /** Fails with a 400 if the metric can't be filtered so, 404 if it fails now, 503 if it is busy. */
  async rows(c: Context, result: MetricResult, filter: MetricFilter): Promise<MetricRows> {
    const how = howOf(result, filter);
    if (how !== "computed") return { rows: filterRows(result, filter), how, truncated: result.truncated };
    const kept = this.sources.metrics.once("computed", () => new NewestUsed<string, MetricRows>(KEPT_BYTES_MAX));
    const key = JSON.stringify([result.name, filter]);
    const known = kept.get(key);
    if (known !== undefined) return known;
    const { size, ...found } = await this.#compute(c, result, filter);
    kept.set(key, found, size);
    return found;
  }

  #compute(c: Context, result: MetricResult, filter: MetricFilter): Promise<MetricRows & { size: number }> {
    const signal = AbortSignal.any([c.req.raw.signal, this.#closing.signal]);
    return this.#turns.take(signal, async () => {
      unhurried(c);
      const flags = [...flagsOf(filter), "--limit", String(METRIC_ROWS_MAX + 1)];
      const sql = filteredSql(result, filter, "computed");
      const run = new ExportRun(this.sources.paths.root, "json", sql, flags, result.name);
      const forget = onAbort(signal, () => run.end());
      try {
        const text = await textOf(await run.file());
        const rows = JSON.parse(text) as Row[];
        const truncated = rows.length > METRIC_ROWS_MAX;
        return { rows: rows.slice(0, METRIC_ROWS_MAX), how: "computed", truncated, size: text.length };
      } finally {
        forget();
        run.end();
      }
    });
  }
}

/** The filter of an address. Fails with a 400. */
export function filterOf(given: Record<"product" | "from" | "to", string | null>): MetricFilter {
  const filter = {
    product: productOf(given.product),
    from_us: timeOf("from", given.from),
    to_us: timeOf("to", given.to),
  };
  const { from_us, to_us } = filter;
  if (from_us !== null && to_us !== null && from_us >= to_us)
    throw new Problem(400, "USAGE", `from ${given.from} is not before to ${given.to}.`);
  return filter;
}

/** As `howFiltered`. Fails with a 400, and with a 404 if a metric that fails now had to run. */
export function howOf(result: MetricResult, filter: MetricFilter): How {
  const found = howFiltered(result, filter);
  if ("refused" in found)
    throw new Problem(400, "USAGE", found.refused, "Leave the parameter out, or add the column to the metric's file.");
  if (found.how === "computed" && !result.ok)
    throw new Problem(404, "METRIC", result.error ?? "It has never worked.", "Correct the metric's file.");
  return found.how;
}

/** The flags of `query` for the parameters of a metric. */
export function flagsOf({ product, from_us, to_us }: MetricFilter): string[] {
  const given = { product, from: isoOf(from_us), to: isoOf(to_us) };
  return Object.entries(given).flatMap(([flag, value]) => (value === null ? [] : [`--${flag}=${value}`]));
}

/** The metric's SQL with the filter that its own parameters do not make. */
export function filteredSql({ sql, chart }: MetricResult, filter: MetricFilter, how: How): string {
  const conditions: string[] = [];
  const isMade = (parameter: string) => how === "computed" && usesParameter(sql, parameter);
  const { product, from_us, to_us } = filter;
  const x = quotedName(chart.x ?? "");
  const time = (us: number) => `TIMESTAMP '${isoFromUs(us).slice(0, -1)}'`;
  if (product !== null && !isMade("$product")) conditions.push(`product_id = ${quoted(product)}`);
  if (from_us !== null && !isMade("$from")) conditions.push(`${x} >= ${time(from_us)}`);
  if (to_us !== null && !isMade("$to")) conditions.push(`${x} < ${time(to_us)}`);
  if (conditions.length === 0) return sql;
  return `SELECT * FROM (\n${withoutComments(sql).replace(/[;\s]+$/, "")}\n) WHERE ${conditions.join(" AND ")}`;
}

/** What an address asks of a metric; `N`: parameters beside the usual ones. */
export interface Asked<N extends string> {
  result: MetricResult;
  given: Record<N | "product" | "from" | "to", string | null>;
  filter: MetricFilter;
}

/** The metric of an address, and its parameters. Fails with a 400 or 404. */
export function metricAsked<N extends string>(c: Context, { metrics }: Sources, names: readonly N[]): Asked<N> {
  const given = parameters(c, ["product", "from", "to", ...names] as const);
  const name = c.req.param("name") ?? "";
  const result = metrics.get(name);
  if (result === null) throw unknownMetric(name, metrics.names());
  return { result, given, filter: filterOf(given) };
}

/** The refusal of a metric that has no result; lists those that have one. */
export function unknownMetric(name: string, names: string[]): Problem {
  const hint = names.length > 0 ? `Valid: ${names.join(", ")}.` : "No batch has run yet: bun run batch.";
  return new Problem(404, "METRIC", `No result for metric "${name.slice(0, 64)}" yet.`, hint);
}

async function textOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > RESULT_BYTES_MAX)
      throw new Problem(503, "QUERY", `The result has over ${RESULT_BYTES_MAX} bytes.`, "Take its CSV or Parquet.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function isoOf(us: number | null): string | null {
  return us === null ? null : isoFromUs(us);
}
