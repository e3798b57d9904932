/** The batch's runs with what their answers contain; each is parsed once. */
import type { RunSnapshot } from "../../scripts/contract/measures.ts";
import type { BatchRun } from "../../scripts/measure/batch-answers.ts";
import type { StoreFile } from "./store-file.ts";

/** Newest runs that are kept: at one a minute those of a day. */
const RUNS_MAX = 1_500;
const HAS_SNAPSHOTS = "SELECT 1 AS one FROM pragma_table_info('runs') WHERE name = 'snapshot'";
const NEWER = `SELECT run_id, ended_us, snapshot FROM runs
  WHERE run_id > $after AND state = 'done' AND snapshot IS NOT NULL ORDER BY run_id DESC LIMIT $limit`;

export class RunSnapshots {
  #runs: BatchRun[] = [];
  #epoch = "";

  constructor(private readonly file: StoreFile) {}

  /** Oldest first. A run whose text is damaged, or that an older version wrote, is not there. */
  all(): readonly BatchRun[] {
    const { epoch } = this.file;
    if (epoch !== this.#epoch) this.#runs = [];
    this.#epoch = epoch;
    if (this.file.get(HAS_SNAPSHOTS) === null) return [];
    const after = this.#runs.at(-1)?.run_id ?? 0;
    const rows = this.file.all<{ run_id: number; ended_us: number; snapshot: string }>(NEWER, {
      after,
      limit: RUNS_MAX,
    });
    if (rows.length > 0) this.#runs = [...this.#runs, ...rows.reverse().flatMap(parsed)].slice(-RUNS_MAX);
    return this.#runs;
  }
}

function parsed({ run_id, ended_us, snapshot }: { run_id: number; ended_us: number; snapshot: string }): BatchRun[] {
  try {
    return [{ run_id, ended_us, snapshot: JSON.parse(snapshot) as RunSnapshot }];
  } catch {
    return [];
  }
}
