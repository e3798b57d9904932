/** What both pipelines cost, as measures, from what their processes note of themselves. */
import type { CostSeries } from "../../scripts/contract/cost-points.ts";
import { parseCostSeries } from "../../scripts/contract/cost-series.ts";
import type { Prices } from "../../scripts/contract/prices.ts";
import { RECENT_US } from "../../scripts/measure/cost-meter.ts";
import { agePriceOfEqualCost, equalCostSeconds, lineOfRuns, type RunLine } from "../../scripts/measure/equal-cost.ts";
import {
  type ChargedRun,
  type Cost,
  costOf,
  costOfRuns,
  type MachineCost,
  machineCost,
  type RunsCost,
  recent,
  type SpanCost,
  sinceStart,
  untilNewestTick,
  untilNewestTicks,
} from "../../scripts/measure/pipeline-cost.ts";
import { pricePerHour } from "../../scripts/measure/price-per-hour.ts";
import { ONLY_ON_LINUX } from "../../scripts/measure/process-cost.ts";
import { type Figure, type Measure, none } from "./figures.ts";
import { endText, type Moment } from "./measure-moment.ts";
import { ofStored } from "./runs.ts";
import type { Sources } from "./sources.ts";
import type { Status } from "./status.ts";

/** Newest runs that are read: at one a minute those of a day. */
const RUNS_READ = 1_500;
/** Of these the newest, for the line: its work grows with their square. */
const LINE_RUNS = 100;
const RUNS = `SELECT state, started_us, ended_us, ticks_new, history_new, cpu_seconds, read_bytes, written_bytes, peak_rss_bytes,
  queries_cpu_seconds, windows_cpu_seconds FROM runs WHERE state <> 'missed' AND state <> 'running' ORDER BY run_id DESC LIMIT $limit`;

/** What the processes of the path have noted; null: not there, or of an older version. */
type Noted = Record<"produce" | "stream" | "consume" | "schedule" | "serve", CostSeries | null>;

/** Each part in one span. */
interface Parts {
  produce: SpanCost | null;
  stream: SpanCost | null;
  consume: SpanCost | null;
  runs: RunsCost | null;
}

/** All measures of cost. */
export function costMeasures(moment: Moment, { feed, stages }: Status): Measure[] {
  const { sources, now_us } = moment;
  const hasEnded = moment.ended_us !== null;
  const noted: Noted = {
    produce: parseCostSeries(feed?.cost),
    stream: parseCostSeries(sources.windows.setting("cost")),
    consume: parseCostSeries(sources.ticks.setting("cost")),
    schedule: parseCostSeries(sources.schedule()?.cost),
    serve: sources.meter.series,
  };
  const { runs, line } = sources.metrics.once(`charged runs ${hasEnded}`, () => chargedRuns(sources, hasEnded));
  const disk = (names: string[]) =>
    stages.reduce((sum, { name, bytes }) => sum + (names.includes(name) ? bytes : 0), 0);
  const disks = { stream: disk(["stream"]), batch: disk(["consume", "batch"]) };
  const began_us = noted.consume?.started_us ?? runs.at(-1)?.started_us ?? 0;
  const span = { from_us: now_us - RECENT_US, to_us: now_us, began_us };
  const taken = (series: CostSeries | null) => (hasEnded ? untilNewestTick(series) : series);
  const live = partsOf(noted, (series) => recent(taken(series), now_us, hasEnded), costOfRuns(runs, span));
  const whole = partsOf(noted, (series) => sinceStart(taken(series)), costOfRuns(runs, { ...span, from_us: began_us }));
  const recently = pipelines("cost, last 5 minutes", live, disks, sources.prices, `${SAME}; ${ATTRIBUTION}`);
  return [
    hasEnded ? becauseEnded(recently, endText(moment)) : recently,
    pipelines("cost, since start", whole, disks, sources.prices, `${SAME}, ${SINCE}`),
    allMetrics(live, whole, disks.batch, sources.prices),
    machine(machineCost(noted, now_us), sources.energy.watts()),
    equalCost(live, line, sources.prices, hasEnded ? endText(moment) : NOT_BOTH),
  ];
}

/** The end is the reason why the last minutes have no figure. */
function becauseEnded({ stream, batch, ...measure }: Measure, why: string): Measure {
  const ended = (figure: Figure) => (figure.values === null ? none(why) : figure);
  return { ...measure, stream: ended(stream), batch: ended(batch) };
}

const SAME =
  "CPU time, bytes and memory that the system charges, per tick of the same span and at its rate; both answer windows by minute";
const SINCE = "since each process began, its start included, until the feed's end";
const ATTRIBUTION =
  "the figures are what one pipeline adds to the other: stream, or consume and the runs; total: produce, which both need, as well";

/** The runs, newest first, and the line through the newest of them. */
function chargedRuns(sources: Sources, hasEnded: boolean): { runs: ChargedRun[]; line: RunLine | string } {
  const stored = sources.results.all<ChargedRun>(ofStored(sources, RUNS), { limit: RUNS_READ });
  const runs = hasEnded ? untilNewestTicks(stored) : stored;
  return { runs, line: lineOfRuns(runs.slice(0, LINE_RUNS)) };
}

function partsOf(noted: Noted, span: (series: CostSeries | null) => SpanCost | null, runs: RunsCost | null): Parts {
  return { produce: span(noted.produce), stream: span(noted.stream), consume: span(noted.consume), runs };
}

