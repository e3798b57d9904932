/** What a stage's process has cost so far, point by point, as its store or status file keeps it. */
import { z } from "zod";

/**
 * Sums since the process began, unless a field names another beginning. Null: the system does not
 * report it.
 */
export interface CostPoint {
  /** Microseconds since 1970 UTC. */
  at_us: number;
  /** Trades that the process has taken, each once. */
  ticks: number;
  /** CPU time with ended children and living descendants, the sampler's included. */
  cpu_us: number;
  read_bytes: number | null;
  written_bytes: number | null;
  /** Memory at this moment. */
  rss_bytes: number;
  pss_bytes: number | null;
  /** CPU time in which the whole machine worked, since any fixed moment. */
  machine_us: number | null;
  /** What reading these figures has cost. */
  sampler_us: number;
}

/** The points of one process: the last five minutes about every ten seconds, oldest first. */
export interface CostSeries {
  /** When the process began, microseconds since 1970 UTC: all its sums were 0 then. */
  started_us: number;
  points: CostPoint[];
}

const maybe = z.number().nullable();
/**
 * Milliseconds since the start, then the fields in their order: a status file is written once a
 * second, so it is short.
 */
const POINT = z.tuple([z.number(), z.number(), z.number(), maybe, maybe, z.number(), maybe, maybe, z.number()]);
const SCHEMA = z.object({ started_us: z.number(), points: z.array(POINT) });

/** The JSON text of a series; parseCostSeries reads it. Times are kept to a millisecond. */
export function costText({ started_us, points }: CostSeries): string {
  const tuples = points.map((p): z.infer<typeof POINT> => {
    const since_ms = Math.round((p.at_us - started_us) / 1000);
    const bytes = [p.read_bytes, p.written_bytes] as const;
    return [since_ms, p.ticks, p.cpu_us, ...bytes, p.rss_bytes, p.pss_bytes, p.machine_us, p.sampler_us];
  });
  return JSON.stringify({ started_us, points: tuples } satisfies z.infer<typeof SCHEMA>);
}

/** Null when there is no text, or it is damaged or of another version. */
export function parseCostSeries(text: string | null | undefined): CostSeries | null {
  try {
    const { started_us, points } = SCHEMA.parse(JSON.parse(text ?? ""));
    return {
      started_us,
      points: points.map(
        ([since_ms, ticks, cpu_us, read_bytes, written_bytes, rss_bytes, pss_bytes, machine_us, sampler_us]) => ({
          at_us: started_us + since_ms * 1000,
          ...{ ticks, cpu_us, read_bytes, written_bytes, rss_bytes, pss_bytes, machine_us, sampler_us },
        }),
      ),
    };
  } catch {
    return null;
  }
}
