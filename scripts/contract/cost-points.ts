/** What a stage's process has cost so far, point by point, as its store or status file keeps it. */

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
  /** Since the process began. */
  peak_rss_bytes: number;
  peak_pss_bytes: number | null;
  mean_rss_bytes: number;
  /** CPU time in which the whole machine worked, since any fixed moment. */
  machine_us: number | null;
  /** What reading these figures has cost. */
  sampler_us: number;
}

/**
 * The points of one process, oldest first: the last five minutes about every ten seconds, and the
 * first one with the newest tick, however old.
 */
export interface CostSeries {
  /** When the process began, microseconds since 1970 UTC: all its sums were 0 then. */
  started_us: number;
  points: CostPoint[];
}

/**
 * Milliseconds since the start, then the fields in their order: a status file is written once a
 * second, so it is short.
 */
export type StoredPoint = [
  since_ms: number,
  ticks: number,
  cpu_us: number,
  read_bytes: number | null,
  written_bytes: number | null,
  rss_bytes: number,
  pss_bytes: number | null,
  machine_us: number | null,
  sampler_us: number,
  peak_rss_bytes: number,
  peak_pss_bytes: number | null,
  mean_rss_bytes: number,
];

/** A series as JSON. */
export type StoredSeries = { started_us: number; points: StoredPoint[] };

/** The JSON text of a series, which cost-series.ts reads. Times are kept to a millisecond. */
export function costText({ started_us, points }: CostSeries): string {
  const tuples = points.map((p): StoredPoint => {
    const since_ms = Math.round((p.at_us - started_us) / 1000);
    const bytes = [p.read_bytes, p.written_bytes] as const;
    const memory = [p.peak_rss_bytes, p.peak_pss_bytes, p.mean_rss_bytes] as const;
    return [since_ms, p.ticks, p.cpu_us, ...bytes, p.rss_bytes, p.pss_bytes, p.machine_us, p.sampler_us, ...memory];
  });
  return JSON.stringify({ started_us, points: tuples } satisfies StoredSeries);
}
