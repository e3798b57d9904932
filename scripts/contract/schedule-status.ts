/** The status of `schedule` in schedule.json: written after each batch, read by the page. */
import { z } from "zod";

const SCHEMA = z.object({
  pid: z.number(),
  /** When the next batch is due; null: only when a metric's file changes. */
  due_us: z.number().nullable(),
  /**
   * Set while nothing is new since the last batch: at `due_us` one begins only if that has changed, and
   * at this time in any case.
   */
  rest_until_us: z.number().optional(),
  /** When the last batch began. */
  began_us: z.number(),
  /** The exit status of the last batch. */
  status: z.number(),
  /** Points of the cost of the process and its batches, as text (cost-points.ts); absent in older files. */
  cost: z.string().optional(),
});

/** Times are microseconds since 1970 UTC. The file is removed when `schedule` is stopped. */
export type ScheduleStatus = z.infer<typeof SCHEMA>;

/** Reads the text of schedule.json; null when it is damaged or of another program. */
export function parseScheduleStatus(text: string): ScheduleStatus | null {
  try {
    return SCHEMA.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
