/** What readAnswers takes and returns, and the reports on answers that are not windows. */
import type { WindowSpec } from "../../contract/window.ts";
import type { Answers, AuditColumn, AuditOutcome, AuditRecord, AuditRule } from "../audit-types.ts";

/** A record of a Kafka topic of answers; key and value as UTF-8 text, null where the record has none. */
export interface TopicRecord {
  key: string | null;
  value: string | null;
  partition: number;
  offset: number;
  /** µs since 1970 UTC; null when unknown. It orders rows of one window in several partitions. */
  appended_us: number | null;
  /** Of files: for people, instead of partition and offset. */
  where?: string;
  /** Columns that are not in key and value. */
  extra?: [name: string, text: string | null][];
}

/** Reads a topic of answers from its start to its current end; each partition in order of offsets. */
export type TopicReader = (url: string) => AsyncIterable<TopicRecord>;

export interface AnswerOptions {
  /** The input, with which the shape of their windows is found. */
  records: readonly AuditRecord[];
  /** Values of `--map`, each `theirs=ours`; `theirs=ignored` leaves a column out. */
  map: readonly string[];
  /** `--columns`: names of a CSV without a header line; null when its files have one. */
  columns: readonly string[] | null;
  /** `--zone`: UTC, +05:30 or Asia/Kolkata: the zone of their times; null to find it. */
  zone: string | null;
  /** `--window` (and `--every`); null to find it. */
  window: WindowSpec | null;
}

/** A foreign answer, by its columns. */
export type ForeignAnswers =
  | { kind: "windows"; answers: Answers }
  | { kind: "batch_row"; answers: BatchRows }
  | { kind: "trades"; answers: TradeTable };

/** The replaced pipeline's batch: each row answers for all of its table at the time of a run. */
export interface BatchRows {
  rows: BatchRow[];
  columns: Answers["columns"];
  ignored: string[];
  /** W11. */
  uncommitted: BatchRow[];
}

export interface BatchRow {
  cells: Partial<Record<AuditColumn, string | null>>;
  where: string;
}

export const TRADE_COLUMNS = ["price", "last_size", "side", "time", "best_bid", "best_ask"] as const;
export type TradeColumn = (typeof TRADE_COLUMNS)[number];

/** A table of trades, such as the replaced pipeline's `btc_prices`. */
export interface TradeTable {
  rows: TradeRow[];
  columns: { name: TradeColumn; theirs: string; type: Answers["columns"][number]["type"] }[];
  ignored: string[];
}

interface TradeRow {
  /** As text: ids beyond 2^53 and null are possible. */
  trade_id: string | null;
  /** Null when the table has no product column. */
  product_id: string | null;
  cells: Partial<Record<TradeColumn, string | null>>;
  where: string;
}

/**
 * Why a batch or a trade differs. Beside the rules: `key`: another product's trade has the same id,
 * and the id alone is their key; `quotes`: the message lacks a quote, and their consumer skips it;
 * `behind`: the trade is after their newest one, so it is lost or not read yet: nothing can decide it.
 */
export type AnswerReason = AuditRule | "key" | "quotes" | "behind";

/** What each reason that is not a rule means, for tables. */
export const OTHER_REASONS = {
  key: "another product's trade has this id",
  quotes: "messages without quotes skipped",
  behind: "loss, or not read yet: newer than their newest trade",
} as const satisfies Record<Exclude<AnswerReason, AuditRule>, string>;

/** What the audit of one-row answers reports. */
export interface BatchRowReport {
  kind: "batch_row";
  rows: BatchRowVerdict[];
  /** How the consumer that fits was found, sentences in order. */
  how: string[];
  columns: Answers["columns"];
  ignored: string[];
  totals: {
    rows: number;
    equal: number;
    unexplained: number;
    /** Rows counted once, under their first reason. */
    by_reason: { reason: AnswerReason; rows: number }[];
    uncommitted_rows: number;
  };
}

export interface BatchRowVerdict {
  where: string;
  outcome: AuditOutcome;
  reasons: AnswerReason[];
  /** `exact`: of the distinct trades of the same part of the log. Without a reason: unexplained. */
  differences: { column: AuditColumn; theirs: string | null; exact: string | null; reasons: AnswerReason[] }[];
  /** The part of the log that the row answers for, both ends included; null when none fits. */
  read: { from: LogPlace; to: LogPlace } | null;
  /** One sentence for people. */
  why: string;
}

interface LogPlace {
  partition: number;
  offset: number;
}

export interface TradeVerdict {
  /** As text. */
  trade_id: string;
  product_id: string | null;
  what: "missing" | "surplus" | "altered";
  /** Null: unexplained. */
  reason: AnswerReason | null;
  differences: { column: TradeColumn; theirs: string | null; exact: string | null }[];
  /** Where the trade is in the log; null when it is not there. */
  position: LogPlace | null;
  /** Where their row is; null when they have none. */
  where: string | null;
  /** One sentence for people. */
  why: string;
}

/** What the audit of a table of trades reports. */
export interface TradesReport {
  kind: "trades";
  /** Unexplained ones first; at most TRADE_VERDICTS_MAX of each reason. */
  trades: TradeVerdict[];
  how: string[];
  columns: TradeTable["columns"];
  ignored: string[];
  totals: {
    rows: number;
    /** Distinct trades of the input. */
    expected: number;
    equal: number;
    /** All that were found, also those that `trades` leaves out. */
    missing: number;
    surplus: number;
    altered: number;
    unexplained: number;
    /** Lost or not read yet. */
    consistent: number;
    by_reason: { reason: AnswerReason; trades: number }[];
  };
}
