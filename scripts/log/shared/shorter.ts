/** Compares a job's checkpoint with what the log still holds: never a silent jump (faults.md 14). */
import { TidemarkError } from "../../base/errors.ts";
import type { Logger } from "../../base/logger.ts";
import type { LogPosition, PartitionSpan } from "../../contract/log.ts";

/** What a job's `position` gave, as a position. */
export function positionOf(position: LogPosition | number): LogPosition {
  return typeof position === "number" ? { next: position, seen_us: 0 } : position;
}

/** The one error for a log that is long enough, but isn't the one that was read (deleted and filled again, or regrown after a lost end). */
export function otherLog(partition: number, position: LogPosition, group: string, name: string): TidemarkError {
  return new TidemarkError(
    "LOG_SHORTER_THAN_CHECKPOINT",
    `${nameOf(name, partition)} is not the log that ${group} has read up to offset ${position.next}: what stands before it there was appended later.`,
    "The log was made anew. Bring the old one back, or begin anew with --rebuild or another data directory.",
  );
}

/**
 * The offset to begin at. 0 is "no checkpoint": it begins at what is the log's start now, and says so when that isn't 0.
 * Fails with LOG_SHORTER_THAN_CHECKPOINT when `position` lies before the start or beyond the end.
 */
export function firstOffset(
  span: PartitionSpan,
  position: number,
  group: string,
  log: { name: string; logger: Logger },
): number {
  const where = nameOf(log.name, span.partition);
  if (position > span.end) {
    throw new TidemarkError(
      "LOG_SHORTER_THAN_CHECKPOINT",
      `${where} ends at offset ${span.end}, but ${group} has already read up to ${position}: the log was replaced or has lost its end.`,
      "Bring the log back, or let the job forget what it knows and begin anew with --rebuild or another data directory.",
    );
  }
  if (position >= span.start) return position;
  if (position === 0) {
    log.logger.warn(`${where} begins at offset ${span.start}: older records are no longer kept, ${group} begins there`);
    return span.start;
  }
  throw new TidemarkError(
    "LOG_SHORTER_THAN_CHECKPOINT",
    `${where} begins at offset ${span.start}, but ${group} stopped at ${position}: ${span.start - position} records it hasn't read are no longer kept.`,
    "They are lost to this job. Keep the log longer, or begin anew with --rebuild or another data directory.",
  );
}

function nameOf(name: string, partition: number): string {
  return partition === 0 ? name : `${name}, partition ${partition},`;
}
