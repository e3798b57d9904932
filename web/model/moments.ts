/** Moments as ISO 8601 UTC, for pages. */
import { nowUs } from "../../scripts/base/clock.ts";
import { isoFromUs, isoSecondFromUs } from "../../scripts/base/iso.ts";

export function isoFromMs(ms: number): string {
  return isoFromUs(Math.round(ms * 1_000));
}

/** To the second; microseconds since 1970 UTC, by default now. */
export function secondOf(us = nowUs()): string {
  return isoSecondFromUs(us);
}
