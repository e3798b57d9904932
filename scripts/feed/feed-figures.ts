/** Counts of the feed and the latency of each trade, for `--json` and feed.json. */
import { nowUs } from "../base/clock.ts";
import { FEED_AHEAD_US_MAX, FEED_EXAMPLE_BYTES } from "../base/limits.ts";
import { printable } from "../base/printable.ts";

/** A replay's clock that steps by more of our time is another one: its exchange has started again. */
const CLOCK_STEP_US = 2_000_000;

/** `clock_us` at `as_of_us`, running since `since_us`; the two are times of ours. */
interface ReplayClock {
  clock_us: number;
  as_of_us: number;
  speed: number;
  since_us: number;
}

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
  /** When the feed ended; 0 before. */
  ended_us = 0;
  /** It ended by a signal. */
  stopped = false;
  /** Of a replay only: null is as fast as possible, undefined is not known yet. */
  #speed: number | null | undefined;
  /** How far a replay's stamps are ahead of the recording's clock. */
  #ahead_us = 0;
  /** The newest heartbeat's time, when it came, and the speed; null before the first of a replay. */
  #clock: ReplayClock | null = null;
  /** The clock is that of this connection. */
  #isTimed = false;

  /** A subscription was acknowledged; a replay sends its speed with it. */
  connected(replay: unknown): void {
    this.state = "connected";
    const { speed, ahead_us } = (replay ?? {}) as { speed?: unknown; ahead_us?: unknown };
    this.#speed = typeof speed === "number" && speed > 0 ? speed : speed === null ? null : undefined;
    this.#ahead_us = typeof ahead_us === "number" ? ahead_us : 0;
    this.#isTimed = false;
  }

  lost(): void {
    this.state = "reconnecting";
  }

  heartbeat(time_us: number | null): void {
    this.heartbeats++;
    if (time_us === null || !this.#speed) return;
    const as_of_us = this.last_frame_us;
    const since_us = this.#isSameClock(time_us) ? this.#clock!.since_us : as_of_us;
    this.#clock = { clock_us: time_us, as_of_us, speed: this.#speed, since_us };
    this.#isTimed = true;
  }

  /** `stopped`: by a signal, while the feed ran. */
  ended({ stopped }: { stopped: boolean }): void {
    this.state = "ended";
    this.stopped = stopped;
    this.ended_us = nowUs();
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
   * feed's latency: negative when the exchange's clock is ahead.
   */
  tick(time_us: number, fresh: boolean): void {
    this.last_tick_us = this.last_frame_us;
    this.#reconnects_at_tick = this.reconnects;
    if (time_us > this.newest_us && !this.isAhead(time_us)) this.newest_us = time_us;
    const now_us = fresh ? this.#ownUs() : null;
    if (now_us !== null) this.onLatency((now_us - time_us) / (this.#speed ?? 1), this.last_frame_us);
  }

  /** Whether a live trade's time is too far after its receipt to be true. */
  isAhead(time_us: number): boolean {
    return this.live && time_us > this.last_frame_us + FEED_AHEAD_US_MAX;
  }

  /** Connections lost since the newest trade. */
  get lost_since_tick(): number {
    return this.reconnects - this.#reconnects_at_tick;
  }

  /**
   * The replay's own clock: `clock_us` at `as_of_us`, running at `speed` times the speed of ours, also
   * after the feed's end; before `since_us` it did not run. Without one (as fast as possible) `speed`
   * is null.
   */
  replayClock(): ReplayClock | { clock_us: number; as_of_us: number; speed: null } {
    if (this.#speed && this.#clock !== null) return this.#clock;
    return { clock_us: this.newest_us, as_of_us: nowUs(), speed: null };
  }

  /** Whether a heartbeat's time is that which the clock so far has at its receipt. */
  #isSameClock(time_us: number): boolean {
    if (this.#clock === null || this.#clock.speed !== this.#speed) return false;
    const { clock_us, as_of_us, speed } = this.#clock;
    const expected_us = clock_us + (this.last_frame_us - as_of_us) * speed;
    return Math.abs(time_us - expected_us) <= CLOCK_STEP_US * speed;
  }

  /**
   * Our time at the newest frame's receipt: in a replay by the recording's clock, from the heartbeats
   * of this connection. Null when it is not known.
   */
  #ownUs(): number | null {
    if (this.#speed === undefined) return this.live ? this.last_frame_us : null;
    if (this.#clock === null || !this.#isTimed) return null;
    const { clock_us, as_of_us, speed } = this.#clock;
    return clock_us - this.#ahead_us + (this.last_frame_us - as_of_us) * speed;
  }

  /** Set for a live feed; false for a replay. */
  live = false;
  /** Called with receipt − event time of each fresh trade, in microseconds of our clock, and its receipt. */
  onLatency: (latency_us: number, received_us: number) => void = () => {};
}
