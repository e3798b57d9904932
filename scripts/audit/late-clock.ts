/** Watermarks recomputed record by record: from Spark's trace, or from a clock of the engine's kind. */
import type { LatenessModel, SparkTrace } from "./audit-types.ts";
import { type EngineLog, KIND } from "./engine-log.ts";
import { type Clock, type Engine, isAccepted, NO_CLOCK } from "./engine-model.ts";
import { batchOfEach, checkTrace } from "./late-trace.ts";

/** Where a clock was lost: the first offset that was read after it, by partition. */
export interface Restart {
  partition: number;
  offset: number;
  /** Whether closed windows were forgotten too, so that a tick opens an empty one. */
  forgets: boolean;
}

const US_PER_MS = 1_000;

/** The clock of a model; the suffix rule has none, since it is decided window by window. */
export function clockOf(log: EngineLog, engine: Engine, lag: 0 | 1, restarts: readonly Restart[] = []): Clock {
  const { lateness } = engine;
  if (lateness.kind === "trace") return traceClock(log, lateness.trace, lag);
  if (lateness.kind === "each_record") return recordClock(log, engine, lateness, restarts);
  return NO_CLOCK;
}

/** Engines that differ in what they count share a trace's clocks, one for each lag. */
const traceClocks = new WeakMap<EngineLog, WeakMap<SparkTrace, [Clock?, Clock?]>>();

function traceClock(log: EngineLog, trace: SparkTrace, lag: 0 | 1): Clock {
  const ofLog = traceClocks.get(log) ?? new WeakMap<SparkTrace, [Clock?, Clock?]>();
  traceClocks.set(log, ofLog);
  const byLag = ofLog.get(trace) ?? [];
  ofLog.set(trace, byLag);
  byLag[lag] ??= clockOfTrace(log, trace, lag);
  return byLag[lag];
}

/**
 * Spark's: from 3.4 on a record is late by the watermark of the batch before its own (`lag` 1), until
 * then by that of its own.
 * Unknown: records beside a batch that the trace lacks, before its first, between, or after its last.
 */
function clockOfTrace(log: EngineLog, trace: SparkTrace, lag: 0 | 1): Clock {
  const { batches } = trace;
  const n = log.records.length;
  const at_us = new Float64Array(n);
  const batch = new Int32Array(n).fill(-1);
  const last_us = batches.reduce((last, { watermark_ms }) => Math.max(last, watermark_ms * US_PER_MS), 0);
  const isWhole = (batches[0]?.batch ?? 0) === 0;
  for (const [i, at] of batchOfEach(log, batches).entries()) {
    // After the last batch no watermark is lower than its own.
    if (at === batches.length) at_us[i] = log.time_us[i]! < last_us ? last_us : Number.NaN;
    else if (at === 0 ? !isWhole : batches[at - 1]!.batch !== batches[at]!.batch - 1) at_us[i] = Number.NaN;
    else {
      batch[i] = at;
      const judged = at - lag;
      at_us[i] = judged < 0 ? Number.NEGATIVE_INFINITY : batches[judged]!.watermark_ms * US_PER_MS;
    }
  }
  const { possible_us } = checkTrace(log, trace);
  return { at_us, delay_us: 0, batch, forgotten: [], last_us: () => last_us, possible_us: () => possible_us };
}

/** Greatest times seen, this record's too: the clock of Kafka Streams, plain Python, Tidemark. */
interface Marks {
  at_us: Float64Array;
  last_us: ReadonlyMap<number, number>;
}

/** Marks do not depend on the delay, so all delays share them. */
const marksOf = new WeakMap<EngineLog, Map<string, Marks>>();

function recordClock(
  log: EngineLog,
  engine: Engine,
  { delay_us, scope }: Extract<LatenessModel, { kind: "each_record" }>,
  restarts: readonly Restart[],
): Clock {
  const known = marksOf.get(log) ?? new Map<string, Marks>();
  marksOf.set(log, known);
  const isShared = restarts.length === 0 && engine.begins.size === 0;
  const key = `${scope} ${engine.malformed}`;
  const marks = (isShared ? known.get(key) : undefined) ?? recordMarks(log, engine, scope, restarts);
  if (isShared) known.set(key, marks);
  const unbroken = restarts.some(({ forgets }) => forgets) ? recordMarks(log, engine, scope, []) : null;
  const all = marks.last_us.values().reduce((last, one) => Math.max(last, one), Number.NEGATIVE_INFINITY);
  const last_us = (product: number) => (product === -1 ? all : (marks.last_us.get(product) ?? all)) - delay_us;
  const forgotten = restarts
    .filter(({ forgets }) => forgets)
    .map(({ partition, offset }) => {
      const before = log.offset.findLastIndex((at, i) => at < offset && log.partition[i] === partition);
      return {
        partition,
        offset,
        closed_us: before === -1 ? Number.NEGATIVE_INFINITY : unbroken!.at_us[before]! - delay_us,
      };
    });
  return { at_us: marks.at_us, delay_us, batch: null, forgotten, last_us, possible_us: last_us };
}

function recordMarks(
  log: EngineLog,
  engine: Engine,
  scope: "product" | "partition",
  restarts: readonly Restart[],
): Marks {
  const at_us = new Float64Array(log.records.length).fill(Number.NEGATIVE_INFINITY);
  const marks = new Map<number, number>();
  const last_us = new Map<number, number>();
  const clocks = new Map<number, Set<number>>();
  const lost = Map.groupBy(restarts, ({ partition }) => partition);
  for (const list of lost.values()) list.sort((a, b) => a.offset - b.offset);
  for (let i = 0; i < at_us.length; i++) {
    const partition = log.partition[i]!;
    const product = log.product[i]!;
    if (log.offset[i]! < (engine.begins.get(partition) ?? 0)) continue;
    const key = scope === "product" ? product : partition;
    if (restarts.length > 0) {
      const waiting = lost.get(partition);
      for (; waiting?.length && waiting[0]!.offset <= log.offset[i]!; waiting.shift())
        for (const one of clocks.get(partition) ?? []) marks.delete(one);
      clocks.set(partition, (clocks.get(partition) ?? new Set()).add(key));
    }
    let mark_us = marks.get(key) ?? Number.NEGATIVE_INFINITY;
    if (isAccepted(log, engine, i)) {
      const time_us = log.time_us[i]!;
      if (time_us > mark_us) {
        mark_us = time_us;
        marks.set(key, mark_us);
      }
    }
    if (mark_us > (last_us.get(product) ?? Number.NEGATIVE_INFINITY)) last_us.set(product, mark_us);
    at_us[i] = mark_us;
  }
  return { at_us, last_us };
}

/** The greatest event time of a tick before each record: no watermark can have been beyond it. */
export function latestBefore(log: EngineLog): Float64Array {
  const latest = new Float64Array(log.records.length);
  let mark_us = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < latest.length; i++) {
    latest[i] = mark_us;
    if (log.kind[i] === KIND.tick && log.time_us[i]! > mark_us) mark_us = log.time_us[i]!;
  }
  return latest;
}
