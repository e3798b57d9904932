/** A metric's rows by product and span of time: from the stored rows, or computed again. */
import { usFromIso } from "../../scripts/base/iso.ts";
import type { Chart, Column, Json, MetricResult, Row } from "../../scripts/contract/results.ts";

/** What is asked of a metric; null: all. Times in microseconds since 1970, `to_us` exclusive. */
export interface MetricFilter {
  product: string | null;
  from_us: number | null;
  to_us: number | null;
}

export const NO_FILTER: MetricFilter = { product: null, from_us: null, to_us: null };

/**
 * `whole`: nothing is asked. `filtered`: the stored rows with that product and time. `computed`: the
 * SQL runs again with $product, $from and $to.
 */
export type How = "whole" | "filtered" | "computed";

type Filtered = Pick<MetricResult, "name" | "columns" | "chart" | "sql" | "truncated">;

const PRODUCT = "product_id";

const TOKENS = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\//g;

/** SQL with a space for each comment; strings and quoted names stay. */
export function withoutComments(sql: string): string {
  return sql.replace(TOKENS, (token) => (/^['"]/.test(token) ? token : " "));
}

/** Whether a SELECT has a parameter, such as `$from`. */
export function usesParameter(sql: string, parameter: string): boolean {
  return new RegExp(`\\${parameter}\\b`).test(sql.replace(TOKENS, " "));
}

/** How a result is filtered; a sentence when it can't be. */
export function howFiltered(result: Filtered, filter: MetricFilter): { how: How } | { refused: string } {
  const parts = [
    { given: filter.product, column: productColumn(result), parameter: "$product", by: "product" },
    { given: filter.from_us, column: timeColumn(result), parameter: "$from", by: "time" },
    { given: filter.to_us, column: timeColumn(result), parameter: "$to", by: "time" },
  ].filter(({ given }) => given !== null);
  if (parts.length === 0) return { how: "whole" };
  const uses = (parameter: string) => usesParameter(result.sql, parameter);
  const without = parts.find(({ column, parameter }) => column === null && !uses(parameter));
  if (without !== undefined) {
    const needed = without.by === "product" ? `a column ${PRODUCT}` : "a time as its chart's x";
    return {
      refused: `${result.name} can't be shown by ${without.by}: it has neither ${needed} nor ${without.parameter}.`,
    };
  }
  // Rows that a limit or the store has cut off are found only by running it again.
  const isCut = result.truncated || /\blimit\b/i.test(withoutComments(result.sql));
  const again = parts.some(({ column, parameter }) => column === null || (isCut && uses(parameter)));
  return { how: again ? "computed" : "filtered" };
}

/** The rows of a product and span; a row without a product or a time is of none. */
export function filterRows(
  { columns, chart, rows }: Pick<MetricResult, "columns" | "chart" | "rows">,
  { product, from_us, to_us }: MetricFilter,
): Row[] {
  const by = product === null ? null : productColumn({ columns });
  const time = from_us === null && to_us === null ? null : timeColumn({ columns, chart });
  if (by === null && time === null) return rows;
  return rows.filter((row) => {
    if (by !== null && row[by] !== product) return false;
    const us = time === null ? null : timeUs(row[time]);
    if (time === null) return true;
    return us !== null && us >= (from_us ?? Number.NEGATIVE_INFINITY) && us < (to_us ?? Number.POSITIVE_INFINITY);
  });
}

/** The values of product_id in the rows, sorted; null: there is no such column. */
export function productsIn({ columns, rows }: Pick<MetricResult, "columns" | "rows">): string[] | null {
  const column = productColumn({ columns });
  if (column === null) return null;
  return [...new Set(rows.flatMap((row) => (typeof row[column] === "string" ? [row[column]] : [])))].sort();
}

function productColumn({ columns }: { columns: readonly Column[] }): string | null {
  return columns.some(({ name }) => name === PRODUCT) ? PRODUCT : null;
}

/** The chart's x if it is a time; else null. */
export function timeColumn({ columns, chart }: { columns: readonly Column[]; chart: Chart }): string | null {
  const column = columns.find(({ name }) => name === chart.x);
  return column !== undefined && /^(DATE|TIMESTAMP)[^[]*$/.test(column.type) ? column.name : null;
}

function timeUs(value: Json | undefined): number | null {
  return typeof value === "string" ? usFromIso(value) : null;
}
