/** What `produce` measures of the feed for feed.json: latencies by slice, and the exchange's clock. */
import { monotonicMs, nowUs } from "../base/clock.ts";
import { sentence } from "../base/errors.ts";
import { TIME_WAITS_MS } from "../base/limits.ts";
import { pause } from "../base/wait.ts";
import { type ClockOffset, type Histograms, SLICE_US, SLICES_KEPT } from "../contract/measures.ts";
import { exchangeTime } from "../feed/index.ts";
import { mergedByName } from "../measure/buckets.ts";
import { OffsetInterval } from "../measure/clock-offset.ts";
import { SliceHistograms } from "../measure/slices.ts";
import { StampDrift } from "../measure/stamp-drift.ts";

/** Our clock was set if it moves by more against the monotonic one within a second. */
const SET_MS = 2;

export class FeedMeasures {
  readonly #counting: SliceHistograms;
  readonly #feed;
  readonly #slices = new Map<number, Histograms>();
  readonly #interval = new OffsetInterval();
  readonly #drift = new StampDrift();
  #failed = 0;
  #failure: string | null = null;
  #between_ms = Number.NaN;
  #set = new AbortController();

  /** `rest_url`: of the exchange. `kind`: a replay's stamps are not of a clock that runs beside ours. */
  constructor(
    private readonly rest_url: string,
    private readonly kind: "live" | "replay",
    started_us: number,
  ) {
    this.#counting = new SliceHistograms(started_us);
    this.#feed = this.#counting.of("feed");
  }

  /** Counts the latency of a trade that was received at `received_us`; microseconds, with its sign. */
  latency(latency_us: number, received_us: number): void {
    this.#counting.at(received_us);
    this.#feed.add(latency_us);
    if (this.kind === "live") this.#drift.note(received_us, latency_us);
  }

  /** Asks for the exchange's time until the signal. A failure is kept for feed.json; it never rejects. */
  async askTimes(signal: AbortSignal): Promise<void> {
    for (let asked = 0; ; asked++) {
      await pause(TIME_WAITS_MS[asked] ?? TIME_WAITS_MS.at(-1)!, AbortSignal.any([signal, this.#set.signal]));
      if (signal.aborted) return;
      if (this.#set.signal.aborted) {
        this.#set = new AbortController();
        asked = 0;
      }
      await this.#ask(signal);
    }
  }

  /** The fields of feed.json. Call once a second: it also notices that our clock was set. */
  fields() {
    this.#checkClock();
    const clock_offset: ClockOffset | null = this.#interval.offset;
    return { measures: this.#text(nowUs()), clock_offset, time_failed: this.#failed, time_failure: this.#failure };
  }

  async #ask(signal: AbortSignal): Promise<void> {
    try {
      const answer = await exchangeTime(this.rest_url, signal);
      if (!this.#interval.take(answer, this.#drift.drift())) this.#drift.begin();
      this.#failure = null;
    } catch (error) {
      if (signal.aborted) return;
      this.#failed++;
      this.#failure = sentence(error);
    }
  }

  #checkClock(): void {
    const before_ms = monotonicMs();
    const between_ms = nowUs() / 1_000 - before_ms;
    // A process that was paused between the two readings would measure its own pause.
    if (monotonicMs() - before_ms > SET_MS / 4) return;
    if (Math.abs(between_ms - this.#between_ms) > SET_MS) {
      this.#interval.begin();
      this.#drift.begin();
      this.#set.abort();
    }
    this.#between_ms = between_ms;
  }

  /** The newest slices and the sum of all since the start (0), as JSON. */
  #text(now_us: number): string {
    const counted = this.#counting.unstored(now_us, true);
    for (const { slice_us, histograms } of counted)
      this.#slices.set(slice_us, mergedByName([this.#slices.get(slice_us) ?? {}, histograms]));
    this.#counting.stored(counted);
    for (const slice_us of this.#slices.keys()) {
      const isKept = slice_us > now_us - SLICES_KEPT * SLICE_US && slice_us <= now_us;
      if (slice_us > 0 && !isKept) this.#slices.delete(slice_us);
    }
    const slices = [...this.#slices].sort(([a], [b]) => a - b);
    return JSON.stringify(slices.map(([slice_us, histograms]) => ({ slice_us, histograms })));
  }
}
