/** Counts and latencies of the feed, for `--json` and feed.json. */
import { nowUs } from "../base/clock.ts";
import { FEED_AHEAD_US_MAX, FEED_EXAMPLE_BYTES, FEED_LATENCIES_MAX } from "../base/limits.ts";
import { printable } from "../base/printable.ts";

export class FeedFigures {
  state: "connecting" | "connected" | "reconnecting" | "ended" = "connecting";
  ticks = 0;
  reconnects = 0;
  outages = 0;
  incomplete = 0;
  ignored = 0;
  garbled = 0;
  /** The newest frame that some reader of the topic could not decode. */
  newest_garbled: { reason: string; example: string; first_us: number; last_us: number } | null = null;
  heartbeats = 0;
  /** The socket is not read, because the log is slow. */
  paused = false;
  /** When the newest frame came, microseconds since 1970 UTC; so are all times here. */
  last_frame_us = 0;
  /** The newest event time of an accepted trade. */
  newest_us = 0;
  /** When the newest trade came, and how many connections were lost before it. */
  last_tick_us = 0;
  #reconnects_at_tick = 0;
  /** Of a replay only: null is as fast as possible, undefined is not known yet. */
  #speed: number | null | undefined;
  #clock = { us: 0, as_of_us: 0 };
  readonly #latencies = new Float64Array(FEED_LATENCIES_MAX);
  #measured = 0;

  /** A subscription was acknowledged; a replay sends its speed with it. */
  connected(replay: unknown): void {
    this.state = "connected";
    const speed = (replay as { speed?: unknown } | undefined)?.speed;
    this.#speed = typeof speed === "number" && speed > 0 ? speed : speed === null ? null : undefined;
    this.#clock = { us: 0, as_of_us: 0 };
  }

  lost(): void {
    this.state = "reconnecting";
  }

  heartbeat(time_us: number | null): void {
    this.heartbeats++;
    if (time_us !== null) this.#clock = { us: time_us, as_of_us: this.last_frame_us };
  }

  /** A frame was put into the log within an envelope. */
  garbledFrame(reason: string, frame: Uint8Array): void {
    this.garbled++;
    const example = printable(Buffer.from(frame.subarray(0, 2 * FEED_EXAMPLE_BYTES)).toString(), FEED_EXAMPLE_BYTES);
    const first_us = this.newest_garbled?.first_us ?? this.last_frame_us;
    this.newest_garbled = { reason, example, first_us, last_us: this.last_frame_us };
  }

  /**
   * Counts an accepted trade. `fresh`: not repeated on subscribing, so our receipt − its time is the
   * feed's latency.
   */
  tick(time_us: number, fresh: boolean): void {
    this.last_tick_us = this.last_frame_us;
    this.#reconnects_at_tick = this.reconnects;
    if (time_us > this.newest_us && !this.isAhead(time_us)) this.newest_us = time_us;
    const now_us = fresh ? this.#exchangeUs() : null;
    if (now_us === null) return;
    if (this.live) this.onLiveTrade(now_us - time_us);
    this.#latencies[this.#measured++ % FEED_LATENCIES_MAX] = (now_us - time_us) / (this.#speed ?? 1);
  }

  /** Whether a live trade's time is too far after its receipt to be true. */
  isAhead(time_us: number): boolean {
    return this.live && time_us > this.last_frame_us + FEED_AHEAD_US_MAX;
  }

  /** Connections lost since the newest trade. */
  get lost_since_tick(): number {
    return this.reconnects - this.#reconnects_at_tick;
  }

  /** Receipt − event time over the last trades; null when not measured, negative when the clocks differ. */
  latencyMs(): { p50: number | null; p99: number | null } {
    const sorted = this.#latencies.slice(0, Math.min(this.#measured, FEED_LATENCIES_MAX)).sort();
    if (sorted.length === 0) return { p50: null, p99: null };
    const at = (share: number) => Math.round(sorted[Math.ceil(sorted.length * share) - 1]!) / 1_000;
    return { p50: at(0.5), p99: at(0.99) };
  }

  /** The replay's own clock: `clock_us` at `as_of_us`, running at `speed` times the speed of ours. */
  replayClock(): { clock_us: number; as_of_us: number; speed: number | null } {
    if (this.state === "ended") return { clock_us: this.newest_us, as_of_us: nowUs(), speed: 0 };
    if (this.#speed && this.#clock.us > 0)
      return { clock_us: this.#clock.us, as_of_us: this.#clock.as_of_us, speed: this.#speed };
    return { clock_us: this.newest_us, as_of_us: nowUs(), speed: null };
  }

  /** The exchange's time at the newest frame's receipt: ours when live; null when it is not known. */
  #exchangeUs(): number | null {
    if (this.#speed === undefined) return this.live ? this.last_frame_us : null;
    if (this.#speed === null || this.#clock.us === 0) return null;
    return this.#clock.us + (this.last_frame_us - this.#clock.as_of_us) * this.#speed;
  }

  /** Set for a live feed; false for a replay. */
  live = false;
  /** Called with our receipt − its time (µs) of each fresh trade of a live feed. */
  onLiveTrade: (lag_us: number) => void = () => {};
}
