/** Errors for people: a sentence, a code from one list, a hint. Not for control flow. */
import { ERROR_CHARACTERS_MAX, SENTENCE_BYTES_MAX } from "./limits.ts";
import { printable } from "./printable.ts";

/** Every code that Tidemark prints; docs/errors.md explains each, and a test compares the two. */
export const ERROR_CODES = [
  "USAGE",
  "LOG_UNREACHABLE",
  "LOG_ACCESS",
  "LOG_SHORTER_THAN_CHECKPOINT",
  "LOG_SETTINGS",
  "LOG_ORDER",
  "FEED_UNREACHABLE",
  "FEED_REFUSED",
  "DATA_DIR",
  "DATA_KIND",
  "STAGE_BUSY",
  "STORE_CORRUPT",
  "SCHEMA_NEWER",
  "SCHEMA_OLDER",
  "SETTINGS_CHANGED",
  "RECORDING",
  "METRIC",
  "QUERY",
  "PORT_IN_USE",
  "NO_DATA",
  "CHILD_FAILED",
  "DISK_FULL",
  "OUTPUT",
  "INTERNAL",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** What is wrong (`message`), and what to do (`hint`). `USAGE` exits with 2, all others with 1. */
export class TidemarkError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly hint = "",
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = "TidemarkError";
  }

  get exitCode(): 1 | 2 {
    return this.code === "USAGE" ? 2 : 1;
  }
}

/**
 * Another process has taken a partition over: the transaction was rolled back, and this process has
 * to join the group again (docs/faults.md row 16).
 */
export class FencedError extends TidemarkError {
  constructor(partition: number) {
    super(
      "STAGE_BUSY",
      `Another process has taken over partition ${partition}; this one's last batch was rolled back.`,
      "Nothing is lost: the other process reads on from the committed offset.",
    );
  }
}

/**
 * A record came after records of its product that it belongs before (scripts/log/kafka/merge.ts): what
 * was computed of them differs from a run over the whole log.
 */
export class OutOfOrderError extends TidemarkError {
  constructor(product_id: string, partition: number, offset: number, before: number) {
    super(
      "LOG_ORDER",
      `Offset ${offset} of partition ${partition} has an earlier append time than records of ${product_id} that were already read from partition ${before}.`,
      "Read the log again with --rebuild for stream and consume. Topics with message.timestamp.type=LogAppendTime keep the order.",
    );
  }
}

/** Whether the error is transient (retry): no space left, or a lock held by another process. */
export function passes(error: unknown): error is TidemarkError {
  if (!(error instanceof TidemarkError) || error instanceof FencedError) return false;
  return error.code === "DISK_FULL" || error.code === "STAGE_BUSY";
}

/** Any thrown value as one line of at most SENTENCE_BYTES_MAX bytes, without control characters. */
export function sentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return printable(
    text
      .slice(0, 2 * SENTENCE_BYTES_MAX)
      .replace(/\s+/g, " ")
      .trim(),
  );
}

/** A text cut to ERROR_CHARACTERS_MAX characters: DuckDB repeats a query's own text of any length. */
export function shortened(text: string): string {
  if (text.length <= ERROR_CHARACTERS_MAX) return text;
  const cut = text.slice(0, ERROR_CHARACTERS_MAX - 60).replace(/[\uD800-\uDBFF]$/, "");
  return `${cut} … (cut; the whole text has ${text.length} characters)`;
}

/** The system's or SQLite's short error code (`ENOSPC`, `SQLITE_FULL`), or "". */
export function systemCode(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}
