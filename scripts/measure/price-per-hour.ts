/** What a cost is worth by the user's prices. */
import type { Prices } from "../contract/prices.ts";
import type { Cost } from "./pipeline-cost.ts";

const HOURS_PER_MONTH = 730;

/**
 * What an hour costs: CPU time by core-hour, mean resident memory by gib-hour, bytes on disk by
 * gb-month; in the prices' currency.
 */
export function pricePerHour(cost: Cost, disk_bytes: number, { core_hour, gib_hour, gb_month }: Prices): number {
  return (
    (cost.cpu_seconds_per_hour / 3600) * (core_hour ?? 0) +
    (cost.mean_rss_bytes / 2 ** 30) * (gib_hour ?? 0) +
    ((disk_bytes / 1e9) * (gb_month ?? 0)) / HOURS_PER_MONTH
  );
}
