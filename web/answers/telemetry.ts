/** /metrics: telemetry in Prometheus' text format, read from the stages' files at each scrape. */
import type { Context } from "hono";
import { Gauge, Registry } from "prom-client";
import { usFromIso } from "../../scripts/base/iso.ts";
import { printable } from "../../scripts/base/printable.ts";
import { parameters } from "../http/query-string.ts";
import { comparison } from "../model/comparison.ts";
import type { Measure } from "../model/measures.ts";
import { choices } from "../model/selection.ts";
import type { Sources } from "../model/sources.ts";
import { type Status, status } from "../model/status.ts";

/** Every family with its help and labels, as docs/http.md lists them. */
export const FAMILIES = {
  tidemark_stage_up: ["1 while the stage runs or rests for a stated reason", "stage"],
  tidemark_stage_lag_records: ["records in the log that the stage has not read", "stage"],
  tidemark_stage_records: ["records that the stage's current process has handled", "stage"],
  tidemark_stage_cpu_seconds: ["CPU time of the stage's current process", "stage"],
  tidemark_stage_peak_rss_bytes: ["peak resident memory of the stage's current process", "stage"],
  tidemark_cost_cpu_seconds_per_million_ticks: [
    "CPU time that the pipeline adds to the other per million ticks, at the rate in tidemark_cost_ticks_per_second",
    "pipeline",
    "span",
  ],
  tidemark_cost_written_bytes_per_tick: ["bytes that the pipeline adds to the storage per tick", "pipeline", "span"],
  tidemark_cost_ticks_per_second: ["the rate at which the pipeline's costs hold", "pipeline", "span"],
  tidemark_machine_cpu_cores: ["CPU-seconds per second, by process; sampler, unattributed, and their sum busy", "part"],
  tidemark_stage_disk_bytes: ["what the stage keeps on disk", "stage"],
  tidemark_ticks_total: ["trades counted by the stream, each once"],
  tidemark_duplicates_total: ["repeated trade ids"],
  tidemark_late_ticks_total: ["ticks whose own window was closed"],
  tidemark_skewed_ticks_total: ["ticks stamped further ahead than --max-skew"],
  tidemark_dead_letters_total: ["messages that are not valid trades"],
  tidemark_window_revisions_total: ["revisions of closed windows"],
  tidemark_outages_total: ["spans without a feed, and trade ids that could not be filled"],
  tidemark_feed_reconnects_total: ["connections lost by the current process"],
  tidemark_watermark_seconds: ["event time up to which windows are closed, seconds since 1970", "product_id"],
  tidemark_pipeline_latency_seconds: [
    "from receipt (from append without receipt times) to the committed row, of the stream",
    "quantile",
  ],
  tidemark_freshness_seconds: ["now − event time of the newest tick in the answer", "pipeline"],
  tidemark_reconciliation_windows: ["windows of the newest reconciliation", "outcome"],
  tidemark_batch_run_seconds: ["the newest batch run, whole process"],
  tidemark_batch_failed_metrics: ["metric files that failed in the newest run"],
  tidemark_problems: ["states that stop the path or need attention, by code (docs/health.md)", "stage", "code"],
  tidemark_open_pages: ["pages connected to /events"],
} as const satisfies Record<string, readonly [help: string, ...labels: string[]]>;
type Family = keyof typeof FAMILIES;

export class Telemetry {
  readonly #registry = new Registry();
  readonly #gauges: Record<Family, Gauge<string>>;

