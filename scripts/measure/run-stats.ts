/** What the process of a stage measures of itself in this run: records, CPU time, memory. */
import { monotonicMs, nowUs } from "../base/clock.ts";
import { peakRssBytes } from "../base/memory.ts";

/** The JSON object that --json prints, before the stage's own counts (docs/json.md). */
export interface RunSummary {
  records: number;
  seconds: number;
  records_per_second: number;
  peak_rss_bytes: number;
}

export class RunStats {
  readonly started_us = nowUs();
  readonly #started_ms = monotonicMs();
  records = 0;

  summary(): RunSummary {
    const seconds = (monotonicMs() - this.#started_ms) / 1000;
    return {
      records: this.records,
      seconds: Math.round(seconds * 1000) / 1000,
      records_per_second: seconds > 0 ? Math.round(this.records / seconds) : 0,
      peak_rss_bytes: peakRssBytes(),
    };
  }

  /** For the stage's `counters` table, so that `serve` can show them: names begin with `run_`. */
  counters() {
    const { user, system } = process.cpuUsage();
    return {
      run_pid: process.pid,
      run_started_us: this.started_us,
      run_alive_us: nowUs(),
      run_records: this.records,
      run_cpu_us: user + system,
      run_peak_rss_bytes: peakRssBytes(),
    };
  }
}
