/** How old both answers were in the last five minutes: counted in the browser, bounded. */
import type { RunMark, StatusEvent } from "../../scripts/contract/page-events.ts";

/** At a moment of the server's clock; null: not known. */
export interface AgeSample {
  at_ms: number;
  stream_ms: number | null;
  batch_ms: number | null;
}

/** What ages follow from. */
export type AgeStatus = Pick<
  StatusEvent,
  "at_ms" | "mode" | "speed" | "exchange_ms" | "stream_newest_ms" | "batch_newest_ms"
>;

export const AGES_SPAN_MS = 300_000;
/** One per second and two per run; a server that sends more often drops the oldest. */
const SAMPLES_MAX = 1_000;
/** Runs are asked for over this many spans: the line begins with a run before its left edge. */
const RUNS_SPANS = 3;
/** After this long without a status the line is broken. */
const GAP_MS = 4_000;

/** The exchange's clock at a moment near a status; null: not known. */
function exchangeAt(status: AgeStatus, at_ms: number): number | null {
  const { exchange_ms, mode, speed } = status;
  if (exchange_ms === null) return null;
  if (mode === "replay" && speed === null) return at_ms === status.at_ms ? exchange_ms : null;
  return exchange_ms + (at_ms - status.at_ms) * (mode === "replay" ? speed! : 1);
}

/**
 * Event time from which the runs of the last five minutes are asked for, ms since 1970: a run's
 * answers are older than its end. Null while it is not known.
 */
export function runsFrom(status: AgeStatus): number | null {
  return exchangeAt(status, status.at_ms - RUNS_SPANS * AGES_SPAN_MS);
}

function ageOf(newest_ms: number | null, now_ms: number | null): number | null {
  return newest_ms === null || now_ms === null ? null : Math.max(0, now_ms - newest_ms);
}

export class AgeSamples {
  #samples: AgeSample[] = [];
  #last: AgeStatus | null = null;
  #is_filled = false;

  samples(): readonly AgeSample[] {
    return this.#samples;
  }

  clear(): void {
    this.#samples = [];
    this.#last = null;
    this.#is_filled = false;
  }

  /** A status; one that repeats the server's clock or turns it back is ignored or begins again. */
  add(status: AgeStatus): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && status.at_ms < last.at_ms - GAP_MS) this.clear();
    else if (last !== undefined && status.at_ms <= last.at_ms) return;
    const { at_ms } = status;
    if (last !== undefined && at_ms - last.at_ms > GAP_MS)
      this.#samples.push({ at_ms: last.at_ms + 1, stream_ms: null, batch_ms: null });
    const now_ms = exchangeAt(status, at_ms);
    this.#samples.push({
      at_ms,
      stream_ms: ageOf(status.stream_newest_ms, now_ms),
      batch_ms: ageOf(status.batch_newest_ms, now_ms),
    });
    this.#last = status;
    this.#bound(at_ms);
  }

  /** A run has ended now: the batch's age drops at that moment, not at the next status. */
  ran(newest_s: number, at_ms: number): void {
    const last = this.#last;
    const newest = this.#samples.at(-1);
    if (last === null || newest === undefined || at_ms <= newest.at_ms || at_ms - newest.at_ms > GAP_MS) return;
    const now_ms = exchangeAt(last, at_ms);
    if (now_ms === null) return;
    const stream_ms = ageOf(last.stream_newest_ms, now_ms);
    this.#samples.push({ at_ms, stream_ms, batch_ms: ageOf(last.batch_newest_ms, now_ms) });
    this.#samples.push({ at_ms: at_ms + 1, stream_ms, batch_ms: ageOf(newest_s * 1000, now_ms) });
    this.#last = { ...last, batch_newest_ms: newest_s * 1000 };
  }

  /** The batch's ages before the first status, from its runs; once. */
  fill(runs: readonly RunMark[]): void {
    const first = this.#samples[0];
    const status = this.#last;
    if (this.#is_filled || first === undefined || status === null) return;
    this.#is_filled = true;
    const from_ms = first.at_ms - AGES_SPAN_MS;
    const before = [...runs].sort((a, b) => a[1] - b[1]).filter(([, ended_s]) => ended_s * 1000 < first.at_ms);
    const points = before.flatMap(([, ended_s, newest_s], i): [number, number][] => {
      const ended_ms = ended_s * 1000;
      const former = before[i - 1];
      const drop: [number, number][] = former === undefined ? [] : [[ended_ms - 1, former[2] * 1000]];
      return [...drop, [ended_ms, newest_s * 1000]];
    });
    const filled = points
      .filter(([at_ms]) => at_ms >= from_ms)
      .map(([at_ms, newest_ms]) => ({
        at_ms,
        stream_ms: null,
        batch_ms: ageOf(newest_ms, exchangeAt(status, at_ms)),
      }));
    this.#samples.unshift(...filled);
    this.#bound(this.#samples.at(-1)!.at_ms);
  }

  #bound(now_ms: number): void {
    const kept = this.#samples.findIndex(({ at_ms }) => at_ms >= now_ms - AGES_SPAN_MS);
    // One before the edge, so that the line reaches it.
    const excess = Math.max(kept - 1, this.#samples.length - SAMPLES_MAX);
    if (excess > 0) this.#samples.splice(0, excess);
  }
}
