/** /openapi.json: what each path takes and answers. */
import type { Context } from "hono";
import { z } from "zod";
import { PAGE_PARAMETERS } from "../../scripts/contract/page-address.ts";
import { CELL_KINDS, WINDOW_COLUMNS } from "../../scripts/contract/window-columns.ts";
import { COMPARED_COLUMNS } from "../../scripts/contract/window-explained.ts";
import { type Described, openApi } from "../http/openapi-document.ts";
import { parameters } from "../http/query-string.ts";

const HTML = ["text/html"];
const JSON_TYPE = ["application/json"];
const TABLE = ["text/csv", "application/vnd.apache.parquet"];
const sentences = z.array(z.string());
const count = z.int().min(0);
const mode = z.enum(["live", "replay"]).nullable();
const SIDE = z.looseObject({
  values: z.record(z.string(), z.number()).nullable().meta({ description: "units are at the end of the names" }),
  note: z.string().nullable().optional().meta({ description: "why there are none" }),
});

/** The schema of a window, from the columns of the stores. */
function windowSchema(): z.ZodType {
  const cells = Object.entries(WINDOW_COLUMNS).flatMap(([name, column]) => {
    if (!("shown" in column)) return [];
    const isNumber = CELL_KINDS[column.kind].sqlite !== "TEXT";
    const cell = isNumber ? z.number() : z.string();
    return [[name, "nullable" in column ? cell.nullable() : cell] as const];
  });
  return z.looseObject({ ...Object.fromEntries(cells), window_size: z.string() });
}

const number = z.number();
/** Start, open, high, low, close, volume, trades and vwap, which is null without volume. */
const BAR = z.tuple([number, number, number, number, number, number, number, number.nullable()]);
const BATCH = { batch: z.array(BAR), is_cut: z.boolean() };
const CHART = z.object({
  product: z.string(),
  window: z.string(),
  ...{ size_s: z.number(), every_s: z.number(), from_s: z.number(), to_s: z.number() },
  stream: z.array(z.tuple([...BAR.def.items, number, number])),
  ...BATCH,
  cells: z.array(z.tuple([number, z.string(), number])),
  outages: z.array(z.tuple([number, number, z.string()])),
  runs: z.array(z.tuple([number, number, number])),
  run_id: count,
  ...{ horizon_s: z.number().nullable(), first_s: z.number().nullable(), older_before_s: z.number().nullable() },
  id: z.string(),
});

