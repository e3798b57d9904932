/** Whether Spark's watermarks follow from the log: greatest event time less one constant delay. */
import { formatDuration } from "../base/duration.ts";
import type { EngineModel, SparkTrace } from "./audit-types.ts";
import type { EngineLog } from "./engine-log.ts";
import { isAccepted } from "./engine-model.ts";

/** What a trace is worth beside the log. */
interface TraceCheck {
  /** Each watermark that can be checked is the one that Spark computes of the batches before. */
  follows: boolean;
  /** The delay has digits that nobody sets, so all watermarks may be shifted. */
  isOdd: boolean;
  /** Null: none of its watermarks depends on a record. */
  delay_us: number | null;
  /** The last watermark of a job that has read the whole log; never before the trace's last. */
  possible_us: number;
  /** For the report. */
  notes: string[];
}

/** Jobs that read one of several products only: more are not tried. */
const PRODUCTS_TRIED = 8;
/** Event times as the job may have cut them: milliseconds as Spark's watermark, or seconds. */
const UNITS_US = [1_000, 1_000_000];
/** A delay is a setting; one with other digits than these comes from a shifted trace. */
const DELAY_STEP_US = 10_000;
const US_PER_MS = 1_000;
const BATCHES_NAMED = 3;

/** Which records move the watermark, and the greatest event time of them by batch and of all. */
interface Reading {
  byBatch: Float64Array;
  /** The log lacks the job's first records: the topic no longer had them. */
  isCut: boolean;
  greatest_us: number;
}

interface Trial {
  delay_us: number | null;
  /** Batches whose watermark is another one. */
  wrong: number[];
  greatest_us: number;
}

const checks = new WeakMap<EngineLog, WeakMap<SparkTrace, TraceCheck>>();

/** Computed once per log and trace. */
export function checkTrace(log: EngineLog, trace: SparkTrace): TraceCheck {
  const known = checks.get(log) ?? new WeakMap<SparkTrace, TraceCheck>();
  checks.set(log, known);
  const check = known.get(trace) ?? resultOf(trace, bestTrial(log, trace));
  known.set(trace, check);
  return check;
}

/** Index of the batch that read each record: the first whose end is beyond it, or how many there are. */
export function batchOfEach(log: EngineLog, batches: SparkTrace["batches"]): Int32Array {
  const batch = new Int32Array(log.records.length);
  const next = new Map<number, number>();
  for (let i = 0; i < batch.length; i++) {
    const partition = log.partition[i]!;
    let at = next.get(partition) ?? 0;
    while (at < batches.length && (batches[at]!.ends.get(partition) ?? 0) <= log.offset[i]!) at++;
    next.set(partition, at);
    batch[i] = at;
  }
  return batch;
}

/** What reaches the watermark is the job's choice: refused records or not, one product or all. */
function bestTrial(log: EngineLog, trace: SparkTrace): Trial {
  const products = [-1, ...(log.products.length <= PRODUCTS_TRIED ? log.products.keys() : [])];
  const kinds: EngineModel["malformed"][] = ["skipped", "readable", "nulls"];
  const batch = batchOfEach(log, trace.batches);
  let best: Trial | null = null;
  for (const product of log.products.length > 1 ? products : [-1])
    for (const malformed of log.kind.some((kind) => kind !== 0) ? kinds : kinds.slice(0, 1)) {
      const reading = read(log, trace, batch, { malformed, product });
      for (const unit_us of UNITS_US) {
        const trial = tried(trace, reading, unit_us);
        if (trial.wrong.length === 0) return trial;
        if (best === null || trial.wrong.length < best.wrong.length) best = trial;
      }
    }
  return best!;
}

