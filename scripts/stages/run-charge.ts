/** What a batch run is charged, with all its children, and its metrics' queries. */
import { type RunRow, SAME_QUESTION } from "../contract/results.ts";
import { ownCharge } from "../measure/process-cost.ts";

type RunCosts = Pick<
  RunRow,
  "cpu_seconds" | "read_bytes" | "written_bytes" | "queries_cpu_seconds" | "windows_cpu_seconds"
>;

export class RunCharge {
  #queries_us = 0;
  #windows_us: number | null = null;
  #isSplit = true;

  /** Notes the CPU time that the query of one metric took in its process. */
  query(metric: string, cpu_us: number): void {
    this.#queries_us += cpu_us;
    if (metric === SAME_QUESTION) this.#windows_us = cpu_us;
  }

  /** Several metrics ran in one process that reports no figure per query (Spark). */
  notSplit(): void {
    this.#isSplit = false;
  }

  /**
   * The run's costs until now. Of children that ended, the processes of the metrics used `ended_us`:
   * needed only where the system does not report it with this process.
   */
  costs(ended_us: number): RunCosts {
    const { cpu_us, read_bytes, written_bytes } = ownCharge(ended_us);
    const split = (us: number | null) => (this.#isSplit && us !== null ? us / 1e6 : null);
    return {
      cpu_seconds: cpu_us / 1e6,
      read_bytes,
      written_bytes,
      queries_cpu_seconds: split(this.#queries_us),
      windows_cpu_seconds: split(this.#windows_us),
    };
  }
}
