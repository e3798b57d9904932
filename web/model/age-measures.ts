/** Age and lag of both pipelines: now, over the last five minutes, and since start. */
import { nowUs } from "../../scripts/base/clock.ts";
import { isoSecondFromUs } from "../../scripts/base/iso.ts";
import { type AnswerSample, SAMPLE_US } from "../../scripts/contract/measures.ts";
import { type Ages, ageAt, ages } from "../../scripts/measure/age.ts";
import { thinnedStepUs, thinnedUntil } from "../../scripts/measure/answer-sampler.ts";
import { batchSamples, waitingBySamples } from "../../scripts/measure/batch-answers.ts";
import { lagAt, lags } from "../../scripts/measure/lag.ts";
import { stoppedSteps } from "../../scripts/measure/stopped-steps.ts";
import { both, type Figure, figure, type Measure, ms, none } from "./figures.ts";
import { newestSample } from "./kept-measures.ts";
import { endText, type Moment, ofClock, perSpan, runsMissing, type Span, whyNone } from "./measure-moment.ts";
import { offsets } from "./stage-states.ts";

const AGE =
  "exchange time now − event time of the newest tick in the answer, of this product; perfect: of an answer with every tick at its receipt";
const LAG = "now − receipt of the oldest received tick that the answer lacks, of this product; 0 if it lacks none";
const NO_SAMPLE = "the stream kept no sample of this product";
/** A window with a skewed tick may end with it, which is not in the age. */
const NEWEST_WINDOW = `SELECT close_time_us FROM windows WHERE product_id = $product AND size_us = $size_us AND skewed = 0
  ORDER BY window_start_us DESC LIMIT 1`;
/** A running stream has written its newest sample this recently. */
const FRESH_US = 4 * SAMPLE_US;

export function ageMeasures(moment: Moment): Measure[] {
  // Once, so that both are of one moment.
  const now = moment.missing === null ? sampleNow(moment) : null;
  return [
    { word: "age, now", definition: AGE, stream: streamAge(moment, now), batch: batchAge(moment, now) },
    ...perSpan(moment, "age", AGE, (span) => ofBoth(moment, span, ageFigure)),
  ];
}

export function lagMeasures(moment: Moment): Measure[] {
  return [
    {
      word: "lag, now",
      definition: LAG,
      stream: lagNow(moment, streamWaiting(moment)),
      batch: lagNow(moment, runsMissing(moment) ?? batchWaiting(moment)),
    },
    ...perSpan(moment, "lag", LAG, (span) => lagsOfBoth(moment, span)),
  ];
}

/** Receipt of the oldest tick that each reader lacks, microseconds since 1970 UTC; null: it lacks none. */
export type Lacking = Record<"stream" | "consume" | "batch", number | null | undefined>;

/** Undefined: it is not known. */
export function lacking(moment: Moment): Lacking {
  const known = (waiting_us: number | null | string) => (typeof waiting_us === "string" ? undefined : waiting_us);
  return {
    stream: known(streamWaiting(moment)),
    consume: inLog(moment, "consume", offsets(moment.sources.ticks)),
    batch: runsMissing(moment) === null ? known(batchWaiting(moment)) : undefined,
  };
}

/** Event time of the newest tick in each answer, microseconds since 1970 UTC; null before the first. */
export function newestTimes(moment: Moment): { stream_us: number | null; batch_us: number | null } {
  const now = moment.missing === null ? sampleNow(moment) : null;
  return {
    stream_us: now?.answer_us ?? null,
    batch_us: moment.runs.at(-1)?.snapshot.newest_us[moment.selection.product] ?? null,
  };
}

/** How old the stream's answer is now, which is null before its first. */
function streamAge(moment: Moment, now: AnswerSample | null): Figure {
  if (moment.missing !== null) return none(moment.missing);
  return now === null ? none("the stream has no answer for this product yet") : ageNow(moment, now);
}

function batchAge(moment: Moment, now: AnswerSample | null): Figure {
  const missing = runsMissing(moment);
  if (missing !== null) return none(missing);
  const { runs, selection } = moment;
  const unknown = {
    at_us: nowUs(),
    product_id: selection.product,
    answer_us: null,
    received_us: null,
    waiting_us: null,
  };
  return ageNow(moment, batchSamples([now ?? unknown], runs, selection.product, null)[0] ?? unknown);
}

