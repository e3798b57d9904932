/** A recording whose truth is known: ticks at equal steps, and a second product with a single one. */
import { isoFromUs } from "../base/iso.ts";

export const PRODUCT = "TRUE-USD";
/** It has one tick, soon after the beginning; /metrics has the first product by name, the other one. */
export const QUIET_PRODUCT = "VOID-USD";
export const QUIET_US = 500_000;
/** The recording's beginning: 2026-01-01, this many seconds after a full minute. */
const MINUTE_US = Date.UTC(2026, 0, 1, 12) * 1_000;

export interface FeedPlan {
  /** Ticks per second of this machine's time. */
  rate: number;
  /** How fast the recording is played. */
  speed: number;
  /** Seconds of the recording from its beginning to the first full minute. */
  to_minute_s: number;
  /** Every n-th tick comes 90 s of the recording late. */
  late_every?: number;
  /** Every n-th tick is not sent, or is sent twice. */
  drop_every?: number;
  twice_every?: number;
  /** The exchange's clock − ours, in seconds. */
  skew_s?: number;
}

const LATE_US = 90_000_000;
const FIRST_ID = 1_000;

export interface Sent {
  product_id: string;
  trade_id: number;
  time_us: number;
  /** When it is played, by the recording's clock. */
  at_us: number;
}

/** The ticks of `seconds` of this machine's time, in the order in which they are played. */
export function ticksOf(plan: FeedPlan, seconds: number): Sent[] {
  const from_us = MINUTE_US - plan.to_minute_s * 1_000_000;
  const end_us = from_us + seconds * plan.speed * 1_000_000;
  const step_us = Math.round((plan.speed * 1_000_000) / plan.rate);
  const ticks: Sent[] = [];
  for (let i = 0, at_us = from_us; at_us < end_us; i++, at_us += step_us) {
    const isLate = plan.late_every !== undefined && i % plan.late_every === 1 && at_us + LATE_US < end_us;
    const played_us = isLate ? at_us + LATE_US : at_us;
    ticks.push({ product_id: PRODUCT, trade_id: FIRST_ID + i, time_us: at_us, at_us: played_us });
  }
  const at_us = from_us + QUIET_US * plan.speed;
  ticks.push({ product_id: QUIET_PRODUCT, trade_id: FIRST_ID, time_us: at_us, at_us });
  return ticks.sort((a, b) => a.at_us - b.at_us);
}

/** As a recording of ticker messages, one per line. */
export function recordingOf(ticks: readonly Sent[]): string {
  return ticks.map((tick) => `${JSON.stringify(message(tick))}\n`).join("");
}

function message({ product_id, trade_id, time_us }: Sent): object {
  return {
    type: "ticker",
    sequence: trade_id,
    product_id,
    price: (100 + (trade_id % 7)).toFixed(2),
    last_size: "0.5",
    side: trade_id % 2 === 0 ? "buy" : "sell",
    best_bid: "99.99",
    best_ask: "107.01",
    trade_id,
    time: isoFromUs(time_us),
  };
}

/** Ids of `PRODUCT` that the simulator does not send. */
export function droppedIds({ drop_every }: FeedPlan, ticks: readonly Sent[]): number[] {
  if (drop_every === undefined) return [];
  return ticks
    .filter(({ product_id, trade_id }) => product_id === PRODUCT && (trade_id - FIRST_ID) % drop_every === 1)
    .map(({ trade_id }) => trade_id);
}

/** How many ticks of both products the simulator sends a second time. */
export function sentTwice(plan: FeedPlan, ticks: readonly Sent[]): number {
  const { twice_every } = plan;
  const dropped = new Set(droppedIds(plan, ticks));
  if (twice_every === undefined) return 0;
  return ticks.filter(({ trade_id }, i) => (i + 1) % twice_every === 0 && !dropped.has(trade_id)).length;
}

/** Ticks whose window was closed when they came, of windows of a minute that are closed at the end. */
export function lateTicks(ticks: readonly Sent[], lateness_us: number): { late: number; ticks: number } {
  let mark_us = 0;
  const counted = ticks
    .filter(({ product_id }) => product_id === PRODUCT)
    .map(({ time_us }) => {
      const end_us = (Math.floor(time_us / 60_000_000) + 1) * 60_000_000;
      mark_us = Math.max(mark_us, time_us);
      return { end_us, isLate: end_us <= mark_us - lateness_us };
    })
    .filter(({ end_us }) => end_us <= ticks.at(-1)!.at_us - lateness_us);
  return { late: counted.filter(({ isLate }) => isLate).length, ticks: counted.length };
}
