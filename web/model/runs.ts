/** Runs of the batch, and what the newest reconciliation counted. */
import type { AgreementRow, RunRow } from "../../scripts/contract/results.ts";
import RUNS from "../../sql/page/runs.sql" with { type: "text" };
import type { Sources } from "./sources.ts";

/** The newest runs, newest first. */
export function runs(sources: Sources, limit: number): RunRow[] {
  return sources.results.all<RunRow>(RUNS, { limit });
}

/** The newest run that succeeded; null before the first. */
export function lastDone(sources: Sources): RunRow | null {
  return sources.results.get<RunRow>("SELECT * FROM runs WHERE state = 'done' ORDER BY run_id DESC LIMIT 1");
}

/** Null before the first reconciliation. */
export function agreement(sources: Sources): AgreementRow | null {
  return sources.results.get<AgreementRow>("SELECT * FROM reconciliation ORDER BY run_id DESC LIMIT 1");
}