function ageNow(moment: Moment, sample: AnswerSample): Figure {
  const { clock, isReplay } = moment;
  if (typeof clock === "string") return none(clock);
  if (isReplay && endText(moment) !== "") return none(endText(moment));
  const age = ageAt(sample, clock);
  if (age === null) return none("there is no answer for this product yet");
  return figure({ age_ms: ms(age.age_us), perfect_ms: ms(age.perfect_us) }, [
    ofClock(moment, "recording time"),
    endText(moment),
  ]);
}

/**
 * The stream's answer now: that of its newest sample, or of a window that it committed since. What
 * was received is known if nothing waits, or by a sample that is new.
 */
function sampleNow(moment: Moment): AnswerSample | null {
  const { sources, selection } = moment;
  const { product, size } = selection;
  const newest = newestSample(sources.windows, product);
  const window = sources.windows.get<{ close_time_us: number }>(NEWEST_WINDOW, { product, size_us: size.us });
  const answers = [newest?.answer_us, window?.close_time_us].filter((us) => us != null);
  if (answers.length === 0) return null;
  const answer_us = Math.max(...answers);
  const waiting_us = streamWaiting(moment);
  const at_us = nowUs();
  const isFresh = newest !== null && at_us - newest.at_us < FRESH_US;
  const known_us = waiting_us === null ? answer_us : isFresh ? newest.received_us : null;
  const received_us = known_us === null ? null : Math.max(known_us, answer_us);
  return { at_us, product_id: product, answer_us, received_us, waiting_us: null };
}

/**
 * At equal steps: since start those that the thinning leaves, and of newer ones as many. Up to the
 * span's end, also if the stream has stopped.
 */
function samplesIn(moment: Moment, span: Span): AnswerSample[] {
  const { from_us, to_us } = span;
  const step_us = stepUs(moment, span);
  const kept = moment.samples().filter(({ at_us }) => at_us > from_us && at_us <= to_us && at_us % step_us === 0);
  const newest = stoppedAt(moment);
  if (newest === null) return kept;
  const waiting = streamWaiting(moment);
  const waiting_us = typeof waiting === "string" ? undefined : waiting;
  return [...kept, ...stoppedSteps(newest, waiting_us, { from_us, to_us, step_us })];
}

function stepUs({ now_us, ended_us }: Moment, { label, from_us }: Span): number {
  return label === "since start" ? thinnedStepUs(from_us, thinnedUntil(now_us, ended_us)) : SAMPLE_US;
}

/** A maximum in milliseconds; null of steps longer than a sample's: between them it is not known. */
function maxMs(moment: Moment, span: Span, max_us: number): number | null {
  return stepUs(moment, span) > SAMPLE_US ? null : max_us / 1_000;
}

/** The newest sample of a stream that has stopped; null while it runs, and before its first. */
function stoppedAt({ now_us, ...moment }: Moment): AnswerSample | null {
  const newest = moment.samples().at(-1);
  return newest === undefined || now_us - newest.at_us < FRESH_US ? null : newest;
}

function lagsOfBoth(moment: Moment, span: Span) {
  const unknown = moment.missing === null ? stoppedUnknown(moment, span) : null;
  return unknown === null ? ofBoth(moment, span, lagFigure) : both(none(unknown));
}

/** Why it is not known what waited at steps that a stopped stream has not sampled; null if it is. */
function stoppedUnknown(moment: Moment, { to_us }: Span): string | null {
  const newest = stoppedAt(moment);
  if (newest === null || newest.at_us + SAMPLE_US > to_us) return null;
  const waiting = streamWaiting(moment);
  return typeof waiting === "string" ? waiting : null;
}

function ofBoth(moment: Moment, span: Span, figureOf: (moment: Moment, span: Span, samples: AnswerSample[]) => Figure) {
  const { missing, runs, selection } = moment;
  if (missing !== null) return both(none(missing));
  const stream = samplesIn(moment, span);
  const waiting = batchWaiting(moment);
  const batch = batchSamples(stream, runs, selection.product, typeof waiting === "string" ? null : waiting);
  const isFirst = batch.length === 0 && stream.length > 0;
  const no_run = runsMissing(moment) ?? (isFirst ? "no sample yet since the first run ended" : null);
  return {
    stream: figureOf(moment, span, stream),
    batch: no_run === null ? figureOf(moment, span, batch) : none(no_run),
  };
}

/**
 * A replay's clock runs since its exchange's first heartbeat, not since `produce` began: before that
 * another one ran, so those samples are left out. `note`: from when on they count; "" if none of the
 * others had an answer.
 */