function pipelines(
  word: string,
  { produce, stream, consume, runs }: Parts,
  disks: { stream: number; batch: number },
  prices: Prices | null,
  definition: string,
): Measure {
  const same = runs === null || runs.same_question_us === null ? null : { ...runs, cpu_us: runs.same_question_us };
  const why =
    runs !== null && same === null
      ? "its runs' queries were not measured one by one"
      : "no finished run with enough new ticks, without history";
  return {
    word,
    definition,
    stream: figureOf(
      [stream],
      produce,
      disks.stream,
      prices,
      "stream has not run for a slice of ten seconds, or took too few ticks",
    ),
    batch: figureOf(
      [consume, same],
      produce,
      disks.batch,
      prices,
      consume === null ? "consume has not run for a slice of ten seconds, or took too few ticks" : why,
    ),
  };
}

function allMetrics(
  { consume, runs, produce }: Parts,
  whole: Parts,
  disk_bytes: number,
  prices: Prices | null,
): Measure {
  const live = figureOf([consume, runs], produce, disk_bytes, prices, "no finished run with enough new ticks");
  const figure = live.values
    ? live
    : figureOf([whole.consume, whole.runs], whole.produce, disk_bytes, prices, live.note);
  const span = live.values ? "the last 5 minutes" : "since start";
  return {
    word: "cost, all metrics",
    definition: "the batch with every metric of its folder, which the stream does not answer: not comparable with it",
    stream: none("it answers windows only: see the rows above"),
    batch: figure.values ? { ...figure, note: [span, figure.note].filter(Boolean).join("; ") } : figure,
  };
}

function figureOf(
  parts: (SpanCost | null)[],
  produce: SpanCost | null,
  disk_bytes: number,
  prices: Prices | null,
  why: string,
): Figure {
  const own = costOf(parts);
  if (own === null) return none(why);
  const total = produce === null ? null : costOf([produce, ...parts]);
  const values: Record<string, number | null> = {
    ...shown(own),
    ticks: Math.min(...parts.map((part) => part?.ticks ?? 0)),
    disk_bytes,
    total_cpu_seconds_per_million_ticks: total?.cpu_seconds_per_million_ticks ?? null,
    price_per_hour: prices === null ? null : pricePerHour(own, disk_bytes, prices),
  };
  const known = Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== null);
  const missing = own.written_bytes_per_tick === null ? `not reported here: ${ONLY_ON_LINUX}` : "";
  return {
    values: Object.fromEntries(known),
    note: [total === null ? "without a total: produce is not measured" : "", missing].filter(Boolean).join("; "),
  };
}

function shown({ mean_rss_bytes: _, ...cost }: Cost): Record<string, number | null> {
  return cost;
}

function machine(cost: MachineCost | null, watts: number | string): Measure {
  const definition =
    "where the machine's CPU time went: each process with its children, the sampler, and unattributed, which is the rest: other programs, the system, a broker; now, also after the feed's end";
  const energy = typeof watts === "string" ? `energy ${watts}` : "power of all processors, not of a pipeline";
  const figure: Figure =
    cost === null
      ? none("no process has run for a slice of ten seconds, or the system does not report its CPU time")
      : {
          values: {
            span_seconds: cost.seconds,
            busy_cpu_seconds: cost.busy_s,
            ...Object.fromEntries(cost.processes.map(({ name, cpu_s }) => [`${name}_cpu_seconds`, cpu_s])),
            sampler_cpu_seconds: cost.sampler_s,
            unattributed_cpu_seconds: cost.unattributed_s,
            ...(typeof watts === "number" && { power_watts: watts }),
          },
          note: `the same machine for both; ${energy}`,
        };
  return { word: "cost, machine", definition, stream: figure, batch: figure };
}

const NOT_BOTH = "stream and consume have not both run for a slice of ten seconds";

/** `why`: stream and consume are not both measured. */
function equalCost({ stream, consume }: Parts, line: RunLine | string, prices: Prices | null, why: string): Measure {
  const batch: Figure =
    typeof line === "string"
      ? none(line)
      : {
          values: {
            run_cpu_seconds: line.fixed_s,
            cpu_seconds_per_million_ticks: line.per_tick_s * 1e6,
            runs: line.runs,
          },
          note: "of a run without new ticks, and of each tick in a run",
        };
  return { word: "equal cost", definition: EQUAL, stream: interval(), batch };

  function interval(): Figure {
    if (typeof line === "string") return none(line);
    if (stream === null || consume === null) return none(why);
    const cores = ({ cpu_us, seconds }: SpanCost) => cpu_us / 1e6 / seconds;
    const steady = {
      stream_cores: cores(stream),
      consume_cores: cores(consume),
      ticks_per_second: stream.ticks / stream.seconds,
    };
    const seconds = equalCostSeconds(steady, line);
    if (typeof seconds === "string") return none(seconds);
    const core_hour = prices?.core_hour ?? null;
    const age: Record<string, number> =
      core_hour === null ? {} : { age_price_per_hour: agePriceOfEqualCost(steady, line, core_hour / 3600) * 3600 };
    return { values: { interval_seconds: seconds, ticks_per_second: steady.ticks_per_second, ...age }, note: "" };
  }
}

const EQUAL =
  "T = c0 ÷ (stream − consume − c1 · rate): a batch every T seconds uses the stream's CPU time, a more frequent one more; age price: the stream wins when one second of age costs more per hour";
