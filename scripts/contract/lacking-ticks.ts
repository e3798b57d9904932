/** Whether ticks.db may lack ticks of a window that windows.db has, by the positions of both. */

/** The position of the record that closed a window; null: it is open, or `--flush` closed it. */
interface ClosedAt {
  closed_partition: number | null;
  closed_offset: number | null;
}

/**
 * True while consume has not read the record that closed the window or, without one, all that stream
 * has read. `stored` and `read`: the next offsets of consume and stream, by partition.
 */
export function mayLackTicks(
  { closed_partition, closed_offset }: ClosedAt,
  stored: ReadonlyMap<number, number>,
  read: ReadonlyMap<number, number>,
): boolean {
  if (closed_partition === null || closed_offset === null)
    return [...read].some(([partition, next]) => (stored.get(partition) ?? 0) < next);
  return (stored.get(closed_partition) ?? 0) <= closed_offset;
}
