/** The newest result of each metric file, as the batch stored it; parsed once per run. */
import { shortened } from "../../scripts/base/errors.ts";
import {
  PAGE_CELL_CHARACTERS_MAX,
  PAGE_METRIC_COLUMNS,
  PAGE_METRIC_ROWS,
  PAGE_SQL_CHARACTERS_MAX,
  RESULT_BYTES_MAX,
  RESULTS_CACHE_BYTES_MAX,
} from "../../scripts/base/limits.ts";
import {
  type Column,
  type Json,
  type MetricResult,
  RESULT_COLUMNS,
  type ResultRow,
  type Row,
  resultFromRow,
} from "../../scripts/contract/results.ts";
import { filterRows, howFiltered, NO_FILTER, productsIn, timeColumn } from "./metric-filter.ts";
import { NewestUsed } from "./newest-used.ts";
import { PerCommit } from "./per-commit.ts";
import type { StoreFile } from "./store-file.ts";

/** What a panel of the page shows: the first rows and columns, long texts cut. */
export interface Panel extends Omit<MetricResult, "rows"> {
  rows: ShownRow[];
  /** Columns of the whole result. */
  column_count: number;
  /** Changes with the stored rows, and with nothing else. */
  version: string;
  /** Products of the whole result; null: no column names one. */
  products: string[] | null;
  /** The one whose rows these are; null: rows of all. */
  product: string | null;
  is_drawn: boolean;
  /** Its rows can be asked for by time. */
  has_time: boolean;
  /** Products in the archive, as far as the metrics name them. */
  products_known: number;
}

/** A row with long texts cut. */
export type ShownRow = Record<string, Json | CutText>;

interface Parsed {
  result: MetricResult;
  version: string;
}

type Stored = ResultRow & {
  /** Characters of the rows; above RESULT_BYTES_MAX (older versions) they are not read. */
  size: number;
};

const SELECT = `SELECT ${RESULT_COLUMNS.filter((name) => name !== "rows").join(", ")}, length(rows) AS size,
  iif(length(rows) > ${RESULT_BYTES_MAX}, '[]', rows) AS rows FROM results WHERE metric = $name`;

/** Whole results, panels, and what is derived from them, until a newer run replaces them. */
export class MetricResults {
  readonly #made: PerCommit;

  constructor(private readonly file: StoreFile) {
    this.#made = new PerCommit(file);
  }

  /** The names of all metrics, in order. */
  names(): string[] {
    const rows = this.file.all<{ metric: string }>("SELECT metric FROM results ORDER BY metric");
    return rows.map(({ metric }) => metric);
  }

  /** For what is derived from results: calls `make` once per `name` and run. */
  once<T>(name: string, make: () => T): T {
    return this.#made.once(name, make);
  }

  /** Whole results; RESULTS_CACHE_BYTES_MAX in total. */
  get #parsed(): NewestUsed<string, Parsed> {
    return this.once("parsed", () => new NewestUsed(RESULTS_CACHE_BYTES_MAX));
  }

  /** One metric's newest result, or null when there is none of that name. */
  get(name: string): MetricResult | null {
    return this.#read(name)?.result ?? null;
  }

  /** As `get`, with a text that changes with the stored rows, columns and chart. */
  version(name: string): string {
    return this.#read(name)?.version ?? "";
  }

  #read(name: string): Parsed | null {
    const parsed = this.#parsed;
    const known = parsed.get(name);
    if (known !== undefined) return known;
    const stored = this.file.get<Stored>(SELECT, { name });
    if (stored === null) return null;
    const version = Bun.hash(`${stored.rows}\n${stored.columns}\n${stored.chart}`).toString(36);
    const made = { result: shown(stored), version };
    parsed.set(name, made, stored.size);
    return made;
  }

  /**
   * The panels of all metrics, by group and order; of a result with a column product_id only the rows
   * of `product` (null: of all). Of the last few products they are kept until the next run.
   */
  panels(product: string | null = null): Panel[] {
    const kept = this.once("panels", () => new Map<string | null, Panel[]>());
    const made = kept.get(product);
    if (made !== undefined) return made;
    const panels = this.names().flatMap((name) => {
      const read = this.#read(name);
      return read === null ? [] : panelOf(read, product);
    });
    const summary = this.get(PER_PRODUCT);
    const known = (summary && productsIn(summary)) ?? [...new Set(panels.flatMap(({ products }) => products ?? []))];
    const ordered = inOrder(panels.map((panel) => ({ ...panel, products_known: known.length })));
    if (kept.size >= PANELS_OF_PRODUCTS_MAX) kept.clear();
    kept.set(product, ordered);
    return ordered;
  }
}

