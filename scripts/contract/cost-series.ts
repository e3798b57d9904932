/** Reads the text of cost-points.ts; apart from it, so that stages start without zod. */
import { z } from "zod";
import type { CostSeries, StoredPoint, StoredSeries } from "./cost-points.ts";

const maybe = z.number().nullable();
const POINT: z.ZodType<StoredPoint> = z.tuple([
  z.number(),
  z.number(),
  z.number(),
  maybe,
  maybe,
  z.number(),
  maybe,
  maybe,
  z.number(),
  z.number(),
  maybe,
  z.number(),
]);
const SCHEMA: z.ZodType<StoredSeries> = z.object({ started_us: z.number(), points: z.array(POINT) });

/** Null when there is no text, or it is damaged or of another version. */
export function parseCostSeries(text: string | null | undefined): CostSeries | null {
  try {
    const { started_us, points } = SCHEMA.parse(JSON.parse(text ?? ""));
    return {
      started_us,
      points: points.map(
        ([
          since_ms,
          ticks,
          cpu_us,
          read_bytes,
          written_bytes,
          rss_bytes,
          pss_bytes,
          machine_us,
          sampler_us,
          ...memory
        ]) => {
          const [peak_rss_bytes, peak_pss_bytes, mean_rss_bytes] = memory;
          return {
            at_us: started_us + since_ms * 1000,
            ...{ ticks, cpu_us, read_bytes, written_bytes, rss_bytes, pss_bytes, machine_us, sampler_us },
            ...{ peak_rss_bytes, peak_pss_bytes, mean_rss_bytes },
          };
        },
      ),
    };
  } catch {
    return null;
  }
}
