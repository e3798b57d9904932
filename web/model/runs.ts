/** Runs of the batch, and what the newest reconciliation counted. */
import type { AgreementRow, RunRow } from "../../scripts/contract/results.ts";
import RUNS from "../../sql/page/runs.sql" with { type: "text" };
import type { Sources } from "./sources.ts";

/** The newest runs, newest first. */
export function runs(sources: Sources, limit: number): RunRow[] {
  return sources.results.all<RunRow>(ofStored(sources, RUNS), { limit });
}

/** A SELECT of `runs`; NULL for what a results.db lacks that no batch of this version has opened. */
export function ofStored({ results }: Sources, select: string): string {
  const known = results.all<{ name: string }>("SELECT name FROM pragma_table_info('runs')").map(({ name }) => name);
  return select.replace(ADDED_COLUMNS, (name) => (known.includes(name) ? name : `NULL AS ${name}`));
}

/** Since schema 3, and since 6. */
const ADDED_COLUMNS = /\b(read_bytes|written_bytes|queries_cpu_seconds|windows_cpu_seconds|history_new)\b/g;

/** The newest run that succeeded; null before the first. */
export function lastDone(sources: Sources): RunRow | null {
  return sources.results.get<RunRow>("SELECT * FROM runs WHERE state = 'done' ORDER BY run_id DESC LIMIT 1");
}

/** Null before the first reconciliation. */
export function agreement(sources: Sources): AgreementRow | null {
  return sources.results.get<AgreementRow>("SELECT * FROM reconciliation ORDER BY run_id DESC LIMIT 1");
}
