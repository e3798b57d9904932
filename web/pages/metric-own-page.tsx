/** The page of one metric: all its rows, sorted and filtered, its chart, its SQL, and its state. */
/** @jsxImportSource hono/jsx */
import type { Column, MetricResult } from "../../scripts/contract/results.ts";
import type { How } from "../model/metric-filter.ts";
import type { ShownRow } from "../model/metric-results.ts";
import { isNumeric } from "../model/metric-sort.ts";
import { secondOf } from "../model/moments.ts";
import { counted, duration, exact } from "./format.ts";
import { type FeedKind, Head, PlainHeader, type StaticFiles } from "./layout.tsx";
import { MetricTable, Value } from "./metric-cells.tsx";
import { MetricChartPlace } from "./metric-panels.tsx";

export interface MetricPageView {
  kind: FeedKind;
  result: MetricResult;
  version: string;
  /** Times in ISO 8601. */
  filter: { product: string | null; from: string | null; to: string | null };
  /** What it can be filtered by. */
  can: { product: boolean; time: boolean };
  how: How;
  /** The result has more rows than `row_count`. */
  truncated: boolean;
  products: string[];
  columns: readonly Column[];
  is_drawn: boolean;
  rows: ShownRow[];
  /** Of all pages. */
  row_count: number;
  /** Rows before this page's first. */
  first: number;
  page: number;
  pages: number;
  sort: string | null;
  descending: boolean;
}

type Asked = Partial<Record<"product" | "from" | "to" | "sort" | "desc" | "page", string | null>>;

/** The page's address with another value of some parameters; null leaves one out. */
function addressOf({ result, filter, sort, descending, page }: MetricPageView, change: Asked): string {
  const all: Asked = {
    ...filter,
    sort,
    desc: descending ? "1" : null,
    page: page > 1 ? String(page) : null,
    ...change,
  };
  return `/metric/${result.name}${queryOf(all)}`;
}

