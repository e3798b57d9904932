/** The status of `produce` in data/feed.json: written every 1 to 5 seconds, read by the page. */
import { z } from "zod";
import type { ClockOffset } from "./measures.ts";
import { problemsIn } from "./problems.ts";

/** A jump of the wall clock: the time after it, and how far it moved (negative: set back). */
export type ClockJump = z.infer<typeof JUMP>;

/** All fields that `produce` writes, one JSON object. Times are microseconds since 1970 UTC. */
export type FeedStatus = Required<z.infer<typeof SCHEMA>>;

/** What a reader can rely on: an older `produce` did not write the optional fields. */
export type KnownFeedStatus = z.infer<typeof SCHEMA>;

const JUMP = z.object({ at_us: z.number(), by_ms: z.number() });
const OFFSET: z.ZodType<ClockOffset> = z.object({
  low_us: z.number(),
  high_us: z.number(),
  requests: z.number(),
  as_of_us: z.number(),
});
const count = z.number();
const SCHEMA = z.object({
  state: z.string(),
  /** Why the log takes no records; null while it does. */
  waiting_for: z.string().nullable(),
  kind: z.enum(["live", "replay"]),
  channel: z.string(),
  products: z.array(z.string()),
  as_of_us: z.number(),
  /** The newest event time of an accepted trade. */
  newest_us: z.number().nullable(),
  /** Records that are not in the log yet. */
  buffered: count,
  reconnects: count,
  outages: count,
  incomplete: count,
  garbled: count,
  gaps_open: count,
  /**
   * The replay's own clock: `clock_us` at `as_of_us`, running since `since_us`, also after its end;
   * speed null: it has none.
   */
  replay: z
    .object({
      clock_us: z.number(),
      as_of_us: z.number(),
      speed: z.number().nullable(),
      since_us: z.number().optional(),
    })
    .nullable(),
  run_pid: z.number(),
  run_started_us: z.number(),
  run_records: count,
  run_cpu_us: z.number(),
  run_peak_rss_bytes: z.number(),
  /** When the newest trade came, and how many connections were lost since. */
  last_tick_us: z.number().nullable().optional(),
  lost_since_tick: count.nullable().optional(),
  problems: z.unknown().optional().transform(problemsIn),
  url: z.string().optional(),
  last_frame_us: z.number().nullable().optional(),
  /** The socket is not read, because the log is slow. */
  paused: z.boolean().optional(),
  /** The proxy in use, without user and password; null without one. */
  proxy: z.string().nullable().optional(),
  clock_jumps: z.array(JUMP).optional(),
  ticks: count.optional(),
  ignored: count.optional(),
  heartbeats: count.optional(),
  /** Trades that REST filled in, and trade ids that are missing for good, or that were never issued. */
  filled: count.optional(),
  unfillable: count.optional(),
  unissued: count.optional(),
  /** Products that the exchange refused. */
  refused: z.array(z.string()).optional(),
  run_alive_us: z.number().optional(),
  /** When the feed ended; null while it runs. */
  ended_us: z.number().nullable().optional(),
  /** It ended because `produce` was stopped, not the feed. */
  stopped: z.boolean().optional(),
  /** Slices with the histogram `feed`, as JSON (measures.ts): the newest, and 0 since the start. */
  measures: z.string().optional(),
  /** The exchange's clock minus ours; null before the first answer to GET /time. */
  clock_offset: OFFSET.nullable().optional(),
  /** Requests to GET /time that failed, and why the newest did; null: it was answered. */
  time_failed: count.optional(),
  time_failure: z.string().nullable().optional(),
  /** Points of the process's cost, as text (cost-points.ts). */
  cost: z.string().optional(),
});

/** When the feed itself ended, us since 1970; null while it runs, and if `produce` was stopped. */
export function feedEnd(feed: KnownFeedStatus | null): number | null {
  return feed === null || feed.stopped === true ? null : (feed.ended_us ?? null);
}

/** Reads the text of feed.json; null when it is damaged. */
export function parseFeedStatus(text: string): KnownFeedStatus | null {
  try {
    return SCHEMA.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
