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
  type Json,
  type MetricResult,
  RESULT_COLUMNS,
  type ResultRow,
  type Row,
  resultFromRow,
} from "../../scripts/contract/results.ts";
import { PerCommit } from "./per-commit.ts";
import type { StoreFile } from "./store-file.ts";

/** What a panel of the page shows: the first rows and columns, long texts cut. */
export interface Panel extends Omit<MetricResult, "rows"> {
  rows: Record<string, Json | CutText>[];
  /** Columns of the whole result. */
  column_count: number;
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

  /** Whole results with their sizes, the last used one last; RESULTS_CACHE_BYTES_MAX in total. */
  get #parsed(): Map<string, { result: MetricResult; size: number }> {
    return this.once("parsed", () => new Map());
  }

  get #panels(): Map<string, Panel> {
    return this.once("panels", () => new Map());
  }

  /** One metric's newest result, or null when there is none of that name. */
  get(name: string): MetricResult | null {
    const parsed = this.#parsed;
    const known = parsed.get(name);
    parsed.delete(name);
    if (known !== undefined) parsed.set(name, known);
    if (known !== undefined) return known.result;
    const stored = this.file.get<Stored>(SELECT, { name });
    if (stored === null) return null;
    const result = shown(stored);
    parsed.set(name, { result, size: stored.size });
    let size = parsed.values().reduce((sum, one) => sum + one.size, 0);
    for (const [oldest, one] of parsed) {
      if (size <= RESULTS_CACHE_BYTES_MAX) break;
      parsed.delete(oldest);
      size -= one.size;
    }
    return result;
  }

  /** The panels of all metrics, in order of name. */
  panels(): Panel[] {
    const panels = this.#panels;
    return this.names().flatMap((name) => {
      const known = panels.get(name);
      if (known !== undefined) return known;
      const result = this.get(name);
      if (result === null) return [];
      const panel = panelOf(result);
      panels.set(name, panel);
      return panel;
    });
  }
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

function panelOf(result: MetricResult): Panel {
  const { rows, columns, chart, sql } = result;
  const shown = columns.slice(0, PAGE_METRIC_COLUMNS);
  const names = new Set([...shown.map(({ name }) => name), ...chart.y.slice(0, 1)]);
  const cut = (row: Row) => Object.fromEntries([...names].map((name) => [name, shortCell(row[name] ?? null)]));
  return {
    ...result,
    columns: shown,
    rows: rows.slice(0, PAGE_METRIC_ROWS).map(cut),
    sql: shortSql(sql),
    column_count: columns.length,
  };
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

function shortSql(sql: string): string {
  if (sql.length <= PAGE_SQL_CHARACTERS_MAX) return sql;
  return `${begin(sql, PAGE_SQL_CHARACTERS_MAX)} … (${sql.length} characters, the whole text is in the file)`;
}
