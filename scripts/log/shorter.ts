/** Compares a job's checkpoint with what the log still holds: never a silent jump (faults.md 14). */
import { TidemarkError } from "../common/errors.ts";
import type { PartitionSpan } from "../common/log.ts";
import type { Logger } from "../common/logger.ts";

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
  const where = span.partition === 0 ? log.name : `${log.name}, partition ${span.partition},`;
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
