/** Figures that move with time, in the words of the server's first rendering. */
import type { Lane, StatusEvent } from "../../scripts/contract/page-events.ts";

/** What a lane leads to. */
export const LANE_NAMES: Record<Lane["name"], string> = {
  log: "log",
  stream: "stream",
  consume: "store",
  batch: "batch",
};
const STATE_WORDS: Record<Lane["state"], string> = {
  running: "running",
  rest: "at rest",
  silent: "stopped",
  absent: "not there",
};

/** `25735.9700000000` → `25,735.97`: two decimals in sight, more where a price is small. */
export function shortPrice(exact: string): string {
  const value = Number(exact);
  const digits = Math.abs(value) >= 1 || value === 0 ? 2 : Math.min(10, 3 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** `0.2 s`, `12 s`, `4 min`, `3 h`: as precise as it can be read while it moves. */
export function ageWords(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3_600)} h`;
}

/** `in 12 s`; what is due is `now`. */
export function untilWords(ms: number): string {
  return ms <= 0 ? "now" : `in ${ageWords(ms)}`;
}

/** What the open window waits for; `clock`: a time of day, in the reader's zone. */
export function openWords(
  { of, open, traded_ms, stream_newest_ms, exchange_ms, at_ms, speed, ended_ms, mode }: StatusEvent,
  now_ms: number,
  clock: (ms: number, form: "minute" | "second") => string,
): string {
  if (open === null) return mode === null ? "" : "no window is open";
  // `BTC-USD/10s`: starts of such windows differ by seconds.
  const start = clock(open.start_s * 1_000, /\d[a-z]?s$/.test(of) ? "second" : "minute");
  const window = `window ${start}: ${open.trades.toLocaleString("en")} ${open.trades === 1 ? "trade" : "trades"}`;
  // The store has the trade that closes it.
  if (traded_ms !== null && traded_ms >= open.closes_ms && stream_newest_ms !== null)
    return `${window}, the stream is at ${clock(stream_newest_ms, "second")}`;
  if (ended_ms !== null) return `${window}, stays open: the feed has ended`;
  if (exchange_ms === null) return `${window}, open`;
  const left_ms = open.closes_ms - (exchange_ms + (now_ms - at_ms) * (speed ?? 1));
  if (left_ms > 0) return `${window}, closes in ${ageWords(left_ms)}`;
  return `${window}, closes with the first trade after ${clock(open.closes_ms, "second")}`;
}

/** A status that is older does not show whether a lag still grows. */
const LAG_KNOWN_MS = 3_000;

/**
 * How far a lane is behind, `since_ms` after its status: a lag is the age of the oldest tick that is
 * lacking, and grows until the next status. `lags_ms`: of the last statuses; the batch's are a
 * saw-tooth, which has no trend.
 */
export function lagWords({ name, state, lag_ms, behind }: Lane, since_ms: number, lags_ms: readonly number[]): string {
  if (lag_ms === null) return behind === null || behind === 0 ? "" : `${behind.toLocaleString("en")} behind`;
  // Of one that does not run the reason has it.
  if (lag_ms === 0) return state === "running" ? "has everything" : "";
  if (since_ms > LAG_KNOWN_MS) return `${ageWords(lag_ms)} behind`;
  const trend = name === "batch" || lags_ms.length === 0 ? "" : `, ${trendOf(lags_ms)}`;
  return `${ageWords(lag_ms + since_ms)} behind${trend}`;
}

type Trend = "grows" | "falls" | "steady";

/** Of a lag's values, the oldest first: the newer half against the older. A fifth is noise. */
export function trendOf(lags_ms: readonly number[]): Trend {
  if (lags_ms.length < 4) return "steady";
  const half = Math.floor(lags_ms.length / 2);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [before, after] = [mean(lags_ms.slice(0, half)), mean(lags_ms.slice(half))];
  const noise_ms = Math.max(500, before * 0.2);
  return after > before + noise_ms ? "grows" : after < before - noise_ms ? "falls" : "steady";
}

/** A lane's bar for those who hear it. */
export function laneLabel({ name, state }: Pick<Lane, "name" | "state">): string {
  return `${LANE_NAMES[name]}, ${STATE_WORDS[state]}`;
}

/** How far each lane has read, on one scale from 0 to 1, the newest; null: nothing. */
export function reaches(read_ms: readonly (number | null)[]): (number | null)[] {
  const known = read_ms.filter((ms) => ms !== null);
  const newest = Math.max(...known);
  const scale_ms = Math.max(60_000, 2 * (newest - Math.min(...known)));
  return read_ms.map((ms) => (ms === null ? null : 1 - (newest - ms) / scale_ms));
}
