/** What the process of a stage measures of itself in this run: records, CPU time, memory, latencies. */
import { monotonicMs, nowUs } from "../base/clock.ts";
import { peakRssBytes } from "../base/memory.ts";

/** The JSON object that --json prints, before the stage's own counts (docs/json.md). */
export interface RunSummary {
  records: number;
  seconds: number;
  records_per_second: number;
  peak_rss_bytes: number;
}

/** Buckets grow by 2^(1/4): a percentile of them is at most 19 % too high, never too low. */
const BUCKETS_PER_DOUBLING = 4;

export class RunStats {
  readonly started_us = nowUs();
  readonly #started_ms = monotonicMs();
  records = 0;
  #latencies = new Map<string, Map<number, number>>();

  /** Counts `count` latencies of `us` microseconds under `name`; negative ones are in bucket 0. */
  latency(name: string, us: number, count: number): void {
    let buckets = this.#latencies.get(name);
    if (buckets === undefined) {
      buckets = new Map();
      this.#latencies.set(name, buckets);
    }
    const bucket =
      us <= 0 ? 0 : Math.round(2 ** (Math.ceil(Math.log2(us) * BUCKETS_PER_DOUBLING) / BUCKETS_PER_DOUBLING));
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + count);
  }

  /** Takes the latencies counted since the last call. */
  takeLatencies(): Map<string, Map<number, number>> {
    const taken = this.#latencies;
    this.#latencies = new Map();
    return taken;
  }

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
