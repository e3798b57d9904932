/** What travels through the audit: input records, foreign answers, the engine's model, verdicts. */
import type { FullTick } from "../contract/tick.ts";

/** One record of the input, in log order. Its trade is null when Tidemark's rules refuse it. */
export interface AuditRecord {
  partition: number;
  offset: number;
  /** µs since 1970 UTC; of files without it, the trade's own time. */
  appended_us: number;
  tick: FullTick | null;
  /** Why the record is not a tick; null for a tick. */
  reason: string | null;
  /** Only when it is not a tick: the fields as a lenient reader finds them; null when not JSON. */
  raw: RawFields | null;
}

/** Fields of a refused record as text; null where they lack. */
export type RawFields = Record<"product_id" | "trade_id" | "time" | "price" | "last_size" | "side", string | null>;

/** Columns of a window that the audit can compute; foreign names are recognised or mapped to these. */
export const AUDIT_COLUMNS = [
  "trade_count",
  "buy_count",
  "sell_count",
  "avg_price",
  "max_price",
  "min_price",
  "price_range",
  "price_sum",
  "total_volume",
  "notional",
  "vwap",
  "open_price",
  "close_price",
  "first_trade_id",
  "last_trade_id",
  "buy_sell_ratio",
  "volatility_flag",
  "market_sentiment",
  "volume_spike",
] as const;
export type AuditColumn = (typeof AUDIT_COLUMNS)[number];

/** How their column holds numbers; `untyped`: text of a CSV or JSON string, decided by what fits. */
export type CellType = "decimal" | "float32" | "float64" | "integer" | "text" | "untyped";

/** One row of a foreign answer. */
export interface ForeignRow {
  /** As written, in µs; a text without a zone is read as UTC (WindowShape.shift_us corrects it). */
  window_start_us: number;
  window_end_us: number | null;
  /** Null when the answer has no product column. */
  product_id: string | null;
  /** The cell's text; null for SQL NULL or an empty CSV cell; columns that the answer lacks are absent. */
  cells: Partial<Record<AuditColumn, string | null>>;
  /** For people: file and line, table and row, or topic, partition and offset. */
  where: string;
}

/** A foreign answer of windows. */
export interface Answers {
  /** The newest row of each window, in order of product and start. */
  rows: ForeignRow[];
  columns: { name: AuditColumn; theirs: string; type: CellType }[];
  /** Their columns that nothing is compared with. */
  ignored: string[];
  /** W9: earlier rows of the same windows, in order of writing. */
  superseded: ForeignRow[];
  /** W11: rows of files that no committed batch names. */
  uncommitted: ForeignRow[];
  /** By Spark's file sink, which writes each window once: an earlier row is an error. */
  isAppended?: boolean;
  /** What was left out beside columns, in words. */
  notes?: string[];
  /** Their column of starts, if its cells showed it and not its name. */
  found_start?: string;
  /** Their column of products. */
  product_column?: string;
  shape: WindowShape;
}

/** What was detected of their windows. */
export interface WindowShape {
  size_us: number;
  /** Between starts; equal to size_us for tumbling windows. */
  every_us: number;
  /** What is left of a start when divided by every_us, after the shift. */
  offset_us: number;
  /** Added to their times to get UTC: a zone, or a constant error (W7). */
  shift_us: number;
  /** "UTC", "+05:30": how the shift reads as a zone; null when it is not one. */
  zone: string | null;
  /** Whether their times name a zone themselves. */
  hasZone: boolean;
}

/** Spark's own record of what each micro-batch read, from its checkpoint (docs/audit.md "Trace"). */
export interface SparkTrace {
  batches: {
    batch: number;
    /** The watermark with which this batch ran, in ms since 1970 UTC. */
    watermark_ms: number;
    /** Next offset after this batch, by partition. */
    ends: ReadonlyMap<number, number>;
  }[];
  /** Offsets at which the job began, by partition (W10). */
  begins: ReadonlyMap<number, number>;
}

/** How the engine decides that a tick is late; each is recomputed, none is guessed per window. */
export type LatenessModel =
  | { kind: "none" }
  | { kind: "trace"; trace: SparkTrace }
  /** Late ⇔ window end ≤ greatest time seen − delay, per record, the clock kept per `scope`. */
  | { kind: "each_record"; delay_us: number; scope: "product" | "partition" }
  /** No trace: what lacks is the window's latest arrivals in each partition. Only "consistent with". */
  | { kind: "suffix" };

