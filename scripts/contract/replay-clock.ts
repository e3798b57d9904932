/** The exchange's clock as feed.json has it, read without zod, which stages don't load. */

/** The exchange's time at a time of this machine; both in microseconds since 1970 UTC. */
type Clock = (at_us: number) => number;

export interface FeedTimes {
  /**
   * Ours when live; in a replay the recording's, which runs on after its end. Null when it is not known:
   * the text is damaged, or the replay runs as fast as possible.
   */
  clock: Clock | null;
  /** When the feed ended, microseconds since 1970 UTC; null while it has not, and when it is not known. */
  ended_us: number | null;
}

/** `feedJson`: the text of feed.json; "" where there is none. */
export function feedTimesOf(feedJson: string): FeedTimes {
  const { kind, replay, ended_us } = fieldsOf(feedJson);
  return {
    clock: kind === "live" ? (at_us) => at_us : replayClock((replay ?? {}) as Record<string, unknown>),
    ended_us: typeof ended_us === "number" ? ended_us : null,
  };
}

function replayClock({ clock_us, as_of_us, speed }: Record<string, unknown>): Clock | null {
  if (typeof clock_us !== "number" || typeof as_of_us !== "number" || typeof speed !== "number") return null;
  return (at_us) => clock_us + (at_us - as_of_us) * speed;
}

function fieldsOf(feedJson: string): Record<string, unknown> {
  try {
    return (JSON.parse(feedJson) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}
