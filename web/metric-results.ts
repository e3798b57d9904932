/** The newest result of each metric file, as batch left it in results.db. Parsed once a run. */
import type { Sources } from "./sources.ts";

export type Cell = string | number | boolean | null | object;

export interface MetricResult {
  name: string;
  title: string;
  description: string;
  chart: { type: "line" | "bar" | "table" | "number"; x?: string; y: string[]; series?: string };
  file: string;
  sql: string;
  file_hash: string;
  /** False when the newest run of it failed; `error` says why, and the rows are the last good ones (`stale`). */
  ok: boolean;
  error: string | null;
  stale: boolean;
  columns: { name: string; type: string }[];
  rows: Record<string, Cell>[];
  truncated: boolean;
  elapsed_ms: number;
  finished_us: number;
}

interface Stored {
  metric: string;
  title: string;
  description: string;
  chart: string;
  file: string;
  sql: string;
  file_hash: string;
  ok: number;
  error: string | null;
  stale: number;
  columns: string;
  rows: string;
  truncated: number;
  elapsed_ms: number;
  finished_us: number;
}

export class MetricResults {
  #version = -1;
  #epoch = "";
  #parsed = new Map<string, MetricResult | null>();
  #made = new Map<string, unknown>();

  constructor(private readonly sources: Sources) {}

  /** The names of all metrics, in order. */
  names(): string[] {
    return this.sources.results
      .all<{ metric: string }>("SELECT metric FROM results ORDER BY metric")
      .map(({ metric }) => metric);
  }

  /** What `make` gave when it was asked first since the newest run: for what is derived from results. `name` says which of its kind. */
  once<T>(name: string, make: () => T): T {
    this.#look();
    if (!this.#made.has(name)) this.#made.set(name, make());
    return this.#made.get(name) as T;
  }

  /** Forgets what is from before the newest run. */
  #look(): void {
    const { version, epoch } = this.sources.results;
    if (version === this.#version && epoch === this.#epoch) return;
    this.#parsed.clear();
    this.#made.clear();
    this.#version = version;
    this.#epoch = epoch;
  }

  /** One metric's newest result, or null when there is none of that name. */
  get(name: string): MetricResult | null {
    this.#look();
    const { results } = this.sources;
    const known = this.#parsed.get(name);
    if (known !== undefined) return known;
    const stored = results.get<Stored>("SELECT * FROM results WHERE metric = $name", { name });
    const parsed = stored === null ? null : parse(stored);
    if (parsed !== null) this.#parsed.set(name, parsed);
    return parsed;
  }
}

function parse(stored: Stored): MetricResult {
  const { metric, chart, columns, rows, ok, stale, truncated, ...rest } = stored;
  return {
    name: metric,
    ...rest,
    chart: JSON.parse(chart),
    columns: JSON.parse(columns),
    rows: JSON.parse(rows),
    ok: ok === 1,
    stale: stale === 1,
    truncated: truncated === 1,
  };
}
