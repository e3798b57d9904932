/** One panel per metric file: its chart, its rows, its SQL, and its error when it fails. */
/** @jsxImportSource hono/jsx */
import { CutText, type Panel as Shown } from "../model/metric-results.ts";
import { counted, duration, exact } from "./format.ts";

export function Metrics({ metrics }: { metrics: Shown[] }) {
  return (
    <section id="metrics" aria-labelledby="metrics-title">
      <h2 id="metrics-title" class="section">
        Metrics{" "}
        <small>
          each a file in <code>sql/metrics/</code>: edit one, and the next batch shows it
        </small>
      </h2>
      <div class="grid">
        {metrics.length === 0 && <p class="empty">No batch has run yet.</p>}
        {metrics.map((metric) => (
          <Panel metric={metric} />
        ))}
      </div>
    </section>
  );
}

function Panel({ metric }: { metric: Shown }) {
  const {
    name,
    title,
    description,
    chart,
    rows,
    columns,
    file,
    sql,
    ok,
    error,
    stale,
    elapsed_ms,
    truncated,
    row_count,
  } = metric;
  const isNumber = chart.type === "number" && rows.length > 0;
  const shown = chart.y[0] ?? columns[0]?.name ?? "";
  const typeOf = (column: string) => columns.find(({ name }) => name === column)?.type ?? "";
  const drawn = (chart.type === "line" || chart.type === "bar") && rows.length > 1;
  return (
    <article class={`panel${ok ? "" : " broken"}`} id={`metric-${name}`}>
      <h3>{title}</h3>
      <p class="links">
        <a href={`/export/metrics/${name}.csv`}>CSV</a> <a href={`/export/metrics/${name}.parquet`}>Parquet</a>{" "}
        <a href={`/api/metrics/${name}`}>JSON</a>
      </p>
      {description && <p class="description">{description}</p>}
      {error !== null && (
        <pre class="error" role="alert">
          {error}
        </pre>
      )}
      {stale && <p class="stale">Below: the last result that worked.</p>}
      {drawn && (
        <div
          class="chart"
          id={`chart-${name}`}
          data-metric={name}
          data-version={metric.finished_us}
          hx-morph-skip-children
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
          {truncated ? " (cut; CSV and Parquet have all)" : ""} in {duration(elapsed_ms)}
        </span>
        <details>
          <summary>{file}</summary>
          <pre class="sql">{sql}</pre>
        </details>
      </footer>
    </article>
  );
}

function Rows({ metric, folded }: { metric: Shown; folded: boolean }) {
  const { rows, columns, name, row_count, column_count } = metric;
  if (rows.length === 0) return <p class="empty">No rows.</p>;
  const table = (
    <section class="scroll" tabindex={0} aria-label={`Rows of ${name}`}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th scope="col" class={isNumeric(column.type) ? "n" : ""}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr>
              {columns.map((column) => (
                <td class={isNumeric(column.type) ? "n" : ""}>
                  <Value value={row[column.name]} type={column.type} name={name} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {row_count > rows.length && (
        <p class="more">
          {rows.length} of {counted(row_count, "row")}; the others are in the{" "}
          <a href={`/export/metrics/${name}.csv`}>CSV</a>
        </p>
      )}
      {column_count > columns.length && (
        <p class="more">
          {columns.length} of {counted(column_count, "column")}; the others are in the{" "}
          <a href={`/export/metrics/${name}.csv`}>CSV</a>
        </p>
      )}
    </section>
  );
  if (!folded) return table;
  return (
    <details>
      <summary>the rows</summary>
      {table}
    </details>
  );
}

function isNumeric(type: string): boolean {
  return /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL|DOUBLE|FLOAT|BIGNUM)[^[]*$/.test(type);
}

/** A cell of the metric `name`; a long one is cut, with a link to the whole. */
function Value({ value, type, name }: { value: unknown; type: string; name: string }) {
  if (!(value instanceof CutText)) return <>{cell(value, type)}</>;
  return (
    <>
      {value.text} … ({value.length} characters, <a href={`/export/metrics/${name}.csv`}>whole in the CSV</a>)
    </>
  );
}

function cell(value: unknown, type: string): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "object") return JSON.stringify(value);
  if (type.startsWith("TIMESTAMP"))
    return String(value)
      .replace("T", " ")
      .replace(/(\.0+)?Z$/, "");
  return isNumeric(type) ? exact(value) : String(value);
}
