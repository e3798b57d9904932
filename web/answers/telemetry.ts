/** /metrics: telemetry in Prometheus' text format, read from the stages' files at each scrape. */
import type { Context } from "hono";
import { Counter, Gauge, Registry } from "prom-client";
import { usFromIso } from "../../scripts/base/iso.ts";
import { printable } from "../../scripts/base/printable.ts";
import { parameters } from "../http/query-string.ts";
import { comparison } from "../model/comparison.ts";
import type { Measure } from "../model/figures.ts";
import { agreement } from "../model/runs.ts";
import { choices } from "../model/selection.ts";
import type { Sources } from "../model/sources.ts";
import { type Status, status } from "../model/status.ts";
import { KnownQuantiles } from "./known-quantiles.ts";

/**
 * Every family with help and labels, as docs/http.md lists them: those named `_total` are counters,
 * those with the label `quantile` summaries, the others gauges.
 */
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
  tidemark_outages: ["spans without a feed, and trade ids that could not be filled"],
  tidemark_feed_reconnects_total: ["connections lost by the current process"],
  tidemark_watermark_seconds: ["event time up to which windows are closed, seconds since 1970", "product_id"],
  tidemark_feed_latency_seconds: ["receipt − the exchange's time, signed, last 5 minutes", "quantile"],
  tidemark_ingest_latency_seconds: ["append to the log − receipt, last 5 minutes", "quantile"],
  tidemark_pipeline_latency_seconds: [
    "commit of the first answer with a tick − its receipt, last 5 minutes",
    "pipeline",
    "quantile",
  ],
  tidemark_age_seconds: ["exchange time now − event time of the newest tick in the answer", "pipeline"],
  tidemark_perfect_age_seconds: ["the same of an answer that has every tick at its receipt"],
  tidemark_freshness_seconds: ["the old name of tidemark_age_seconds, for one release", "pipeline"],
  tidemark_lag_seconds: ["now − receipt of the oldest received tick that the answer lacks", "pipeline"],
  tidemark_completeness_share: ["ticks in the answer ÷ in the log, windows of the last 5 minutes", "pipeline"],
  tidemark_finality_seconds: [
    "largest of the windows that became final in the last 5 minutes; part: event or machine",
    "pipeline",
    "part",
  ],
  tidemark_feed_ended_timestamp_seconds: ["when the feed ended, seconds since 1970; absent while it has not"],
  tidemark_reconciliation_windows: ["windows of the newest reconciliation", "outcome"],
  tidemark_batch_run_seconds: ["the newest batch run, whole process"],
  tidemark_batch_failed_metrics: ["metric files that failed in the newest run"],
  tidemark_problems: ["states that stop the path or need attention, by code (docs/health.md)", "stage", "code"],
  tidemark_open_pages: ["pages connected to /events"],
} as const satisfies Record<string, readonly [help: string, ...labels: string[]]>;
type Family = keyof typeof FAMILIES;
type Total = Extract<Family, `${string}_total`>;
type Quantiled = { [F in Family]: "quantile" extends (typeof FAMILIES)[F][number] ? F : never }[Family];
type Gauges = Record<Exclude<Family, Total | Quantiled>, Gauge<string>>;
type Quantiles = Record<Quantiled, KnownQuantiles>;
type Counters = Record<Total, Counter<string>>;

export class Telemetry {
  readonly #registry = new Registry();
  /** Ends with the scrape before. */
  #turn: Promise<void> = Promise.resolve();
  readonly #gauges: Gauges;
  readonly #quantiles: Quantiles;
  readonly #counters: Counters;

