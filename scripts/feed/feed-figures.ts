/** What the feed measures of itself, and data/feed.json, by which other processes see it. */
import { renameSync } from "node:fs";
import { writeOwn } from "../base/atomic-file.ts";
import { nowUs } from "../base/clock.ts";
import { FEED_AHEAD_US_MAX, FEED_EXAMPLE_BYTES, FEED_LATENCIES_MAX } from "../base/limits.ts";
import { shownWords } from "./words.ts";

export class FeedFigures {
  state: "connecting" | "connected" | "reconnecting" | "ended" = "connecting";
  ticks = 0;
  reconnects = 0;
  outages = 0;
  incomplete = 0;
  ignored = 0;
  garbled = 0;
  /** The newest frame that not every reader of the topic could decode. */
  newest_garbled: { reason: string; example: string; first_us: number; last_us: number } | null = null;
  heartbeats = 0;
  /** The socket is not read, because the log is slow. */
  paused = false;
  /** When the newest frame came. */
  last_frame_us = 0;
  newest_us = 0;
  /** When the newest trade came, and how many connections were lost before it. */
  last_tick_us = 0;
  #reconnects_at_tick = 0;
  /** Only of a replay: null speed is as fast as it goes; undefined before it was told. */
  #speed: number | null | undefined;
  #clock = { us: 0, as_of_us: 0 };
  readonly #latencies = new Float64Array(FEED_LATENCIES_MAX);
  #measured = 0;

  /** A subscription was acknowledged; a replay says its speed. */
  connected(replay: unknown): void {
    this.state = "connected";
    const speed = (replay as { speed?: unknown } | undefined)?.speed;
    this.#speed = typeof speed === "number" && speed > 0 ? speed : speed === null ? null : undefined;
    this.#clock = { us: 0, as_of_us: 0 };
  }

  lost(): void {
    this.state = "reconnecting";
  }

  heartbeat(time_us: number): void {
    this.heartbeats++;
    if (Number.isFinite(time_us)) this.#clock = { us: time_us, as_of_us: this.last_frame_us };
  }

  /** A frame that went into the log within an envelope. */
  garbledFrame(reason: string, frame: Uint8Array): void {
    this.garbled++;
    const example = shownWords(Buffer.from(frame.subarray(0, FEED_EXAMPLE_BYTES)).toString("utf8"), FEED_EXAMPLE_BYTES);
    const first_us = this.newest_garbled?.first_us ?? this.last_frame_us;
    this.newest_garbled = { reason, example, first_us, last_us: this.last_frame_us };
  }

  /** An accepted trade; when it is `fresh`, not repeated on subscribing, our receipt − its time is the feed's latency, signed. */
  tick(time_us: number, fresh: boolean): void {
    this.last_tick_us = this.last_frame_us;
    this.#reconnects_at_tick = this.reconnects;
    const isAhead = this.live && time_us > this.last_frame_us + FEED_AHEAD_US_MAX;
    if (time_us > this.newest_us && !isAhead) this.newest_us = time_us;
    const now_us = fresh ? this.#exchangeUs() : null;
    if (now_us === null) return;
    if (this.live) this.onLiveTrade(now_us - time_us);
    this.#latencies[this.#measured++ % FEED_LATENCIES_MAX] = (now_us - time_us) / (this.#speed ?? 1);
  }

  /** Connections lost since the newest trade. */
  get lost_since_tick(): number {
    return this.reconnects - this.#reconnects_at_tick;
  }

  /** Milliseconds between the exchange's time and our receipt, over the last ticks; null when not measured. Negative when the clocks differ so. */
  latencyMs(): { p50: number | null; p99: number | null } {
    const sorted = this.#latencies.slice(0, Math.min(this.#measured, FEED_LATENCIES_MAX)).sort();
    if (sorted.length === 0) return { p50: null, p99: null };
    const at = (share: number) => Math.round(sorted[Math.ceil(sorted.length * share) - 1]!) / 1_000;
    return { p50: at(0.5), p99: at(0.99) };
  }

  /** The replay's own clock, by which its freshness is measured: `clock_us` at `as_of_us`, going `speed` times as fast as ours. */
  replayClock(): { clock_us: number; as_of_us: number; speed: number | null } {
    if (this.state === "ended") return { clock_us: this.newest_us, as_of_us: nowUs(), speed: 0 };
    if (this.#speed && this.#clock.us > 0)
      return { clock_us: this.#clock.us, as_of_us: this.#clock.as_of_us, speed: this.#speed };
    return { clock_us: this.newest_us, as_of_us: nowUs(), speed: null };
  }

  /** What the exchange's clock says at the newest frame's receipt: ours when it is live. */
  #exchangeUs(): number | null {
    if (this.#speed === undefined) return this.live ? this.last_frame_us : null;
    if (this.#speed === null || this.#clock.us === 0) return null;
    return this.#clock.us + (this.last_frame_us - this.#clock.as_of_us) * this.#speed;
  }

  /** Set for a feed that is no replay. */
  live = false;
  /** Called with our receipt − its time (µs) of each fresh trade of a live feed. */
  onLiveTrade: (lag_us: number) => void = () => {};
}

/** Writes a status file in one piece: readers see the old or the new one. */
export function writeStatus(path: string, status: object): void {
  writeOwn(`${path}.part`, `${JSON.stringify(status)}\n`);
  renameSync(`${path}.part`, path);
}
