/** The input of an audit as records, from the files that --log can name. */
import type { AuditRecord } from "../audit-types.ts";
import { recordingRecords } from "./recording-records.ts";
import type { TickSource } from "./tick-source.ts";
import type { TradeOptions } from "./trade-file.ts";

/** Records of files; a log is read by the caller, who may open it. Fails as the readers do. */
export async function fileRecords(
  source: Exclude<TickSource, { kind: "log" | "embedded" }>,
  options: TradeOptions,
): Promise<AuditRecord[]> {
  if (source.kind === "recording") return recordingRecords(source.path);
  // Imported on demand: a log or a recording needs no DuckDB.
  const { tradeRecords } = await import("./trade-file.ts");
  return tradeRecords({ ...source, ...options });
}
