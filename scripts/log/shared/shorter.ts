/** Checks that a job's position is still in the log: never a silent jump (docs/faults.md 14). */
import { TidemarkError } from "../../base/errors.ts";
import type { Logger } from "../../base/logger.ts";
import type { LogPosition, PartitionSpan } from "../../contract/log.ts";

/** The result of ReaderOptions.position as a LogPosition. */
export function positionOf(position: LogPosition | number): LogPosition {
  return typeof position === "number" ? { next: position, seen_us: 0 } : position;
}

/**
 * LOG_SHORTER_THAN_CHECKPOINT for a log that is long enough but not the one that was read: deleted
 * and filled again, or grown again after it lost its end.
 */
export function otherLog(partition: number, position: LogPosition, group: string, name: string): TidemarkError {
  return new TidemarkError(
    "LOG_SHORTER_THAN_CHECKPOINT",
    `${nameOf(name, partition)} is not the log that ${group} has read up to offset ${position.next}: the record before it was appended later.`,
    "The log was created again, or a loss of power took its last moments. Restore the old one, or start over with --rebuild, which keeps only what the log still has, or in another data directory.",
  );
}

/**
 * The offset to begin at: `position`, or for 0 (no checkpoint) the log's start, with a warning if
 * that isn't 0. Fails with LOG_SHORTER_THAN_CHECKPOINT if `position` is before the start or beyond
 * the end.
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
      "Restore the log; after a loss of power, or to start over: --rebuild, which keeps only what the log still has, or another data directory.",
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
    "They are lost to this job. Keep the log longer, or start over with --rebuild or another data directory.",
  );
}

/** A warning for a reader of the whole log whose oldest records are no longer kept. */
export function warnOfStart({ partition, start }: PartitionSpan, { name, logger }: { name: string; logger: Logger }) {
  if (start > 0) logger.warn(`${nameOf(name, partition)} begins at offset ${start}: older records are no longer kept`);
}

/** LOG_SHORTER_THAN_CHECKPOINT for a record that retention removed before it could be read. */
export function passedBy(name: string, partition: number, offset: number): TidemarkError {
  return new TidemarkError(
    "LOG_SHORTER_THAN_CHECKPOINT",
    `${nameOf(name, partition)} no longer has offset ${offset}: retention removed it while the log was read.`,
    "Run the command again; it begins at what the log still has.",
  );
}

function nameOf(name: string, partition: number): string {
  return partition === 0 ? name : `${name}, partition ${partition},`;
}
