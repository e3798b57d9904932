/** The table of words for both pipelines (design.md "What is measured"): each figure with its definition, measured in this run, or with the reason why there is none. */
import type { Feed, Sources } from "./sources.ts";
import type { Run, Stage, Status } from "./status.ts";

export interface Figure {
  /** What a machine reads; units are in the name. Null when it isn't measured. */
  values: Record<string, number> | null;
  /** Why not, when there are none; otherwise what else to know. */
  note: string;
}

export interface Word {
  word: string;
  definition: string;
  stream: Figure;
  batch: Figure;
}

/** What the answers of both sides are about. */
export interface Answers {
  /** Event time of the newest tick in the stream's windows, microseconds. */
  stream_newest_us: number | null;
  /** Ticks counted in closed windows that the batch has too, on both sides. */
  completeness: { windows: number; stream_ticks: number; batch_ticks: number } | null;
}

export function comparison(sources: Sources, state: Status, feed: Feed | null, answers: Answers): Word[] {
  const run = lastDone(sources);
  const agreement = agreementOf(sources);
  return [
    feedLatency(feed),
    pipelineLatency(sources, run),
    freshness(sources, feed, answers, run),
    finality(sources),
    completeness(answers),
    {
      word: "agreement",
      definition:
        "windows equal in every column ÷ windows compared; explained: different by precisely their late ticks; unexplained: must be zero",
      stream: agreement
        ? { values: { compared: agreement.compared, equal: agreement.equal }, note: "" }
        : none("no reconciliation has run yet"),
      batch: agreement
        ? {
            values: { explained: agreement.explained, unexplained: agreement.unexplained, pending: agreement.pending },
            note: "",
          }
        : none("no reconciliation has run yet"),
    },
    cost(state.stages),
  ];
}

/** Counts of the newest reconciliation; null before the first. */
export function agreementOf(
  sources: Sources,
): { compared: number; equal: number; explained: number; unexplained: number; pending: number; run_id: number } | null {
  return sources.results.get("SELECT * FROM reconciliation ORDER BY run_id DESC LIMIT 1");
}

/** The newest batch run that gave answers. */
export function lastDone(sources: Sources): Run | null {
  return sources.results.get<Run>("SELECT * FROM runs WHERE state = 'done' ORDER BY run_id DESC LIMIT 1");
}

function none(note: string): Figure {
  return { values: null, note };
}

function feedLatency(feed: Feed | null): Word {
  const definition = "our receipt of a message − the exchange's time in it; negative when the clocks differ so";
  const { latency_p50_ms: p50_ms, latency_p99_ms: p99_ms } = feed ?? {};
  const figure =
    typeof p50_ms === "number" && typeof p99_ms === "number"
      ? { values: { p50_ms, p99_ms }, note: "the same feed for both" }
      : none("no fresh trade has come in this run");
  return { word: "feed latency", definition, stream: figure, batch: figure };
}

function pipelineLatency(sources: Sources, run: Run | null): Word {
  const stream = percentiles(sources, "pipeline");
  return {
    word: "pipeline latency",
    definition:
      "the commit of the answer that includes a tick − our receipt of the tick (the log's append); for the batch, a run's own time is the least it can be",
    stream: stream
      ? { values: stream, note: "upper bounds: buckets grow by a fifth" }
      : none("no tick has been committed in this run"),
    batch:
      run?.seconds == null
        ? none("no run has ended yet")
        : {
            values: { run_ms: run.seconds * 1000 },
            note: "whole process of the newest run; waiting for its turn comes on top",
          },
  };
}

/** Now − event time of the newest tick in an answer, by the exchange's clock. */
export function age(sources: Sources, feed: Feed | null, newest_us: number | null): Figure {
  if (newest_us === null) return none("no answer yet");
  const now_us = sources.exchangeNowUs(feed);
  if (now_us === null) return none("the replay's clock isn't known: it plays as fast as it can");
  const replay = sources.mode === "replay";
  const note = replay && feed?.state === "ended" ? AT_REST : replay ? "by the recording's own clock" : "";
  return { values: { age_ms: (now_us - newest_us) / 1000 }, note };
}

/** The note of an answer that can't grow older: the recording has ended. */
export const AT_REST = "the recording has ended: at rest";

function freshness(sources: Sources, feed: Feed | null, answers: Answers, run: Run | null): Word {
  return {
    word: "freshness",
    definition: "now − event time of the newest tick in the answer; in a replay, now is the recording's clock",
    stream: age(sources, feed, answers.stream_newest_us),
    batch: age(sources, feed, run?.newest_time_us ?? null),
  };
}

function finality(sources: Sources): Word {
  const definition = "the commit of a window's final row − the window's end; allowed lateness is part of it";
  const replayed = sources.mode === "replay";
  const stream = replayed ? null : percentiles(sources, "finality");
  return {
    word: "finality",
    definition,
    stream: stream
      ? { values: stream, note: "" }
      : none(replayed ? "a recording's windows ended long ago" : "no window has closed in this run"),
    batch: none("a batch has no final answer: the next run includes every late tick"),
  };
}

function completeness({ completeness: c }: Answers): Word {
  const definition = "ticks in the answer ÷ ticks in the store, over the closed windows that both have";
  if (c === null || c.batch_ticks === 0)
    return {
      word: "completeness",
      definition,
      stream: none("no closed window is in a batch yet"),
      batch: none("no closed window is in a batch yet"),
    };
  return {
    word: "completeness",
    definition,
    stream: {
      values: { share: c.stream_ticks / c.batch_ticks, ticks: c.stream_ticks },
      note: `${c.windows} windows; late ticks are in revisions, not in final rows`,
    },
    batch: { values: { share: 1, ticks: c.batch_ticks }, note: "it reads the store itself" },
  };
}

function cost(stages: Stage[]): Word {
  const of = (names: Stage["name"][]): Figure => {
    const mine = stages.filter((stage) => names.includes(stage.name) && stage.records > 0);
    if (mine.length === 0) return none("nothing has run yet");
    const per_million = mine.reduce((sum, stage) => sum + (stage.cpu_seconds / stage.records) * 1e6, 0);
    return {
      values: {
        cpu_seconds_per_million_ticks: per_million,
        peak_rss_bytes: Math.max(...mine.map((stage) => stage.peak_rss_bytes)),
        disk_bytes: mine.reduce((sum, stage) => sum + stage.bytes, 0),
      },
      note: `${mine.map((stage) => stage.name).join(" + ")}, so far: start-up and waiting included; \`bench\` measures it under load`,
    };
  };
  return {
    word: "cost",
    definition:
      "CPU-seconds per million ticks, peak resident memory of the largest process, bytes on disk, of the processes that this pipeline needs",
    stream: of(["stream"]),
    batch: of(["consume", "batch"]),
  };
}

/** p50 and p99 of one of the stream's latencies, from its buckets (upper bounds, microseconds). */
export function percentiles(sources: Sources, name: string): { p50_ms: number; p99_ms: number } | null {
  const buckets = sources.windows.all<{ bucket: number; count: number }>(
    "SELECT bucket, count FROM latencies WHERE name = $name ORDER BY bucket",
    { name },
  );
  const total = buckets.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return null;
  const at = (share: number) => {
    let left = Math.ceil(total * share);
    const reached = buckets.find(({ count }) => {
      left -= count;
      return left <= 0;
    });
    return (reached ?? buckets.at(-1)!).bucket / 1000;
  };
  return { p50_ms: at(0.5), p99_ms: at(0.99) };
}
