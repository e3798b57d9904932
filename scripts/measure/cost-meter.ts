/** Points of what this process costs, every ten seconds of the last five minutes. */
import { monotonicMs, nowUs } from "../base/clock.ts";
import { CLOCK_JUMP_MS } from "../base/limits.ts";
import { peakRssBytes } from "../base/memory.ts";
import { type CostPoint, type CostSeries, costText } from "../contract/cost-points.ts";
import { machineBusyUs, ownCharge } from "./process-cost.ts";

export const SLICE_US = 10_000_000;
/** How far back live figures go. */
export const RECENT_US = 300_000_000;

/** Reads the figures that are not ours to count. Replaced in tests. */
export interface CostSource {
  charge: () => Pick<CostPoint, "cpu_us" | "read_bytes" | "written_bytes" | "rss_bytes" | "pss_bytes">;
  /** The largest resident memory that this process alone had. */
  peak: () => number;
  machine: () => number | null;
  /** CPU time of this process alone, in microseconds. */
  cpu: () => number;
  /** Microseconds since 1970, and since the process began. */
  now: () => number;
  elapsed: () => number;
}

const OWN: CostSource = {
  charge: () => ownCharge(),
  peak: peakRssBytes,
  machine: () => machineBusyUs(),
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  now: nowUs,
  elapsed: () => monotonicMs() * 1000,
};

export class CostMeter {
  #started_us: number;
  #points: CostPoint[] = [];
  #between_us: number;
  #sampler_us = 0;
  #text: string | null = null;
  #sofar: Pick<CostPoint, "peak_rss_bytes" | "peak_pss_bytes" | "mean_rss_bytes"> & { until_us: number } = {
    peak_rss_bytes: 0,
    peak_pss_bytes: null,
    mean_rss_bytes: 0,
    until_us: 0,
  };

  constructor(private readonly source: CostSource = OWN) {
    this.#between_us = source.now() - source.elapsed();
    this.#started_us = Math.round(this.#between_us);
    this.#add(0);
  }

  get series(): CostSeries {
    return { started_us: this.#started_us, points: this.#points };
  }

  /** The newest point. */
  get last(): CostPoint {
    return this.#points.at(-1)!;
  }

  /**
   * Notes a point when a new slice has begun (slices begin at multiples of ten seconds since 1970, in
   * every process), once a second before there are two of them, and always when `isLast`. Returns
   * whether it noted one.
   */
  note(ticks: number, isLast = false): boolean {
    const now_us = this.source.now();
    const { at_us } = this.last;
    const isYoung = now_us - this.#started_us < SLICE_US && now_us - at_us >= 1_000_000;
    const isDue = Math.floor(now_us / SLICE_US) !== Math.floor(at_us / SLICE_US);
    if (!isLast && !isYoung && !isDue) return false;
    this.#add(ticks);
    return true;
  }

  /** The series as text for a store, made again only after a new point. */
  text(): string {
    this.#text ??= costText(this.series);
    return this.#text;
  }

  #add(ticks: number): void {
    const before_us = this.source.cpu();
    const { cpu_us, read_bytes, written_bytes, rss_bytes, pss_bytes } = this.source.charge();
    const machine_us = this.source.machine();
    const elapsed_us = this.source.elapsed();
    const at_us = this.source.now();
    // Other threads' time meanwhile is in it: a little too much rather than too little.
    this.#sampler_us += this.source.cpu() - before_us;
    const between_us = at_us - elapsed_us;
    // Points from before the clock was set, or the machine slept, have times of another clock.
    if (Math.abs(between_us - this.#between_us) > CLOCK_JUMP_MS * 1000) {
      this.#points = [];
      this.#started_us = Math.round(between_us);
    }
    this.#between_us = between_us;
    const point = { at_us, ticks, cpu_us, read_bytes, written_bytes, rss_bytes, pss_bytes, machine_us };
    const memory = this.#memory(rss_bytes, pss_bytes, elapsed_us);
    this.#points.push({ ...point, sampler_us: Math.round(this.#sampler_us), ...memory });
    const oldest_us = at_us - RECENT_US - SLICE_US;
    const isNewest = (kept: CostPoint) => ticks > 0 && kept.ticks === ticks;
    // After the feed's end the cost is that up to the newest tick, an hour later too.
    this.#points = this.#points.filter(
      (kept, i, all) => kept.at_us >= oldest_us || (isNewest(kept) && (i === 0 || !isNewest(all[i - 1]!))),
    );
    this.#text = null;
  }

  /** Memory since the start, of which the points that are kept are a part only. */
  #memory(rss_bytes: number, pss_bytes: number | null, elapsed_us: number) {
    const { peak_rss_bytes, peak_pss_bytes, mean_rss_bytes, until_us } = this.#sofar;
    const share = elapsed_us > until_us ? (elapsed_us - until_us) / elapsed_us : 0;
    this.#sofar = {
      peak_rss_bytes: Math.max(peak_rss_bytes, rss_bytes, this.source.peak()),
      peak_pss_bytes: pss_bytes === null ? null : Math.max(peak_pss_bytes ?? 0, pss_bytes),
      mean_rss_bytes: mean_rss_bytes + (rss_bytes - mean_rss_bytes) * share,
      until_us: elapsed_us,
    };
    const { until_us: _, ...memory } = this.#sofar;
    return { ...memory, mean_rss_bytes: Math.round(memory.mean_rss_bytes) };
  }
}