function ofThisReplay({ isReplay, feed }: Moment, of: AnswerSample[]): { own: AnswerSample[]; note: string } {
  const began_us = isReplay && feed !== null ? (feed.replay?.since_us ?? feed.run_started_us) : 0;
  const isCut = of.some(({ at_us, answer_us }) => at_us < began_us && answer_us !== null);
  const note = isCut ? `since the replay’s clock began at ${isoSecondFromUs(began_us)}` : "";
  return { own: of.filter(({ at_us }) => at_us >= began_us), note };
}

function ageFigure(moment: Moment, span: Span, of: AnswerSample[]): Figure {
  const { clock } = moment;
  if (typeof clock === "string") return none(clock);
  const { own, note } = ofThisReplay(moment, of);
  const found = ages(own, clock);
  if (found === null && note !== "") return none(`there is no sample with an answer ${note}`);
  if (found === null)
    return none(of.length > 0 ? "there was no answer for this product" : whyNone(moment, span, NO_SAMPLE));
  const { age, perfect_mean_us } = found;
  return {
    ...figure(
      {
        mean_ms: age.mean / 1_000,
        p50_ms: ms(age.p50),
        p90_ms: ms(age.p90),
        p99_ms: ms(age.p99),
        max_ms: maxMs(moment, span, age.max),
        perfect_mean_ms: ms(perfect_mean_us),
        samples: age.samples,
      },
      [ofClock(moment, "recording time"), note, until(moment)],
    ),
    curve: curveOf(found),
  };
}

function curveOf({ curve }: Ages): [number, number][] {
  return curve.map(([above_us, share]) => [above_us / 1_000, share]);
}

function lagFigure(moment: Moment, span: Span, of: AnswerSample[]): Figure {
  const lag = lags(of);
  if (lag === null) return none(whyNone(moment, span, NO_SAMPLE));
  const { mean, p50, p99, max, samples } = lag;
  const max_ms = maxMs(moment, span, max);
  const notes = [ofClock(moment, "wall time"), until(moment)];
  return figure({ mean_ms: mean / 1_000, p50_ms: ms(p50), p99_ms: ms(p99), max_ms, samples }, notes);
}

/** A span that the feed's end has cut. */
function until(moment: Moment): string {
  return moment.ended_us === null ? "" : `until ${endText(moment)}`;
}

function lagNow(moment: Moment, waiting_us: number | null | string): Figure {
  if (typeof waiting_us === "string") return none(waiting_us);
  if (waiting_us === null && endText(moment) !== "") return none(`${endText(moment)}, and nothing waits`);
  // Now is later than the receipt that was just read.
  return figure({ lag_ms: lagAt({ at_us: nowUs(), waiting_us }) / 1_000 }, [
    ofClock(moment, "wall time"),
    endText(moment),
  ]);
}

/** Receipt of the oldest tick that the stream's answer lacks; null: none; text: why it is not known. */
function streamWaiting(moment: Moment): number | null | string {
  const { sources, selection, now_us } = moment;
  if (sources.windows.db === null) return "the stream has not run yet";
  const asked = inLog(moment, "stream", offsets(sources.windows));
  if (asked !== undefined) return asked;
  if (moment.missing !== null) return moment.missing;
  const newest = newestSample(sources.windows, selection.product);
  if (newest === null) return "the stream has no answer for this product yet";
  if (now_us - newest.at_us < FRESH_US) return newest.waiting_us;
  return `the stream has kept no sample since ${isoSecondFromUs(newest.at_us)}, and its first waiting tick was not found: only an embedded log is read, 10,000 records at a time`;
}

function batchWaiting(moment: Moment): number | null | string {
  const { selection, runs, missing } = moment;
  const newest = runs.at(-1)?.snapshot;
  if (newest === undefined) return null;
  const positions = new Map(Object.entries(newest.positions).map(([partition, next]) => [Number(partition), next]));
  const asked = inLog(moment, "batch", positions);
  if (asked !== undefined) return asked;
  if (missing !== null) return missing;
  return waitingBySamples(moment.samples(), newest.newest_us[selection.product] ?? null);
}

/** From the log; undefined if it is not read here. */
function inLog({ sources, selection }: Moment, reader: string, positions: Map<number, number>) {
  return sources.log.firstTick?.(reader, positions, selection.product)?.received_us;
}
