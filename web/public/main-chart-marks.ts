/** What the main chart has beside windows: the batch's runs and horizon, and spans without a feed. */
import type { BatchEvent, ChartAnswer, OutageSpan, RunMark } from "../../scripts/contract/page-events.ts";
import type { Extent } from "./main-chart-view.ts";
import { horizonText } from "./main-chart-words.ts";

/** Runs and outages kept for drawing: the newest. */
const MARKS_MAX = 2_000;
/** Of a window: at rest the batch has all but the end of the last one. */
const BEHIND_MIN = 0.1;

export class Marks {
  #by_run = new Map<number, RunMark>();
  #by_start = new Map<number, OutageSpan>();
  #run_id = 0;
  /** In the order of the event times that they reached. */
  runs: readonly RunMark[] = [];
  outages: readonly OutageSpan[] = [];
  /** Event time that the newest run's answers reach; null before the first. */
  horizon_s: number | null = null;

  clear(): void {
    this.#by_run.clear();
    this.#by_start.clear();
    this.#run_id = 0;
    this.horizon_s = null;
    this.#sort();
  }

  /** An answer may be older than an event that came meanwhile. */
  add({ runs, outages, run_id, horizon_s }: Pick<ChartAnswer, "runs" | "outages" | "run_id" | "horizon_s">): void {
    for (const run of runs) this.#by_run.set(run[0], run);
    for (const outage of outages) this.#by_start.set(outage[0], outage);
    if (run_id >= this.#run_id) {
      this.#run_id = run_id;
      this.horizon_s = horizon_s;
    }
    this.#sort();
  }

  ran({ run, horizon_s }: Pick<BatchEvent, "run" | "horizon_s">): void {
    this.add({ runs: [run], outages: [], run_id: run[0], horizon_s });
  }

  #sort(): void {
    for (const marks of [this.#by_run, this.#by_start])
      for (const oldest of [...marks.keys()].sort((a, b) => a - b).slice(0, -MARKS_MAX)) marks.delete(oldest);
    this.runs = [...this.#by_run.values()].sort((a, b) => a[2] - b[2]);
    this.outages = [...this.#by_start.values()];
  }

  /** Whether the stream has more than the end of the window in which the horizon is. */
  isBehind({ end_s, every_s }: Extent): boolean {
    return this.horizon_s !== null && end_s !== null && end_s - this.horizon_s > every_s * BEHIND_MIN;
  }

  /** The horizon's label; "" without one. */
  text(now_ms: number, zone: string, isShort: boolean): string {
    if (this.horizon_s === null) return "";
    const run = { id: this.#run_id, ended_s: this.#by_run.get(this.#run_id)?.[1] ?? null };
    return horizonText(this.horizon_s, run, now_ms, zone, isShort);
  }
}