/** By the path as the server's table spells it. */
export const DESCRIBED: Record<string, Described> = {
  "/": { summary: "The page.", query: PAGE_PARAMETERS, types: HTML, refusals: [404] },
  "/metric/:name": {
    summary: "The page of a metric.",
    query: ["product", "from", "to", "sort", "desc", "page"],
    ...{ path: { name: "the metric's file without .sql" }, types: HTML, refusals: [404, 503] },
  },
  "/healthz": {
    summary: "Whether every stage makes progress or rests for a stated reason; if not, 503 with the same fields.",
    types: JSON_TYPE,
    answer: z.object({ healthy: z.boolean(), problems: sentences, notes: sentences, mode }),
  },
  "/api/status": {
    summary: "Mode, log, stages, watermarks, counts, the last batch run, problems.",
    types: JSON_TYPE,
    answer: z.looseObject({
      mode,
      as_of: z.string(),
      log: z.looseObject({ name: z.string(), error: z.string().nullable() }),
      stages: z.array(
        z.looseObject({
          name: z.enum(["produce", "stream", "consume", "batch"]),
          state: z.enum(["running", "rest", "silent", "absent"]),
          detail: z.string(),
          lag: z.number().nullable(),
        }),
      ),
      watermarks: z.array(z.looseObject({ product_id: z.string(), watermark: z.string().nullable() })),
      counts: z.record(z.string(), z.number()),
      last_run: z.looseObject({ run_id: count, state: z.string() }).nullable(),
      problems: z.array(z.looseObject({ code: z.string(), stops: z.boolean(), since: z.string().nullable() })),
    }),
  },
  "/api/windows": {
    summary: "The stream's windows, newest first.",
    query: ["product", "window", "from", "to", "limit"],
    types: JSON_TYPE,
    answer: z.array(windowSchema()),
    refusals: [503],
  },
  "/api/chart": {
    summary: "Both pipelines' windows in a span, and the reconciliation's outcome of each.",
    query: ["product", "window", "range", "from", "to"],
    types: JSON_TYPE,
    answer: CHART,
    refusals: [404, 503],
  },
  "/api/chart/older": {
    summary: "The batch's windows of a span that are in the archive only.",
    query: ["product", "window", "range", "from", "to"],
    types: JSON_TYPE,
    answer: z.object({ product: z.string(), window: z.string(), from_s: z.number(), to_s: z.number(), ...BATCH }),
    refusals: [404, 503],
  },
  "/api/metrics/:name": {
    summary: "The newest result of a metric.",
    query: ["product", "from", "to", "limit", "last"],
    path: { name: "the metric's file without .sql" },
    types: JSON_TYPE,
    answer: z.looseObject({
      name: z.string(),
      ...{ title: z.string(), group: z.string(), order: z.number().nullable(), sql: z.string() },
      filter: z.looseObject({ how: z.string() }).nullable(),
      row_count: count,
      columns: z.array(z.object({ name: z.string(), type: z.string() })),
      rows: z.array(z.record(z.string(), z.unknown())),
      ok: z.boolean(),
      error: z.string().nullable(),
      stale: z.boolean(),
      truncated: z.boolean(),
      finished_at: z.string(),
    }),
    refusals: [404, 503],
  },
  "/api/reconciliation": {
    summary: "Counts of the newest reconciliation, and every window that is not equal.",
    types: JSON_TYPE,
    answer: z.looseObject({
      ...{ run_id: count, compared: count, equal: count, explained: count, unexplained: count, pending: count },
      agreement: z.number().nullable(),
      of: z.array(z.looseObject({ product: z.string(), window: z.string(), compared: count, equal: count })),
      differences: z.array(z.record(z.string(), z.unknown())),
      error: z.string().nullable(),
    }),
    refusals: [404, 503],
  },
  "/api/comparison": {
    summary: "The measures, each with its definition and both pipelines' figures.",
    query: ["product", "window"],
    types: JSON_TYPE,
    answer: z.looseObject({
      mode,
      product: z.string(),
      window: z.string(),
      words: z.array(z.looseObject({ word: z.string(), definition: z.string(), stream: SIDE, batch: SIDE })),
    }),
    refusals: [404],
  },
  "/api/lateness": {
    summary: "What each allowed lateness would have left out.",
    query: ["product", "window", "want"],
    types: JSON_TYPE,
    answer: z.looseObject({}),
    refusals: [404, 503],
  },
  "/api/explain/:id": {
    summary: "All that is known of one window: both sides' columns, late ticks, revisions, positions, its ticks.",
    query: ["as_of", "ticks", "limit"],
    path: { id: "the window, encoded: BTC-USD%402023-09-05T16%3A30%2F1m" },
    types: JSON_TYPE,
    answer: z.looseObject({
      id: z.string(),
      state: z.enum(["open", "closed", "flushed", "late", "none"]),
      outcome: z.string().nullable(),
      verdict: z.string(),
      columns: z.array(
        z.object({
          column: z.enum(COMPARED_COLUMNS),
          stream: z.string().nullable(),
          late: z.string().nullable(),
          batch: z.string().nullable(),
          mark: z.enum(["equal", "differs"]).nullable(),
          same: count,
        }),
      ),
      ticks: z.looseObject({
        rows: z.array(z.looseObject({ trade_id: count, time: z.string() })),
        is_cut: z.boolean(),
      }),
    }),
    refusals: [404, 503],
  },
  "/window/:start/:size": {
    summary: "The page of one window, for example /window/BTC-USD@2023-09-05T16:30/1m.",
    query: ["as_of", "ticks"],
    path: { start: "product, @ and start in UTC", size: "the window size" },
    types: HTML,
    refusals: [404, 503],
  },
  "/events": {
    summary: "What changes on the page, as server-sent events.",
    query: ["of", "title", "product", "window"],
    types: ["text/event-stream"],
    refusals: [404, 503],
  },
  "/export/:file": {
    summary: "Windows or ticks as a file.",
    query: ["product", "from", "to"],
    path: { file: "windows.csv, windows.parquet, ticks.csv or ticks.parquet" },
    types: TABLE,
    refusals: [404, 503],
  },
  "/export/metrics/:file": {
    summary: "A metric's newest result with all its rows.",
    query: ["product", "from", "to"],
    path: { file: "NAME.csv or NAME.parquet" },
    types: TABLE,
    refusals: [404, 503],
  },
  "/metrics": { summary: "Telemetry in Prometheus' text format.", types: ["text/plain"] },
  "/openapi.json": { summary: "This description.", types: JSON_TYPE },
  "/static/:hash/:name": {
    summary: "The page's scripts and styles.",
    path: { hash: "of the file's content", name: "the file" },
    types: ["text/javascript", "text/css", "image/svg+xml"],
    refusals: [404],
  },
};

/** Answers /openapi.json. */
export function openApiAnswer(base: string): (c: Context) => Response {
  const text = JSON.stringify(openApi(DESCRIBED, base));
  return (c) => {
    parameters(c, []);
    return c.body(text, 200, { "Content-Type": "application/json" });
  };
}
