/** The exchange's clock as feed.json has it, read without zod, which stages don't load. */

/** The exchange's time at a time of this machine; both in microseconds since 1970 UTC. */
type Clock = (at_us: number) => number;

/**
 * Ours when live; in a replay the recording's, which runs on after its end. Null when it is not known:
 * the text is damaged, or the replay runs as fast as possible.
 */
export function exchangeClockOf(feedJson: string): Clock | null {
  const { kind, replay } = fieldsOf(feedJson) as { kind?: unknown; replay?: Record<string, unknown> | null };
  if (kind === "live") return (at_us) => at_us;
  const { clock_us, as_of_us, speed } = replay ?? {};
  if (typeof clock_us !== "number" || typeof as_of_us !== "number" || typeof speed !== "number") return null;
  return (at_us) => clock_us + (at_us - as_of_us) * speed;
}

/** When the feed ended, microseconds since 1970 UTC; null while it has not, and when it is not known. */
export function feedEndOf(feedJson: string): number | null {
  const { ended_us } = fieldsOf(feedJson);
  return typeof ended_us === "number" ? ended_us : null;
}

function fieldsOf(feedJson: string): Record<string, unknown> {
  try {
    return (JSON.parse(feedJson) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}