/** What trade_count counts: records, prices that are not null, or distinct trade ids. */
export type Counts = "records" | "prices" | "ids";

/** One engine, one way to compute: chosen for the whole answer, so that no row gets a rule of its own. */
export interface EngineModel {
  arithmetic: "decimal" | "float64" | "float32";
  /** What a repeated trade id does. */
  repeats: "first" | "all" | "last";
  /**
   * What makes a trade a repeat: product and id; the id as a 32-bit integer (wrapped, or null); these
   * fields and the product; or the id of any product.
   */
  keys: "exact" | "wrapped" | "null" | "time_price_size" | "time_price" | "time" | "id_alone";
  /** A record that is not a tick is skipped, is a row if its fields can be read, or a row with nulls. */
  malformed: "skipped" | "readable" | "nulls";
  lateness: LatenessModel;
  /** Event times as it keeps them, where it shows: cut or rounded (half up) to milliseconds. */
  times: "us" | "ms" | "rounded_ms";
  /**
   * Windows are [start, end); (start, end], of microseconds or of times cut to ms; or of rounded times.
   * Or a tick is in the window that is open when it arrives, or in that of its append time.
   */
  edge: "left" | "right" | "right_ms" | "rounded_ms" | "open" | "appended";
}

export const AUDIT_RULES = {
  W1: "32-bit or 64-bit floats",
  W2: "late ticks dropped",
  W3: "duplicates counted",
  W4: "window never emitted",
  W5: "malformed input became null",
  W6: "32-bit trade ids",
  W7: "boundary or time zone",
  W8: "clock lost at a restart",
  W9: "several rows per window",
  W10: "not read from the start",
  W11: "output of a batch that never committed",
  W12: "first and last by arrival",
  W13: "separate trades merged as duplicates",
} as const;
export type AuditRule = keyof typeof AUDIT_RULES;

/** A trade of the input by its place; `what` is why it is named. */
export interface NamedTick {
  trade_id: number | null;
  partition: number;
  offset: number;
  what: "missing" | "surplus";
  rule: AuditRule | null;
  /** Its id came with another content too. */
  is_conflict?: true;
}

export interface CellDifference {
  column: AuditColumn;
  theirs: string | null;
  /** The exact value; null when there is no exact window. */
  exact: string | null;
  /** Empty: unexplained. */
  rules: AuditRule[];
}

/**
 * `equal`: digit for digit. `explained`: recomputed with the named rules. `consistent`: some ticks
 * could be missing by the rule or by loss; nothing can decide. `unexplained`: no rule makes the row.
 */
export type AuditOutcome = "equal" | "explained" | "consistent" | "unexplained";

/** What would make an unexplained row, as the engine computes: a lead, not a proof. */
export interface Hint {
  /** `As if 123 were missing.` */
  text: string;
  /**
   * Each alone makes the row: ticks that are missing, or counted once more; the smallest sets. Those
   * with W2 may have been dropped as late.
   */
  sets: NamedTick[][];
  /** More sets may make it. */
  is_cut: boolean;
}

export interface WindowVerdict {
  product_id: string;
  window_start_us: number;
  outcome: AuditOutcome;
  /** The rules of the whole row; the first counts it in the summary. */
  rules: AuditRule[];
  /** Of `consistent`: the rules that nothing can decide. */
  unproved?: AuditRule[];
  differences: CellDifference[];
  ticks: NamedTick[];
  /** Only of `unexplained`, where one or two ticks would make the row. */
  hint?: Hint;
  /** One sentence for people. */
  why: string;
  /** Where their row is; null when they have none. */
  where: string | null;
}

export interface AuditReport {
  input: { url: string; records: number; ticks: number; repeated: number; refused: number; products: string[] };
  answers: { url: string; rows: number; columns: Answers["columns"]; ignored: string[] };
  shape: WindowShape;
  model: EngineModel;
  /** How the model was found, sentences in order. */
  how: string[];
  windows: WindowVerdict[];
  totals: {
    windows: number;
    equal: number;
    consistent: number;
    unexplained: number;
    /** Windows counted once, under their first rule; ticks named under each rule. */
    by_rule: { rule: AuditRule; windows: number; ticks: number }[];
    superseded_rows: number;
    /** Of these, rows that repeat the one that counts in every cell. */
    repeated_rows?: number;
    uncommitted_rows: number;
  };
  /** What a person should know beside the rules, sentences. */
  notes?: string[];
  /** How to decide what is only consistent, where the usual advice was followed already. */
  advice?: string;
}
