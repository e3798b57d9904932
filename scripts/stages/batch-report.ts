/** What `batch` reports of its run: errors of metrics, and one JSON object or two lines for people. */
import type { Logger } from "../base/logger.ts";
import { plural } from "../base/printable.ts";
import type { BatchSummary } from "./batch.ts";

/** Returns the exit status: 1 when a metric failed. */
export function reportBatch(summary: BatchSummary, json: boolean, logger: Logger): number {
  const { failed } = summary;
  for (const { error } of failed) logger.error(error);
  if (json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else for (const line of lines(summary)) logger.info(line);
  return failed.length === 0 ? 0 : 1;
}

function lines({ ticks_new, ticks_total, metrics, failed, seconds, reconciliation: r }: BatchSummary): string[] {
  const run = `${plural(ticks_new, "new tick")}, ${ticks_total} in total; ${metrics - failed.length} of ${metrics} metrics in ${seconds.toFixed(2)} s`;
  if (r === null) return [run];
  const compared = `${plural(r.compared, "window")} compared, ${r.equal} equal, ${r.explained} explained, ${r.unexplained} unexplained`;
  return [run, `stream and batch: ${compared}; ${r.pending} pending`];
}