function queryOf(values: Asked): string {
  const given = Object.entries(values).flatMap(([name, value]) =>
    value == null ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return given.length === 0 ? "" : `?${given.join("&")}`;
}

export function MetricPage({ view, assets }: { view: MetricPageView; assets: StaticFiles }) {
  const { result, filter, version } = view;
  const { name, title, description, error, stale, ok } = result;
  const source = `/api/metrics/${name}${queryOf(filter)}`;
  return (
    <html lang="en">
      <Head title={`${title} – Tidemark`} assets={assets}>
        <script type="module" src={assets.address("main.js")} />
      </Head>
      <body data-page="metric">
        <PlainHeader isDated kind={view.kind}>
          <nav aria-label="Page">
            <a href="/#metrics">all metrics</a>
          </nav>
        </PlainHeader>
        <main id="main" class="metric-page">
          <h1>{title}</h1>
          {description && <p class="description">{description}</p>}
          {error !== null && (
            <pre class="error" role="alert">
              {error}
            </pre>
          )}
          {stale && <p class="stale">Below: the last result that worked.</p>}
          <FilterForm view={view} />
          {view.is_drawn && (
            <section class="panel">
              <MetricChartPlace name={name} version={version} src={source} product={filter.product} hasTime={false} />
            </section>
          )}
          {(ok || stale) && <RowsOf view={view} />}
          <Facts view={view} />
        </main>
      </body>
    </html>
  );
}

/** A form that works without a program: it asks for the page again. */
function FilterForm({ view }: { view: MetricPageView }) {
  const { can, filter, products, result, sort, descending } = view;
  if (!can.product && !can.time) return null;
  const isFiltered = filter.product !== null || filter.from !== null || filter.to !== null;
  return (
    <form class="filter" action={`/metric/${result.name}`} method="get">
      {can.product && (
        <label>
          product{" "}
          <select name="product">
            <option value="">all</option>
            {[...new Set([...products, ...(filter.product === null ? [] : [filter.product])])].map((product) => (
              <option value={product} selected={product === filter.product}>
                {product}
              </option>
            ))}
          </select>
        </label>
      )}
      {can.time &&
        (["from", "to"] as const).map((end) => (
          <label>
            {end}, UTC{" "}
            <input
              name={end}
              type="datetime-local"
              step="1"
              value={filter[end] === null ? "" : filter[end].slice(0, 19)}
            />
          </label>
        ))}
      {sort !== null && <input type="hidden" name="sort" value={sort} />}
      {descending && <input type="hidden" name="desc" value="1" />}
      <button type="submit">show</button>
      {isFiltered && <a href={addressOf(view, { product: null, from: null, to: null, page: null })}>all rows</a>}
    </form>
  );
}

const HOW: Record<How, string> = {
  whole: "",
  filtered: "of the newest result",
  computed: "computed for this product and time with the metric's SQL",
};

function RowsOf({ view }: { view: MetricPageView }) {
  const { result, columns, rows, row_count, first, truncated, how, sort, descending } = view;
  const { name, chart } = result;
  const shown = chart.y[0] ?? "";
  const type = result.columns.find((column) => column.name === shown)?.type ?? "";
  return (
    <section id="rows" aria-label="Rows">
      {chart.type === "number" && rows[0] !== undefined && (
        <p class="number">
          <Value value={rows[0][shown]} type={type} name={name} />
        </p>
      )}
      <p class="scope" role="status">
        {rows.length === 0
          ? "No rows."
          : `Rows ${exact(first + 1)} to ${exact(first + rows.length)} of ${exact(row_count)}`}
        {sort === null ? "" : `, by ${sort}${descending ? ", descending" : ""}`}
        {HOW[how] === "" ? "" : `, ${HOW[how]}`}
        {truncated && (
          <b>
            {" "}
            The result has more: only its first {exact(row_count)} rows are stored; the CSV and the Parquet have all.
          </b>
        )}
        {result.columns.length > columns.length && (
          <b>
            {" "}
            {columns.length} of {counted(result.columns.length, "column")}; the CSV has the others.
          </b>
        )}
      </p>
      {rows.length > 0 && (
        <MetricTable
          name={name}
          columns={columns}
          rows={rows}
          head={(column) => <SortLink view={view} column={column} />}
          sorted={sort === null ? undefined : { column: sort, descending }}
        />
      )}
      <Pager view={view} />
    </section>
  );
}

/** Sorts by its column; numbers and times begin with the largest, and a second time it turns round. */
function SortLink({ view, column }: { view: MetricPageView; column: { name: string; type: string } }) {
  const { sort, descending } = view;
  const isCurrent = sort === column.name;
  const isFirstDescending = isNumeric(column.type) || /^(DATE|TIME)/.test(column.type);
  const next = isCurrent ? !descending : isFirstDescending;
  return (
    <a class="sort" href={addressOf(view, { sort: column.name, desc: next ? "1" : null, page: null })}>
      {column.name}
      <span aria-hidden="true">{isCurrent ? (descending ? " ▾" : " ▴") : ""}</span>
    </a>
  );
}

function Pager({ view }: { view: MetricPageView }) {
  const { page, pages } = view;
  if (pages === 1) return null;
  const to = (number: number) => addressOf(view, { page: number > 1 ? String(number) : null });
  return (
    <nav class="pager" aria-label="Pages of rows">
      {page > 1 && <a href={to(1)}>first</a>}
      {page > 1 && (
        <a href={to(page - 1)} rel="prev">
          previous
        </a>
      )}
      <span>
        page {page} of {pages}
      </span>
      {page < pages && (
        <a href={to(page + 1)} rel="next">
          next
        </a>
      )}
      {page < pages && <a href={to(pages)}>last</a>}
    </nav>
  );
}

/** Its SQL and when it ran; the links have the rows that are shown. */
function Facts({ view: { result, filter } }: { view: MetricPageView }) {
  const { name, file, sql, elapsed_ms, finished_us, run_id } = result;
  const links = [
    ["JSON", `/api/metrics/${name}${queryOf(filter)}`],
    ["CSV", `/export/metrics/${name}.csv${queryOf(filter)}`],
    ["Parquet", `/export/metrics/${name}.parquet${queryOf(filter)}`],
  ] as const;
  return (
    <section class="panel">
      <p class="links">
        {links.map(([text, href]) => (
          <>
            <a href={href}>{text}</a>{" "}
          </>
        ))}
      </p>
      <h2>{file}</h2>
      <p class="description" id="computed">
        Computed by run {run_id} in {duration(elapsed_ms)}, at {secondOf(finished_us)}.
      </p>
      <pre class="sql" tabindex={0}>
        {sql}
      </pre>
    </section>
  );
}
