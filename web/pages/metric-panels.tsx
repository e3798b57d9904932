/** One panel per metric file, in groups: its chart, its first rows, and its error when it fails. */
/** @jsxImportSource hono/jsx */
import { isChart, type Panel as Shown } from "../model/metric-results.ts";
import { counted } from "./format.ts";
import { MetricTable, Value } from "./metric-cells.tsx";

export function Metrics({ metrics, wanted = null }: { metrics: Shown[]; wanted?: string | null }) {
  const groups = Map.groupBy(metrics, ({ group }) => group);
  return (
    <section id="metrics" aria-labelledby="metrics-title">
      <h2 id="metrics-title" class="section">
        Metrics{" "}
        <small>
          each a file in <code>sql/metrics/</code>: edit one, and the next batch shows it
        </small>
      </h2>
      {metrics.length === 0 && <p class="empty">No batch has run yet.</p>}
      {[...groups].map(([group, panels]) => (
        <>
          {(group !== "" || groups.size > 1) && <h3 class="metric-group">{group === "" ? "Other metrics" : group}</h3>}
          <div class="grid">
            {panels.map((metric) => (
              <Panel metric={metric} wanted={wanted} />
            ))}
          </div>
        </>
      ))}
    </section>
  );
}

/** Of the metric's rows, by the product that the panel shows. */
function addressOf(path: string, { product }: Shown): string {
  return `${path}${queryOf(product)}`;
}

function queryOf(product: string | null): string {
  return product === null ? "" : `?product=${encodeURIComponent(product)}`;
}

function Panel({ metric, wanted }: { metric: Shown; wanted: string | null }) {
  const { name, title, description, chart, rows, columns, file, sql, ok, error, stale, truncated, row_count } = metric;
  const isNumber = chart.type === "number" && rows.length > 0;
  const shown = chart.y[0] ?? columns[0]?.name ?? "";
  const typeOf = (column: string) => columns.find(({ name }) => name === column)?.type ?? "";
  const drawn = metric.is_drawn;
  return (
    <article class={`panel${ok ? "" : " broken"}`} id={`metric-${name}`}>
      <h4>
        <a href={addressOf(`/metric/${name}`, metric)}>{title}</a>
      </h4>
      <p class="links">
        <a href={addressOf(`/export/metrics/${name}.csv`, metric)}>CSV</a>{" "}
        <a href={addressOf(`/export/metrics/${name}.parquet`, metric)}>Parquet</a>{" "}
        <a href={addressOf(`/api/metrics/${name}`, metric)}>JSON</a>
      </p>
      {description && <p class="description">{description}</p>}
      <Scope metric={metric} wanted={wanted} />
      {error !== null && (
        <pre class="error" role="alert">
          {error}
        </pre>
      )}
      {stale && <p class="stale">Below: the last result that worked.</p>}
      {drawn && (
        <MetricChartPlace
          name={name}
          version={metric.version}
          src={addressOf(`/api/metrics/${name}`, metric)}
          product={metric.product}
          hasTime={metric.has_time}
        />
      )}
      {isNumber && (
        <p class="number">
          <Value value={rows[0]![shown]} type={typeOf(shown)} name={name} />
        </p>
      )}
      {isNumber && rows.length > 1 && <p class="more">the first of {counted(row_count, "row")}</p>}
      {(!isNumber || rows.length > 1) && (ok || stale) && <Rows metric={metric} folded={drawn || isNumber} />}
      <footer>
        <span>
          {counted(row_count, "row")}
          {truncated ? " (cut; CSV and Parquet have all)" : ""}
          {isChart(chart) && rows.length === 1 ? "; a chart is drawn from two on" : ""}
        </span>
        <details>
          <summary>{file}</summary>
          <pre class="sql" tabindex={0}>
            {sql}
          </pre>
        </details>
      </footer>
    </article>
  );
}

interface ChartPlaceOf {
  name: string;
  version: string;
  src: string;
  product: string | null;
  hasTime: boolean;
}

/** Where the browser draws a metric's chart, and again when the version changes. */
export function MetricChartPlace(place: ChartPlaceOf) {
  return (
    <>
      <p class="needs-script note">This chart needs JavaScript; its rows are below.</p>
      <div
        class="chart"
        id={`chart-${place.name}`}
        data-metric={place.name}
        data-version={place.version}
        data-src={place.src}
        data-time={place.hasTime ? "" : undefined}
        data-product={place.product ?? undefined}
      />
    </>
  );
}

/** What the rows cover, where there are several products. */
function Scope({ metric, wanted }: { metric: Shown; wanted: string | null }) {
  const { product, sql, name, ok, products, products_known: known } = metric;
  if (known < 2 || !ok) return null;
  if (product !== null) return <p class="scope">{`${product}, one of ${known} products`}</p>;
  const isPerProduct = products !== null || sql.includes("$product");
  if (!isPerProduct) return <p class="scope">not by product</p>;
  return (
    <p class="scope">
      <b>
        all {known} products{products === null ? " together" : ""}
      </b>
      : <a href={`/metric/${name}${queryOf(wanted)}`}>{wanted ?? "one of them"}</a> alone
    </p>
  );
}

function Rows({ metric, folded }: { metric: Shown; folded: boolean }) {
  const { rows, columns, name, row_count, column_count } = metric;
  if (rows.length === 0) return <p class="empty">No rows{metric.product === null ? "" : ` of ${metric.product}`}.</p>;
  const table = (
    <>
      <MetricTable name={name} columns={columns} rows={rows} />
      {row_count > rows.length && (
        <p class="more">
          <a href={addressOf(`/metric/${name}`, metric)}>
            {rows.length} of {counted(row_count, "row")}
          </a>
        </p>
      )}
      {column_count > columns.length && (
        <p class="more">
          {columns.length} of {counted(column_count, "column")}; the others are in the{" "}
          <a href={addressOf(`/export/metrics/${name}.csv`, metric)}>CSV</a>
        </p>
      )}
    </>
  );
  if (!folded) return table;
  return (
    <details>
      <summary>the rows</summary>
      {table}
    </details>
  );
}
