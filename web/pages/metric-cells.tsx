/** A metric's values as cells: long texts cut with a link, decimals with two digits in sight. */
/** @jsxImportSource hono/jsx */
import { CutText, type ShownRow } from "../model/metric-results.ts";
import { isNumeric } from "../model/metric-sort.ts";
import { exact } from "./format.ts";

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
  if (!(value instanceof CutText)) return <Digits text={isNumeric(type) ? exact(value) : cell(value, type)} />;
  return (
    <>
      {value.text} … ({value.length} characters, <a href={`/export/metrics/${name}.csv`}>whole in the CSV</a>)
    </>
  );
}

/** Two digits in sight; all of them while the table or the cell has the focus or the pointer. */
function Digits({ text }: { text: string }) {
  const shown = short(text);
  if (shown === text) return <>{text}</>;
  return (
    <>
      <span class="short">{shown}</span>
      <span class="all">{text}</span>
    </>
  );
}

/** The digits in sight: two after the point, or as many as the first two that are not zero. */
function short(text: string): string {
  const [, whole = "", fraction = ""] = /^(-?[\d\u202f]+)\.(\d+)$/.exec(text) ?? [];
  if (fraction.length <= 2) return text;
  const zeros = /^-?0$/.test(whole) ? /^0*/.exec(fraction)![0].length : 0;
  const kept = fraction.slice(0, zeros + 2);
  return kept.length >= fraction.length ? text : `${whole}.${kept}…`;
}

function cell(value: unknown, type: string): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "object") return JSON.stringify(value);
  if (type.startsWith("TIMESTAMP"))
    return String(value)
      .replace("T", " ")
      .replace(/(\.0+)?Z$/, "");
  return String(value);
}