  constructor(
    private readonly sources: Sources,
    private readonly openPages: () => number,
  ) {
    const entries = Object.entries(FAMILIES).map(([name, [help, ...labelNames]]) => [
      name,
      new Gauge({ name, help, labelNames, registers: [this.#registry] }),
    ]);
    this.#gauges = Object.fromEntries(entries) as Record<Family, Gauge<string>>;
  }

  answer = async (c: Context): Promise<Response> => {
    parameters(c, []);
    this.#registry.resetMetrics();
    const state = await status(this.sources);
    this.#stages(state);
    this.#counts(state);
    for (const { stage, code } of state.problems) this.#gauges.tidemark_problems.inc({ stage, code });
    this.sources.leniently(() => {
      const choice = choices(this.sources);
      const selection = { product: choice.products[0]!, size: choice.sizes[0]! };
      this.#measures(comparison(this.sources, selection, state));
    });
    this.#gauges.tidemark_open_pages.set(this.openPages());
    return c.body(await this.#registry.metrics(), 200, { "Content-Type": this.#registry.contentType });
  };

  #stages({ stages }: Status): void {
    const g = this.#gauges;
    for (const { name: stage, state, lag, records, cpu_seconds, peak_rss_bytes, bytes } of stages) {
      g.tidemark_stage_up.set({ stage }, state === "running" || state === "rest" ? 1 : 0);
      if (lag !== null) g.tidemark_stage_lag_records.set({ stage }, lag);
      g.tidemark_stage_records.set({ stage }, records);
      g.tidemark_stage_cpu_seconds.set({ stage }, cpu_seconds);
      g.tidemark_stage_peak_rss_bytes.set({ stage }, peak_rss_bytes);
      g.tidemark_stage_disk_bytes.set({ stage }, bytes);
    }
  }

  #counts({ counts, watermarks, last_run }: Status): void {
    const g = this.#gauges;
    g.tidemark_ticks_total.set(counts.ticks);
    g.tidemark_duplicates_total.set(counts.duplicates);
    g.tidemark_late_ticks_total.set(counts.late);
    g.tidemark_skewed_ticks_total.set(counts.skewed);
    g.tidemark_dead_letters_total.set(counts.dead_letters);
    g.tidemark_window_revisions_total.set(counts.revisions);
    g.tidemark_outages_total.set(counts.outages);
    g.tidemark_feed_reconnects_total.set(counts.reconnects);
    for (const { product_id, watermark } of watermarks) {
      if (watermark !== null)
        g.tidemark_watermark_seconds.set(
          { product_id: printable(product_id) },
          Math.floor(usFromIso(watermark)! / 1_000) / 1_000,
        );
    }
    if (last_run?.seconds != null) g.tidemark_batch_run_seconds.set(last_run.seconds);
    if (last_run?.failed != null) g.tidemark_batch_failed_metrics.set(last_run.failed);
  }

  #measures(measures: Measure[]): void {
    const g = this.#gauges;
    const named = (name: string) => measures.find(({ word }) => word === name);
    const latency = named("pipeline latency")?.stream.values;
    if (latency) {
      g.tidemark_pipeline_latency_seconds.set({ quantile: "0.5" }, latency.p50_ms! / 1000);
      g.tidemark_pipeline_latency_seconds.set({ quantile: "0.99" }, latency.p99_ms! / 1000);
    }
    for (const pipeline of ["stream", "batch"] as const) {
      const age = named("freshness")?.[pipeline].values?.age_ms;
      if (age !== undefined) g.tidemark_freshness_seconds.set({ pipeline }, age / 1000);
    }
    this.#costs(measures);
    const agreement = { ...named("agreement")?.stream.values, ...named("agreement")?.batch.values };
    for (const [outcome, windows] of Object.entries(agreement))
      g.tidemark_reconciliation_windows.set({ outcome }, windows);
  }

  #costs(measures: Measure[]): void {
    const g = this.#gauges;
    for (const [word, span] of [
      ["cost, last 5 minutes", "5m"],
      ["cost, since start", "start"],
    ] as const) {
      const measure = measures.find((each) => each.word === word);
      for (const pipeline of ["stream", "batch"] as const) {
        const values = measure?.[pipeline].values;
        const labels = { pipeline, span };
        const set = (gauge: Gauge<string>, value: number | undefined) =>
          value !== undefined && gauge.set(labels, value);
        set(g.tidemark_cost_cpu_seconds_per_million_ticks, values?.cpu_seconds_per_million_ticks);
        set(g.tidemark_cost_written_bytes_per_tick, values?.written_bytes_per_tick);
        set(g.tidemark_cost_ticks_per_second, values?.ticks_per_second);
      }
    }
    const machine = measures.find(({ word }) => word === "cost, machine")?.stream.values;
    for (const [name, value] of Object.entries(machine ?? {})) {
      const part = /^(.*)_cpu_seconds$/.exec(name)?.[1];
      if (part !== undefined) g.tidemark_machine_cpu_cores.set({ part }, value / machine!.span_seconds!);
    }
  }
}
