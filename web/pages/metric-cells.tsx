/** A metric's values as cells: long texts cut with a link, decimals with two digits in sight. */
/** @jsxImportSource hono/jsx */
import { CutText, type ShownRow } from "../model/metric-results.ts";
import { isNumeric } from "../model/metric-sort.ts";
import { exact, short } from "./format.ts";

interface ShownColumn {
  name: string;
  type: string;
}

/** Rows as a table whose first column stays in sight; `head` makes a column's heading. */
export function MetricTable({
  name,
  columns,
  rows,
  head = ({ name }) => name,
  sorted,
}: {
  name: string;
  columns: readonly ShownColumn[];
  rows: readonly ShownRow[];
  head?: (column: ShownColumn) => unknown;
  /** The column by which they are sorted. */
  sorted?: { column: string; descending: boolean } | undefined;
}) {
  const order = sorted?.descending ? "descending" : "ascending";
  return (
    <section class="scroll metric-rows" tabindex={0} aria-label={`Rows of ${name}`}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                scope="col"
                class={isNumeric(column.type) ? "n" : ""}
                aria-sort={sorted?.column === column.name ? order : undefined}
              >
                {head(column)}
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
    </section>
  );
}

/** A cell of the metric `name`; a long one is cut, with a link to the whole. */
export function Value({ value, type, name }: { value: unknown; type: string; name: string }) {
  if (!(value instanceof CutText))
    return hasFraction(type) ? <Digits value={value} /> : <Plain text={cell(value, type)} />;
  return (
    <>
      <span class="cut-text">{value.text}</span> … ({value.length} characters,{" "}
      <a href={`/export/metrics/${name}.csv`}>whole in the CSV</a>)
    </>
  );
}

/** Two digits in sight; all of them while the table has the focus, or the cell the pointer. */
function Digits({ value }: { value: unknown }) {
  const all = exact(value);
  const two = short(value);
  // What would read as nothing has its first digits in sight.
  const shown = /0\.01$/.test(two) && !all.endsWith("0.01") ? firstDigits(all) : two;
  if (shown === all) return <>{all}</>;
  return (
    <>
      <span class="short">{shown}</span>
      <span class="all">{all}</span>
    </>
  );
}

/** Types whose values have digits after the point. */
function hasFraction(type: string): boolean {
  return isNumeric(type) && /^(DOUBLE|FLOAT|DECIMAL\(\d+,\s*[1-9])/.test(type);
}

function Plain({ text }: { text: string }) {
  return <>{text}</>;
}

/** "0.0000989" → "0.000098…": the first two that are not zero. */
function firstDigits(text: string): string {
  const first = /^-?0\.0*[1-9]\d?/.exec(text)?.[0] ?? text;
  return first.length < text.length ? `${first}…` : text;
}

function cell(value: unknown, type: string): string {
  if (value === null || value === undefined) return "–";
  if (isNumeric(type)) return exact(value);
  if (typeof value === "object") return JSON.stringify(value);
  if (type.startsWith("TIMESTAMP"))
    return String(value)
      .replace("T", " ")
      .replace(/(\.0+)?Z$/, "");
  return String(value);
}
