/** The batch's runs with what their answers contain; each is parsed, and added up, once. */
import { parseRunSnapshot } from "../../scripts/contract/measure-texts.ts";
import type { Histograms } from "../../scripts/contract/measures.ts";
import type { BatchRun } from "../../scripts/measure/batch-answers.ts";
import { mergedByName } from "../../scripts/measure/buckets.ts";
import type { MetricResults } from "./metric-results.ts";
import type { StoreFile } from "./store-file.ts";

/** Newest runs that are kept: at one a minute those of a day. */
const RUNS_MAX = 1_500;
const HAS_SNAPSHOTS = "SELECT 1 AS one FROM pragma_table_info('runs') WHERE name = 'snapshot'";
const NEWEST = "SELECT max(run_id) AS run_id FROM runs";
/** `+` leaves the index of all done runs alone: that of the snapshots is the small one. */
const NEWER = `SELECT run_id, ended_us, snapshot FROM runs
  WHERE run_id > $after AND +state = 'done' AND snapshot IS NOT NULL ORDER BY run_id DESC LIMIT $limit`;

export class RunSnapshots {
  #runs: BatchRun[] = [];
  #epoch = "";
  /** The histograms of the runs from a time on, up to a run. */
  #sum = { from_us: Number.NaN, run_id: 0, histograms: {} as Histograms };

  constructor(
    private readonly file: StoreFile,
    private readonly results: MetricResults,
  ) {}

  /** Oldest first. A run whose text is damaged, or that an older version wrote, is not there. */
  all(): readonly BatchRun[] {
    return this.results.once("run snapshots", () => this.#read());
  }

  /** The histograms of all runs that ended at `from_us` or later. */
  since(from_us: number): Histograms {
    const runs = this.all();
    if (from_us !== this.#sum.from_us) this.#sum = { from_us, run_id: 0, histograms: {} };
    const { run_id, histograms } = this.#sum;
    const newer = runs.filter((run) => run.run_id > run_id && run.ended_us >= from_us);
    if (newer.length === 0) return histograms;
    const sum = mergedByName([histograms, ...newer.map(({ snapshot }) => snapshot.histograms)]);
    this.#sum = { from_us, run_id: newer.at(-1)!.run_id, histograms: sum };
    return sum;
  }

  #read(): readonly BatchRun[] {
    const { epoch } = this.file;
    const hasSnapshots = this.file.get(HAS_SNAPSHOTS) !== null;
    const newest = hasSnapshots ? (this.file.get<{ run_id: number | null }>(NEWEST)?.run_id ?? 0) : 0;
    // A file that was created again may get the inode of the one before; its runs begin with 1.
    if (epoch !== this.#epoch || newest < (this.#runs.at(-1)?.run_id ?? 0)) {
      this.#runs = [];
      this.#sum.from_us = Number.NaN;
    }
    this.#epoch = epoch;
    if (!hasSnapshots) return [];
    const after = this.#runs.at(-1)?.run_id ?? 0;
    const rows = this.file.all<StoredRun>(NEWER, { after, limit: RUNS_MAX });
    if (rows.length > 0) this.#runs = [...this.#runs, ...rows.reverse().flatMap(readable)].slice(-RUNS_MAX);
    return this.#runs;
  }
}

type StoredRun = { run_id: number; ended_us: number; snapshot: string };

function readable({ run_id, ended_us, snapshot }: StoredRun): BatchRun[] {
  const kept = parseRunSnapshot(snapshot);
  return kept === null ? [] : [{ run_id, ended_us, snapshot: kept }];
}