/** Of the records that such a job takes. `batch`: the index of each record's batch. */
function read(
  log: EngineLog,
  { batches, begins }: SparkTrace,
  batch: Int32Array,
  { malformed, product }: { malformed: EngineModel["malformed"]; product: number },
): Reading {
  const byBatch = new Float64Array(batches.length).fill(Number.NEGATIVE_INFINITY);
  const begun = new Set<number>();
  let greatest_us = Number.NEGATIVE_INFINITY;
  let isCut = false;
  for (let i = 0; i < log.records.length; i++) {
    const [partition, offset, time_us] = [log.partition[i]!, log.offset[i]!, log.time_us[i]!];
    if (!begun.has(partition) && offset > (begins.get(partition) ?? 0)) isCut = true;
    begun.add(partition);
    if (offset < (begins.get(partition) ?? 0) || (product !== -1 && log.product[i] !== product)) continue;
    if (Number.isNaN(time_us) || !isAccepted(log, { malformed }, i)) continue;
    if (time_us > greatest_us) greatest_us = time_us;
    const at = batch[i]!;
    if (at < batches.length && time_us > byBatch[at]!) byBatch[at] = time_us;
  }
  return { byBatch, isCut, greatest_us };
}

/** The delay that most watermarks have, and the batches that have another one. */
function tried({ batches }: SparkTrace, { byBatch, isCut, greatest_us }: Reading, unit_us: number): Trial {
  const delays = new Map<number, number[]>();
  const wrong: number[] = [];
  let latest_us = Number.NEGATIVE_INFINITY;
  for (const [at, { batch, watermark_ms }] of batches.entries()) {
    const isNext = at > 0 && batches[at - 1]!.batch === batch - 1;
    if (at > 0) latest_us = Math.max(latest_us, byBatch[at - 1]!);
    if (!isNext && batch !== 0) continue;
    const isFirst = latest_us === Number.NEGATIVE_INFINITY;
    if (isFirst && isCut) continue;
    if (isFirst !== (watermark_ms === 0)) wrong.push(batch);
    else if (!isFirst) {
      const delay_us = Math.floor(latest_us / unit_us) * unit_us - watermark_ms * US_PER_MS;
      delays.set(delay_us, [...(delays.get(delay_us) ?? []), batch]);
    }
  }
  const [most] = [...delays].sort((a, b) => b[1].length - a[1].length);
  const delay_us = most === undefined || most[0] < 0 ? null : most[0];
  const others = [...delays].flatMap(([delay, list]) => (delay === delay_us ? [] : list));
  return { delay_us, wrong: [...wrong, ...others].sort((a, b) => a - b), greatest_us };
}

function resultOf({ batches }: SparkTrace, { delay_us, wrong, greatest_us }: Trial): TraceCheck {
  const last_us = batches.reduce((last, { watermark_ms }) => Math.max(last, watermark_ms * US_PER_MS), 0);
  const isOdd = delay_us !== null && delay_us % DELAY_STEP_US !== 0;
  const hasNone = last_us === 0 && wrong.length > 0;
  const possible_us = hasNone
    ? last_us
    : Math.max(last_us, Math.floor((greatest_us - (delay_us ?? 0)) / US_PER_MS) * US_PER_MS);
  const named = wrong.slice(0, BATCHES_NAMED).join(", ");
  const delay = delay_us === null ? "" : formatDuration(delay_us);
  const notes: string[] = [];
  if (hasNone) notes.push("All watermarks of the trace are 0: they prove nothing about late ticks.");
  else if (wrong.length > 0)
    notes.push(
      `Watermarks of the trace that do not follow from the log: ${wrong.length} (batch ${named}). It proves nothing about late ticks.`,
    );
  else if (isOdd)
    notes.push(
      `Its watermarks are ${delay} behind the log, a delay that nobody sets: without --lateness they prove nothing.`,
    );
  else if (delay_us !== null) notes.push(`Its watermarks follow from the log: the greatest event time less ${delay}.`);
  if (possible_us > last_us && !hasNone)
    notes.push("Records of the log would move the watermark beyond the trace's last: batches may be missing in it.");
  return { follows: wrong.length === 0, isOdd, delay_us, possible_us, notes };
}