  constructor(
    private readonly sources: Sources,
    private readonly openPages: () => number,
  ) {
    const families = Object.entries(FAMILIES).map(([name, [help, ...labels]]) => {
      const labelNames = (labels as string[]).filter((label) => label !== "quantile");
      const kind = name.endsWith("_total") ? Counter : labelNames.length < labels.length ? KnownQuantiles : Gauge;
      return { kind, name, help, labelNames, registers: [this.#registry] };
    });
    const made = <T>(of: new (family: (typeof families)[number]) => T) =>
      Object.fromEntries(families.filter(({ kind }) => kind === (of as unknown)).map((one) => [one.name, new of(one)]));
    this.#gauges = made(Gauge) as Gauges;
    this.#quantiles = made(KnownQuantiles) as Quantiles;
    this.#counters = made(Counter) as Counters;
  }

  answer = async (c: Context): Promise<Response> => {
    parameters(c, []);
    // One scrape at a time: all of them fill the same registry.
    const text = this.#turn.then(() => this.#text());
    this.#turn = text.then(
      () => {},
      () => {},
    );
    return c.body(await text, 200, { "Content-Type": this.#registry.contentType });
  };

  async #text(): Promise<string> {
    const state = await status(this.sources);
    this.#reset();
    this.#stages(state);
    this.#counts(state);
    for (const { stage, code } of state.problems) this.#gauges.tidemark_problems.inc({ stage, code });
    this.sources.leniently(() => {
      const choice = choices(this.sources);
      const selection = {
        product: choice.products[0]!,
        size: choice.sizes.find(({ from_us }) => from_us === undefined)!,
      };
      this.#measures(comparison(this.sources, selection, state));
    });
    this.#gauges.tidemark_open_pages.set(this.openPages());
    return this.#registry.metrics();
  }

  /** A reset gauge without labels is 0, as if it had been measured: it is absent until it is set. */
  #reset(): void {
    this.#registry.resetMetrics();
    for (const [name, gauge] of Object.entries(this.#gauges)) {
      const [, ...labels] = FAMILIES[name as Family];
      if (labels.length === 0) gauge.remove();
    }
  }

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

  #counts({ counts, watermarks, last_run, feed }: Status): void {
    const [g, c] = [this.#gauges, this.#counters];
    c.tidemark_ticks_total.inc(counts.ticks);
    c.tidemark_duplicates_total.inc(counts.duplicates);
    c.tidemark_late_ticks_total.inc(counts.late);
    c.tidemark_skewed_ticks_total.inc(counts.skewed);
    c.tidemark_dead_letters_total.inc(counts.dead_letters);
    c.tidemark_window_revisions_total.inc(counts.revisions);
    c.tidemark_feed_reconnects_total.inc(counts.reconnects);
    g.tidemark_outages.set(counts.outages);
    if (feed?.ended_us != null) g.tidemark_feed_ended_timestamp_seconds.set(feed.ended_us / 1e6);
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
    for (const pipeline of ["stream", "batch"] as const) {
      const values = (word: string) => named(word)?.[pipeline].values ?? {};
      const set = (gauge: Gauge<string>, ms: number | undefined, labels: Record<string, string> = { pipeline }) =>
        ms !== undefined && gauge.set(labels, ms / 1_000);
      for (const [quantile, name] of [
        ["0.5", "p50_ms"],
        ["0.99", "p99_ms"],
      ] as const) {
        const note = (family: Quantiled, word: string, labels: Record<string, string>) => {
          const ms = values(`${word}, last 5 minutes`)[name];
          if (ms !== undefined) this.#quantiles[family].set(labels, quantile, ms / 1_000);
        };
        note("tidemark_pipeline_latency_seconds", "pipeline latency", { pipeline });
        // Both pipelines share the feed and the log.
        if (pipeline === "batch") continue;
        note("tidemark_feed_latency_seconds", "feed latency", {});
        note("tidemark_ingest_latency_seconds", "ingest latency", {});
      }
      const { age_ms, perfect_ms } = values("age, now");
      set(g.tidemark_age_seconds, age_ms);
      set(g.tidemark_freshness_seconds, age_ms);
      set(g.tidemark_perfect_age_seconds, perfect_ms, {});
      set(g.tidemark_lag_seconds, values("lag, now").lag_ms);
      const { event_max_ms, machine_max_ms } = values("finality, last 5 minutes");
      set(g.tidemark_finality_seconds, event_max_ms, { pipeline, part: "event" });
      set(g.tidemark_finality_seconds, machine_max_ms, { pipeline, part: "machine" });
      const { share } = values("completeness, last 5 minutes");
      if (share !== undefined) g.tidemark_completeness_share.set({ pipeline }, share);
    }
    this.#costs(measures);
    const { run_id: _, ...outcomes } = agreement(this.sources) ?? {};
    for (const [outcome, windows] of Object.entries(outcomes))
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
