/** The newest reconciliation's rows by product and window size: counts and lists are of one run. */
import type { Json, MetricResult, Row } from "../../scripts/contract/results.ts";
import { type Selection, sizeOfUs, type WindowSize } from "./selection.ts";
import type { Sources } from "./sources.ts";

/** Counts of one product's closed windows of one size, as the newest comparison judged them. */
export interface Agreed {
  product: string;
  /** The size that was compared: that of the windows from which a derived size is summed. */
  window: string;
  /** All closed windows without `pending`, `unread` and `history`. */
  compared: number;
  equal: number;
  /** Different by precisely their late ticks, which are `late_ticks`. */
  explained: number;
  late_ticks: number;
  unexplained: number;
  /** Closed, and consume had not read all their ticks. */
  pending: number;
  /** Some of their ticks had left the log before a stage was rebuilt. */
  unread: number;
  /** Windows of the store with trades that `backfill` loaded: the stream skips those. */
  history: number;
  run_id: number;
}

/** Values of one side by column; null: it has no such window. */
type Values = Record<string, Json> | null;

/** One closed window as the reconciliation judged it. */
export interface Judged {
  window_start: string;
  outcome: string;
  late_count: number;
  /** What differs, in the reconciliation's words; null unless it is unexplained. */
  differs: string | null;
  /** Of the newest that differ; null for the others, and from an older or edited reconciliation.sql. */
  sides: { stream: Values; late: Values; batch: Values } | null;
}

interface Kind {
  agreed: Agreed | null;
  /** By start; at most as many as are stored of a metric. */
  windows: ReadonlyMap<string, Judged>;
  /** The latest start among them; "" without one. */
  newest: string;
}

const NEEDED = ["window_start", "product_id", "size_us", "outcome"];

/** Null before the first reconciliation, and if `notCounted` has a reason. */
export function agreementOf(sources: Sources, selection: Selection): Agreed | null {
  return kindOf(sources, selection).agreed;
}

/** The closed windows of one product and size that the newest comparison judged, by start. */
export function judgedWindows(sources: Sources, selection: Selection): ReadonlyMap<string, Judged> {
  return kindOf(sources, selection).windows;
}

/** The latest start of a judged window; "" without one. */
export function newestJudged(sources: Sources, selection: Selection): string {
  return kindOf(sources, selection).newest;
}

/** Every product and size that was compared, in order. */
export function agreements(sources: Sources): Agreed[] {
  return sources.metrics.once("agreements", () => {
    const result = sources.metrics.get("reconciliation");
    if (result === null || lacks(result).length > 0) return [];
    const kinds = new Map(result.rows.map((row) => [`${row.product_id} ${row.size_us}`, row]));
    const found = [...kinds.values()].map((row) => ({ product: String(row.product_id), us: Number(row.size_us) }));
    found.sort((a, b) => (a.product < b.product ? -1 : a.product > b.product ? 1 : a.us - b.us));
    return found.flatMap(({ product, us }) => agreementOf(sources, { product, size: sizeOfUs(us) }) ?? []);
  });
}

/** Why nothing can be counted: the newest run's error, or missing columns; null if there is no reason. */
export function notCounted(sources: Sources): string | null {
  const result = sources.metrics.get("reconciliation");
  if (result === null) return null;
  if (result.error !== null) return result.error;
  const missing = lacks(result);
  if (missing.length === 0) return null;
  return `The page's verdict is counted from columns that the result of ${result.file} lacks: ${missing.join(", ")}.`;
}

function lacks({ columns, truncated }: MetricResult): string[] {
  const needed = truncated ? [...NEEDED, "windows_of_kind", "late_of_kind"] : NEEDED;
  return needed.filter((name) => !columns.some((column) => column.name === name));
}

/** Parsed once per product, size and run. */
function kindOf(sources: Sources, { product, size }: Selection): Kind {
  const stored = storedSize(size);
  return sources.metrics.once(`reconciliation ${stored.us} ${product}`, () => {
    const result = sources.metrics.get("reconciliation");
    if (result === null) return { agreed: null, windows: new Map(), newest: "" };
    const rows = result.rows.filter((row) => row.product_id === product && Number(row.size_us) === stored.us);
    const windows = new Map(rows.map((row) => [String(row.window_start), judged(row)]));
    const newest = [...windows.keys()].reduce((a, b) => (b > a ? b : a), "");
    return { agreed: lacks(result).length > 0 ? null : counts(result, rows, product, stored.name), windows, newest };
  });
}

function counts({ run_id }: MetricResult, rows: Row[], product: string, window: string): Agreed {
  const of = (outcome: string) => rows.filter((row) => row.outcome === outcome);
  // Rows are cut at a limit: each row has the counts of all with its outcome, product and size.
  const count = (outcome: string) => Number(of(outcome)[0]?.windows_of_kind ?? of(outcome).length);
  const late = (outcome: string) =>
    Number(of(outcome)[0]?.late_of_kind ?? of(outcome).reduce((sum, row) => sum + Number(row.late_count ?? 0), 0));
  const [equal, explained, unexplained] = [count("equal"), count("explained"), count("unexplained")];
  return {
    product,
    window,
    compared: equal + explained + unexplained,
    equal,
    explained,
    late_ticks: late("explained"),
    unexplained,
    pending: count("pending"),
    unread: count("unread"),
    history: count("history"),
    run_id,
  };
}

function judged(row: Row): Judged {
  const sides = row.sides ?? null;
  return {
    window_start: String(row.window_start),
    outcome: String(row.outcome),
    late_count: Number(row.late_count ?? 0),
    differs: row.differs == null ? null : String(row.differs),
    sides: isSides(sides) ? sides : null,
  };
}

function isSides(value: Json): value is { stream: Values; late: Values; batch: Values } {
  if (!isObject(value)) return false;
  return ["stream", "late", "batch"].every((name) => value[name] === null || isObject(value[name]));
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The size of the windows that the stream keeps: a derived size is summed from them. */
export function storedSize(size: WindowSize): WindowSize {
  return size.from_us == null ? size : sizeOfUs(size.from_us);
}