const PANELS_OF_PRODUCTS_MAX = 20;
/** The metric with one row per product. */
const PER_PRODUCT = "summary_by_product";

/** Groups by the least order in them, panels by theirs, then both by name; without a group last. */
function inOrder(panels: Panel[]): Panel[] {
  const least = new Map<string, number>();
  const orderOf = ({ order }: Panel) => order ?? Number.POSITIVE_INFINITY;
  for (const panel of panels)
    least.set(panel.group, Math.min(least.get(panel.group) ?? Number.POSITIVE_INFINITY, orderOf(panel)));
  const compare = (a: number | string, b: number | string) => (a === b ? 0 : a < b ? -1 : 1);
  return panels.toSorted(
    (a, b) =>
      Number(a.group === "") - Number(b.group === "") ||
      compare(least.get(a.group)!, least.get(b.group)!) ||
      compare(a.group, b.group) ||
      compare(orderOf(a), orderOf(b)) ||
      compare(a.name, b.name),
  );
}

/** Damage within a row, which SQLite doesn't notice, is an error of that metric alone. */
function shown(stored: Stored): MetricResult {
  try {
    return parse(stored);
  } catch {
    const error = `The stored result of ${stored.metric} is damaged. The next batch writes it again: bun run batch.`;
    const rest = { ...stored, chart: '{"type":"table","y":[]}', columns: "[]", rows: "[]", ok: 0, stale: 0, error };
    return parse(rest);
  }
}

function parse({ size, ...row }: Stored): MetricResult {
  const result = resultFromRow(row);
  if (size <= RESULT_BYTES_MAX) return { ...result, error: result.error === null ? null : shortened(result.error) };
  const error = `Its result has ${size} characters; the next batch run stores at most ${RESULT_BYTES_MAX}.`;
  return { ...result, ok: false, error };
}

function panelOf({ result, version }: Parsed, wanted: string | null): Panel {
  const { columns, chart, sql } = result;
  const products = productsIn(result);
  // Behind a limit the product's own rows are not stored: then all rows are shown, and that is said.
  const how = howFiltered(result, { ...NO_FILTER, product: wanted });
  const product = "how" in how && how.how === "filtered" ? wanted : null;
  const rows = product === null ? result.rows : filterRows(result, { ...NO_FILTER, product });
  const shown = columns.slice(0, PAGE_METRIC_COLUMNS);
  return {
    ...result,
    columns: shown,
    rows: rows.slice(0, PAGE_METRIC_ROWS).map((row) => shortRow(row, shown, chart.y.slice(0, 1))),
    row_count: product === null ? result.row_count : rows.length,
    sql: shortSql(sql),
    column_count: columns.length,
    version,
    products,
    product,
    is_drawn: isDrawn(chart, rows),
    has_time: timeColumn(result) !== null,
    products_known: 0,
  };
}

/** Whether the kind of chart is one that is drawn. */
export function isChart({ type }: MetricResult["chart"]): boolean {
  return type !== "table" && type !== "number";
}

/** Whether rows make a chart: a single one is read more easily as it is. */
export function isDrawn(chart: MetricResult["chart"], rows: readonly Row[]): boolean {
  return isChart(chart) && rows.length > 1;
}

/** The columns of a row that are shown, and those of `more`. */
export function shortRow(row: Row, columns: readonly Column[], more: readonly string[] = []): ShownRow {
  const names = new Set([...columns.map(({ name }) => name), ...more]);
  return Object.fromEntries([...names].map((name) => [name, shortCell(row[name] ?? null)]));
}

/** The beginning of a long cell. */
export class CutText {
  constructor(
    readonly text: string,
    readonly length: number,
  ) {}
}

function shortCell(value: Json): Json | CutText {
  const text =
    typeof value === "string" ? value : typeof value === "object" && value !== null ? JSON.stringify(value) : "";
  return text.length <= PAGE_CELL_CHARACTERS_MAX
    ? value
    : new CutText(begin(text, PAGE_CELL_CHARACTERS_MAX), text.length);
}

function begin(text: string, max: number): string {
  return text.slice(0, max).replace(/[\uD800-\uDBFF]$/, "");
}

export function shortSql(sql: string): string {
  if (sql.length <= PAGE_SQL_CHARACTERS_MAX) return sql;
  return `${begin(sql, PAGE_SQL_CHARACTERS_MAX)} … (${sql.length} characters, the whole text is in the file)`;
}
